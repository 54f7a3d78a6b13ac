"""Counts outcomes for the stop rules and circuit breakers, in the transaction that records them.

Each recorded batch of outcomes adds a row, which the throttle adds to its counts later. So a process may end
at any point: what is in the ledger is counted, and nothing else. A delivery counts as attempted once: when it
is accepted, refused for good, or first blocked. A blocked one is tried again, and does not count again.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from mailer.config.log_masking import mask
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, ClaimedDelivery, DeliveryResult
from mailer.delivery.ledger.sql_helpers import dialect, id_list_parameter, to_db_datetime
from mailer.delivery.outcome import Outcome, ReplyClass


class Failures(NamedTuple):
    """Attempts of a mailing that failed for reasons that do not concern single recipients."""

    failed: int = 0
    # Of these: refused for reputation or content.
    blocked: int = 0
    # The last of their replies.
    reply: str = ""


_NO_FAILURES = Failures()
# Nothing is learned about the mailing; or the attempt may be among its failures.
_NOT_GOOD = frozenset(
    {
        ReplyClass.NOT_TRIED,
        ReplyClass.PROVIDER_SLOW,
        ReplyClass.TOO_MANY_RECIPIENTS,
        ReplyClass.IN_DOUBT,
        ReplyClass.CONNECTION_LOST,
        ReplyClass.BUSY,
        ReplyClass.THROTTLED,
        ReplyClass.BLOCKED,
        ReplyClass.COMMAND_REJECTED,
    }
)
# Nothing was sent to the recipient's server.
_NOT_SENT = frozenset({ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW})
_ADD = """
INSERT INTO mailer_outcomebatch (mailing_id, at, domains, attempts, failed, blocked, reply, errors)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_REJECTED = "SELECT id FROM mailer_delivery WHERE {among} AND rejected_at IS NOT NULL"
_RECIPIENTS = """
SELECT d.id, d.mailing_id, CASE m.dry_run_to WHEN '' THEN d.subscriber ELSE 0 END, COALESCE(s.email, '')
FROM mailer_delivery d JOIN mailer_mailing m ON m.id = d.mailing_id
LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber WHERE {among}
"""


class _MailingCounts:
    """The counts of one mailing; by domain of the address, but for a dry run."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.attempted: Counter[str] = Counter()
        self.blocked: Counter[str] = Counter()
        # Attempts that did not fail.
        self.good = 0
        # By domain, attempts that were not accepted, by class.
        self.errors: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def domains(self) -> dict[str, tuple[int, int, int]]:
        names = self.attempted.keys() | self.accepted.keys()
        return {name: (self.attempted[name], self.accepted[name], self.blocked[name]) for name in names}


def rejected_before(deliveries: Collection[int]) -> frozenset[int]:
    """Those of these delivery ids that count as attempted already, because an earlier attempt was blocked."""
    if not deliveries:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(_REJECTED.format(among=dialect().among.format("id")), [id_list_parameter(deliveries)])
        return frozenset(row[0] for row in cursor.fetchall())


def add_attempts(
    attempts: Iterable[Attempt],
    rejections: Mapping[int, DeliveryResult],
    counted_before: Collection[int],
    not_recorded: Collection[int],
    failures: Mapping[int, Failures],
    at: datetime,
) -> None:
    """Count attempts in the transaction that records their results.

    `rejections`: the results with `rejected_at`, by delivery; `counted_before`: what `rejected_before`
    returned before they were recorded; `not_recorded`: deliveries that another process has settled;
    `failures` is by mailing.
    """
    counts: defaultdict[int, _MailingCounts] = defaultdict(_MailingCounts)
    accepted: defaultdict[int, list[ClaimedDelivery]] = defaultdict(list)
    for claimed, outcome in attempts:
        if outcome.reply_class is ReplyClass.ACCEPTED:
            accepted[claimed.mailing].append(claimed)
            continue
        counts[claimed.mailing].good += outcome.reply_class not in _NOT_GOOD
        if claimed.subscriber and outcome.reply_class not in _NOT_SENT:
            counts[claimed.mailing].errors[_domain(claimed)][outcome.reply_class] += 1
        rejection = rejections.get(claimed.id)
        if rejection is None or claimed.id in counted_before or claimed.id in not_recorded:
            continue
        if claimed.subscriber:
            counts[claimed.mailing].attempted[_domain(claimed)] += 1
            counts[claimed.mailing].blocked[_domain(claimed)] += rejection.reason == ReplyClass.BLOCKED
    for mailing, all_accepted in accepted.items():
        _add_accepted(counts[mailing], all_accepted, counted_before, not_recorded)
    for mailing in sorted(counts):
        _insert(mailing, counts[mailing], failures.get(mailing, _NO_FAILURES), at)


def add_recovered(
    outcomes: Mapping[int, Outcome],
    rejections: Mapping[int, DeliveryResult],
    counted_before: Collection[int],
    not_recorded: Collection[int],
    at: datetime,
) -> None:
    """As `add`, for outcomes by delivery of which a dead process or a bounce is the source."""
    if not outcomes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECIPIENTS.format(among=dialect().among.format("d.id")), [id_list_parameter(outcomes)]
        )
        rows = cursor.fetchall()
    attempts = [
        (ClaimedDelivery(delivery, mailing, 1, 0, subscriber, email, "", ()), outcomes[delivery])
        for delivery, mailing, subscriber, email in rows
    ]
    blocked = Counter(one.mailing for one, outcome in attempts if outcome.reply_class is ReplyClass.BLOCKED)
    replies = {one.mailing: outcome.reply for one, outcome in attempts if one.mailing in blocked}
    failures = {mailing: Failures(count, count, replies[mailing]) for mailing, count in blocked.items()}
    add_attempts(attempts, rejections, counted_before, not_recorded, failures, at)


def _add_accepted(
    counts: _MailingCounts,
    accepted: list[ClaimedDelivery],
    counted_before: Collection[int],
    not_recorded: Collection[int],
) -> None:
    counts.good += len(accepted)
    if not_recorded:
        accepted = [one for one in accepted if one.id not in not_recorded]
    # A dry run has no subscriber. This is done for every message, so it calls no function of ours.
    counts.accepted = Counter([one.email.rpartition("@")[2] for one in accepted if one.subscriber])
    counts.attempted.update(counts.accepted)
    if counted_before:
        counts.attempted.subtract(
            _domain(one) for one in accepted if one.id in counted_before and one.subscriber
        )


def _domain(claimed: ClaimedDelivery) -> str:
    return claimed.email.rpartition("@")[2]


def _insert(mailing: int, counts: _MailingCounts, failures: Failures, at: datetime) -> None:
    domains = counts.domains()
    attempts = counts.good + failures.failed
    if not domains and not attempts and not counts.errors:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                mailing,
                to_db_datetime(at),
                json.dumps(domains),
                attempts,
                failures.failed,
                failures.blocked,
                # Staff see it who may not see addresses.
                mask(failures.reply)[:200],
                json.dumps(counts.errors),
            ],
        )

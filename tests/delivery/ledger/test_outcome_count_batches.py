"""The counts of the stop rules beside the ledger's rows, wherever a process dies."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.ledger import claim_and_record, claims, recover_and_finish
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import group
from mailer.delivery.models import (
    Claim,
    Delivery,
    Mailing,
    OutcomeBatch,
    OutcomeTotal,
    ProviderHour,
    ThrottleState,
)
from mailer.delivery.outcome import outcome_of
from mailer.delivery.throttle import hourly_outcomes_by_provider, mailing_circuit_breaker, shared_state
from mailer.delivery.throttle.hourly_outcomes_by_provider import hour_start
from mailer.feedback.decisions import rejections_and_stop_rule_counts
from mailer.feedback.models import FeedbackEvent
from subscribers.models import Subscriber
from tests import cast
from tests.delivery.cast import Clock, released
from tests.environment import examples

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

DOMAINS = ("mail.ru", "bk.ru", "gmail.com", "ministry.example")
REPLIES = {
    "accepted": (250, "250 2.0.0 queued"),
    "refused": (550, "550 5.1.1 no such user"),
    "blocked": (554, "554 5.7.1 looks like spam"),
    "later": (451, "451 4.7.1 greylisted"),
}


class Died(Exception):  # noqa: N818
    """The process ended here."""


class Process:
    """A sending process that may die at any point; the next one recovers what it left."""

    def __init__(self, mailing, clock):
        self.mailing, self.clock = mailing, clock
        self.start()

    def start(self):
        recover_and_finish.recover(self.clock())
        self.journal = Journal.open(recover_and_finish.journal_folder())
        self.claimed, self.attempts = [], []

    def claim(self, count):
        lease = self.clock() + timedelta(minutes=20)
        self.claimed += claim_and_record.claim_or_exclude_due_deliveries(
            self.mailing, self.journal.owner, lease, count, self.clock()
        )

    def transmit(self, reply):
        """Send the next message; None: no reply is read."""
        if not self.claimed:
            return
        one = self.claimed.pop(0)
        self.journal.log_attempt(one.id, one.attempt)
        if reply is None:
            return
        if reply == "refused" and one.attempt > 1:
            # The rows do not tell whether the first attempt was blocked.
            reply = "accepted"
        self.journal.log_reply(one.id, one.attempt, *REPLIES[reply])
        self.attempts.append((one, outcome_of(*REPLIES[reply])))

    def record(self, dies=False):
        attempts, self.attempts = self.attempts, []
        now = self.clock()
        found = group(attempts, now, {}, recover_and_finish.settle_at(now))
        failed = [one for one in attempts if not 200 <= one[1].code < 300]
        failures = mailing_circuit_breaker.failures_by_mailing(failed, ())
        try:
            with transaction.atomic():
                claim_and_record.record_attempts(attempts, found, failures, self.journal.owner, now)
                if dies:
                    raise Died
        except Died:
            self.die()

    def die(self):
        self.journal.close()
        self.start()

    def add(self, dies=False):
        try:
            with transaction.atomic():
                hourly_outcomes_by_provider.consume_outcome_batches(self.mailing.pk)
                if dies:
                    raise Died
        except Died:
            self.die()

    def late(self):
        """The lease passes, and another process takes over; this one records what it has all the same."""
        self.clock.move(minutes=21)
        recover_and_finish.recover(self.clock())
        recover_and_finish.settle_or_resend_in_doubt(self.clock())
        # No two processes read the same microsecond.
        self.clock.move(seconds=1)
        self.record()

    def bounce(self, number):
        """A message that a server has taken comes back."""
        ids = list(Delivery.objects.filter(attempts__gt=0).order_by("pk").values_list("pk", flat=True))
        if not ids:
            return
        one = Delivery.objects.get(pk=ids[number % len(ids)])
        Delivery.objects.filter(pk=one.pk, state__in=["accepted", "in_doubt"]).update(bounced_at=self.clock())
        FeedbackEvent.objects.create(
            kind="bounce",
            bounce_class="hard",
            identity="token",
            delivery=one,
            mailing=self.mailing,
            provider=_provider(one.subscriber),
            subscriber=one.subscriber,
            at=self.clock(),
        )
        rejections_and_stop_rule_counts.add_events_to_hourly_counts(self.clock())

    def hour(self):
        self.clock.move(hours=1)
        recover_and_finish.settle_or_resend_in_doubt(self.clock())

    def end(self):
        self.journal.discard()


def _provider(subscriber):
    email = Subscriber.objects.get(pk=subscriber).email
    return hourly_outcomes_by_provider.provider_of_domain(email.rpartition("@")[2])


def counted():
    """By provider and hour: attempted, accepted and blocked, as the stop rules read them."""
    found = Counter()
    for row in ProviderHour.objects.all():
        for name in ("attempted", "accepted", "blocked"):
            found[row.provider, row.since, name] += getattr(row, name)
    return +found


def of_rows(mailing):
    """The same of the ledger's rows."""
    found = Counter()
    for row in Delivery.objects.filter(mailing=mailing):
        provider, first = _provider(row.subscriber), row.rejected_at or row.accepted_at
        if first:
            found[provider, hour_start(first), "attempted"] += 1
        if row.accepted_at:
            found[provider, hour_start(row.accepted_at), "accepted"] += 1
        if row.rejected_at and not (row.state == "refused" and row.reason == "refused"):
            found[provider, hour_start(row.rejected_at), "blocked"] += 1
    return found


STEPS = st.one_of(
    st.tuples(st.just("claim"), st.integers(1, 6)),
    st.tuples(st.just("transmit"), st.sampled_from([*REPLIES, "accepted", "blocked", None])),
    st.tuples(st.just("transmit"), st.sampled_from([*REPLIES])),
    st.tuples(st.sampled_from(["record", "add"]), st.booleans()),
    st.tuples(st.just("bounce"), st.integers(0, 11)),
    st.tuples(st.sampled_from(["die", "late", "hour"])),
)


@settings(max_examples=examples(25))
@given(steps=st.lists(STEPS, max_size=40))
def test_whatever_dies_when_the_counts_are_those_of_the_rows(configure, steps):
    mailing = fresh_mailing(configure)
    process = Process(mailing, Clock())
    for name, *values in steps:
        process.clock.move(seconds=1)
        getattr(process, name)(*values)
        hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing)
        assert counted() == of_rows(mailing)
        assert all(row.bounced <= row.attempted for row in ProviderHour.objects.all())
    process.end()
    assert not OutcomeBatch.objects.exists()


def fresh_mailing(configure):
    """A mailing to twelve readers of whom nobody got anything yet."""
    configure(sending={"in_doubt_wait_minutes": 0})
    for model in (ProviderHour, OutcomeBatch, ThrottleState, Claim, FeedbackEvent):
        model.objects.all().delete()
    mailing = cast_mailing()
    columns = {
        "accepted_at": None,
        "rejected_at": None,
        "bounced_at": None,
        "due_at": None,
        "lease_until": None,
    }
    Delivery.objects.filter(mailing=mailing).update(
        state="planned", attempts=0, doubts=0, reason="", claimed_by="", **columns
    )
    return mailing


def cast_mailing():
    if mailing := Mailing.objects.select_related("snapshot").first():
        return mailing
    for number in range(12):
        person = cast.reader(f"reader-{number}")
        person.email = f"reader-{number}@{DOMAINS[number % len(DOMAINS)]}"
        person.save()
    return released()


def test_a_block_counts_once_however_often_it_is_tried_again(configure):
    process = Process(fresh_mailing(configure), Clock())
    for _ in range(2):
        process.claim(1)
        process.transmit("blocked")
        process.record()
        process.clock.move(hours=30)
        claims.delete_settled(process.journal.owner)
    (row,) = Delivery.objects.filter(attempts__gt=0)
    assert (row.attempts, row.state, row.reason) == (2, "refused", "blocked")
    hourly_outcomes_by_provider.update_and_read_hourly_counts(process.mailing)
    (hour,) = ProviderHour.objects.all()
    assert (hour.attempted, hour.blocked, hour.accepted) == (1, 1, 0)
    process.end()


def test_the_totals_count_every_attempt_by_family_and_class(configure):
    process = Process(fresh_mailing(configure), Clock())
    replies = dict(zip(DOMAINS, ("accepted", "later", "blocked", "refused"), strict=True))
    process.claim(12)
    for one in list(process.claimed):
        process.transmit(replies[one.email.rpartition("@")[2]])
    process.record()
    process.add()
    accepted = Delivery.objects.filter(state="accepted")[0]
    for identity in ("verp", "verp", "recipient"):
        # Reported twice, and by somebody who could forge it.
        FeedbackEvent.objects.create(
            kind="bounce",
            bounce_class="hard",
            identity=identity,
            delivery=accepted,
            mailing=process.mailing,
            provider="mail.ru",
            at=process.clock(),
        )
    rejections_and_stop_rule_counts.add_events_to_hourly_counts(process.clock())
    found = {(one.provider, one.outcome): one.count for one in OutcomeTotal.objects.all()}
    # bk.ru is of the family of mail.ru.
    assert found == {
        ("mail.ru", "accepted"): 3,
        ("mail.ru", "bounced"): 1,
        ("mail.ru", "later"): 3,
        ("gmail.com", "blocked"): 3,
        ("other", "refused"): 3,
    }
    process.end()


def test_a_crash_keeps_what_the_circuit_breaker_has_seen(configure):
    process = Process(fresh_mailing(configure), Clock())
    for replies in (["accepted"] * 4, ["blocked"], ["accepted"] * 3):
        process.claim(len(replies))
        for reply in replies:
            process.transmit(reply)
        process.record()
        process.die()
    process.add()
    stored = shared_state.read(f"breaker {process.mailing.pk}")
    assert (stored["attempted"], stored["failed"], stored["blocked"]) == (8, 1, 1)
    process.end()

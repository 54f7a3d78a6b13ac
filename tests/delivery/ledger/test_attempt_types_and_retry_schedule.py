from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from mailer.delivery.ledger.attempt_types_and_retry_schedule import (
    Deadline,
    lease_clock,
    next_attempt_at,
    result_of,
)
from mailer.delivery.outcome import Outcome, ReplyClass, outcome_of

NOW = datetime(2021, 12, 3, 8, 0, tzinfo=UTC)


def reply_outcome(reply: str) -> Outcome:
    return outcome_of(int(reply[:3]), reply)


@pytest.mark.parametrize(
    ("clock_left", "time_left", "over"), [(60, 60, False), (60, -1, True), (-1, 60, True), (-1, -1, True)]
)
def test_a_deadline_is_over_when_either_clock_says_so(clock_left, time_left, over):
    deadline = Deadline(lease_clock() + clock_left, NOW + timedelta(seconds=time_left), lambda: NOW)
    assert deadline.is_over() == over


def test_delays_grow_up_to_four_hours():
    waits = [(next_attempt_at(attempt, NOW, None) - NOW).total_seconds() / 60 for attempt in range(1, 9)]
    assert waits == [5, 15, 30, 60, 120, 240, 240, 240]


def test_an_attempt_after_the_expiry_is_not_made():
    assert next_attempt_at(1, NOW, NOW + timedelta(minutes=6)) == NOW + timedelta(minutes=5)
    assert next_attempt_at(1, NOW, NOW + timedelta(minutes=5)) is None


def test_deliveries_deferred_together_are_spread_out_and_never_too_early():
    dues = sorted(
        result_of(number, 1, reply_outcome("450 4.2.0 later"), NOW, None).due_at - NOW
        for number in range(600)
    )
    assert timedelta(minutes=5) <= dues[0] and dues[-1] <= timedelta(minutes=5.5)
    assert max(b - a for a, b in pairwise(dues)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("250 2.0.0 queued", "accepted"),
        ("550 5.1.1 no such user", "refused"),
        ("550 no such user here", "refused"),
        ("552 5.2.2 mailbox full", "mailbox_full"),
        ("554 5.7.1 Service unavailable; client host blocked", "blocked"),
        ("550 5.7.26 unauthenticated mail is not accepted", "blocked"),
        ("554 rejected: your address is blacklisted", "blocked"),
        ("550 5.7.1 Recipient address rejected: access denied", "refused"),
        ("550 5.7.1 you are not authorized to send to this group", "refused"),
        ("555 5.5.4 Unsupported option: NOTIFY=FAILURE,DELAY", "command_rejected"),
        ("501 5.5.4 invalid parameters", "command_rejected"),
        ("550 5.5.2 syntax error", "command_rejected"),
        ("500 line too long", "command_rejected"),
        ("501 syntax error in parameters (in reply to RCPT TO command)", "command_rejected"),
        ("503 5.5.1 MAIL first", "command_rejected"),
        ("504 parameter not implemented", "command_rejected"),
        ("501 5.1.3 bad recipient address syntax", "refused"),
        ("501 <aida@x>: malformed address: x may not follow aida@", "refused"),
        ("501 aida: recipient address must contain a domain", "refused"),
        ("553 5.1.2 no such domain", "refused"),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "refused"),
        ("450 4.2.0 Greylisted, come back in 300 seconds", "later"),
        ("451 4.7.1 Greylisting in action, please come back later", "later"),
        ("450 try again", "later"),
        ("451 4.3.0 temporary lookup failure", "busy"),
        ("452 4.2.2 over quota", "mailbox_full"),
        ("452 4.3.1 insufficient system storage", "busy"),
        ("452 4.5.3 too many recipients", "too_many"),
        ("421 4.7.0 try again later, closing connection", "throttled"),
        ("421 service not available", "throttled"),
        ("451 4.7.500 server busy, slow down", "throttled"),
        ("450 too many messages from your address", "throttled"),
    ],
)
def test_a_reply_has_a_class(reply, expected):
    assert reply_outcome(reply).reply_class == expected


@pytest.mark.parametrize(
    ("reply", "permanent", "temporary"),
    [
        ("250 2.0.0 queued", False, False),
        ("450 4.2.0 later", False, True),
        ("452 4.2.2 mailbox full", False, True),
        ("552 5.2.2 mailbox full", True, False),
        ("550 5.7.1 blocked", True, False),
        ("550 5.1.1 no such user", True, False),
        ("555 5.5.4 unsupported option", False, True),
    ],
)
def test_a_rejection_is_permanent_or_temporary(reply, permanent, temporary):
    assert (reply_outcome(reply).permanent, reply_outcome(reply).temporary) == (permanent, temporary)


@pytest.mark.parametrize("reply_class", ["in_doubt", "not_tried", "provider_slow", "sender_rejected"])
def test_without_a_reply_about_the_message_nothing_was_rejected(reply_class):
    outcome = Outcome(ReplyClass(reply_class), "", 550)
    assert not outcome.permanent and not outcome.temporary


def test_a_full_mailbox_is_tried_again_after_an_hour():
    result = result_of(1, 1, reply_outcome("452 4.2.2 mailbox full"), NOW, None)
    assert (result.state, result.reason) == ("deferred", "mailbox_full")
    assert result.due_at - NOW >= timedelta(hours=1)


def test_a_block_is_refused_only_after_its_second_attempt():
    first = result_of(1, 1, reply_outcome("554 5.7.1 blocked"), NOW, None)
    assert (first.state, first.reason) == ("deferred", "blocked")
    again = result_of(1, 2, reply_outcome("554 5.7.1 blocked"), NOW, None)
    assert (again.state, again.reason) == ("refused", "blocked")


def test_an_expired_delivery_keeps_its_reply():
    result = result_of(1, 1, reply_outcome("450 4.2.0 later"), NOW, NOW + timedelta(minutes=1))
    assert (result.state, result.reason, result.reply) == ("refused", "expired", "450 4.2.0 later")

"""Rejections in our own sessions follow the same rules as bounces; bounces and complaints count once for the
stop rules, in the hour of their delivery.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.models import Delivery, Mailing, ProviderHour
from mailer.delivery.rollout import apply_stop_rules
from mailer.delivery.throttle import hourly_outcomes_by_provider, shared_state
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from mailer.feedback.decisions import rejections_and_stop_rule_counts
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, SuppressionDecision
from mailer.feedback.parsing.classify_bounce_reasons import Classification
from subscribers.models import Subscriber
from tests.environment import examples
from tests.feedback import cast
from tests.feedback.cast import (
    NOW,
    accepted_delivery,
    ago,
    bounce,
    complain,
    latest_decision,
    mailing,
    reader,
    stopped,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
UNKNOWN = "550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 mailbox full"


@pytest.fixture
def aigerim() -> Subscriber:
    return cast.reader()


def refused(person: Subscriber, reply: str, **columns: object) -> Delivery:
    columns = {"state": "refused", "reason": "refused", "accepted_at": None, "reply": reply, **columns}
    return cast.accepted_delivery(person, NOW, **columns)


def test_an_unknown_user_is_suppressed_with_the_servers_reply(
    aigerim: Subscriber,
) -> None:
    delivery = refused(aigerim, UNKNOWN)
    assert rejections_and_stop_rule_counts.process_rejections(NOW) == 1
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.bounce_class, event.reason) == ("session", "hard", "unknown_user")
    assert (event.delivery, event.mailing, event.message) == (delivery, delivery.mailing, None)
    assert (event.provider, event.diagnostic) == ("example.net", UNKNOWN)
    assert latest_decision(aigerim).suppression.evidence.count("User unknown") == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("refused", None)


def test_each_rejection_is_processed_once(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert [rejections_and_stop_rule_counts.process_rejections(NOW) for _ in range(3)] == [1, 0, 0]
    assert FeedbackEvent.objects.count() == 1


def test_a_crash_loses_and_repeats_nothing(aigerim: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(aigerim, UNKNOWN)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("mailer.feedback.decisions.evaluate_and_probe.evaluate_and_apply", crash)
        rejections_and_stop_rule_counts.process_rejections(NOW)
    assert not FeedbackEvent.objects.exists()
    assert rejections_and_stop_rule_counts.process_rejections(NOW) == 1
    assert (FeedbackEvent.objects.count(), stopped(aigerim)) == (1, True)


def test_a_worker_that_dies_again_and_again_still_gets_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        refused(cast.reader(f"reader{number}"), UNKNOWN)
    classify = rejections_and_stop_rule_counts.classify
    left: list[int] = []
    for _ in range(3):
        budget = iter(range(25))

        def until_killed(reply: str, budget: Iterator[int] = budget) -> Classification:
            if next(budget, None) is None:
                raise KeyboardInterrupt
            return classify(reply)

        monkeypatch.setattr(rejections_and_stop_rule_counts, "classify", until_killed)
        with suppress(KeyboardInterrupt):
            rejections_and_stop_rule_counts.process_rejections(NOW)
        left.append(Delivery.objects.filter(refusal_processed_at=None).count())
    assert left == [30, 10, 0]


def test_rejections_are_processed_in_batches_with_one_decision_per_address() -> None:
    people = [cast.reader(f"reader{number}@example{number}.net") for number in range(4)]
    for person in people:
        refused(person, UNKNOWN)
        refused(person, UNKNOWN)
    assert rejections_and_stop_rule_counts.process_rejections(NOW, batch_size=3) == 8
    assert all(map(stopped, people))
    assert SuppressionDecision.objects.count() == 4


def test_stop_is_checked_between_batches(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert rejections_and_stop_rule_counts.process_rejections(NOW, lambda: True) == 0


@pytest.mark.parametrize(
    "reply, bounce_class", [("554 5.7.1 blocked using zen.spamhaus.org", "block"), (FULL, "soft")]
)
def test_a_block_or_a_full_mailbox_does_not_suppress(
    aigerim: Subscriber, reply: str, bounce_class: str
) -> None:
    refused(aigerim, reply)
    rejections_and_stop_rule_counts.process_rejections(NOW)
    assert FeedbackEvent.objects.get().bounce_class == bounce_class
    assert not stopped(aigerim)


def test_a_failure_without_a_server_reply_is_no_event(aigerim: Subscriber) -> None:
    refused(aigerim, "the connection broke off", reason="expired")
    assert rejections_and_stop_rule_counts.process_rejections(NOW) == 1
    assert not FeedbackEvent.objects.exists()


def test_five_expired_deliveries_suppress_the_address(aigerim: Subscriber) -> None:
    for days in (40, 30, 20, 10, 0):
        refused(aigerim, "452 4.2.2 mailbox full", reason="expired")
        rejections_and_stop_rule_counts.process_rejections(ago(days=days))
    assert (latest_decision(aigerim).rule, stopped(aigerim)) == ("soft_bounces", True)


def test_rejections_in_a_dry_run_are_no_events(aigerim: Subscriber) -> None:
    delivery = refused(aigerim, UNKNOWN)
    type(delivery.mailing).objects.filter(pk=delivery.mailing_id).delete()
    dry_run = cast.mailing(dry_run_to="team@office.example.org")
    Delivery.objects.create(mailing=dry_run, subscriber=aigerim.pk, state="refused", reply=UNKNOWN)
    assert rejections_and_stop_rule_counts.process_rejections(NOW) == 1
    assert not FeedbackEvent.objects.exists() and not stopped(aigerim)


def test_rejections_create_no_returned_message(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    rejections_and_stop_rule_counts.process_rejections(NOW)
    assert not ReturnedMessage.objects.exists()


# PostgreSQL matches the conditions of partial indexes on its own.
@pytest.mark.sqlite
def test_unprocessed_rejections_are_found_by_their_index(aigerim: Subscriber) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {rejections_and_stop_rule_counts.CLAIM_REJECTIONS}", [None, 1])
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "delivery_unprocessed_refusal" in plan and "SCAN mailer_delivery " not in plan.replace(
        "SCAN mailer_delivery USING", ""
    )


@pytest.mark.parametrize(
    ("reply", "bounce_class", "reason"),
    [
        ("550 (in reply to RCPT TO command)", "soft", "unconfirmed_user"),
        ("550 (in reply to end of DATA command)", "block", "policy"),
        ("554 (in reply to end of DATA command)", "block", "policy"),
        ("550 5.1.1 (in reply to RCPT TO command)", "hard", "unknown_user"),
        # Filters say so after the message, of addresses that exist.
        ("550 user unknown (in reply to end of DATA command)", "soft", "unconfirmed_user"),
        ("550 user unknown (in reply to RCPT TO command)", "hard", "unknown_user"),
    ],
)
def test_a_code_without_text_is_classified_by_stage(
    aigerim: Subscriber, reply: str, bounce_class: str, reason: str
) -> None:
    refused(aigerim, reply)
    rejections_and_stop_rule_counts.process_rejections(NOW)
    event = FeedbackEvent.objects.get()
    assert (event.bounce_class, event.reason) == (bounce_class, reason)


def counts(delivery: Delivery) -> dict:
    rejections_and_stop_rule_counts.add_events_to_hourly_counts(NOW)
    return hourly_outcomes_by_provider.update_and_read_hourly_counts(
        Mailing.objects.get(pk=delivery.mailing_id)
    )


@pytest.mark.parametrize(
    "bounce_class, counted",
    [
        ("hard", ProviderCounts(bounced=1)),
        ("block", ProviderCounts(blocked=1)),
        ("soft", ProviderCounts()),
        ("unknown", ProviderCounts()),
    ],
)
def test_a_bounce_counts_by_class_for_the_hour_of_its_delivery(bounce_class, counted):
    accepted_at = ago(hours=30)
    sent = accepted_delivery(reader("aigerim@bk.ru"), accepted_at)
    bounce(sent, bounce_class)
    row = {("mail.ru", hourly_outcomes_by_provider.hour_start(accepted_at)): counted}
    assert counts(sent) == (row if any(counted) else {})


def test_a_delivery_counts_once_for_each_metric():
    sent = accepted_delivery(reader(), ago(hours=1))
    bounce(sent)
    assert counts(sent) == {
        ("example.net", hourly_outcomes_by_provider.hour_start(ago(hours=1))): ProviderCounts(bounced=1)
    }
    bounce(sent)
    bounce(sent)
    complain(sent)
    complain(sent)
    assert counts(sent) == {
        ("example.net", hourly_outcomes_by_provider.hour_start(ago(hours=1))): ProviderCounts(
            bounced=1, complained=1
        )
    }
    assert rejections_and_stop_rule_counts.add_events_to_hourly_counts(NOW) == 0
    assert not FeedbackEvent.objects.filter(counted_at=None).exists()


def test_unauthenticated_events_are_not_counted():
    person = reader()
    accepted_delivery(person, ago(hours=1))
    bounce(person)
    complain(person)
    rejections_and_stop_rule_counts.add_events_to_hourly_counts(NOW)
    assert not ProviderHour.objects.exists()


def test_dry_runs_are_not_counted():
    about = mailing(dry_run_to="team@office.example.org")
    row = Delivery.objects.create(
        mailing=about, subscriber=reader().pk, state="accepted", accepted_at=NOW, attempts=1
    )
    bounce(row, "block")
    assert counts(row) == {}


@pytest.mark.parametrize(
    "reason, reply, counted",
    [
        ("refused", "550 5.1.1 no such user", ProviderCounts(bounced=1)),
        # The ledger took it for one reader's matter, the rules know better.
        ("refused", "550 rejected due to spam content", ProviderCounts(blocked=1)),
        # The sender has counted it as blocked at once.
        ("blocked", "550 5.7.1 rejected due to spam content", ProviderCounts()),
    ],
)
def test_a_rejection_counts_once_and_a_block_not_twice(reason, reply, counted):
    row = accepted_delivery(
        reader(), NOW, state="refused", accepted_at=None, rejected_at=NOW, reason=reason, reply=reply
    )
    rejections_and_stop_rule_counts.process_rejections(NOW)
    assert list(counts(row).values()) == ([counted] if any(counted) else [])


def test_blocks_reported_by_mail_slow_their_provider():
    about = mailing()
    people = [reader(f"reader-{number}@bk.ru") for number in range(5)]
    rows = [
        Delivery.objects.create(
            mailing=about, subscriber=person.pk, state="accepted", accepted_at=NOW, attempts=1
        )
        for person in people
    ]
    hourly_outcomes_by_provider.add(
        [
            (StatsBucket(about.pk, "mail.ru", NOW), ProviderCounts(attempted=40, accepted=40)),
            (StatsBucket(about.pk, "gmail.com", NOW), ProviderCounts(attempted=1000, accepted=1000)),
        ]
    )
    for row in rows:
        bounce(row, "block")
    rejections_and_stop_rule_counts.add_events_to_hourly_counts(NOW)
    assert apply_stop_rules.apply_stop_rules_to_mailings(NOW) == []
    assert shared_state.read("provider mail.ru")["backoff"][0] == 1
    assert shared_state.read("provider gmail.com") == {}


@settings(max_examples=examples(18))
@given(steps=st.lists(st.sampled_from(["hard", "soft", "block", "complaint", "count"]), max_size=8))
def test_counts_do_not_depend_on_order(steps):
    person = reader(f"reader-{Delivery.objects.count()}@example.net")
    accepted_at = ago(hours=2)
    sent = accepted_delivery(person, accepted_at)
    for step in steps:
        if step == "count":
            rejections_and_stop_rule_counts.add_events_to_hourly_counts(NOW)
        elif step == "complaint":
            complain(sent, NOW + timedelta(minutes=1))
        else:
            bounce(sent, step)
    found = counts(sent).get(
        ("example.net", hourly_outcomes_by_provider.hour_start(accepted_at)), ProviderCounts()
    )
    assert found == ProviderCounts(
        bounced="hard" in steps, blocked="block" in steps, complained="complaint" in steps
    )

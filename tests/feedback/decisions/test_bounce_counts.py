"""Bounces and complaints as the stop rules count them: once, and for the hour of their delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.models import Delivery, Mailing, ProviderHour
from mailer.delivery.rollout import interventions
from mailer.delivery.throttle import provider_stats, throttle
from mailer.delivery.throttle.provider_stats import ProviderCounts, StatsBucket
from mailer.feedback.decisions import bounce_counts, smtp_rejections
from mailer.feedback.models import FeedbackEvent
from tests.feedback.cast import NOW, accepted_delivery, ago, bounce, complain, mailing, reader

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def counts(delivery: Delivery) -> dict:
    bounce_counts.count_new(NOW)
    return provider_stats.hourly_counts(Mailing.objects.get(pk=delivery.mailing_id))


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
    left = ago(hours=30)
    sent = accepted_delivery(reader("aigerim@bk.ru"), left)
    bounce(sent, bounce_class)
    row = {("mail.ru", provider_stats.hour_start(left)): counted}
    assert counts(sent) == (row if any(counted) else {})


def test_a_delivery_counts_once_for_each_metric():
    sent = accepted_delivery(reader(), ago(hours=1))
    bounce(sent)
    assert counts(sent) == {
        ("example.net", provider_stats.hour_start(ago(hours=1))): ProviderCounts(bounced=1)
    }
    bounce(sent)
    bounce(sent)
    complain(sent)
    complain(sent)
    assert counts(sent) == {
        ("example.net", provider_stats.hour_start(ago(hours=1))): ProviderCounts(bounced=1, complained=1)
    }
    assert bounce_counts.count_new(NOW) == 0
    assert not FeedbackEvent.objects.filter(counted_at=None).exists()


def test_unauthenticated_events_are_not_counted():
    person = reader()
    accepted_delivery(person, ago(hours=1))
    bounce(person)
    complain(person)
    bounce_counts.count_new(NOW)
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
        # Whoever sent it has counted it as blocked at once.
        ("blocked", "550 5.7.1 rejected due to spam content", ProviderCounts()),
    ],
)
def test_a_rejection_counts_once_and_a_block_not_twice(reason, reply, counted):
    row = accepted_delivery(reader(), NOW, state="refused", accepted_at=None, reason=reason, reply=reply)
    smtp_rejections.process_new(NOW)
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
    provider_stats.add(
        [
            (StatsBucket(about.pk, "mail.ru", NOW), ProviderCounts(tried=50, accepted=50)),
            (StatsBucket(about.pk, "gmail.com", NOW), ProviderCounts(tried=1000, accepted=1000)),
        ]
    )
    for row in rows:
        bounce(row, "block")
    bounce_counts.count_new(NOW)
    assert interventions.apply_all(NOW) == []
    assert throttle.read("provider mail.ru")["backoff"][0] == 1
    assert throttle.read("provider gmail.com") == {}


@settings(max_examples=30)
@given(told=st.lists(st.sampled_from(["hard", "soft", "block", "complaint", "count"]), max_size=8))
def test_counts_do_not_depend_on_order(told):
    person = reader(f"reader-{Delivery.objects.count()}@example.net")
    left = ago(hours=2)
    sent = accepted_delivery(person, left)
    for word in told:
        if word == "count":
            bounce_counts.count_new(NOW)
        elif word == "complaint":
            complain(sent, NOW + timedelta(minutes=1))
        else:
            bounce(sent, word)
    found = counts(sent).get(("example.net", provider_stats.hour_start(left)), ProviderCounts())
    assert found == ProviderCounts(
        bounced="hard" in told, blocked="block" in told, complained="complaint" in told
    )

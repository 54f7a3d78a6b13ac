"""Counts by provider and hour: what is counted while sending, added later, and left out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Mailing, ProviderHour
from mailer.delivery.rollout import mailing_control
from mailer.delivery.rollout.plan_deliveries import plan_then_start_or_hold
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from tests.delivery.cast import NOW, approved_snapshot, readers, released, send
from tests.delivery.relay import Relay, Script

pytestmark = pytest.mark.both_databases

REFUSALS = {
    "reader-0@example.net": "550 5.1.1 no such user",
    "reader-1@example.net": "550 5.7.1 looks like spam",
    "reader-2@example.net": "451 4.7.1 greylisted, come again",
}


@pytest.mark.django_db(transaction=True)
def test_final_replies_are_counted_and_deferred_ones_are_not(configure):
    readers(6)
    mailing = released()
    with Relay(Script(rcpt=REFUSALS.get)) as relay:
        configure(smtp={"port": relay.port})
        send(mailing=mailing)
    assert hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing) == {
        ("example.net", hourly_outcomes_by_provider.hour_start(NOW)): ProviderCounts(
            attempted=5, accepted=3, blocked=1
        )
    }


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_is_not_counted(configure):
    readers(2)
    with Relay() as relay:
        configure(smtp={"port": relay.port})
        mailing = plan_then_start_or_hold(
            mailing_control.create_dry_run_mailing(
                approved_snapshot(), "team@office.example.org", None, None, NOW
            ),
            NOW,
        )
        assert send(mailing=mailing).accepted == 2
    assert not ProviderHour.objects.exists()


@pytest.fixture
def mailing(db, configure):
    readers(1)
    return released()


def add(mailing: Mailing, minutes: float, provider: str = "mail.ru", **counts: int) -> None:
    hourly_outcomes_by_provider.add(
        [(StatsBucket(mailing.pk, provider, NOW + timedelta(minutes=minutes)), ProviderCounts(**counts))]
    )


def counted(mailing: Mailing) -> ProviderCounts:
    mailing.refresh_from_db()
    return ProviderCounts(
        *map(
            sum,
            zip(
                ProviderCounts(),
                *hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing).values(),
                strict=True,
            ),
        )
    )


def test_later_counts_are_added_to_the_hour_of_sending(mailing):
    hour = hourly_outcomes_by_provider.hour_start(NOW)
    add(mailing, 0, attempted=10, accepted=10)
    add(mailing, 1, attempted=5, accepted=4, blocked=1)
    add(mailing, 60, attempted=7, accepted=7)
    add(mailing, 0, complained=1)
    assert hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing) == {
        ("mail.ru", hour): ProviderCounts(attempted=15, accepted=14, blocked=1, complained=1),
        ("mail.ru", hour + timedelta(hours=1)): ProviderCounts(attempted=7, accepted=7),
    }


def test_providers_without_cases_are_added_up(mailing):
    hour = hourly_outcomes_by_provider.hour_start(NOW)
    add(mailing, 0, "mail.ru", attempted=10, accepted=10, blocked=1)
    add(mailing, 0, "a.example", attempted=10, accepted=10)
    add(mailing, 0, "b.example", attempted=10, accepted=9)
    assert hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing) == {
        ("mail.ru", hour): ProviderCounts(attempted=10, accepted=10, blocked=1),
        ("", hour): ProviderCounts(attempted=20, accepted=19),
    }
    add(mailing, 0, "", bounced=1)
    assert hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing)["", hour] == ProviderCounts(
        attempted=20, accepted=19, bounced=1
    )


def test_messages_sent_before_counting_started_again_do_not_count(mailing):
    add(mailing, 0, attempted=100, accepted=100, complained=3)
    Mailing.objects.filter(pk=mailing.pk).update(counted_from=NOW + timedelta(minutes=10))
    assert counted(mailing) == ProviderCounts()
    add(mailing, 5, complained=4)
    assert counted(mailing) == ProviderCounts()
    add(mailing, 11, attempted=20, accepted=20)
    add(mailing, 11, complained=1)
    add(mailing, 75, attempted=1)
    assert counted(mailing) == ProviderCounts(attempted=21, accepted=20, complained=1)


def test_only_resuming_after_the_stop_rules_starts_counting_again(mailing):
    add(mailing, 0, attempted=100, accepted=100, complained=2)
    mailing_control.pause(mailing, None, NOW)
    mailing_control.resume(mailing, None, NOW)
    assert counted(mailing).complained == 2
    add(mailing, 0, complained=1)
    mailing_control.pause(mailing, None, NOW)
    mailing_control.resume(mailing, None, NOW + timedelta(minutes=1))
    assert counted(mailing) == ProviderCounts()


def test_counts_of_a_deleted_mailing_are_ignored(mailing):
    hourly_outcomes_by_provider.add(
        [(StatsBucket(mailing.pk + 1, "mail.ru", NOW), ProviderCounts(attempted=1))]
    )
    assert not ProviderHour.objects.exists()


def test_old_counts_are_deleted(mailing):
    add(mailing, 0, attempted=1)
    hourly_outcomes_by_provider.delete_old(NOW + timedelta(days=59))
    assert ProviderHour.objects.exists()
    hourly_outcomes_by_provider.delete_old(NOW + timedelta(days=61))
    assert not ProviderHour.objects.exists()

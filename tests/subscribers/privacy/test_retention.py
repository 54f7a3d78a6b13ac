"""Retention: unconfirmed sign-ups are deleted, subscribers with another subscription stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy import retention
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

WEEK = timedelta(days=7)


def at(moment: timedelta) -> None:
    Subscription.objects.update(created_at=NOW + moment)


def test_an_unconfirmed_sign_up_is_deleted_after_a_week(join: Join) -> None:
    join("asked", state="pending")
    at(-WEEK)
    retention.run(NOW)
    assert Subscriber.objects.count() == 1
    retention.run(NOW + timedelta(seconds=1))
    assert not Subscriber.objects.exists()


def test_subscribers_with_another_or_an_ended_subscription_stay(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    reader = join("reader", events)
    Subscription.objects.create(subscriber=reader, mailing_list=monthly, state="pending")
    left = join("left", state="unsubscribed")
    # Asked to come back, and did not confirm: an import must still see that they left.
    left.subscriptions.update(state="pending")
    at(-2 * WEEK)
    retention.run(NOW)
    assert set(Subscriber.objects.all()) == {reader, left}
    assert list(reader.subscriptions.values_list("mailing_list", flat=True)) == [events.pk]


def test_details_of_old_consent_records_are_cleared(join: Join) -> None:
    person = join("aida")
    word = Evidence(Channel.FORM, network="203.0.113.0/24", user_agent="A browser")
    consent.record(Event.REQUESTED, [person.pk], [None], word, NOW - timedelta(days=500))
    retention.run(NOW)
    assert person.consents.values_list("event", "network", "user_agent").get() == ("requested", "", "")

from __future__ import annotations

import pytest

from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.signals import unsubscribed
from subscribers.suppression import active_suppression, is_suppressed, lift, suppress
from subscribers.unsubscribe import unsubscribe
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

Reason = Suppression.Reason


@pytest.mark.django_db
def test_the_first_reason_stays() -> None:
    first = suppress("Olga@Example.org ", Reason.HARD_BOUNCE, "550 5.1.1", NOW)
    again = suppress("olga@example.org", Reason.MANUAL, "asked", NOW)
    assert (again.pk, again.reason, again.evidence) == (first.pk, Reason.HARD_BOUNCE, "550 5.1.1")


@pytest.mark.django_db
def test_a_complaint_replaces_a_weaker_reason_and_is_not_replaced() -> None:
    suppress("olga@example.org", Reason.HARD_BOUNCE, "550", NOW)
    assert suppress("olga@example.org", Reason.COMPLAINT, "ARF", NOW).reason == Reason.COMPLAINT
    assert suppress("olga@example.org", Reason.HARD_BOUNCE, "550", NOW).reason == Reason.COMPLAINT


@pytest.mark.django_db
def test_after_lifting_an_address_can_be_suppressed_again() -> None:
    row = suppress("olga@example.org", Reason.MANUAL, "", NOW)
    assert lift(row, "admin", NOW)
    assert not lift(row, "admin", NOW)
    assert not is_suppressed("olga@example.org")
    assert suppress("olga@example.org", Reason.MANUAL, "", NOW).pk != row.pk


@pytest.mark.django_db
def test_an_invalid_address_is_suppressed_in_lower_case() -> None:
    suppress(" Not An Address ", Reason.HARD_BOUNCE, "", NOW)
    assert is_suppressed("not an address")


def test_unsubscribing_twice_ends_once_and_sends_one_signal(join: Join, monthly: MailingList) -> None:
    person, heard = join("olga"), []
    listener = lambda **said: heard.append(  # noqa: E731  (kept for disconnecting)
        (said["subscriber_id"], said["list_ids"], said["newsletter_id"])
    )
    unsubscribed.connect(listener)
    try:
        assert unsubscribe(person.pk, (monthly.pk,), 7, Evidence(Channel.ONE_CLICK), NOW) == (monthly.pk,)
        assert unsubscribe(person.pk, (monthly.pk,), 7, Evidence(Channel.ONE_CLICK), NOW) == ()
    finally:
        unsubscribed.disconnect(listener)
    assert heard == [(person.pk, (monthly.pk,), 7)]
    assert person.subscriptions.get().ended_at == NOW


def test_erasure_leaves_only_a_suppressed_hash(join: Join) -> None:
    suppress(join("olga"), Reason.HARD_BOUNCE, "550 olga@example.org unknown", NOW)
    assert erase_and_suppress("OLGA@example.org", NOW)
    assert not Subscriber.objects.exists()
    row = active_suppression("olga@example.org")
    assert row is not None
    assert (row.reason, row.email, row.evidence) == (Reason.ERASED, "", "")
    assert erase_and_suppress("olga@example.org", NOW)
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_erasure_of_an_unknown_address_changes_nothing() -> None:
    assert not erase_and_suppress("nobody@example.org", NOW)
    assert not Suppression.objects.exists()

"""For 30 days after a change of address the old one can reverse an erasure, and nobody else read it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from subscribers import consent, merge
from subscribers.addresses import address_hash
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import (
    AddressChange,
    FormerAddress,
    MailingList,
    ReversibleErasure,
    Subscriber,
    Suppression,
    Tag,
)
from subscribers.preference_center import change_address
from subscribers.privacy import data_access, erase_and_notify, erasure, retention
from subscribers.segments import subscriber_tags_and_fields
from subscribers.subscribe import subscribe
from subscribers.suppression import is_suppressed, suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_change_address import address, ask, change, not_me
from tests.subscribers.preference_center.test_preferences import lists_of, page_of

pytestmark = pytest.mark.both_databases


@pytest.fixture
def person(client: Client, join: Join, sent_emails: list[mail.EmailMessage]) -> Subscriber:
    """A subscriber whose address was changed to a thief's."""
    person = join("olga", name="Olga Petrova", language="ru", countries=("KZ", "UZ"))
    subscriber_tags_and_fields.set_tags(person, ["press"])
    consent.record(
        Event.IMPORTED, [person.pk], [None], Evidence(Channel.IMPORT, "text", "en"), timezone.now()
    )
    ask(client, person, "thief@example.net")
    change(client, sent_emails)
    assert address(person) == "thief@example.net"
    return person


def erase_by_link(client: Client, person: Subscriber, letters: list[mail.EmailMessage]) -> str:
    """What the page says."""
    client.post(page_of(person), {"own": "1"})
    (link,) = [data_link(one) for one in letters[-2:] if one.to == [person.email]]
    return str(client.post(link, {"erase": "1"}).content.decode())


def data_link(letter: mail.EmailMessage) -> str:
    return re.search(r"http://localhost:8000(/your-data/\S+)", str(letter.body))[1]  # type: ignore[index]


def test_it_was_not_me_reverses_an_erasure(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage]
) -> None:
    notice = sent_emails[1]
    before = list(person.consents.order_by("pk").values("pk", "event", "at", "text"))
    html = erase_by_link(client, person, sent_emails)
    assert "зашифрованном виде" in html
    assert not Subscriber.objects.exists() and is_suppressed("olga@example.org")
    # Both addresses are notified, and only the old one can reverse it.
    to_present, to_old = sent_emails[-2:]
    assert (to_present.to, to_old.to) == (["thief@example.net"], ["olga@example.org"])
    assert "/address/" not in str(to_present.body) and "t…@example.net" in str(to_old.body)
    for letter in (notice, to_old):
        assert client.get(not_me(letter)).status_code == 200
    assert not Subscriber.objects.exists()
    assert client.post(not_me(notice)).status_code == client.post(not_me(to_old)).status_code == 200
    restored = Subscriber.objects.get()
    assert (restored.pk, restored.email, restored.name) == (person.pk, "olga@example.org", "Olga Petrova")
    assert (restored.language, restored.countries, lists_of(restored)) == ("ru", ("KZ", "UZ"), {"monthly"})
    assert bytes(restored.address_hash) == address_hash("olga@example.org")
    assert [one.tag.name for one in restored.taggings.all()] == ["press"]
    after = list(restored.consents.order_by("pk").values("pk", "event", "at", "text"))
    assert after[: len(before)] == before and after[-1]["event"] == "address_changed"
    assert not is_suppressed("olga@example.org")
    # The thief's address is not theirs, and their links are blocked.
    assert not FormerAddress.objects.get(subscriber=restored).is_own
    assert "/address/" not in ask(client, restored, "again@example.net")
    assert not ReversibleErasure.objects.exists()


def test_what_is_kept_is_encrypted(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage]
) -> None:
    erase_by_link(client, person, sent_emails)
    row = ReversibleErasure.objects.get()
    stored = json.dumps([row.change_ids, row.address_hashes, bytes(row.encrypted).decode()])
    for personal in ("olga@", "thief@", "Petrova", "address_change"):
        assert personal not in stored
    assert not AddressChange.objects.exists()


def test_it_is_deleted_after_thirty_days_and_then_nothing_reverses_it(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage]
) -> None:
    changed = person.address_changes.get().changed_at
    assert changed is not None
    erase_by_link(client, person, sent_emails)
    retention.apply_retention(changed + timedelta(days=29))
    assert ReversibleErasure.objects.exists()
    retention.apply_retention(changed + timedelta(days=30))
    assert not ReversibleErasure.objects.exists()
    assert client.post(not_me(sent_emails[-1])).status_code == 404
    assert not Subscriber.objects.exists()


def test_without_a_recent_change_an_erasure_is_final(join: Join) -> None:
    person, now = join("olga"), timezone.now()
    AddressChange.objects.create(
        subscriber=person,
        old_email="former@example.org",
        new_email=person.email,
        requested_at=now - timedelta(days=32),
        changed_at=now - timedelta(days=31),
    )
    erase_and_notify.erase_and_notify(person, now)
    assert not ReversibleErasure.objects.exists() and not Subscriber.objects.exists()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erasure_by_staff_is_final(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage], when: str
) -> None:
    notice = sent_emails[1]
    if when == "after":
        erase_by_link(client, person, sent_emails)
        # In the name of the one who had the address first.
        assert erasure.erase_and_suppress("olga@example.org", timezone.now())
    else:
        assert erasure.erase_and_suppress("thief@example.net", timezone.now())
    assert not ReversibleErasure.objects.exists()
    assert client.post(not_me(notice)).status_code == 404
    assert not Subscriber.objects.exists()


def test_a_new_sign_up_and_erasure_at_the_new_address_does_not_make_it_final(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage], monthly: MailingList
) -> None:
    notice, now = sent_emails[1], timezone.now()
    erase_by_link(client, person, sent_emails)
    for email in ("thief@example.net", "thief@example.net"):
        subscribe.request_signup(email, [monthly.pk], "en", (), Evidence(Channel.FORM), now)
        erase_and_notify.erase_and_notify(Subscriber.objects.get(email=email), now)
    # And who has the address may sign up again.
    subscribe.request_signup("thief@example.net", [monthly.pk], "en", (), Evidence(Channel.FORM), now)
    assert client.post(not_me(notice)).status_code == 200
    restored = Subscriber.objects.get(pk=person.pk)
    assert (restored.email, restored.name) == ("olga@example.org", "Olga Petrova")
    assert Subscriber.objects.get(email="thief@example.net").name == ""


def test_a_new_sign_up_at_the_old_address_is_merged(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    notice = sent_emails[1]
    erase_by_link(client, person, sent_emails)
    subscribe.request_signup(
        "olga@example.org", [events.pk], "en", (), Evidence(Channel.FORM), timezone.now()
    )
    again = Subscriber.objects.get()
    subscribe.confirm_signup(again, Evidence(Channel.EMAIL_LINK), timezone.now())
    client.post(not_me(notice))
    restored = Subscriber.objects.get()
    assert (restored.pk, restored.email) == (person.pk, "olga@example.org")
    assert lists_of(restored) == {"monthly", "events"} and not is_suppressed(restored)


def test_what_was_deleted_meanwhile_and_other_suppressions_are_respected(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    notice = sent_emails[1]
    suppress("olga@example.org", Suppression.Reason.HARD_BOUNCE, "550 5.1.1", timezone.now())
    person.subscriptions.create(mailing_list=events, state="confirmed", confirmed_at=timezone.now())
    erase_by_link(client, person, sent_emails)
    events.delete()
    Tag.objects.all().delete()
    client.post(not_me(notice))
    restored = Subscriber.objects.get()
    assert lists_of(restored) == {"monthly"} and not restored.taggings.exists()
    found = Suppression.objects.get(address_hash=restored.address_hash, lifted_at__isnull=True)
    assert (found.reason, found.evidence) == ("hard_bounce", "550 5.1.1")


# Links to the data


def test_for_thirty_days_the_link_to_the_data_goes_to_the_old_address_too(
    client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage]
) -> None:
    client.post(page_of(person), {"own": "1"})
    assert [one.to for one in sent_emails[2:]] == [["thief@example.net"], ["olga@example.org"]]
    for letter in sent_emails[2:]:
        assert "download" in client.get(data_link(letter)).content.decode()
    AddressChange.objects.update(changed_at=timezone.now() - timedelta(days=31))
    assert client.get(data_link(sent_emails[3])).status_code == 404
    client.post(page_of(person), {"own": "1"})
    assert [one.to for one in sent_emails[4:]] == [["thief@example.net"]]


def test_a_data_link_from_before_a_change_opens_nothing_after_it(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    client.post(page_of(person), {"own": "1"})
    before = data_link(sent_emails[0])
    assert client.get(before).status_code == 200
    ask(client, person)
    change(client, sent_emails)
    notice = sent_emails[2]
    assert client.post(before, {"download": "1"}).status_code == 404
    person.refresh_from_db()
    client.post(page_of(person), {"own": "1"})
    links = [data_link(one) for one in sent_emails[3:]]
    assert [client.get(one).status_code for one in links] == [200, 200]
    client.post(not_me(notice))
    assert [client.post(one, {"erase": "1"}).status_code for one in links] == [404, 404]
    assert address(person) == "olga@example.org"


def test_an_address_changed_by_staff_ends_the_links_of_the_former_one(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    client.post(page_of(person), {"own": "1"})
    person.email = "new@example.org"
    person.save()
    assert client.get(data_link(sent_emails[0])).status_code == 404


def test_a_merge_ends_the_links_of_the_other_and_keeps_what_no_link_opens(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person, other = join("olga"), join("olga2")
    client.post(page_of(other), {"own": "1"})
    Subscriber.objects.filter(pk=other.pk).update(data_by_link=False)
    merge.merge(person, Subscriber.objects.get(pk=other.pk), timezone.now())
    assert client.get(data_link(sent_emails[0])).status_code == 404
    assert data_access.request_link(Subscriber.objects.get(), timezone.now()) == "closed"


def test_links_to_data_are_deleted_when_they_have_expired(join: Join) -> None:
    person, now = join("olga"), timezone.now()
    data_access.request_link(person, now)
    retention.apply_retention(now + timedelta(days=1))
    assert person.data_links.count() == 1
    retention.apply_retention(now + timedelta(days=3))
    assert person.data_links.count() == 0


def test_a_change_that_was_not_made_reverses_nothing(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    change_address.request(person, "new@example.org", Evidence(Channel.PREFERENCES), timezone.now())
    erase_and_notify.erase_and_notify(person, timezone.now())
    assert not ReversibleErasure.objects.exists()
    assert client.post(not_me(sent_emails[1])).status_code == 404

"""Consent records: every event is recorded with its evidence, and the database refuses changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from mailer.editions.models import Newsletter
from subscribers import consent, tokens, unsubscribe
from subscribers.addresses import mask_address
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import ConsentRecord, ConsentText, MailingList, Subscriber
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.subscribe import forms, subscribe
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

BROWSER = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": "A browser"}


def acts(person: Subscriber) -> list[tuple[str, str]]:
    return list(person.consents.values_list("event", "channel"))


def test_a_sign_up_and_its_confirmation_are_recorded_with_the_text_shown(
    client: Client, monthly: MailingList
) -> None:
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    answer = {"email": "new@example.org", "language": "ru", "shown": shown}
    client.post("/?lang=ru", answer, **BROWSER)  # type: ignore[arg-type]
    person = Subscriber.objects.get()
    link = f"/confirm/{subscribe.confirm_token(person, timezone.now())}/"
    confirm_page = client.get(link).content.decode()
    client.post(link, **BROWSER)  # type: ignore[arg-type]
    assert acts(person) == [("requested", "form"), ("confirmed", "email_link")]
    asked, confirmed = person.consents.select_related("text").order_by("pk")
    assert asked.mailing_list == monthly and asked.text is not None
    assert asked.text.language == "ru" and asked.text.text in client.get("/?lang=ru").content.decode()
    assert confirmed.text is not None and confirmed.text.language == "ru"
    # The text is every subscriber's, so it is without the address that the page shows.
    assert confirmed.text.text.replace("…", mask_address(person.email)) in confirm_page
    # Enough to tell a flood from another, too little to tell a reader.
    assert asked.network == "203.0.113.0/24" and asked.user_agent == "A browser"


def test_unsubscribing_records_event_and_channel(
    client: Client, monthly: MailingList, newsletter: Newsletter, join: Join
) -> None:
    person = join("aida")
    client.post(
        f"/unsubscribe/{tokens.make_token('unsubscribe', person.pk, newsletter.pk)}/",
        {"List-Unsubscribe": "One-Click"},
    )
    assert acts(person) == [("unsubscribed", "one_click")]
    subscribe.add_to_lists(person, [monthly.pk], Evidence(Channel.PREFERENCES), NOW)
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.DECISION, source="a complaint"), NOW)
    assert acts(person)[1:] == [("subscribed", "preferences"), ("removed", "decision")]


def test_saving_unchanged_preferences_records_nothing(
    client: Client, monthly: MailingList, join: Join
) -> None:
    person = join("aida", language="en", countries=("KZ",))
    page = f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/"
    same = {"language": "en", "countries": ["KZ"], "lists": [monthly.pk]}
    client.post(page, same)
    assert acts(person) == []
    client.post(page, {**same, "countries": ["KZ", "UZ"]})
    assert acts(person) == [("preferences", "preferences")]
    assert person.consents.get().source == "en: KZ, UZ"


def test_the_same_text_is_stored_once(join: Join) -> None:
    people = [join(name).pk for name in ("aida", "bek")]
    for day in range(2):
        word = Evidence(Channel.FORM, text="Yes, please.", language="en")
        consent.record(Event.REQUESTED, people, [None], word, NOW + timedelta(days=day))
    assert ConsentRecord.objects.count() == 4 and ConsentText.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"event": "unsubscribed"}, {"source": "x"}, {"at": NOW}, {"attested_by": "somebody"}]
)
def test_the_database_refuses_to_change_a_consent_record(join: Join, change: dict[str, object]) -> None:
    person = join("aida")
    consent.record(
        Event.CONFIRMED, [person.pk], [None], Evidence(Channel.EMAIL_LINK), NOW + timedelta(hours=1)
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentRecord.objects.update(**change)
    assert acts(person) == [("confirmed", "email_link")]


def test_old_network_and_user_agent_are_cleared_and_the_record_stays(join: Join) -> None:
    person = join("aida")
    word = Evidence(Channel.FORM, network="203.0.113.0/24", user_agent="A browser")
    for age in (300, 500):
        consent.record(Event.REQUESTED, [person.pk], [None], word, NOW - timedelta(days=age))
    assert consent.clear_old_details(NOW, months=13) == 1
    assert sorted(person.consents.values_list("network", "user_agent")) == [
        ("", ""),
        ("203.0.113.0/24", "A browser"),
    ]
    assert acts(person) == [("requested", "form")] * 2


def test_erasure_deletes_consent_records(join: Join) -> None:
    person = join("aida")
    consent.record(Event.CONFIRMED, [person.pk], [None], Evidence(Channel.EMAIL_LINK), NOW)
    erase_and_suppress(person.email, NOW)
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize(
    "address, network",
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_only_the_network_of_an_ip_address_is_stored(address: str, network: str) -> None:
    assert consent.network_of(address) == network

"""The sign-up form, and the page that confirms a sign-up."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from subscribers import former_addresses_and_merged_ids, iso_codes, tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import FormerAddress, MailingList, RateLimitCounter, Subscriber, Suppression
from subscribers.subscribe import forms, subscribe
from subscribers.suppression import is_suppressed, suppress
from tests.subscribers.conftest import Join


def _sign_up(client: Client, **changes: object) -> object:
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    return client.post("/", {"email": "new@example.org", "language": "ru", "shown": shown, **changes})


def _confirmation_link(letter: mail.EmailMessage) -> str:
    found = re.search(r"http://localhost:8000(/confirm/\S+/)", str(letter.body))
    assert found is not None
    return found[1]


def _state(person: Subscriber) -> list[str]:
    return list(person.subscriptions.values_list("state", flat=True))


@pytest.mark.both_databases
def test_a_sign_up_is_pending_until_the_button_behind_the_link_is_pressed(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    assert _sign_up(client, countries=["KZ"]).status_code == 200  # type: ignore[attr-defined]
    person = Subscriber.objects.get()
    assert (person.language, person.countries, _state(person)) == ("ru", ("KZ",), ["pending"])
    (letter,) = sent_emails
    assert letter.to == ["new@example.org"]
    assert letter.subject == "Подтвердите подписку"
    assert letter.message()["Auto-Submitted"] == "auto-generated"
    link = re.search(r"http://localhost:8000(/confirm/\S+/)", letter.body)[1]  # type: ignore[index]
    assert "Подтвердите" in client.get(link).content.decode()
    assert client.head(link).status_code == 200
    assert _state(person) == ["pending"]
    assert "Вы подписаны" in client.post(link).content.decode()
    assert _state(person) == ["confirmed"]


def test_a_link_from_a_clock_that_was_ahead_confirms_unless_the_address_was_changed(join: Join) -> None:
    now, person = timezone.now(), join("olga", state="pending")
    token = subscribe.confirm_token(person, now + timedelta(hours=6))
    assert subscribe.read_token(token, now) == person
    FormerAddress.objects.create(
        subscriber=person, address_hash=b"h" * 16, replaced_at=now - timedelta(hours=1)
    )
    with pytest.raises(tokens.LinkExpired):
        subscribe.read_token(token, now)


def test_a_sign_up_gets_the_same_answer_for_every_address(
    client: Client, monthly: MailingList, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    join("known")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", timezone.now())
    answers = [_sign_up(client, email=f"{who}@example.org") for who in ("new", "known", "stopped")]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1  # type: ignore[attr-defined]
    assert [letter.to[0] for letter in sent_emails] == ["new@example.org", "known@example.org"]


@pytest.mark.both_databases
def test_an_address_gets_one_email_a_day(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    for _ in range(3):
        _sign_up(client)
    assert len(sent_emails) == 1
    Subscriber.objects.update(signup_email_at=timezone.now() - timedelta(hours=25))
    # By then the network is not a busy one any more.
    RateLimitCounter.objects.all().delete()
    _sign_up(client)
    assert len(sent_emails) == 2


def test_a_sign_up_changes_no_confirmed_subscriber(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="kk", countries=("KZ",))
    _sign_up(client, email="olga@example.org", language="en", countries=["UZ"])
    person.refresh_from_db()
    assert (person.language, person.countries, _state(person)) == ("kk", ("KZ",), ["confirmed"])


def test_who_comes_back_gets_the_language_and_countries_of_the_new_sign_up(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="kk", countries=("KZ",))
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.ONE_CLICK), timezone.now())
    _sign_up(client, email="olga@example.org", language="ru", countries=["UZ"])
    assert sent_emails[0].subject == "Подтвердите подписку"
    link = _confirmation_link(sent_emails[0])
    client.post(link)
    person.refresh_from_db()
    assert (person.language, person.countries, _state(person)) == ("ru", ("UZ",), ["confirmed"])


def test_a_filled_honeypot_is_answered_and_ignored(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    assert _sign_up(client, website="spam").status_code == 200  # type: ignore[attr-defined]
    assert not Subscriber.objects.exists()
    assert not sent_emails


@pytest.mark.parametrize("shown", ["", "forged", "1:forged"])
def test_a_form_without_a_valid_token_must_be_submitted_again(
    client: Client, monthly: MailingList, shown: str
) -> None:
    assert _sign_up(client, shown=shown).status_code == 422  # type: ignore[attr-defined]
    assert not Subscriber.objects.exists()


def test_an_invalid_address_is_an_error_of_the_form(client: Client, monthly: MailingList) -> None:
    answer = _sign_up(client, email="nonsense")
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "such as name@example.org" in answer.content.decode()  # type: ignore[attr-defined]


def test_the_front_page_is_in_the_requested_language(client: Client, monthly: MailingList) -> None:
    answer = client.get("/?lang=ky")
    assert answer["Content-Language"] == "ky"
    assert "Биздин бюллетенге жазылыңыз" in answer.content.decode()
    assert client.get("/?lang=nonsense", headers={"accept-language": "tk"})["Content-Language"] == "tk"


def test_a_confirmation_link_expires_after_seven_days(client: Client, join: Join) -> None:
    person = join("olga", state="pending")
    old = subscribe.confirm_token(person, timezone.now() - timedelta(days=7, minutes=2))
    assert client.post(f"/confirm/{old}/").status_code == 404
    assert client.post(f"/confirm/{tokens.make_token('preferences', person.pk, 0)}/").status_code == 404
    assert _state(person) == ["pending"]


def test_a_confirmation_link_subscribes_and_welcomes_no_subscriber_who_unsubscribed_since(
    client: Client, join: Join
) -> None:
    person = join("olga", state="pending")
    link = f"/confirm/{subscribe.confirm_token(person, timezone.now())}/"
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.PREFERENCES), timezone.now())
    for answer in (client.get(link), client.post(link)):
        assert (answer.status_code, "/preferences/" in answer.content.decode()) == (404, False)
    assert _state(person) == ["unsubscribed"]


def test_a_confirmation_link_that_was_emailed_to_an_address_with_a_typing_error_confirms_no_other(
    client: Client, join: Join
) -> None:
    person, now = join("oIga", state="pending"), timezone.now()
    link = f"/confirm/{subscribe.confirm_token(person, now)}/"
    before, person.email = bytes(person.address_hash), "olga@example.org"
    person.save()
    former_addresses_and_merged_ids.record_address_change(person, before, now)
    assert client.post(link).status_code == 404
    assert _state(person) == ["pending"]


@pytest.mark.parametrize(("days", "named"), [(40, True), (-40, False)])
def test_the_page_after_a_confirmation_names_a_pause(
    client: Client, join: Join, days: int, named: bool
) -> None:
    until = timezone.now() + timedelta(days=days)
    person = join("olga", state="pending", language="uz", paused_until=until)
    page = client.post(f"/confirm/{subscribe.confirm_token(person, timezone.now())}/").content.decode()
    assert (iso_codes.long_date(timezone.localdate(until), "uz") in page) == named


@pytest.mark.both_databases
def test_a_confirmed_subscriber_whom_an_import_suppressed_as_unsubscribed_elsewhere_comes_back_by_signing_up(
    client: Client, join: Join, monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    suppress(person, Suppression.Reason.UNSUBSCRIBED, "The file of import 7 says so.", timezone.now())
    _sign_up(client, email=person.email)
    link = _confirmation_link(sent_emails[0])
    assert monthly.name in client.get(link).content.decode()
    assert is_suppressed(person) and not person.consents.filter(event="confirmed").exists()
    client.post(link)
    assert not is_suppressed(person) and _state(person) == ["confirmed"]
    assert person.consents.filter(event="confirmed", mailing_list=monthly).count() == 1
    assert monthly.name not in client.get(link).content.decode()


@pytest.mark.parametrize("reason", [Suppression.Reason.COMPLAINT, Suppression.Reason.HARD_BOUNCE])
def test_a_confirmation_link_of_a_confirmed_subscriber_asks_nothing_where_no_sign_up_lifts_the_suppression(
    client: Client, join: Join, monthly: MailingList, reason: str
) -> None:
    person = join("olga")
    suppress(person, reason, "", timezone.now())
    link = f"/confirm/{subscribe.confirm_token(person, timezone.now())}/"
    for answer in (client.get(link), client.post(link)):
        assert monthly.name not in answer.content.decode()
    assert is_suppressed(person) and not person.consents.exists()

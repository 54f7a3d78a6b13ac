"""Preferences: lists, countries, language, pauses and undo."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from subscribers import tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber
from subscribers.preference_center import preferences
from tests.subscribers.conftest import Join


def page_of(person: Subscriber) -> str:
    return f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/"


def lists_of(person: Subscriber) -> set[str]:
    confirmed = person.subscriptions.filter(state="confirmed")
    return set(confirmed.values_list("mailing_list__slug", flat=True))


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def undo(html: str) -> dict[str, str]:
    """What the button to undo sends."""
    return {"undo": re.search(r'name="undo" value="([^"]+)"', html)[1]}  # type: ignore[index]


@pytest.fixture
def inner(db: None) -> MailingList:
    return MailingList.objects.create(slug="inner", name="Inner circle", public=False)


@pytest.mark.both_databases
def test_a_subscriber_pauses_and_resumes(client: Client, join: Join, monthly: MailingList) -> None:
    person = join("olga", language="ru")
    day = in_days(40)
    choices = {"language": "ru", "lists": [monthly.pk], "often": "until", "until": day.isoformat()}
    html = client.post(page_of(person), choices).content.decode()
    assert "Ваш выбор сохранён." in html and "ничего не придёт" in html
    assert f'value="{day.isoformat()}"' in html
    person.refresh_from_db()
    assert person.paused_until == preferences.start_of_day(day)
    html = client.post(page_of(person), {"resume": "1"}).content.decode()
    assert "Как часто" in html and "Каждый выпуск" in html
    person.refresh_from_db()
    assert person.paused_until is None
    assert [row.source for row in person.consents.all()] == [f"nothing before {day}", "every edition"]
    # The exact words beside the button, in the reader's language.
    assert {row.text.text for row in person.consents.all() if row.text} == {
        "Мы используем ваш адрес, чтобы присылать то, что вы выбрали, и больше ни для чего."
    }


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("", "Choose the day"),
        ("tomorrow", "Enter the day"),
        (in_days(0).isoformat(), "from tomorrow on"),
        (in_days(370).isoformat(), "within a year"),
    ],
)
def test_an_invalid_day_is_an_error_of_its_field_and_changes_nothing(
    client: Client, join: Join, monthly: MailingList, until: str, words: str
) -> None:
    person = join("olga")
    choices = {"language": "kk", "lists": [monthly.pk], "often": "until", "until": until}
    answer = client.post(page_of(person), choices)
    html = answer.content.decode()
    assert answer.status_code == 422
    said = re.search(r'<p class="error" id="id_until_error">([^<]+)<', html)
    assert said and words in said[1]
    assert 'href="#id_until"' in html and 'aria-describedby="id_until_help id_until_error"' in html
    person.refresh_from_db()
    assert (person.language, person.paused_until) == ("en", None)


def test_an_ended_pause_is_not_shown(client: Client, join: Join) -> None:
    person = join("olga", paused_until=timezone.now() - timedelta(minutes=1))
    html = client.get(page_of(person)).content.decode()
    assert "Nothing comes before" not in html
    assert re.search(r'value="every"[^>]*checked', html)


@pytest.mark.both_databases
def test_undo_restores_all_changes_and_a_private_list(
    client: Client, join: Join, monthly: MailingList, events: MailingList, inner: MailingList
) -> None:
    person = join("olga", monthly, inner, language="en", countries=("KZ",))
    html = client.post(page_of(person), {"language": "ru", "countries": ["UZ"], "lists": [events.pk]})
    assert lists_of(person) == {"events"}
    said = client.post(page_of(person), undo(html.content.decode())).content.decode()
    assert "Everything is as it was before." in said
    person.refresh_from_db()
    assert (person.language, person.countries, lists_of(person)) == ("en", ("KZ",), {"monthly", "inner"})
    # Once more changes nothing.
    client.post(page_of(person), undo(html.content.decode()))
    assert lists_of(person) == {"monthly", "inner"}


@pytest.mark.both_databases
def test_unsubscribing_from_everything_can_be_undone(
    client: Client, join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", monthly, events)
    html = client.post(page_of(person), {"leave_all": "1"}).content.decode()
    assert "You will not receive any more newsletters from us." in html and lists_of(person) == set()
    client.post(page_of(person), undo(html))
    assert lists_of(person) == {"monthly", "events"}
    assert [row.event for row in person.consents.all()] == [
        "unsubscribed",
        "unsubscribed",
        "subscribed",
        "subscribed",
    ]


def test_undo_does_not_restore_a_list_that_staff_removed(
    client: Client, join: Join, monthly: MailingList, inner: MailingList
) -> None:
    person = join("olga", monthly, inner)
    html = client.post(page_of(person), {"language": "ru", "lists": [monthly.pk, inner.pk]}).content.decode()
    unsubscribe.unsubscribe(
        person.pk, [inner.pk], None, Evidence(Channel.DESK, attested_by="lola"), timezone.now()
    )
    client.post(page_of(person), undo(html))
    assert lists_of(person) == {"monthly"}


def test_an_undo_token_is_for_its_subscriber_and_expires(
    client: Client, join: Join, events: MailingList, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, other = join("olga"), join("timur")
    before = preferences.read_preferences(person, timezone.now())
    client.post(page_of(person), {"language": "en", "lists": [events.pk]})
    stranger = preferences.undo_token(other, before)
    forged = signing.dumps([person.pk, *vars(before).values()], salt="another")
    for token in (stranger, forged, "nonsense"):
        assert "no longer be undone" in client.post(page_of(person), {"undo": token}).content.decode()
    assert preferences.read_undo_token(person, preferences.undo_token(person, before)) == before
    monkeypatch.setattr(preferences, "UNDO_WITHIN", timedelta(seconds=-1))
    client.post(page_of(person), {"undo": preferences.undo_token(person, before)})
    assert lists_of(person) == {"events"}


def test_a_private_list_is_offered_to_its_subscribers_only(
    client: Client, join: Join, monthly: MailingList, inner: MailingList
) -> None:
    member, stranger = join("member", inner), join("stranger")
    assert "Inner circle" in client.get(page_of(member)).content.decode()
    assert "Inner circle" not in client.get(page_of(stranger)).content.decode()
    answer = client.post(page_of(stranger), {"language": "en", "lists": [monthly.pk, inner.pk]})
    assert answer.status_code == 422
    assert lists_of(stranger) == {"monthly"}


def test_after_saving_the_page_is_in_the_chosen_language(client: Client, join: Join) -> None:
    answer = client.post(page_of(join("olga", language="en")), {"language": "tg", "lists": []})
    assert answer["Content-Language"] == "tg"
    assert "Интихоби шумо сабт шуд." in answer.content.decode()

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from subscribers import tokens
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import subscribe
from tests.subscribers.conftest import NOW, Join

Configure = Callable[..., None]
BOX = '<input type="checkbox" name="tracking"'


def _preferences(person: Subscriber) -> str:
    return f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/"


def _agreed(person: Subscriber) -> object:
    person.refresh_from_db()
    return person.tracking_consent_at


def test_without_tracking_by_consent_the_box_is_not_shown_and_not_accepted(
    client: Client, join: Join, monthly: MailingList
) -> None:
    person = join("olga")
    assert BOX not in client.get(_preferences(person)).content.decode()
    client.post(_preferences(person), {"language": "en", "lists": [monthly.pk], "tracking": "on"})
    assert _agreed(person) is None


@pytest.mark.both_databases
def test_tracking_consent_is_given_and_withdrawn_in_the_preference_center(
    client: Client, join: Join, monthly: MailingList, configure: Configure
) -> None:
    configure(tracking={"clicks": "consent"})
    person = join("olga")
    html = client.get(_preferences(person)).content.decode()
    assert BOX in html and "checked" not in re.search(f"{BOX}[^>]*", html)[0]  # type: ignore[index]
    choices = {"language": "en", "lists": [monthly.pk]}
    html = client.post(_preferences(person), {**choices, "tracking": "on"}).content.decode()
    assert "checked" in re.search(f"{BOX}[^>]*", html)[0]  # type: ignore[index]
    assert _agreed(person) is not None
    client.post(_preferences(person), choices)
    assert _agreed(person) is None
    # Each word once, with what stood beside the box.
    client.post(_preferences(person), choices)
    kept = person.consents.filter(event__startswith="tracking")
    assert list(kept.values_list("event", "channel")) == [
        ("tracking_on", "preferences"),
        ("tracking_off", "preferences"),
    ]
    assert kept[0].text.text.startswith("You may see which links I open\n")


@pytest.mark.both_databases
def test_saving_again_keeps_the_time_of_the_consent(
    client: Client, join: Join, monthly: MailingList, configure: Configure
) -> None:
    configure(tracking={"opens": "consent"})
    person = join("olga", tracking_consent_at=NOW)
    client.post(_preferences(person), {"language": "en", "lists": [monthly.pk], "tracking": "on"})
    assert _agreed(person) == NOW


def test_tracking_consent_is_asked_on_confirmation_and_not_on_sign_up(
    client: Client, join: Join, configure: Configure
) -> None:
    configure(tracking={"clicks": "consent"})
    assert BOX not in client.get("/").content.decode()
    silent, willing = join("olga", state="pending"), join("timur", state="pending")
    now = timezone.now() - timedelta(minutes=1)
    for person, said in ((silent, {}), (willing, {"tracking": "on"})):
        link = f"/confirm/{subscribe.confirm_token(person, now)}/"
        assert BOX in client.get(link).content.decode()
        client.post(link, said)
    assert _agreed(silent) is None and _agreed(willing) is not None


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ({"clicks": "off"}, None),
        ({}, "how often the links in our emails are opened, but not by whom"),
        ({"opens": "anonymous"}, "how often our emails and the links in them are opened, but not by whom"),
    ],
)
def test_the_pages_say_what_is_tracked(
    client: Client, join: Join, configure: Configure, counted: dict[str, str], words: str | None
) -> None:
    configure(tracking=counted)
    for address in ("/", _preferences(join("olga"))):
        said = re.search(r"how often .*? by whom", client.get(address).content.decode())
        assert (said[0] if said else None) == words


def test_the_tracking_box_is_in_the_subscribers_language(
    client: Client, join: Join, configure: Configure
) -> None:
    configure(tracking={"clicks": "consent"})
    html = client.get(_preferences(join("olga", language="uz"))).content.decode()
    assert "Qaysi havolalarni ochishimni koʻrishingiz mumkin" in html

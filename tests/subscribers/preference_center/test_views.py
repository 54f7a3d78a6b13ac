"""The pages behind the links in mail: preferences, and unsubscribing by one click."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from mailer.editions.models import Newsletter
from subscribers import tokens
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.suppression import suppress
from tests.subscribers.conftest import Join

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def _state(person: Subscriber) -> list[str]:
    return list(person.subscriptions.values_list("state", flat=True))


# Preferences


@pytest.mark.both_databases
def test_preferences_are_shown_and_saved(
    client: Client, join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", language="ru", countries=("KZ",))
    link = f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/"
    html = client.get(link).content.decode()
    assert "o…@example.org" in html
    assert "olga@" not in html
    answer = client.post(link, {"language": "uz", "countries": ["TJ", "UZ"], "lists": [events.pk]})
    assert "Tanlovingiz saqlandi." in answer.content.decode()
    person.refresh_from_db()
    assert (person.language, person.countries) == ("uz", ("TJ", "UZ"))
    assert dict(person.subscriptions.values_list("mailing_list", "state")) == {
        monthly.pk: "unsubscribed",
        events.pk: "confirmed",
    }


@pytest.mark.both_databases
def test_unsubscribing_from_everything_ends_every_subscription(
    client: Client, join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", monthly, events)
    link = f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/"
    assert "To come back" in client.post(link, {"leave_all": "1"}).content.decode()
    assert _state(person) == ["unsubscribed", "unsubscribed"]
    client.post(link, {"language": "en", "lists": [monthly.pk]})
    assert sorted(_state(person)) == ["confirmed", "unsubscribed"]


def test_saving_without_a_csrf_token_is_refused(join: Join) -> None:
    person = join("olga")
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        f"/preferences/{tokens.make_token('preferences', person.pk, 0)}/", {"leave_all": "1"}
    )
    assert answer.status_code == 403
    assert "Please send the form again" in answer.content.decode()
    assert _state(person) == ["confirmed"]


# Unsubscribing (RFC 8058)


@pytest.fixture
def reader(join: Join) -> Subscriber:
    return join("olga", language="ru")


@pytest.fixture
def link(reader: Subscriber, newsletter: Newsletter) -> str:
    return f"/unsubscribe/{tokens.make_token('unsubscribe', reader.pk, newsletter.pk)}/"


@pytest.fixture
def receiver() -> Client:
    """A mail provider: no cookies, no form of ours."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_one_click_works_in_either_encoding_without_cookie_or_redirect(
    receiver: Client, reader: Subscriber, link: str, encoding: str, slash: str
) -> None:
    address = link.rstrip("/") + slash
    for _ in range(2):
        if encoding == "multipart":
            answer = receiver.post(address, ONE_CLICK)
        else:
            answer = receiver.post(address, urlencode(ONE_CLICK), "application/x-www-form-urlencoded")
        assert answer.status_code == 200
        assert not answer.cookies
        assert _state(reader) == ["unsubscribed"]


def test_a_get_of_the_unsubscribe_link_changes_nothing(
    receiver: Client, reader: Subscriber, link: str
) -> None:
    for look in (receiver.get, receiver.head):
        answer = look(link)
        assert (answer.status_code, list(answer.cookies)) == (200, [])
    assert 'value="One-Click"' in receiver.get(link).content.decode()
    assert _state(reader) == ["confirmed"]


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=Maybe", "something=else"])
def test_a_post_without_the_one_click_field_changes_nothing(
    receiver: Client, reader: Subscriber, link: str, body: str
) -> None:
    answer = receiver.post(link, body, "application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert _state(reader) == ["confirmed"]


def test_a_malformed_body_changes_nothing(receiver: Client, reader: Subscriber, link: str) -> None:
    assert receiver.post(link, b"nonsense", "multipart/form-data").status_code == 400
    assert _state(reader) == ["confirmed"]


def test_an_invalid_token_is_answered_and_changes_nothing(
    receiver: Client, reader: Subscriber, newsletter: Newsletter
) -> None:
    wrong = [
        tokens.make_token("preferences", reader.pk, newsletter.pk),
        tokens.make_token("unsubscribe", 999, newsletter.pk),
        "x",
    ]
    for token in wrong:
        address = f"/unsubscribe/{token}/"
        for answer in (
            receiver.post(address, ONE_CLICK),
            receiver.post(address, urlencode(ONE_CLICK), "application/x-www-form-urlencoded"),
            receiver.get(address),
            receiver.head(address),
        ):
            assert (answer.status_code, list(answer.cookies)) == (200, [])
    assert _state(reader) == ["confirmed"]


@pytest.mark.both_databases
def test_one_click_ends_only_the_newsletters_lists(
    receiver: Client, join: Join, newsletter: Newsletter, monthly: MailingList, events: MailingList
) -> None:
    person = join("timur", monthly, events)
    receiver.post(f"/unsubscribe/{tokens.make_token('unsubscribe', person.pk, newsletter.pk)}/", ONE_CLICK)
    assert dict(person.subscriptions.values_list("mailing_list", "state")) == {
        monthly.pk: "unsubscribed",
        events.pk: "confirmed",
    }


def test_the_page_after_unsubscribing_is_in_the_subscribers_language(receiver: Client, link: str) -> None:
    html = receiver.post(link, ONE_CLICK).content.decode()
    assert "Вы отписались" in html


def test_the_unsubscribe_link_has_the_preferences_link_mailed_three_times_a_day(
    receiver: Client, reader: Subscriber, link: str, sent_emails: list[mail.EmailMessage]
) -> None:
    assert "preferences" not in receiver.get(link).content.decode()
    for _ in range(3):
        answer = receiver.post(link, {"send": "1"})
        assert (answer.status_code, list(answer.cookies)) == (200, [])
        assert "отправлено на адрес o…@example.org" in answer.content.decode()
    assert "слишком часто" in receiver.post(link, {"send": "1"}).content.decode()
    assert [one.to for one in sent_emails] == [["olga@example.org"]] * 3
    found = re.search(r"http://localhost:8000(/preferences/\S+)", str(sent_emails[0].body))
    assert found and receiver.get(found[1]).status_code == 200
    assert _state(reader) == ["confirmed"]


def test_a_suppressed_address_gets_no_preferences_link_and_the_page_does_not_say_so(
    receiver: Client, reader: Subscriber, link: str, sent_emails: list[mail.EmailMessage]
) -> None:
    suppress(reader, Suppression.Reason.COMPLAINT, "", timezone.now())
    assert "отправлено" in receiver.post(link, {"send": "1"}).content.decode()
    assert sent_emails == []


def test_pages_of_a_subscriber_are_not_cached_or_indexed_and_have_no_script(
    receiver: Client, link: str
) -> None:
    answer = receiver.get(link)
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "<script" not in answer.content.decode()

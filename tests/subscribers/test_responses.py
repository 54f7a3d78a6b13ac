from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from mailer.editions.models import Newsletter
from subscribers import tokens
from subscribers.models import MailingList, RateLimitCounter, Subscriber, Suppression
from subscribers.subscribe import forms, subscribe
from subscribers.suppression import suppress
from tests.subscribers.conftest import Join

pytestmark = pytest.mark.both_databases

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def _sign_up(client: Client, **changes: object) -> object:
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    return client.post("/", {"email": "new@example.org", "language": "ru", "shown": shown, **changes})


def _state(person: Subscriber) -> list[str]:
    return list(person.subscriptions.values_list("state", flat=True))


@pytest.fixture
def letters(settings: object) -> list[mail.EmailMessage]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    mail.outbox = []
    return mail.outbox


# Joining


def test_signing_up_waits_until_the_link_in_the_letter_is_opened_and_pressed(
    client: Client, monthly: MailingList, letters: list[mail.EmailMessage]
) -> None:
    assert _sign_up(client, countries=["KZ"]).status_code == 200  # type: ignore[attr-defined]
    person = Subscriber.objects.get()
    assert (person.language, person.countries, _state(person)) == ("ru", ("KZ",), ["pending"])
    (letter,) = letters
    assert letter.to == ["new@example.org"]
    assert letter.subject == "Подтвердите подписку"
    assert letter.message()["Auto-Submitted"] == "auto-generated"
    link = re.search(r"http://localhost:8000(/confirm/\S+/)", letter.body)[1]  # type: ignore[index]
    assert "Подтвердите" in client.get(link).content.decode()
    assert client.head(link).status_code == 200
    assert _state(person) == ["pending"]
    assert "Вы подписаны" in client.post(link).content.decode()
    assert _state(person) == ["confirmed"]


def test_the_answer_is_the_same_for_every_address(
    client: Client, monthly: MailingList, join: Join, letters: list[mail.EmailMessage]
) -> None:
    join("known")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", timezone.now())
    answers = [_sign_up(client, email=f"{who}@example.org") for who in ("new", "known", "stopped")]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1  # type: ignore[attr-defined]
    assert [letter.to[0] for letter in letters] == ["new@example.org", "known@example.org"]


def test_an_address_gets_one_letter_a_day(
    client: Client, monthly: MailingList, letters: list[mail.EmailMessage]
) -> None:
    for _ in range(3):
        _sign_up(client)
    assert len(letters) == 1
    Subscriber.objects.update(signup_email_at=timezone.now() - timedelta(hours=25))
    # By then the network is not a busy one any more.
    RateLimitCounter.objects.all().delete()
    _sign_up(client)
    assert len(letters) == 2


def test_a_stranger_changes_no_confirmed_reader(
    client: Client, join: Join, letters: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="kk", countries=("KZ",))
    _sign_up(client, email="olga@example.org", language="en", countries=["UZ"])
    person.refresh_from_db()
    assert (person.language, person.countries, _state(person)) == ("kk", ("KZ",), ["confirmed"])


def test_a_machine_that_fills_the_hidden_field_is_answered_and_ignored(
    client: Client, monthly: MailingList, letters: list[mail.EmailMessage]
) -> None:
    assert _sign_up(client, website="spam").status_code == 200  # type: ignore[attr-defined]
    assert not Subscriber.objects.exists()
    assert not letters


@pytest.mark.parametrize("shown", ["", "forged", "1:forged"])
def test_a_form_that_we_did_not_show_asks_for_another_press(
    client: Client, monthly: MailingList, shown: str
) -> None:
    assert _sign_up(client, shown=shown).status_code == 422  # type: ignore[attr-defined]
    assert not Subscriber.objects.exists()


def test_a_wrong_address_is_explained_beside_the_form(client: Client, monthly: MailingList) -> None:
    answer = _sign_up(client, email="nonsense")
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "such as name@example.org" in answer.content.decode()  # type: ignore[attr-defined]


def test_the_front_page_speaks_the_language_that_is_asked_for(client: Client, monthly: MailingList) -> None:
    answer = client.get("/?lang=ky")
    assert answer["Content-Language"] == "ky"
    assert "Биздин бюллетенге жазылыңыз" in answer.content.decode()
    assert client.get("/?lang=nonsense", headers={"accept-language": "tk"})["Content-Language"] == "tk"


def test_a_confirmation_link_dies_after_seven_days(client: Client, join: Join) -> None:
    person = join("olga", state="pending")
    old = subscribe.confirm_token(person, timezone.now() - timedelta(days=7, minutes=2))
    assert client.post(f"/confirm/{old}/").status_code == 404
    assert client.post(f"/confirm/{tokens.make('preferences', person.pk, 0)}/").status_code == 404
    assert _state(person) == ["pending"]


# Choosing


def test_preferences_show_and_save_what_the_reader_chose(
    client: Client, join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", language="ru", countries=("KZ",))
    link = f"/preferences/{tokens.make('preferences', person.pk, 0)}/"
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


def test_leaving_everything_ends_every_list_and_shows_the_way_back(
    client: Client, join: Join, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", monthly, events)
    link = f"/preferences/{tokens.make('preferences', person.pk, 0)}/"
    assert "To come back" in client.post(link, {"leave_all": "1"}).content.decode()
    assert _state(person) == ["unsubscribed", "unsubscribed"]
    client.post(link, {"language": "en", "lists": [monthly.pk]})
    assert sorted(_state(person)) == ["confirmed", "unsubscribed"]


def test_saving_without_the_form_of_ours_is_refused(join: Join) -> None:
    person = join("olga")
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(f"/preferences/{tokens.make('preferences', person.pk, 0)}/", {"leave_all": "1"})
    assert answer.status_code == 403
    assert "Please send the form again" in answer.content.decode()
    assert _state(person) == ["confirmed"]


# Leaving: RFC 8058


@pytest.fixture
def reader(join: Join) -> Subscriber:
    return join("olga", language="ru")


@pytest.fixture
def link(reader: Subscriber, newsletter: Newsletter) -> str:
    return f"/unsubscribe/{tokens.make('unsubscribe', reader.pk, newsletter.pk)}/"


@pytest.fixture
def receiver() -> Client:
    """A mail provider: no cookies, no form of ours."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_one_post_leaves_in_either_encoding_without_cookie_or_redirect(
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


def test_looking_at_the_link_changes_nothing(receiver: Client, reader: Subscriber, link: str) -> None:
    for look in (receiver.get, receiver.head):
        answer = look(link)
        assert (answer.status_code, list(answer.cookies)) == (200, [])
    assert 'value="One-Click"' in receiver.get(link).content.decode()
    assert _state(reader) == ["confirmed"]


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=Maybe", "something=else"])
def test_a_post_that_does_not_ask_to_leave_changes_nothing(
    receiver: Client, reader: Subscriber, link: str, body: str
) -> None:
    answer = receiver.post(link, body, "application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert _state(reader) == ["confirmed"]


def test_a_broken_body_changes_nothing(receiver: Client, reader: Subscriber, link: str) -> None:
    assert receiver.post(link, b"nonsense", "multipart/form-data").status_code == 400
    assert _state(reader) == ["confirmed"]


def test_a_token_that_is_not_ours_is_answered_and_changes_nothing(
    receiver: Client, reader: Subscriber, newsletter: Newsletter
) -> None:
    wrong = [
        tokens.make("preferences", reader.pk, newsletter.pk),
        tokens.make("unsubscribe", 999, newsletter.pk),
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


def test_one_click_ends_the_newsletters_lists_and_no_others(
    receiver: Client, join: Join, newsletter: Newsletter, monthly: MailingList, events: MailingList
) -> None:
    person = join("timur", monthly, events)
    receiver.post(f"/unsubscribe/{tokens.make('unsubscribe', person.pk, newsletter.pk)}/", ONE_CLICK)
    assert dict(person.subscriptions.values_list("mailing_list", "state")) == {
        monthly.pk: "unsubscribed",
        events.pk: "confirmed",
    }


def test_whoever_left_is_shown_the_way_back_in_their_language(receiver: Client, link: str) -> None:
    html = receiver.post(link, ONE_CLICK).content.decode()
    assert "Вы отписались" in html
    assert 'href="/preferences/' in html


def test_pages_of_a_reader_are_neither_kept_nor_indexed_and_run_no_script(
    receiver: Client, link: str
) -> None:
    answer = receiver.get(link)
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "<script" not in answer.content.decode()

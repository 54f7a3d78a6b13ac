"""The way back for whoever left, as fresh consent; and why they left, in the report of the mailing."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from mailer.editions.models import Newsletter
from mailer.feedback import subscriber_hooks
from mailer.feedback.models import FeedbackEvent
from subscribers import tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.suppression import suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_preferences import lists_of, undo

pytestmark = pytest.mark.both_databases

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _listening() -> None:
    subscriber_hooks.connect()


@pytest.fixture
def receiver() -> Client:
    """A mail program: no cookies, no form of ours."""
    return Client(enforce_csrf_checks=True)


def way_out(person: Subscriber, newsletter: Newsletter) -> str:
    return f"/unsubscribe/{tokens.make('unsubscribe', person.pk, newsletter.pk)}/"


def test_one_button_on_the_page_after_leaving_brings_back_as_fresh_consent(
    receiver: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga", language="ru")
    link = way_out(person, newsletter)
    html = receiver.post(link, ONE_CLICK).content.decode()
    assert 'name="back"' in html
    before = person.subscriptions.get().confirmed_at
    answer = receiver.post(link, {"back": "1"})
    assert (answer.status_code, list(answer.cookies)) == (200, [])
    assert "С возвращением" in answer.content.decode()
    assert lists_of(person) == {"monthly"} and person.subscriptions.get().confirmed_at > before
    row = person.consents.order_by("pk").last()
    assert row is not None and row.text is not None
    assert (row.event, row.channel) == ("subscribed", "preferences")
    assert row.text.text == "Нажмите кнопку, и эта рассылка снова будет приходить вам."
    # Who took it back is in no figure about those who left.
    assert not FeedbackEvent.objects.exists()


def test_the_link_of_the_mail_leads_to_the_way_back_and_opening_it_changes_nothing(
    receiver: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga")
    link = way_out(person, newsletter)
    receiver.post(link, ONE_CLICK)
    assert 'name="back"' in receiver.get(link).content.decode()
    assert lists_of(person) == set()
    receiver.post(link, urlencode({"back": "1"}), "application/x-www-form-urlencoded")
    assert lists_of(person) == {"monthly"}


@pytest.mark.parametrize("ended", ["by staff", "complaint", "never confirmed"])
def test_there_is_no_button_where_leaving_was_not_the_readers_own_act(
    receiver: Client, join: Join, newsletter: Newsletter, monthly: MailingList, ended: str
) -> None:
    person = join("olga", state="pending" if ended == "never confirmed" else "confirmed")
    now = timezone.now()
    if ended == "by staff":
        unsubscribe.unsubscribe(
            person.pk, [monthly.pk], None, Evidence(Channel.DESK, attested_by="lola"), now
        )
    else:
        receiver.post(way_out(person, newsletter), ONE_CLICK)
    if ended == "complaint":
        suppress(person, Suppression.Reason.COMPLAINT, "", now)
    assert 'name="back"' not in receiver.get(way_out(person, newsletter)).content.decode()
    receiver.post(way_out(person, newsletter), {"back": "1"})
    assert lists_of(person) == set()


def test_only_what_that_newsletter_reached_comes_back(
    receiver: Client, join: Join, newsletter: Newsletter, monthly: MailingList, events: MailingList
) -> None:
    person = join("olga", monthly, events)
    unsubscribe.unsubscribe(person.pk, [events.pk], None, Evidence(Channel.PREFERENCES), timezone.now())
    receiver.post(way_out(person, newsletter), ONE_CLICK)
    receiver.post(way_out(person, newsletter), {"back": "1"})
    assert lists_of(person) == {"monthly"}


# Why


def reasons() -> list[str]:
    return list(FeedbackEvent.objects.order_by("pk").values_list("reason", flat=True))


def test_whoever_left_may_say_why_and_the_last_word_counts(
    receiver: Client, join: Join, newsletter: Newsletter
) -> None:
    person, other = join("olga"), join("timur")
    for one in (person, other):
        receiver.post(way_out(one, newsletter), ONE_CLICK)
    link = way_out(person, newsletter)
    html = receiver.post(link, {"why": "too_often", "tell": "1"}).content.decode()
    assert "Thank you" in html and 'name="back"' in html
    receiver.post(link, {"why": "wrong_language", "tell": "1"})
    assert reasons() == ["wrong_language", ""]


@pytest.mark.parametrize("body", [{"tell": "1"}, {"tell": "1", "why": "<b>"}, {"why": "bounced"}])
def test_what_is_no_reason_of_ours_is_not_kept(
    receiver: Client, join: Join, newsletter: Newsletter, body: dict[str, str]
) -> None:
    person = join("olga")
    receiver.post(way_out(person, newsletter), ONE_CLICK)
    assert receiver.post(way_out(person, newsletter), body).status_code in (200, 400)
    assert reasons() == [""] and lists_of(person) == set()


def test_a_reason_comes_too_late_after_a_month(receiver: Client, join: Join, newsletter: Newsletter) -> None:
    person = join("olga")
    receiver.post(way_out(person, newsletter), ONE_CLICK)
    FeedbackEvent.objects.update(at=timezone.now() - timedelta(days=31))
    receiver.post(way_out(person, newsletter), {"why": "too_often"})
    assert reasons() == [""]


def test_leaving_on_the_page_of_choices_asks_why_and_undo_takes_the_departure_back(
    client: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga")
    page = f"/preferences/{tokens.make('preferences', person.pk, newsletter.pk)}/"
    html = client.post(page, {"leave_all": "1"}).content.decode()
    assert "Would you tell us why?" in html
    assert "Thank you" in client.post(page, {"tell": "1", "why": "not_for_me"}).content.decode()
    assert reasons() == ["not_for_me"]
    client.post(page, undo(html))
    assert lists_of(person) == {"monthly"} and reasons() == []


def test_whoever_comes_back_and_had_paused_is_told_from_when_on(
    receiver: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga", language="ru", paused_until=timezone.now() + timedelta(days=30))
    link = way_out(person, newsletter)
    receiver.post(link, ONE_CLICK)
    assert "ничего не придёт" in receiver.post(link, {"back": "1"}).content.decode()

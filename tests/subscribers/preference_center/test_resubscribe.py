"""Resubscribing as new consent, and the reason for unsubscribing in the mailing's report."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from mailer.editions.models import Newsletter
from mailer.feedback import subscriber_signal_receivers
from mailer.feedback.models import FeedbackEvent
from subscribers import tokens, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.suppression import suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_preferences import lists_of, undo

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _listening() -> None:
    subscriber_signal_receivers.connect_signals()


@pytest.fixture
def receiver() -> Client:
    """A mail program: no cookies, no form of ours."""
    return Client(enforce_csrf_checks=True)


def way_out(person: Subscriber, newsletter: Newsletter) -> str:
    return f"/unsubscribe/{tokens.make_token('unsubscribe', person.pk, newsletter.pk)}/"


@pytest.mark.both_databases
def test_the_button_after_unsubscribing_resubscribes_as_new_consent(
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


def test_the_unsubscribe_link_offers_to_resubscribe_and_a_get_changes_nothing(
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
def test_no_resubscribe_button_unless_the_subscriber_unsubscribed(
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


def test_resubscribing_restores_only_the_newsletters_lists(
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


@pytest.mark.both_databases
def test_the_last_reason_for_unsubscribing_counts(
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
def test_an_unknown_reason_is_not_stored(
    receiver: Client, join: Join, newsletter: Newsletter, body: dict[str, str]
) -> None:
    person = join("olga")
    receiver.post(way_out(person, newsletter), ONE_CLICK)
    assert receiver.post(way_out(person, newsletter), body).status_code in (200, 400)
    assert reasons() == [""] and lists_of(person) == set()


def test_a_reason_after_a_month_is_not_stored(receiver: Client, join: Join, newsletter: Newsletter) -> None:
    person = join("olga")
    receiver.post(way_out(person, newsletter), ONE_CLICK)
    FeedbackEvent.objects.update(at=timezone.now() - timedelta(days=31))
    receiver.post(way_out(person, newsletter), {"why": "too_often"})
    assert reasons() == [""]


def test_unsubscribing_in_the_preference_center_asks_why_and_undo_deletes_the_event(
    client: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga")
    page = f"/preferences/{tokens.make_token('preferences', person.pk, newsletter.pk)}/"
    html = client.post(page, {"leave_all": "1"}).content.decode()
    assert "Would you tell us why?" in html
    assert "Thank you" in client.post(page, {"tell": "1", "why": "not_for_me"}).content.decode()
    assert reasons() == ["not_for_me"]
    client.post(page, undo(html))
    assert lists_of(person) == {"monthly"} and reasons() == []


def test_the_page_after_resubscribing_names_a_pause(
    receiver: Client, join: Join, newsletter: Newsletter
) -> None:
    person = join("olga", language="ru", paused_until=timezone.now() + timedelta(days=30))
    link = way_out(person, newsletter)
    receiver.post(link, ONE_CLICK)
    assert "ничего не придёт" in receiver.post(link, {"back": "1"}).content.decode()

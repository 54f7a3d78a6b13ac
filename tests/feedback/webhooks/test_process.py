"""The worker reads what was posted: each event once, whatever else is in its post."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.webhooks import process
from mailer.feedback.webhooks.models import ServiceContact, ServicePost
from mailer.feedback.webhooks.process import RESTS, work_off
from subscribers import suppression
from subscribers.models import Suppression
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import FULL, UNKNOWN, Mailjet, SparkPost

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def never():
    return False


def keep(service, told, at=NOW):
    """A post as the web process leaves it."""
    return ServicePost.objects.create(
        service=service.name, body=service.post(told, at).body, received_at=at, due_at=at
    )


@pytest.mark.parametrize("what", ["bounced", "complained"])
def test_an_event_that_is_posted_again_counts_once(told, message, what) -> None:
    """Mailgun and Svix sign each attempt anew, so the posts themselves differ."""
    event = told.bounced(message, FULL) if what == "bounced" else told.complained(message)
    for minutes in range(3):
        keep(told, event, NOW + timedelta(minutes=minutes))
    assert work_off(NOW + timedelta(hours=1), never) == 3
    keep(told, event)
    assert work_off(NOW, never) == 1
    heard = FeedbackEvent.objects.exclude(kind="unsubscribe")
    assert (heard.count(), ReturnedMessage.objects.count()) == (1, 1)
    assert not ServicePost.objects.exists()


def test_two_events_about_one_message_are_two(told, message) -> None:
    for number in (1, 2):
        keep(told, told.bounced(message._replace(number=number), FULL, hard=False))
    work_off(NOW, never)
    assert FeedbackEvent.objects.count() == 2


def test_a_suppression_that_a_person_lifted_is_not_revived_by_a_repeat(told, message) -> None:
    event = told.bounced(message, UNKNOWN)
    keep(told, event)
    work_off(NOW, never)
    suppression.lift(Suppression.objects.get(), "admin", NOW)
    keep(told, event)
    work_off(NOW, never)
    assert not suppression.is_suppressed(message.to)


def test_two_workers_at_once_count_an_event_once(postmark, message, monkeypatch) -> None:
    """The second finds that the first was faster between its look and its turn."""
    keep(postmark, postmark.bounced(message, FULL))
    genuine = process._put_into_effect

    def late(posts, read, now):
        assert genuine(posts, read, now) == 1
        return genuine(posts, read, now)

    monkeypatch.setattr(process, "_put_into_effect", late)
    assert work_off(NOW, never) == 0
    assert FeedbackEvent.objects.count() == 1


@pytest.mark.parametrize("body", [b"", b"\xff", b"7", b'"x"', b"null", b"[7]", b"[" * 50_000])
def test_what_is_no_event_is_tried_again_and_then_for_a_person(told, body) -> None:
    ServicePost.objects.create(service=told.name, body=body, received_at=NOW, due_at=NOW)
    moment = NOW
    for rest in RESTS:
        assert work_off(moment, never) == 1
        assert work_off(moment, never) == 0, "it rests"
        assert not ReturnedMessage.objects.exists()
        moment += rest
    assert work_off(moment, never) == 1
    kept = ReturnedMessage.objects.get()
    assert (kept.kind, kept.service) == ("other", told.name)
    assert not ServicePost.objects.exists()


def test_what_is_known_to_mean_nothing_is_for_nobody(postmark) -> None:
    ServicePost.objects.create(
        service="postmark", body=b'{"RecordType": "Open"}', received_at=NOW, due_at=NOW
    )
    work_off(NOW, never)
    assert not ReturnedMessage.objects.exists() and not ServicePost.objects.exists()


@pytest.mark.parametrize("service", [Mailjet, SparkPost])
def test_one_bad_event_of_a_list_holds_up_no_other(service, configure, monkeypatch, message) -> None:
    told = serve(service(), configure, monkeypatch)
    one, another = (told.bounced(message._replace(number=number), FULL, hard=False) for number in (1, 2))
    as_list = [*one, *another] if isinstance(one, list) else [one, another]
    as_list.insert(1, "no event")
    keep(told, as_list)
    work_off(NOW, never)
    assert FeedbackEvent.objects.count() == 2
    left = ServicePost.objects.get()
    assert (json.loads(bytes(left.body)), left.attempts) == (as_list[1], 1)
    assert left.due_at == NOW + RESTS[0]


def test_an_event_that_cannot_be_acted_upon_holds_up_no_other_and_is_tried_again(
    postmark, message, monkeypatch
) -> None:
    genuine = process.apply_all

    def stumble(readings, now):
        # All of it is done when it fails.
        genuine(readings, now)
        if any(origin.key.endswith("1") for _, origin in readings):
            raise LookupError("nobody thought of this")

    keep(postmark, postmark.bounced(message._replace(number=1), FULL, hard=False))
    keep(postmark, postmark.bounced(message._replace(number=2), FULL, hard=False))
    with monkeypatch.context() as broken:
        broken.setattr(process, "apply_all", stumble)
        work_off(NOW, never)
    assert FeedbackEvent.objects.count() == ReturnedMessage.objects.count() == 1
    work_off(NOW + RESTS[0], never)
    assert FeedbackEvent.objects.count() == 2


def test_when_the_database_fails_all_of_it_is_done_again(postmark, message, monkeypatch) -> None:
    def locked(*_):
        raise OperationalError("database is locked")

    keep(postmark, postmark.bounced(message, FULL))
    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(process, "apply_all", locked)
        work_off(NOW, never)
    left = ServicePost.objects.get()
    assert (left.attempts, ReturnedMessage.objects.count()) == (0, 0)
    work_off(NOW, never)
    assert FeedbackEvent.objects.count() == 1


def test_work_comes_to_an_end_when_it_is_asked_to(postmark, message) -> None:
    keep(postmark, postmark.bounced(message, FULL))
    assert work_off(NOW, lambda: True) == 0
    assert ServicePost.objects.exists()


def test_words_that_no_database_takes_are_taken_without_them(postmark, message) -> None:
    keep(postmark, postmark.bounced(message, "550 5.1.1 User\0 unknown \ud800"))
    work_off(NOW, never)
    assert FeedbackEvent.objects.get().reason == "unknown_user"


@pytest.mark.parametrize("days", [1, -400])
def test_a_date_that_cannot_be_true_is_that_of_the_post(told, message, days) -> None:
    keep(told, told.bounced(message._replace(at=NOW + timedelta(days=days)), FULL))
    work_off(NOW, never)
    assert FeedbackEvent.objects.get().at == NOW


def test_a_date_before_all_calendars_settles_a_doubt_all_the_same(postmark, message, delivery) -> None:
    delivery.state, delivery.accepted_at, delivery.doubts = "in_doubt", None, 1
    delivery.save()
    keep(postmark, postmark.delivered(message) | {"DeliveredAt": "0001-01-01T00:00:00+14:00"})
    work_off(NOW, never)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.accepted_at) == ("accepted", NOW)


def test_that_a_service_was_heard_is_noted(postmark, message) -> None:
    for minutes in (5, 0):
        keep(postmark, postmark.delivered(message), NOW + timedelta(minutes=minutes))
    work_off(NOW + timedelta(minutes=5), never)
    contact = ServiceContact.objects.get()
    assert (contact.service, contact.posts, contact.last_at) == ("postmark", 2, NOW + timedelta(minutes=5))


def test_failures_are_logged_without_what_was_posted(postmark, message, caplog) -> None:
    ServicePost.objects.create(
        service="postmark", body=json.dumps([message.to]).encode(), received_at=NOW, due_at=NOW
    )
    work_off(NOW, never)
    assert "action=hook_event_failed service=postmark" in caplog.text
    assert message.to not in caplog.text

"""A subscriber's data is downloaded and erased by a link that only their mailbox gets."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.feedback import subscriber_signal_receivers
from mailer.feedback.models import FeedbackEvent
from subscribers import tokens
from subscribers.consent import Channel, Evidence
from subscribers.models import (
    AddressChange,
    DataLink,
    MailingList,
    ReconfirmationCampaign,
    ReconfirmationRequest,
    Subscriber,
    Suppression,
)
from subscribers.privacy import erase_and_notify
from subscribers.subscribe import subscribe
from subscribers.suppression import active_suppression, suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_preferences import page_of

pytestmark = pytest.mark.both_databases


def link(client: Client, person: Subscriber, sent_emails: list[mail.EmailMessage]) -> str:
    client.post(page_of(person), {"own": "1"})
    return re.search(r"http://localhost:8000(/your-data/\S+)", sent_emails[-1].body)[1]  # type: ignore[index]


def test_all_data_is_downloaded_as_json_by_an_emailed_link(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], monthly: MailingList
) -> None:
    subscriber_signal_receivers.connect_signals()
    person = join("olga", language="kk", countries=("KZ",))
    client.post(
        page_of(person),
        {"language": "kk", "countries": ["KZ", "UZ"], "lists": [monthly.pk]},
        headers={"user-agent": "A browser"},
    )
    FeedbackEvent.objects.create(kind="bounce", subscriber=person.pk, diagnostic="452 full")
    AddressChange.objects.create(
        subscriber=person, old_email=person.email, new_email="x@example.net", requested_at=timezone.now()
    )
    question = ReconfirmationCampaign.objects.create(
        mailing_list=monthly, rule={}, deadline=timezone.localdate(), created_at=timezone.now()
    )
    ReconfirmationRequest.objects.create(campaign=question, subscriber=person, sent_at=timezone.now())
    suppress(person, Suppression.Reason.SOFT_BOUNCES, "452 full", timezone.now())
    page = link(client, person, sent_emails)
    assert sent_emails[-1].to == ["olga@example.org"] and sent_emails[-1].subject == "Сіздің деректеріңіз"
    # Looking hands nothing out.
    assert "olga@" not in client.get(page).content.decode()
    answer = client.post(page, {"download": "1"})
    assert answer["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer["Cache-Control"] == "no-store"
    told = json.loads(answer.content)
    assert (told["email"], told["countries"]) == ("olga@example.org", ["KZ", "UZ"])
    assert [row["event"] for row in told["consents"]] == ["preferences"]
    assert told["consents"][0]["text"].startswith("Мекенжайыңызды")
    assert (told["consents"][0]["network"], told["consents"][0]["user_agent"]) == (
        "127.0.0.0/24",
        "A browser",
    )
    assert told["feedback"][0]["diagnostic"] == "452 full" and told["deliveries"] == []
    assert told["address_changes"][0]["to"] == "x@example.net"
    assert [row["list"] for row in told["subscriptions"]] == ["monthly"]
    assert [(row["reason"], row["evidence"]) for row in told["suppressions"]] == [
        ("soft_bounces", "452 full")
    ]
    assert [(row["list"], row["confirmed_at"]) for row in told["questions"]] == [("monthly", None)]


def test_a_data_link_works_for_a_day_and_no_other_token_opens_the_page(client: Client, join: Join) -> None:
    person = join("olga")
    now = timezone.now()
    row = DataLink.objects.create(
        subscriber=person, address_hash=bytes(person.address_hash), requested_at=now
    )
    for token in (
        tokens.make_dated("data_access", row.pk, now - timedelta(days=1, minutes=2)),
        tokens.make_dated("data_access", row.pk + 999, now),
        tokens.make_token("preferences", row.pk, 0),
        "x",
    ):
        assert client.post(f"/your-data/{token}/", {"erase": "1"}).status_code == 404
    assert Subscriber.objects.filter(pk=person.pk).exists()


def test_the_data_link_is_sent_three_times_a_day(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    said = [client.post(page_of(person), {"own": "1"}).content.decode() for _ in range(4)]
    assert len(sent_emails) == 3
    assert "on its way to you" in said[2] and "too often" in said[3]


def test_erasure_names_its_consequences_and_sends_a_last_email(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="ru")
    page = link(client, person, sent_emails)
    html = client.get(page).content.decode()
    assert "Это нельзя отменить" in html and "отпечаток вашего адреса" in html
    client.post(page, {})
    assert Subscriber.objects.exists()
    assert "Ваши данные удалены" in client.post(page, {"erase": "1"}).content.decode()
    assert not Subscriber.objects.exists()
    assert (sent_emails[-1].subject, sent_emails[-1].to) == ("Ваши данные удалены", ["olga@example.org"])
    row = Suppression.objects.get()
    assert (row.reason, row.email, row.evidence) == ("erased", "", "")
    assert client.get(page).status_code == 404


def test_erasure_deletes_server_replies_and_the_last_email_expires(join: Join, settings: Any) -> None:
    settings.EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"
    subscriber_signal_receivers.connect_signals()
    person = join("olga")
    FeedbackEvent.objects.create(kind="bounce", subscriber=person.pk, diagnostic="<olga@example.org>: full")
    now = timezone.now()
    outbox.enqueue("news@example.org", person.email, b"To: olga@example.org\r\n", now - timedelta(days=3))
    erase_and_notify.erase_and_notify(person, now)
    assert OutboxMessage.objects.count() == 1
    assert FeedbackEvent.objects.get().diagnostic == ""
    # What still waits is kept.
    assert outbox.delete_old(now + timedelta(days=31)) == 0
    OutboxMessage.objects.update(state=OutboxMessage.State.SENT)
    assert outbox.delete_old(now + timedelta(days=29)) == 0
    assert outbox.delete_old(now + timedelta(days=31)) == 1


def test_an_erased_address_returns_by_a_confirmed_sign_up_only(
    monthly: MailingList, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    erase_and_notify.erase_and_notify(join("olga"), timezone.now())
    now = timezone.now()
    subscribe.request_signup("olga@example.org", [monthly.pk], "en", (), Evidence(Channel.FORM), now)
    person = Subscriber.objects.get()
    assert active_suppression(person) is not None
    assert sent_emails[-1].subject == "Confirm your subscription"
    subscribe.confirm_signup(person, Evidence(Channel.EMAIL_LINK), now)
    assert active_suppression(person) is None

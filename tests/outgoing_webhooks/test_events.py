"""Which events make messages, in which transaction, and what the messages hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from mailer.approval import snapshot_state_changes
from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Delivery
from mailer.delivery.rollout import advance_mailings, mailing_control
from mailer.feedback import ingest_returned_mail
from mailer.outgoing_webhooks import endpoints
from mailer.outgoing_webhooks.events import EVENT_TYPES
from mailer.outgoing_webhooks.models import WebhookEndpoint, WebhookMessage
from subscribers import suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList
from subscribers.subscribe import subscribe
from tests import cast as everyone
from tests.api.client import Api
from tests.desk import cast
from tests.desk.cast import Desk

pytestmark = pytest.mark.both_databases


@pytest.fixture
def endpoint(db: None) -> WebhookEndpoint:
    made, _ = endpoints.create("CRM", "https://crm.example.org/", [*EVENT_TYPES], "lola", timezone.now())
    return made


def told() -> list[tuple[str, dict[str, Any]]]:
    """Type and data of every message, in order."""
    bodies = [json.loads(one.body) for one in WebhookMessage.objects.order_by("pk")]
    return [(body["type"], body["data"]) for body in bodies]


def test_what_subscribers_do(endpoint: WebhookEndpoint, desk: Desk) -> None:
    monthly = MailingList.objects.order_by("pk")[0]
    evidence, now = Evidence(Channel.FORM), timezone.now()
    subscribe.request_signup("new@example.net", [monthly.pk], "ru", (), evidence, now)
    reader = monthly.subscriptions.latest("pk").subscriber
    assert told() == []
    subscribe.confirm_signup(reader, evidence, now)
    unsubscribe.unsubscribe(reader.pk, [monthly.pk], 7, evidence, now)
    suppression.suppress(reader, "complaint", "ARF", now)
    suppression.suppress(reader, "complaint", "again", now)
    assert [name for name, _ in told()] == [
        "subscriber.confirmed",
        "subscriber.unsubscribed",
        "subscriber.suppressed",
    ]
    assert told()[1][1] == {"subscriber": reader.pk, "lists": [monthly.pk], "newsletter": 7}
    assert told()[2][1]["reason"] == "complaint"
    assert not [one for one in WebhookMessage.objects.all() if "@" in one.body or "example" in one.body]


def test_a_confirmed_subscription_that_is_restored_is_told(endpoint: WebhookEndpoint, desk: Desk) -> None:
    monthly = MailingList.objects.order_by("pk")[0]
    other = MailingList.objects.create(slug="other", name="Other")
    evidence, now = Evidence(Channel.DESK), timezone.now()
    subscribe.request_signup("new@example.net", [monthly.pk], "ru", (), evidence, now)
    reader = monthly.subscriptions.latest("pk").subscriber
    subscribe.confirm_signup(reader, evidence, now)
    subscribe.request_signup(reader.email, [other.pk], "ru", (), evidence, now)
    unsubscribe.unsubscribe_all(reader.pk, None, evidence, now)
    assert unsubscribe.restore(reader.pk, now, evidence, now) == (monthly.pk, other.pk)
    assert told()[-2:] == [
        (
            "subscriber.unsubscribed",
            {"subscriber": reader.pk, "lists": [monthly.pk, other.pk], "newsletter": None},
        ),
        ("subscriber.confirmed", {"subscriber": reader.pk, "lists": [monthly.pk]}),
    ]


def test_bounces_and_complaints(endpoint: WebhookEndpoint, desk: Desk) -> None:
    notice = (
        b"From: MAILER-DAEMON@mx.example.net\r\nTo: bounces@news.example.org\r\nSubject: Undelivered\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        b"Final-Recipient: rfc822; " + desk.reader.email.encode() + b"\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n\r\n--b--\r\n"
    )
    ingest_returned_mail.ingest_message(notice, timezone.now())
    bounces = [data for name, data in told() if name == "subscriber.bounced"]
    assert [(one["subscriber"], one["class"]) for one in bounces] == [(desk.reader.pk, "hard")]
    ingest_returned_mail.ingest_message(notice, timezone.now())
    assert len([name for name, _ in told() if name == "subscriber.bounced"]) == 1


def test_an_edition_from_submission_to_its_end(endpoint: WebhookEndpoint, desk: Desk) -> None:
    snapshot = cast.approved(desk)
    now = timezone.now()
    snapshot_state_changes.schedule(snapshot, desk.approver, None, now)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(now + timezone.timedelta(hours=1))
    mailing_control.pause(mailing, desk.approver, now)
    mailing_control.resume(mailing, desk.approver, now)
    assert mailing_control.pause_automatically(mailing.pk, "breaker")
    mailing_control.resume(mailing, desk.approver, now)
    Delivery.objects.filter(mailing=mailing).update(state=Delivery.State.ACCEPTED)
    assert recover_and_finish.finish_mailings(now) == [mailing.pk]
    assert [name for name, _ in told()] == [
        "edition.submitted",
        "edition.approved",
        "mailing.started",
        "mailing.paused",
        "mailing.resumed",
        "mailing.paused",
        "mailing.resumed",
        "mailing.finished",
    ]
    assert told()[0][1]["hash"] == snapshot.sha256
    assert told()[2][1]["mailing"] == mailing.pk


def test_dry_runs_are_told_to_nobody(endpoint: WebhookEndpoint, desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    WebhookMessage.objects.all().delete()
    dry = mailing_control.create_dry_run_mailing(snapshot, desk.admin.email, 1, desk.admin, timezone.now())
    advance_mailings.create_and_start_or_hold_due_mailings(timezone.now())
    mailing_control.cancel(dry, desk.admin, timezone.now())
    assert told() == []


def test_an_import_is_told_once(endpoint: WebhookEndpoint, desk: Desk) -> None:
    from subscribers.imports import job_lifecycle

    api, monthly = Api.of(desk.admin), MailingList.objects.order_by("pk")[0]
    content = "email\n" + "".join(f"reader{number}@example.net\n" for number in range(3))
    made = api.post("/imports", {"list": monthly.pk, "source": "Paper forms", "content": content}).json()
    api.send("PUT", f"/imports/{made['id']}/columns", {})
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)
    api.post(f"/imports/{made['id']}/apply", {})
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)
    data = {"import": made["id"], "list": monthly.pk, "read": 3, "added": 3, "updated": 0}
    assert told() == [("import.finished", data)]


def test_what_is_rolled_back_is_told_to_nobody(endpoint: WebhookEndpoint, desk: Desk) -> None:
    with transaction.atomic():
        suppression.suppress(desk.reader, "manual", "asked", timezone.now())
        assert told()
        transaction.set_rollback(True)
    assert told() == []


def test_an_endpoint_gets_what_it_chose_while_it_is_active(endpoint: WebhookEndpoint, desk: Desk) -> None:
    now = timezone.now()
    other, _ = endpoints.create("BI", "https://bi.example.org/", ["mailing.finished"], "lola", now)
    suppression.suppress(everyone.reader("one"), "manual", "asked", now)
    endpoints.set_active(endpoint, active=False)
    suppression.suppress(everyone.reader("two"), "manual", "asked", now)
    assert [(one.endpoint, one.event_type) for one in WebhookMessage.objects.all()] == [
        (endpoint, "subscriber.suppressed")
    ]
    assert not other.messages.exists()

"""Alerts: by email and by webhook, once an hour."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest

from mailer.delivery.models import Alert
from mailer.delivery.outbox import alerts
from mailer.delivery.rollout import control
from tests import cast
from tests.delivery.cast import NOW, readers, released
from tests.loopback import Quiet, serving

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@contextmanager
def hook(status: int = 200) -> Iterator[tuple[str, list[dict]]]:
    """A webhook on loopback: its address, and the bodies it received."""
    received: list[dict] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}/hook", received


@pytest.fixture
def mailing(configure):
    readers(1)
    return released()


def test_users_who_manage_accounts_get_the_email(mailing, mailoutbox):
    alerts.raise_alert("relay_unreachable", "The relay answers no more.", mailing.pk, NOW)
    (mail,) = mailoutbox
    assert mail.to == ["admin@office.example.org"]
    assert "The relay answers no more." in mail.body
    assert f"/desk/editions/{mailing.edition_id}/report/" in mail.body


def test_configured_addresses_get_it_instead(mailing, mailoutbox, configure):
    configure(alerts={"email": ("duty@example.org", "second@example.org")})
    alerts.raise_alert("relay_unreachable", "Away.", mailing.pk, NOW)
    assert [mail.to for mail in mailoutbox] == [["duty@example.org"], ["second@example.org"]]


def test_one_kind_and_mailing_notifies_once_an_hour(mailing, mailoutbox):
    for minutes in (0, 1, 59):
        alerts.raise_alert("relay_unreachable", "Away.", mailing.pk, NOW + timedelta(minutes=minutes))
    assert len(mailoutbox) == 1
    alerts.raise_alert("step_stopped", "Stopped.", mailing.pk, NOW)
    alerts.raise_alert("relay_unreachable", "Away.", None, NOW)
    assert len(mailoutbox) == 3
    alerts.raise_alert("relay_unreachable", "Away again.", mailing.pk, NOW + timedelta(minutes=60))
    assert len(mailoutbox) == 4
    assert Alert.objects.get(kind="relay_unreachable", mailing=mailing).message == "Away again."


def test_the_webhook_gets_json_once(mailing, configure):
    with hook() as (address, received):
        configure(alerts={"webhook": address})
        alerts.raise_alert("step_stopped", "Stopped after the first 2 %.", mailing.pk, NOW)
        assert received == []
        assert (alerts.post_due(NOW), alerts.post_due(NOW + timedelta(hours=1))) == (1, 0)
    (body,) = received
    assert body["text"] == "Stopped after the first 2 %." and body["kind"] == "step_stopped"
    assert body["edition"] == mailing.edition.slug


@pytest.mark.parametrize("status", [500, 302])
def test_a_failing_webhook_is_tried_ten_times(mailing, configure, status):
    with hook(status) as (address, received):
        configure(alerts={"webhook": address})
        alerts.raise_alert("relay_unreachable", "Away.", mailing.pk, NOW)
        at = NOW
        for _ in range(40):
            alerts.post_due(at)
            at += timedelta(hours=1)
    assert len(received) == 10
    assert Alert.objects.get().webhook_due_at is None


def test_an_unreachable_webhook_stops_nothing(mailing, configure, mailoutbox):
    configure(alerts={"webhook": "http://127.0.0.1:1/hook"})
    alerts.raise_alert("relay_unreachable", "Away.", mailing.pk, NOW)
    assert alerts.post_due(NOW) == 0
    assert len(mailoutbox) == 1 and Alert.objects.get().webhook_due_at == NOW + timedelta(minutes=1)


def test_an_alert_is_active_until_the_mailing_is_resumed(mailing):
    control.pause_automatically(mailing.pk, "The relay answers no more.")
    alerts.raise_alert("relay_unreachable", "The relay answers no more.", mailing.pk, NOW)
    assert [alert.message for alert in alerts.active(NOW)] == ["The relay answers no more."]
    mailing.refresh_from_db()
    control.resume(mailing, None, NOW)
    assert alerts.active(NOW) == []


def test_an_alert_without_a_mailing_is_active_for_an_hour(mailing):
    alerts.raise_alert("relay_unreachable", "The relay answers no more.", None, NOW)
    assert len(alerts.active(NOW + timedelta(minutes=59))) == 1
    assert alerts.active(NOW + timedelta(minutes=61)) == []


def test_an_inactive_admin_gets_nothing(mailing, mailoutbox):
    cast.User.objects.filter(username="admin").update(is_active=False)
    alerts.raise_alert("relay_unreachable", "Away.", mailing.pk, NOW)
    assert mailoutbox == []

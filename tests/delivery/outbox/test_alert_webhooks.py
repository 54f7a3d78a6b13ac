"""Alerts by webhook: signed, retried for each URL on its own, and never to where they must not go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from standardwebhooks.webhooks import Webhook
from typer.testing import CliRunner

from mailer.cli import alerts as command
from mailer.config import ConfigError, parse
from mailer.delivery.models import AlertPost
from mailer.delivery.outbox import alert_webhooks, staff_alerts
from mailer.delivery.outbox.webhook_signature import new_secret
from tests.delivery.cast import NOW, readers, released
from tests.loopback import Quiet, serving

pytestmark = pytest.mark.django_db


@contextmanager
def hook(status: int = 200) -> Iterator[tuple[str, list[tuple[dict, bytes]]]]:
    """A webhook on loopback: its address, and headers and body of what it received."""
    received: list[tuple[dict, bytes]] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((dict(self.headers), body))
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


@pytest.mark.both_databases
def test_every_webhook_gets_a_signed_alert_once(mailing, configure):
    secret, now = new_secret(), datetime.now(UTC)
    with hook() as (one, first), hook() as (other, second):
        configure(alerts={"webhooks": (one, other), "webhook_secret": secret, "private_webhooks": True})
        staff_alerts.alert_sending_stopped("step_stopped", "Stopped after the first 2 %.", mailing.pk, now)
        assert first == second == []
        assert (
            alert_webhooks.post_due_and_count_accepted(now),
            alert_webhooks.post_due_and_count_accepted(now + timedelta(hours=1)),
        ) == (2, 0)
    for headers, body in (*first, *second):
        message = Webhook(secret).verify(body, headers)
        assert (message["type"], message["text"]) == ("alert.raised", "Stopped after the first 2 %.")
        assert message["data"]["kind"] == "step_stopped" and message["data"]["stopped"] is True
        assert message["data"]["edition"] == mailing.edition.slug
        assert headers["Content-Type"] == "application/json"
    assert len(first) == len(second) == 1


def test_each_attempt_has_the_same_id_and_a_new_time(mailing, configure):
    secret, now = new_secret(), datetime.now(UTC) - timedelta(minutes=2)
    with hook(500) as (address, received):
        configure(alerts={"webhooks": (address,), "webhook_secret": secret, "private_webhooks": True})
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, now)
        for minutes in (0, 1):
            alert_webhooks.post_due_and_count_accepted(now + timedelta(minutes=minutes))
    (before, body), (after, _) = received
    assert before["webhook-id"] == after["webhook-id"]
    assert int(after["webhook-timestamp"]) == int(before["webhook-timestamp"]) + 60
    Webhook(secret).verify(body, after)


@pytest.mark.parametrize("status", [500, 302])
def test_a_failing_webhook_is_tried_ten_times_and_delays_no_other(mailing, configure, status):
    with hook(status) as (bad, failed), hook() as (good, received):
        configure(alerts={"webhooks": (bad, good), "private_webhooks": True})
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
        at = NOW
        for _ in range(40):
            alert_webhooks.post_due_and_count_accepted(at)
            at += timedelta(hours=1)
    assert (len(failed), len(received)) == (10, 1)
    assert "webhook-signature" not in received[0][0]
    rows = AlertPost.objects.order_by("attempts").values_list("attempts", "due_at", "accepted_at", "reply")
    assert list(rows) == [(1, None, NOW, "status 200"), (10, None, None, f"status {status}")]


def test_a_receiver_that_is_gone_is_asked_once(mailing, configure):
    with hook(410) as (address, received):
        configure(alerts={"webhooks": (address,), "private_webhooks": True})
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
        for days in range(3):
            alert_webhooks.post_due_and_count_accepted(NOW + timedelta(days=days))
    assert len(received) == 1


def test_an_unreachable_webhook_stops_nothing(mailing, configure, mailoutbox):
    configure(alerts={"webhooks": ("http://127.0.0.1:1/hook",), "private_webhooks": True})
    staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
    assert alert_webhooks.post_due_and_count_accepted(NOW) == 0
    row = AlertPost.objects.get()
    assert (len(mailoutbox), row.due_at, row.reply) == (1, NOW + timedelta(minutes=1), "FetchError")


def test_a_private_address_is_not_posted_to_unless_that_is_configured(mailing, configure):
    with hook() as (address, received):
        configure(alerts={"webhooks": (address,)})
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
        alert_webhooks.post_due_and_count_accepted(NOW)
    assert (received, AlertPost.objects.get().reply) == ([], "ForbiddenAddress")


@pytest.mark.both_databases
def test_a_new_alert_takes_the_place_of_the_last_and_a_removed_webhook_gets_none(mailing, configure):
    with hook() as (old, received), hook() as (new, others):
        configure(alerts={"webhooks": (old,), "private_webhooks": True})
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
        later = NOW + timedelta(hours=2)
        staff_alerts.alert_sending_stopped("relay_unreachable", "Away again.", mailing.pk, later)
        assert AlertPost.objects.count() == 1
        configure(alerts={"webhooks": (new,)})
        assert alert_webhooks.post_due_and_count_accepted(later) == 0
    assert (received, others, AlertPost.objects.count()) == ([], [], 0)


def test_the_test_command_reports_each_webhook(mailing, configure, mailoutbox):
    secret = new_secret()
    with hook() as (good, received), hook(503) as (bad, _):
        configure(alerts={"webhooks": (good,), "webhook_secret": secret, "private_webhooks": True})
        assert CliRunner().invoke(command.app, ["test"]).exit_code == 0
        configure(alerts={"webhooks": (good, bad)})
        done = CliRunner().invoke(command.app, ["test", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["emails"]) == (1, 1)
    assert [(one["accepted"], one["reply"]) for one in found["webhooks"]] == [
        (True, "status 200"),
        (False, "status 503"),
    ]
    headers, body = received[0]
    assert Webhook(secret).verify(body, headers)["type"] == "alert.test"
    assert len(mailoutbox) == 2 and not AlertPost.objects.exists()


def test_the_test_command_advises_what_to_correct_where_no_webhook_answers(mailing, configure):
    configure(alerts={"webhooks": ("http://127.0.0.1:1/hook",), "private_webhooks": True})
    unanswered = CliRunner().invoke(command.app, ["test"])
    configure(alerts={"webhooks": ("http://127.0.0.1:1/hook",), "private_webhooks": False})
    forbidden = CliRunner().invoke(command.app, ["test"])
    assert unanswered.exit_code == forbidden.exit_code == 1
    assert "certificate" in unanswered.stdout and "private_webhooks" in forbidden.stdout


def test_the_secret_of_the_command_can_be_configured(tmp_path):
    secret = CliRunner().invoke(command.app, ["secret"]).stdout.strip()
    site = {"url": "https://news.example.org", "name": "Office"}

    def read(**alerts: object) -> tuple[str, ...]:
        table = {"site": site, "alerts": alerts}
        return parse(table, {}, home=tmp_path, origin="config.toml").alerts.secrets

    assert read(webhook_secret=f"{secret} {new_secret()}")[0] == secret
    for wrong in (
        {"webhook_secret": secret[:-16]},
        {"webhooks": ["ftp://x.example/"]},
        {"webhooks": ["https://a:b@x.example/"]},
    ):
        with pytest.raises(ConfigError, match=r"\[alerts\]") as caught:
            read(**wrong)
        assert secret[6:20] not in str(caught.value) and "x.example" not in str(caught.value)

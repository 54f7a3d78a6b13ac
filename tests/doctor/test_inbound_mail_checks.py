"""Checks of returned mail and webhooks against real servers on loopback."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from mailer.config import Service
from mailer.demo.folder import free_port
from mailer.doctor import inbound_mail_checks
from mailer.feedback.models import WebhookHeartbeat, WebhookPayload
from mailer.feedback.sources import lmtp
from mailer.feedback.webhooks.process_payloads import process_due
from tests.feedback.sources.fake_imap import Imapd
from tests.feedback.webhooks.documented import SECRET, SERVICES

NOW = timezone.now()


def statuses(findings) -> dict[str, str]:
    return {found.check: found.status for found in findings}


class Office:
    """A mail server that gives `reply` to every recipient."""

    def __init__(self, reply: str) -> None:
        self.reply, self.asked, self.messages = reply, [], 0

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.asked.append((envelope.mail_from, address))
        envelope.rcpt_tos.append(address)
        return self.reply

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.messages += 1
        return "250 taken"


@pytest.mark.parametrize(
    ("reply", "status", "detail"),
    [
        ("250 2.1.5 ok", "ok", "mx.example.org"),
        ("550 5.1.1 no", "problem", "550"),
        ("451 4.7.1 later", "warning", "451"),
    ],
)
def test_the_bounce_domains_server_is_asked_if_it_accepts_bounces(zone, context, reply, status, detail):
    zone.has("bounces.example.org", "MX", "20 away.example.org.", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "127.0.0.1")
    office = Office(reply)
    server = Controller(office, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        bounces = {"domain": "bounces.example.org"}
        (found,) = inbound_mail_checks.check_bounce_mx(context(bounces=bounces, mx_port=server.port))
    finally:
        server.stop()
    assert found.status == status and detail in found.message
    assert office.messages == 0
    assert office.asked[0][0] in ("", "<>") and office.asked[0][1].endswith("@bounces.example.org")


def test_a_bounce_domain_without_mx_gets_the_record_to_publish(zone, context):
    (found,) = inbound_mail_checks.check_bounce_mx(context(bounces={"domain": "bounces.example.org"}))
    assert found.status == "problem" and found.records[0].type == "MX"
    assert "no bounces arrive" in found.message
    read = context(bounces={"domain": "bounces.example.org", "maildir": "box"})
    (with_mailbox,) = inbound_mail_checks.check_bounce_mx(read)
    assert with_mailbox.records == found.records and "no bounces arrive" not in with_mailbox.message
    zone.has("bounces.example.org", "MX", "0 .")
    (found,) = inbound_mail_checks.check_bounce_mx(context(bounces={"domain": "bounces.example.org"}))
    assert found.status == "problem"


def test_an_esp_with_an_envelope_sender_of_its_own_needs_no_mx_but_for_unsubscription_by_email(context):
    esp = {"name": "postmark", "key": "k", "webhook_secret": SECRET}
    (found,) = inbound_mail_checks.check_bounce_mx(context(service=esp, bounces={"domain": ""}))
    assert found.status == "skipped"
    own = context(service=esp, bounces={"domain": "bounces.example.org"})
    (found,) = inbound_mail_checks.check_bounce_mx(own)
    assert found.status == "problem" and "unsubscribe" in found.message and found.records[0].type == "MX"
    (unread,) = inbound_mail_checks.check_sources(own.config, 1)
    assert unread.status == "warning" and "by email" in unread.message


def test_an_esp_that_takes_our_envelope_sender_returns_bounces_to_us(context):
    esp = {"name": "amazon_ses", "key": "k", "secret": "s"}
    office = context(service=esp, bounces={"domain": "bounces.example.org", "maildir": "box"})
    (found,) = inbound_mail_checks.check_bounce_mx(office)
    assert found.status == "problem" and "bounce mailbox" in found.message


def test_a_null_mx_is_a_problem_and_an_unreachable_server_a_warning(zone, context):
    zone.has("bounces.example.org", "MX", "0 .")
    zone.has("quiet.example.org", "MX", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "127.0.0.1")
    (found,) = inbound_mail_checks.check_bounce_mx(context(bounces={"domain": "bounces.example.org"}))
    assert "null MX" in found.message
    (found,) = inbound_mail_checks.check_bounce_mx(
        context(bounces={"domain": "quiet.example.org"}, mx_port=1)
    )
    assert found.status == "warning" and "cannot be reached" in found.message and "port 25" in found.advice


def test_the_maildir_must_exist_and_be_accessible(context, tmp_path):
    config = context(bounces={"maildir": str(tmp_path / "box")}).config
    (found,) = inbound_mail_checks.check_sources(config, 2)
    assert found.status == "problem" and "mkdir" in found.advice
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    (tmp_path / "box" / "new" / "1").write_text("x")
    (found,) = inbound_mail_checks.check_sources(config, 2)
    assert found.status == "ok" and "waiting: 1" in found.message
    if os.geteuid():
        (tmp_path / "box" / "new").chmod(0)
        (found,) = inbound_mail_checks.check_sources(config, 2)
        assert found.status == "problem"
    assert next(iter(inbound_mail_checks.check_sources(context().config, 2))).status == "warning"


@pytest.mark.django_db
def test_an_imap_mailbox_is_opened_without_changing_it(context):
    with Imapd() as server:
        server.messages = {1: b"one", 2: b"two"}
        there = {"imap_host": "127.0.0.1", "imap_port": server.port, "imap_security": "none"}
        (found,) = inbound_mail_checks.check_sources(context(bounces=there).config, 2)
        assert found.status == "ok" and "waiting: 2" in found.message
        assert not {"FETCH", "STORE"} & {line.split()[0] for line in server.heard}
        server.refused = {"LOGIN"}
        (found,) = inbound_mail_checks.check_sources(context(bounces=there).config, 2)
        assert found.status == "problem"


def test_the_worker_must_answer_on_the_lmtp_port(context):
    with lmtp.Server("127.0.0.1", 0, lambda raw, to: None) as server:
        config = context(bounces={"lmtp_port": server.server_address[1]}).config
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        (found,) = inbound_mail_checks.check_sources(config, 2)
        serving.join()
        assert found.status == "ok"
    (found,) = inbound_mail_checks.check_sources(config, 2)
    assert found.status == "problem"


@pytest.fixture
def look(context):
    """look(service, webhook_secret=…) examines that configuration."""

    def examine(name, **more):
        config = context(site={"url": "https://news.example.org"}, service={"name": name, **more}).config
        return list(inbound_mail_checks.check_webhooks(config, NOW))

    return examine


@pytest.mark.django_db
def test_without_an_esp_there_is_no_webhook_result(look):
    assert look("") == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(SERVICES))
def test_an_esp_without_webhooks_is_a_warning_with_advice(look, name):
    (found,) = look(name)
    assert found.status == "warning"
    assert f"/hooks/{name}/" in found.advice
    assert ("webhook_topics" if name == "amazon_ses" else "webhook_secret") in found.advice


@pytest.mark.django_db
def test_the_proposed_webhook_password_is_new_and_valid(look):
    proposed = {look("postmark")[0].advice.split('"')[1] for _ in range(2)}
    assert len(proposed) == 2
    for password in proposed:
        Service(name="postmark", key="k", webhook_secret=password).check()


@pytest.mark.django_db
def test_before_the_first_webhook_the_url_is_shown_without_the_password(look):
    (found,) = look("postmark", webhook_secret=SECRET)
    assert found.status == "warning"
    assert "https://hooks:WEBHOOK_SECRET@news.example.org/hooks/postmark/" in found.advice
    assert SECRET not in str(found)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(inbound_mail_checks._SIGNING_KEYS))
def test_esps_that_sign_need_no_password_in_the_url(look, name):
    (found,) = look(name, webhook_secret=SECRET)
    assert f" https://news.example.org/hooks/{name}/ " in found.advice


@pytest.mark.django_db
def test_a_received_webhook_is_shown_before_and_after_it_is_processed(look):
    WebhookPayload.objects.create(service="postmark", body=b"{}", received_at=NOW, due_at=NOW)
    for _ in range(2):
        (found,) = look("postmark", webhook_secret=SECRET)
        assert (found.status, found.message) == (
            "ok",
            f"The last webhook of the email service arrived on {NOW:%-d %B %Y, %H:%M} UTC.",
        )
        process_due(NOW, lambda: False)
    assert WebhookHeartbeat.objects.get().payload_count == 1


@pytest.mark.django_db
def test_unprocessed_webhooks_are_a_problem(look):
    old = NOW - timedelta(hours=1)
    WebhookPayload.objects.create(service="postmark", body=b"{}", received_at=old, due_at=old)
    (found,) = look("postmark", webhook_secret=SECRET)
    assert found.status == "problem"


def test_with_webhooks_no_bounce_mailbox_is_needed(context):
    service = {"name": "postmark", "webhook_secret": SECRET}
    none = {"domain": ""}
    (found,) = inbound_mail_checks.check_sources(context(service=service, bounces=none).config, 1)
    assert (found.status, found.advice) == ("skipped", "")
    unset = context(service={"name": "postmark"}, bounces=none)
    (found,) = inbound_mail_checks.check_sources(unset.config, 1)
    assert found.status == "warning"

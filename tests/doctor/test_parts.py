"""Relay, the way back and the pages, each looked at as it is: real servers on loopback."""

from __future__ import annotations

import http.server
import os
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller

from mailer.delivery.smtp import base
from mailer.demo.folder import free_port
from mailer.doctor import inbound, pages, relay
from mailer.feedback.sources import lmtp
from subscribers import tokens
from subscribers.models import Subscription
from tests import cast
from tests.delivery.relay import Relay, Script
from tests.feedback.imapd import Imapd

NOW = datetime.now(UTC)


def verdicts(findings) -> dict[str, str]:
    return {found.check: found.verdict for found in findings}


def test_a_relay_is_greeted_and_signed_into_and_sent_nothing(world, certificate):
    trusting, server = certificate
    script = Script(tls=server, login=("mailer", "secret"))
    with Relay(script) as there:
        one = base.Relay(
            "localhost", there.port, "starttls", username="mailer", password="secret", trust=trusting
        )
        found = list(relay.relay(world(), one, NOW - timedelta(days=30)))
        assert verdicts(found) == {"relay": "ok", "tls": "ok"}
        assert "PIPELINING" in found[0].seen and "signed in as mailer" in found[0].seen
        assert "TLSv1" in found[1].seen
        assert not any(line.startswith(("MAIL", "RCPT", "DATA")) for line in there.commands)
        (soon,) = [one for one in relay.relay(world(), one, NOW) if one.check == "tls"]
        assert soon.verdict == "warning" and "renew" in soon.advice


def test_what_keeps_a_relay_from_working_is_said(world, certificate):
    with Relay(Script(login=("mailer", "secret"))) as there:
        wrong = base.Relay("localhost", there.port, username="mailer", password="guess")
        (found,) = relay.relay(world(), wrong, NOW)
        assert found.verdict == "problem" and "535" in found.seen
        (found,) = relay.relay(world(), base.Relay("localhost", there.port, "starttls"), NOW)
        assert found.verdict == "problem" and "STARTTLS" in found.seen
    (found,) = relay.relay(world(), base.Relay("localhost", there.port), NOW)
    assert found.verdict == "problem" and "cannot be reached" in found.seen
    with Relay(Script(greeting="554 go away")) as there:
        (found,) = relay.relay(world(), base.Relay("localhost", there.port), NOW)
        assert found.verdict == "problem" and "go away" in found.seen


def test_a_relay_that_takes_only_small_mails_is_a_warning(world):
    with Relay(Script(offers=("SIZE 50000",))) as there:
        found = list(relay.relay(world(), base.Relay("localhost", there.port), NOW))
    assert [one.verdict for one in found] == ["ok", "warning"] and "50 KB" in found[1].seen


def test_a_silent_relay_is_given_up_in_time(world):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        (found,) = relay.relay(world(), base.Relay("localhost", port), NOW)
    assert found.verdict == "problem"


@pytest.mark.parametrize(
    ("host", "pointer", "verdict"),
    [
        ("localhost", "news.example.org.", "ok"),
        ("localhost", "elsewhere.example.net.", "problem"),
        ("localhost", "", "problem"),
        ("mail.example.net", "", "warning"),
    ],
)
def test_the_sending_address_must_have_a_name_that_leads_back(zone, world, host, pointer, verdict):
    zone.has("news.example.org", "A", "192.0.2.50")
    zone.has("mail.example.net", "A", "192.0.2.50")
    zone.has("elsewhere.example.net", "A", "192.0.2.51")
    if pointer:
        zone.has("50.2.0.192.in-addr.arpa", "PTR", pointer)
    (found,) = relay.reverse_dns(world(smtp={"host": host}))
    assert found.verdict == verdict
    if verdict == "problem":
        assert (found.records[0].name, found.records[0].value) == (
            "50.2.0.192.in-addr.arpa",
            "news.example.org.",
        )


@pytest.mark.parametrize("address", ["10.0.0.7", "127.0.0.1"])
def test_an_address_inside_says_nothing_about_outside(zone, world, address):
    zone.has("mail.example.net", "A", address)
    (found,) = relay.reverse_dns(world())
    assert found.verdict == "skipped"


class Office:
    """A mail server that answers a recipient as it is told, and wants nothing else."""

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
    ("reply", "verdict", "words"),
    [
        ("250 2.1.5 ok", "ok", "takes mail"),
        ("550 5.1.1 no", "problem", "550"),
        ("451 4.7.1 later", "warning", "451"),
    ],
)
def test_the_bounce_domain_s_server_is_asked_whether_it_takes_bounces(zone, world, reply, verdict, words):
    zone.has("bounces.example.org", "MX", "20 away.example.org.", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "127.0.0.1")
    office = Office(reply)
    server = Controller(office, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        bounces = {"domain": "bounces.example.org"}
        (found,) = inbound.exchanger(world(bounces=bounces, mx_port=server.port))
    finally:
        server.stop()
    assert found.verdict == verdict and words in found.seen
    assert office.messages == 0
    assert office.asked[0][0] in ("", "<>") and office.asked[0][1].endswith("@bounces.example.org")


def test_a_bounce_domain_without_a_server_gets_its_record(zone, world):
    (found,) = inbound.exchanger(world(bounces={"domain": "bounces.example.org"}))
    assert found.verdict == "problem" and found.records[0].type == "MX"
    zone.has("bounces.example.org", "MX", "0 .")
    (found,) = inbound.exchanger(world(bounces={"domain": "bounces.example.org"}))
    assert found.verdict == "problem"


def test_a_null_mx_and_a_silent_server_are_told_apart(zone, world):
    zone.has("bounces.example.org", "MX", "0 .")
    zone.has("quiet.example.org", "MX", "10 mx.example.org.")
    zone.has("mx.example.org", "A", "127.0.0.1")
    (found,) = inbound.exchanger(world(bounces={"domain": "bounces.example.org"}))
    assert "null MX" in found.seen
    (found,) = inbound.exchanger(world(bounces={"domain": "quiet.example.org"}, mx_port=1))
    assert found.verdict == "warning" and "could not be asked" in found.seen and "port 25" in found.advice


def test_the_mailbox_must_be_a_maildir_that_we_may_use(world, tmp_path):
    config = world(bounces={"maildir": str(tmp_path / "box")}).config
    (found,) = inbound.ways_in(config, 2)
    assert found.verdict == "problem" and "mkdir" in found.advice
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    (tmp_path / "box" / "new" / "1").write_text("x")
    (found,) = inbound.ways_in(config, 2)
    assert found.verdict == "ok" and "waiting in it: 1" in found.seen
    if os.geteuid():
        (tmp_path / "box" / "new").chmod(0)
        (found,) = inbound.ways_in(config, 2)
        assert found.verdict == "problem"
    assert next(iter(inbound.ways_in(world().config, 2))).verdict == "warning"


@pytest.mark.django_db
def test_a_mailbox_on_a_server_is_opened_and_nothing_in_it_touched(world):
    with Imapd() as server:
        server.messages = {1: b"one", 2: b"two"}
        there = {"imap_host": "127.0.0.1", "imap_port": server.port, "imap_security": "none"}
        (found,) = inbound.ways_in(world(bounces=there).config, 2)
        assert found.verdict == "ok" and "waiting in it: 2" in found.seen
        assert not {"FETCH", "STORE"} & {line.split()[0] for line in server.heard}
        server.refused = {"LOGIN"}
        (found,) = inbound.ways_in(world(bounces=there).config, 2)
        assert found.verdict == "problem" and "refuses our sign-in" in found.seen


def test_the_worker_must_answer_where_mail_is_to_be_handed_to_it(world):
    with lmtp.Server("127.0.0.1", 0, lambda raw, to: None) as server:
        config = world(bounces={"lmtp_port": server.server_address[1]}).config
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        (found,) = inbound.ways_in(config, 2)
        serving.join()
        assert found.verdict == "ok"
    (found,) = inbound.ways_in(config, 2)
    assert found.verdict == "problem" and "does not answer" in found.seen


@pytest.mark.django_db(transaction=True)
def test_one_click_comes_through_and_ends_nobody_s_subscription(world, live_server):
    reader = cast.reader("aida")
    before = list(Subscription.objects.filter(subscriber=reader).values_list("state", flat=True))
    assert before
    (found,) = pages.one_click(world(site={"url": live_server.url}))
    assert found.verdict == "ok", found
    assert list(Subscription.objects.filter(subscriber=reader).values_list("state", flat=True)) == before


@contextmanager
def answering(get: int, post: int):
    """A site that answers with these statuses; a redirect leads back to itself."""
    asked = []

    class Site(http.server.BaseHTTPRequestHandler):
        def answer(self, status):
            asked.append((self.command, self.path, self.headers.get("Cookie")))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            if status >= 300:
                self.send_header("Location", self.path)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.answer(get)

        def do_POST(self):
            self.answer(post)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("get", "post"), [(200, 302), (200, 403), (200, 405), (302, 200), (500, 200)])
def test_a_proxy_in_the_way_of_one_click_is_a_problem(world, get, post):
    with answering(get, post) as (url, asked):
        (found,) = pages.one_click(world(site={"url": url}))
    assert found.verdict == "problem" and "POST" in found.advice
    assert tokens.make("unsubscribe", 0, 0) not in found.seen
    assert {cookie for _, _, cookie in asked} == {None}


def test_a_site_that_is_only_here_is_passed_over(world):
    office = world(site={"url": "http://127.0.0.1:1"})
    assert [next(iter(look(office))).verdict for look in (pages.site, pages.one_click)] == ["skipped"] * 2


def test_a_site_inside_a_network_of_ours_is_a_warning(world):
    (found,) = pages.site(world(site={"url": "https://10.0.0.1"}))
    assert found.verdict == "warning" and "not on the public internet" in found.seen

"""Checks of the web process and the public pages against real servers on loopback."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest

from mailer.doctor import web_checks
from subscribers import tokens
from subscribers.models import Subscription
from tests import cast
from tests.loopback import Quiet, serving

NOW = datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_the_web_process_must_answer(context, live_server):
    host, _, port = live_server.url.partition("://")[2].partition(":")
    office = context(site={"url": live_server.url}, web={"host": host, "port": int(port)})
    assert [one.status for one in web_checks.check_web_process(office)] == ["ok"]
    other_port = dataclasses.replace(office.config.web, port=1)
    away = dataclasses.replace(office, config=dataclasses.replace(office.config, web=other_port))
    assert [one.status for one in web_checks.check_web_process(away)] == ["warning"]


@pytest.mark.django_db(transaction=True)
def test_a_web_process_that_is_not_ready_is_a_problem_with_its_check(context, live_server, configure):
    host, _, port = live_server.url.partition("://")[2].partition(":")
    office = context(site={"url": live_server.url}, web={"host": host, "port": int(port)})
    configure(keys={"file": "nowhere.toml"})
    (found,) = web_checks.check_web_process(office)
    assert (found.status, "keys" in found.message) == ("problem", True)


@pytest.mark.django_db(transaction=True)
def test_one_click_works_and_ends_no_subscription(context, live_server):
    reader = cast.reader("aida")
    before = list(Subscription.objects.filter(subscriber=reader).values_list("state", flat=True))
    assert before
    (found,) = web_checks.check_one_click(context(site={"url": live_server.url}))
    assert found.status == "ok", found
    # The same server, as the origin of pictures; and one that does not answer.
    for origin, status in ((live_server.url, "ok"), ("http://127.0.0.1:1", "problem")):
        (found,) = web_checks.check_media_origin(
            context(site={"url": live_server.url, "media_origin": origin})
        )
        assert found.status == status, found
    assert list(Subscription.objects.filter(subscriber=reader).values_list("state", flat=True)) == before


@contextmanager
def answering(get: int, post: int):
    """A site that answers GET and POST with these statuses; a redirect leads back to itself."""
    asked = []

    class Site(Quiet, BaseHTTPRequestHandler):
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

    with serving(Site) as port:
        yield f"http://127.0.0.1:{port}", asked


@pytest.mark.parametrize(("get", "post"), [(200, 302), (200, 403), (200, 405), (302, 200), (500, 200)])
def test_a_proxy_that_breaks_one_click_is_a_problem(context, get, post):
    with answering(get, post) as (url, asked):
        (found,) = web_checks.check_one_click(context(site={"url": url}))
    assert found.status == "problem" and "POST" in found.advice
    assert tokens.make_token("unsubscribe", 0, 0) not in found.message
    assert {cookie for _, _, cookie in asked} == {None}


def test_a_site_on_loopback_is_skipped(context):
    office = context(site={"url": "http://127.0.0.1:1"})
    assert [
        next(iter(look(office))).status for look in (web_checks.check_site, web_checks.check_one_click)
    ] == ["skipped"] * 2


def test_a_site_in_a_private_network_is_a_warning(context):
    (found,) = web_checks.check_site(context(site={"url": "https://10.0.0.1"}))
    assert found.status == "warning"

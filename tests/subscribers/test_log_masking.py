"""No line of the log holds a token, a secret or an address, whichever logger writes it."""

from __future__ import annotations

import io
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver

from mailer.config.log_masking import mask
from subscribers import tokens
from subscribers.preference_center import preferences
from tests.subscribers.test_links import PAGES, PURPOSES, Page, Stage, stage, tokens_in

__all__ = ["stage"]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the handlers of the product write, at the most talkative level of Django."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logging.config.dictConfig(settings.LOGGING)
    logging.getLogger("django.request").setLevel(logging.DEBUG)
    yield stream
    logging.config.dictConfig(settings.LOGGING)
    root.handlers[:], root.level = handlers, level


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_requests_that_are_refused_leave_no_token_in_the_log(
    stage: Stage, log: io.StringIO, page: Page
) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    token = stage.token(page)
    for path in (
        page.path.format(token),
        page.path.format(token + "x"),
        page.path.format(token[:-1]) + "x/y",
    ):
        for answer in (strict.post(path), strict.put(path), strict.get(path), strict.get(f"/x{path}")):
            assert answer.status_code in (200, 400, 403, 404, 405)
    written = log.getvalue()
    assert written.count("\n") > 4
    assert tokens_in(written) == set() and token[:-1] not in written


@pytest.mark.django_db
def test_a_failing_page_leaves_neither_token_nor_address_in_the_log(
    stage: Stage, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.make("preferences", stage.reader.pk, 0)

    def fail(*_: Any) -> NoReturn:
        raise RuntimeError(f"cannot read {token} of {stage.reader.email}")

    monkeypatch.setattr(preferences, "read_preferences", fail)
    assert Client(raise_request_exception=False).get(f"/preferences/{token}/").status_code == 500
    written = log.getvalue()
    assert "RuntimeError: cannot read … of o…@example.org" in written
    assert tokens_in(written) == set() and "olga@" not in written


def test_tokens_in_any_form_are_masked_wherever_they_stand() -> None:
    for purpose in PURPOSES:
        in_url, in_mail = tokens.encrypt_id(purpose, 7), tokens.encrypt_ids_for_mail(purpose, [7])[0]
        for line in (
            f"Forbidden (CSRF cookie not set.): /preferences/{in_url}/",
            f"to <b.{in_mail}@news.example.org>",
            f"Not Found: /r/{in_url}{in_url}/example.org",
            f"token={in_url}, {in_mail}",
            f"m.{in_mail}@example.org said 550 {in_url}",
        ):
            assert tokens_in(mask(line)) == set(), line


def test_every_path_with_a_token_or_a_secret_is_masked_even_damaged() -> None:
    found = 0
    for pattern in get_resolver().url_patterns:
        text = str(pattern.pattern)
        if isinstance(pattern, URLPattern) and ("<token>" in text or "<secret>" in text):
            prefix = text.removeprefix("^").partition("(?P<")[0]
            service = "postmark/" if "<service>" in text else ""
            assert mask(f"Not Found: /{prefix}{service}hunter2/more") == f"Not Found: /{prefix}{service}…"
            found += 1
    assert found == len(PAGES) + 4
    assert mask("/accounts/set-password/MQ/c5-abc/") == "/accounts/set-password/…"
    assert mask("/desk/password_reset/confirm/MQ/c5-abc/") == "/desk/password_reset/confirm/…"


def test_what_is_no_secret_stays() -> None:
    line = (
        "action=sent mailing=12 accepted=5000 at 2026-03-03T09:00:00+00:00 host=mx1.example.org [203.0.113.7]"
    )
    assert mask(line) == line
    assert mask("refused <olga.p@example.org>") == "refused <o…@example.org>"

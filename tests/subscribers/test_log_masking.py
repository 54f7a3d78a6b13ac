"""No line of the log holds a token, a secret or an address, whichever logger writes it."""

from __future__ import annotations

import hashlib
import io
import logging
import logging.config
import os
import random
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver
from hypothesis import given
from hypothesis import strategies as st

from mailer.config.log_masking import MaskingFormatter, mask
from subscribers import tokens
from subscribers.preference_center import preferences
from tests import logs
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
    token = tokens.make_token("preferences", stage.reader.pk, 0)

    def fail(*_: Any) -> NoReturn:
        raise RuntimeError(f"cannot read {token} of {stage.reader.email}")

    monkeypatch.setattr(preferences, "read_preferences", fail)
    assert Client(raise_request_exception=False).get(f"/preferences/{token}/").status_code == 500
    written = log.getvalue()
    assert "RuntimeError: cannot read … of [address]" in written
    assert tokens_in(written) == set() and "olga@" not in written


def test_tokens_in_any_form_are_masked_wherever_they_stand() -> None:
    for purpose in PURPOSES:
        in_url, in_mail = (
            tokens.encrypt_id_for_url(purpose, 7),
            tokens.encrypt_ids_for_addresses(purpose, [7])[0],
        )
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
    assert mask("/accounts/approval/hunter2/media/a.jpg") == "/accounts/approval/…"
    assert mask("/desk/password_reset/confirm/MQ/c5-abc/") == "/desk/password_reset/confirm/…"


def test_what_is_no_secret_stays() -> None:
    for line in (
        "action=sent mailing=12 accepted=5000 at 2026-03-03T09:00:00+00:00 host=mx1.example.org [192.0.2.1]",
        "action=edition_assembled newsletter=silk-road-monthly period=2021-12 slug=silk-road-monthly-2021-12",
        'File "/srv/office/lib/python3.11/site-packages/django/core/handlers/base.py", line 197, in inner',
        "    @transaction.atomic",
        "    rows = matrix @ other",
        "action=relay_failed relay=mx1.example.org:587 reason=535 5.7.8 authentication failed",
    ):
        assert mask(line) == line


@pytest.mark.parametrize(
    "written",
    [
        "refused <{0}>",
        "550 5.1.1 <{0}>: Recipient address rejected",
        "mailto:{0}?subject=x",
        "action=send_error message={0}",
        "Key (email)=({0}) already exists.",
        "b'RCPT TO:<{0}>\\r\\n'",
        '{{"to": ["{0}"], "n": 1}}',
        "GET /desk/subscribers/?q={0}&p=2",
        "/media/{0}.jpg",
        "x{0}",
    ],
)
@pytest.mark.parametrize(
    "address",
    [
        "olga@example.org",
        "Olga.Petrova+news@mail.example.org",
        "olga%40example.org",
        "olga%2540example.org",
        "olga&#64;example.org",
        "b+olga=example.org@bounces.example.org",
        '"olga petrova"@example.org',
        "ольга@пример.рф",
        "olga@[203.0.113.7]",
        "olga@localhost",
        "olga/petrova@example.org",
        "olga\uff20example.org",
    ],
)
def test_an_address_is_masked_in_every_form(address: str, written: str) -> None:
    found = mask(written.format(address))
    assert "[address]" in found or "?q=…" in found or "?subject=…" in found
    assert not re.search("olga|petrova|ольга", found, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "imap://olga%40example.org:hunter-two@mail.example.org/INBOX timed out",
        "connection to postgresql://office:hunter-two@db.example.org:5432/news failed",
        "connection to postgresql://office:p@ss@hunter-two@db.example.org:5432/news failed",
        "POST https://api.example.org/v3/send?api_key=hunter-two&page=2 answered 500",
        "Authorization: Bearer hunter-two",
        "Authorization: Basic hunter-two",
        "{'password': 'hunter-two', 'user': 'office'}",
        '{"client_secret": "hunter-two \'x"}',
        "Cookie: sessionid=hunter-two; csrftoken=hunter-two",
        "FATAL: sign-in failed: password=hunter-two host=db.example.org",
        "AUTH PLAIN hunter-two",
        "new row violates a constraint\nDETAIL:  Failing row contains (1, hunter-two, null).",
        "IntegrityError('duplicate key\\nDETAIL:  Key (name)=(hunter-two) already exists.\\n')",
        'COPY failed\nCONTEXT:  COPY subscriber, line 1: "1,hunter-two"',
    ],
)
def test_passwords_keys_and_rows_are_masked(text: str) -> None:
    assert "hunter-two" not in mask(text) and "olga" not in mask(text)


@given(before=st.text(max_size=40), after=st.text(max_size=40), data=st.data())
def test_any_text_with_an_address_or_a_token_comes_out_without(
    before: str, after: str, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, 2**64 - 1))
    purpose = data.draw(st.sampled_from(PURPOSES))
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    key = random.Random(number).choices(string.ascii_lowercase + string.digits, k=32)
    value = data.draw(
        st.sampled_from(
            (
                tokens.encrypt_id_for_url(purpose, number),
                tokens.encrypt_ids_for_addresses(purpose, [number])[0],
                # A session key; a link to choose a password; a key of a service.
                "".join(key),
                f"c5abc1-{digest[:32]}",
                digest,
                data.draw(st.emails()),
            )
        )
    )
    text = mask(f"{before}{value}{after}")
    assert value not in text and tokens_in(text) == set()
    assert not re.search(r"[^\s@]@\w", text)
    assert mask(text) == text


@pytest.mark.parametrize(
    "piece",
    ["a", "a@", "@", "://", "://a@", "?a=", "token=", 'token="', "token: ", "DETAIL:", '"', "%40", "a1"],
)
def test_masking_takes_time_in_proportion_to_the_text(piece: str) -> None:
    """A path has 256 KB at most. With time by its square, each of these would take minutes."""
    mask(piece * (256 * 1024 // len(piece)))


def test_the_log_of_the_test_run_holds_what_every_process_writes(tmp_path: Path) -> None:
    logging.getLogger("mailer.x").warning("action=marked_here")
    # As some tests start theirs: with nothing of this process's settings.
    environment = {name: os.environ[name] for name in ("TEST_LOGS", "PYTHONPATH")}
    code = "import sys; sys.stderr.write('action=marked_there')"
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)
    written = [file.read_text(encoding="utf-8") for file in logs.FOLDER.iterdir()]
    here, there = (next(text for text in written if name in text) for name in ("ed_here\n", "ed_there"))
    test = "test_the_log_of_the_test_run_holds_what_every_process_writes"
    assert test in here and there.startswith("\x1e") and test in there


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("action=sent to=olga@example.org", "an address"),
        ("action=sent to=olga%40example.org", "an address"),
        ("550 5.1.1 <olga@[192.0.2.1]>", "an address"),
        ("Not Found: /preferences/x1/", "a link"),
        ("action=signed_in session=8f3kq0x1m2c7v5b9z4n6l0s8d1f2g3h4", "a token or key"),
        ("SMTP AUTH: nine-green-otters", "a password or secret"),
        ("Not Found: /preferences/… of [address] with nine-green-ottersons", ""),
        ('  File "/lib/python3.11/site-packages/django/core/handlers/base.py", line 197', ""),
    ],
)
def test_the_log_of_the_test_run_is_searched_line_by_line(line: str, what: str) -> None:
    log = f"\x1etests/x.py::test_x\t\n2026-03-03 09:00:00,000 INFO mailer.x action=first\n{line}\n"
    found = list(logs.leaks_in(log, ["nine-green-otters"]))
    assert found == (
        [logs.Leak(what, "tests/x.py::test_x", "mailer.x", "action=first", line)] if what else []
    )


class _Unprintable:
    def __str__(self) -> str:
        raise ValueError("olga@example.org")


@pytest.mark.parametrize("arguments", [("olga@example.org",), (1, "olga@example.org"), (_Unprintable(),)])
def test_a_log_call_with_wrong_arguments_does_not_write_them(
    log: io.StringIO, arguments: tuple[object, ...]
) -> None:
    text, path = "n=%d" if len(arguments) < 2 else "none", "/tmp/tmp.p3Bn2tBwyu/mailer/delivery/x.py"
    record = logging.LogRecord("mailer.x", logging.INFO, path, 1, text, arguments, None)
    [handler] = [one for one in logging.getLogger().handlers if isinstance(one.formatter, MaskingFormatter)]
    handler.handle(record)
    written = log.getvalue()
    assert "action=log_call_invalid place=x.py:1" in written
    assert "olga" not in written


def test_what_ends_a_command_or_a_thread_is_masked_on_stderr() -> None:
    code = (
        "import threading\nfrom mailer.cli.main import start_django\nstart_django()\n"
        "def fail():\n    raise ValueError('refused: ' + 'olga@' + 'example.org')\n"
        "one = threading.Thread(target=fail)\none.start()\none.join()\nfail()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("ValueError: refused: [address]") == 2 and "olga@ex" not in done.stderr

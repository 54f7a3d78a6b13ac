"""A scanner opens every link of a mail that was sent: its reader stays, the figures tell of people only."""

from __future__ import annotations

import email
import re
import urllib.request
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest

from mailer.demo import mail_catcher, seed
from tests.journeys.conftest import Demo, status
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("scanner")]

SCANNED = "aigerim@example.org"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


def _sent(demo: Demo) -> None:
    demo.submit()
    demo.approve()
    demo.schedule()
    demo.until_bounced()


def _mail(demo: Demo, address: str) -> bytes:
    (path,) = (demo.folder / "mail" / "inbox").glob(f"{address}-*.eml")
    return path.read_bytes()


def _addresses(raw: bytes) -> set[str]:
    """Whatever a scanner finds in a message to open: in the HTML, in the text and in the headers."""
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = {kind: message.get_body((kind,)) for kind in ("html", "plain")}
    assert parts["html"] and parts["plain"]
    in_html = re.findall(r'(?:href|src)="(http[^"]*)"', parts["html"].get_content())
    in_text = re.findall(r"https?://[^\s)]+", parts["plain"].get_content())
    return {
        *map(unescape, in_html),
        *in_text,
        *re.findall(r"<(http[^>]*)>", str(message["List-Unsubscribe"])),
    }


def _scan(demo: Demo, raw: bytes) -> set[int]:
    """Open everything of ours in the message; which answers came."""
    headers = {"User-Agent": BROWSER, "X-Forwarded-For": "203.0.113.77"}
    ours = [address for address in _addresses(raw) if address.startswith(demo.url)]
    assert len(ours) > 8
    return {
        status(urllib.request.Request(address, headers=headers, method=method))
        for method in ("HEAD", "GET")
        for address in ours
    }


def _people_in(folder: Path) -> Iterator[mail_catcher.Visit]:
    """What the demo's readers were to follow."""
    for reader in seed.READERS:
        if reader.habit == "reads on" and reader.fate == "reads":
            (path,) = folder.glob(f"{reader.email}-*.eml")
            yield from mail_catcher.clicks_of(reader.email, path.read_bytes())


def test_a_link_scanner_unsubscribes_no_reader_and_changes_no_figures(demo: Demo) -> None:
    _sent(demo)
    assert _scan(demo, _mail(demo, SCANNED)) == {200, 302}
    expected = len(list(_people_in(demo.folder / "mail" / "inbox")))
    counted = "SELECT COALESCE(SUM(count), 0) FROM mailer_dailyeventcount WHERE NOT is_bot"
    until(lambda: demo.rows(counted)[0][0] >= expected, 180)
    until(lambda: demo.rows("SELECT count(*) FROM mailer_trackingevent WHERE NOT finalized") == [(0,)], 120)
    assert demo.rows(counted) == [(expected,)]
    machines = demo.rows("SELECT count(*) FROM mailer_dailyeventcount WHERE is_bot")
    assert machines[0][0] > 0
    state = f"""SELECT state FROM subscribers_subscription s JOIN subscribers_subscriber p
                ON p.id = s.subscriber_id WHERE p.email = '{SCANNED}'"""
    assert demo.rows(state) == [("confirmed",)]
    assert demo.rows("SELECT count(*) FROM mailer_feedbackevent WHERE kind = 'unsubscribe'") == [(0,)]

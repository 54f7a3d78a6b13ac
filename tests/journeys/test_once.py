"""`mailer demo --once`: the whole main job unattended, and every mail read as a mail program reads it."""

from __future__ import annotations

import email
import json
import re
import subprocess
import sys
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailer.demo.seed import READERS
from tests.journeys.conftest import ENVIRONMENT

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("once")]

SAMPLE = Path(__file__).resolve().parents[2] / "mailer" / "demo" / "sample" / "stories.json"
LANGUAGES = ("ru", "en")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("once")
    command = [sys.executable, "-m", "mailer", "demo", "--once", str(folder)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def mails(played: tuple[Path, dict[str, Any]]) -> dict[str, EmailMessage]:
    """The one message of each reader who got one, by address."""
    found: dict[str, EmailMessage] = {}
    for path in (played[0] / "inbox").glob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        address = str(message["To"].addresses[0].addr_spec)
        assert address not in found
        found[address] = message
    return found


def stories() -> list[dict[str, Any]]:
    raw = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return list(raw["stories"] if isinstance(raw, dict) else raw)


def told(story: dict[str, Any], language: str, what: str) -> str:
    """In the reader's language, else along the stated chain."""
    texts = story["texts"]
    return str(next(texts[code][what] for code in (language, *LANGUAGES) if code in texts))


def headline(story: dict[str, Any], language: str) -> str:
    return told(story, language, "headline")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_the_last_line_is_the_balanced_account(played: tuple[Path, dict[str, Any]]) -> None:
    account = played[1]
    states = ("planned", "claimed", "accepted", "deferred", "refused", "in_doubt")
    assert account["audience"] == sum(account[state] for state in states) + sum(account["excluded"].values())
    assert account["audience"] == len(READERS)
    assert account["edition"] == "silk-road-monthly-2021-12"
    assert account["variants"] > 7
    assert account["seconds"] > 0


def test_no_excluded_subscriber_got_mail(mails: dict[str, EmailMessage]) -> None:
    expected = {reader.email for reader in READERS if reader.fate in ("reads", "bounces")}
    assert set(mails) == expected


@pytest.mark.parametrize(
    "reader", [r for r in READERS if r.fate in ("reads", "bounces")], ids=lambda r: r.name
)
def test_a_reader_gets_exactly_their_stories_in_their_language(
    reader: Any, mails: dict[str, EmailMessage]
) -> None:
    message = mails[reader.email]
    wanted = set(reader.countries)
    for shown in (squeezed(part(message, "plain")), squeezed(part(message, "html"))):
        plain = shown.replace("&amp;", "&").replace("&#39;", "'")
        for story in stories():
            if story["kind"] == "notice":
                continue
            theirs = not wanted or not story["countries"] or bool(wanted & set(story["countries"]))
            assert (headline(story, reader.language) in plain) is theirs, story["key"]
        notice = next(story for story in stories() if story["kind"] == "notice")
        assert squeezed(told(notice, reader.language, "summary")) in plain


def test_every_mail_is_sound(mails: dict[str, EmailMessage]) -> None:
    assert mails
    for message in mails.values():
        assert not [defect for piece in message.walk() for defect in piece.defects]
        assert [piece.get_content_type() for piece in message.iter_parts()] == ["text/plain", "text/html"]
        for name in (
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "List-Id",
            "Date",
            "Message-ID",
            "Subject",
            "From",
        ):
            assert len(message.get_all(name, [])) == 1, name
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["List-Unsubscribe"].startswith("<http")
        assert all(len(line) <= 998 for line in message.as_bytes().splitlines())


def test_links_are_the_readers_own_and_no_merge_tag_remains(mails: dict[str, EmailMessage]) -> None:
    owners: dict[str, str] = {}
    for address, message in mails.items():
        whole = part(message, "plain") + part(message, "html") + message["List-Unsubscribe"]
        tokens = set(re.findall(r"/(?:unsubscribe|preferences)/([\w-]+)/", whole))
        assert len(tokens) == 2
        for token in tokens:
            assert owners.setdefault(token, address) == address
        assert "%%" not in whole
        assert address not in part(message, "html")
    assert len(owners) == 2 * len(mails)


def test_the_silent_countrys_reader_gets_the_regional_notice_alone(mails: dict[str, EmailMessage]) -> None:
    (reader,) = [reader for reader in READERS if reader.countries == ("TM",) and reader.email in mails]
    text = squeezed(part(mails[reader.email], "plain"))
    assert not [story for story in stories() if story["kind"] != "notice" and headline(story, "tk") in text]


def test_a_folder_with_mail_in_it_is_not_overwritten(played: tuple[Path, dict[str, Any]]) -> None:
    command = [sys.executable, "-m", "mailer", "demo", "--once", str(played[0])]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "is not empty" in done.stderr

"""IMAP with servers that lack extensions or refuse commands; tests/real uses a real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.config.sections import Bounces
from mailer.demo.folder import free_port
from mailer.feedback.sources import imap
from mailer.feedback.sources.base import MailboxError, MessageUnavailable
from tests.feedback.sources.fake_imap import Imapd

EVERYTHING = ("IDLE", "MOVE", "UIDPLUS")
# Longer than any machine takes for what the tests do.
LONG_IDLE = imap.Timing(shortest_idle=60.0)


def settings(server: Imapd, **changes: object) -> Bounces:
    usual = Bounces(
        imap_host="127.0.0.1",
        imap_port=server.port,
        imap_security="none",
        imap_username="b",
        imap_password="p",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@contextmanager
def opened(
    server: Imapd, position: str = "", timing: imap.Timing | None = None, **changes: object
) -> Iterator[imap.ImapMailbox]:
    bounces = settings(server, **changes)
    with imap.open_mailbox(
        bounces, None, position, lambda _: None, timing=timing or imap.Timing()
    ) as mailbox:
        yield mailbox


def refusal(bounces: Bounces, token: Path | None = None) -> str:
    """Why this mailbox cannot be opened."""
    with pytest.raises(MailboxError) as caught, imap.open_mailbox(bounces, token, "", lambda _: None):
        pass
    return str(caught.value)


def test_without_move_a_message_is_copied_and_deleted() -> None:
    with Imapd("UIDPLUS") as server:
        server.messages = {5: b"five"}
        with opened(server, imap_after="move", imap_move_to="Entrées 1&2") as mailbox:
            mailbox.acknowledge("7:5")
            assert mailbox.list_new() == []
    assert (server.messages, server.copies) == ({}, [('"Entr&AOk-es 1&-2"', b"five")])


def test_without_uidplus_nothing_is_expunged() -> None:
    with Imapd() as server:
        server.messages = {5: b"five"}
        with opened(server, imap_after="delete") as mailbox:
            mailbox.acknowledge("7:5")
            assert mailbox.list_new() == []
    assert server.deleted == {5} and not any(one.startswith("EXPUNGE") for one in server.heard)


def test_a_refused_fetch_or_store_leaves_the_message() -> None:
    with Imapd(*EVERYTHING) as server:
        server.messages = {1: b"one", 2: b"two"}
        server.refused = {"FETCH 1", "STORE 2"}
        with opened(server) as mailbox:
            with pytest.raises(MessageUnavailable, match="SERVERBUG"):
                mailbox.fetch("7:1")
            assert mailbox.fetch("7:2") == b"two"
            with pytest.raises(MessageUnavailable):
                mailbox.acknowledge("7:2")
            assert mailbox.list_new() == ["7:1", "7:2"]


def test_the_first_search_is_limited_to_recent_days() -> None:
    since = datetime(2026, 11, 3, 23, 59, tzinfo=UTC)
    with Imapd(*EVERYTHING) as server:
        server.messages = {5: b"five"}
        with imap.open_mailbox(settings(server), None, "", lambda _: None, since) as mailbox:
            mailbox.list_new()
            mailbox.acknowledge("7:5")
            mailbox.list_new()
        with imap.open_mailbox(settings(server), None, "7:5", lambda _: None, since) as mailbox:
            mailbox.list_new()
    searches = [one for one in server.heard if one.startswith("SEARCH")]
    assert searches == [
        "SEARCH UID 1:* UNDELETED SINCE 03-Nov-2026",
        "SEARCH UID 6:* UNDELETED",
        "SEARCH UID 6:* UNDELETED",
    ]


def test_an_empty_message_differs_from_a_missing_one() -> None:
    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        server.messages = {1: b""}
        assert (mailbox.fetch("7:1"), mailbox.fetch("7:2")) == (b"", None)


def test_the_position_never_passes_a_message_that_remains() -> None:
    positions: list[str] = []
    with Imapd(*EVERYTHING) as server:
        server.messages = dict.fromkeys((3, 4, 6, 9), b"x")
        with imap.open_mailbox(settings(server), None, "", positions.append) as mailbox:
            assert mailbox.list_new() == ["7:3", "7:4", "7:6", "7:9"]
            for name in ("7:3", "7:4", "7:9"):
                mailbox.acknowledge(name)
            # 6 stays, and what is done behind it is not asked for again.
            assert mailbox.list_new() == ["7:6"]
        assert positions == ["7:4"]
        with imap.open_mailbox(settings(server), None, "7:4", positions.append) as mailbox:
            assert mailbox.list_new() == ["7:6", "7:9"]
        # The server has numbered everything anew: what was remembered is worth nothing.
        with imap.open_mailbox(settings(server), None, "6:4", positions.append) as mailbox:
            assert len(mailbox.list_new()) == 4
        assert positions == ["7:4"]


@pytest.mark.parametrize("news", [b"* 1 EXISTS\r\n", b"* OK Still here\r\n"])
def test_idle_ends_when_the_server_sends_anything(news: bytes) -> None:
    with Imapd(*EVERYTHING) as server, opened(server, timing=LONG_IDLE) as mailbox:
        server.news = news
        assert mailbox.wait_for_more(lambda: False)
        assert mailbox.list_new() == []


def test_idle_grows_in_a_quiet_mailbox_and_shrinks_after_news() -> None:
    def idle_seconds() -> float:
        began = time.monotonic()
        assert mailbox.wait_for_more(lambda: False)
        return time.monotonic() - began

    with Imapd(*EVERYTHING) as server, opened(server, timing=imap.Timing(shortest_idle=0.1)) as mailbox:
        assert all(idle_seconds() >= seconds for seconds in (0.1, 0.2, 0.4, 0.8))
        assert mailbox.idle_seconds == pytest.approx(1.6)
        server.news = b"* 1 EXISTS\r\n"
        idle_seconds()
        assert mailbox.idle_seconds == 0.1


def test_stop_ends_idle() -> None:
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(server.idling.is_set())
        return asked[-1]

    with Imapd(*EVERYTHING) as server, opened(server, timing=LONG_IDLE) as mailbox:
        assert not mailbox.wait_for_more(stop)
    # Once while it waited, and once afterwards.
    assert asked.count(True) == 2


def test_without_idle_the_session_ends() -> None:
    with Imapd("MOVE") as server, opened(server) as mailbox:
        assert not mailbox.wait_for_more(lambda: False)
        assert "IDLE" not in server.heard


def test_a_long_session_ends() -> None:
    with Imapd(*EVERYTHING) as server, opened(server, timing=imap.Timing(longest_session=-1.0)) as mailbox:
        assert not mailbox.wait_for_more(lambda: False)


def test_news_before_the_server_confirms_idle_end_the_session() -> None:
    """RFC 3501 §7: a server may send untagged responses at any time."""
    with Imapd(*EVERYTHING) as server, opened(server, timing=LONG_IDLE) as mailbox:
        server.early_news = b"* 1 EXISTS\r\n"
        assert not mailbox.wait_for_more(lambda: False)


def test_bye_during_idle_is_an_error() -> None:
    with Imapd(*EVERYTHING) as server:
        server.news = b"* BYE shutting down\r\n"
        with pytest.raises(MailboxError, match="closed the connection"), opened(server) as mailbox:
            mailbox.wait_for_more(lambda: False)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("LOGIN", "refuses our sign-in as b: .*SERVERBUG.* See .bounces. imap_username"),
        ("SELECT", "does not open the folder 'INBOX' .*SERVERBUG.*: see .bounces. imap_folder"),
        ("SEARCH", "replied: .*SERVERBUG"),
        ("IDLE", "replied: .*SERVERBUG"),
    ],
)
def test_a_refusal_is_reported_with_the_servers_text(refused: str, words: str) -> None:
    with Imapd(*EVERYTHING) as server:
        server.refused = {refused}
        with pytest.raises(MailboxError, match=words), opened(server) as mailbox:
            mailbox.list_new()
            mailbox.wait_for_more(lambda: False)


def test_a_port_without_an_imap_server_is_reported() -> None:
    nobody = Bounces(imap_host="127.0.0.1", imap_port=free_port(), imap_security="none")
    assert re.search(r"127\.0\.0\.1:\d+ \(IMAP\)", refusal(nobody)) and "cannot be reached" in refusal(nobody)
    with Imapd() as server:
        server.greeting = b"220 mx.example.org ESMTP\r\n"
        with pytest.raises(MailboxError, match="replied: "), opened(server):
            pass


def test_a_password_is_never_sent_unencrypted_over_the_network() -> None:
    bounces = Bounces(imap_host="mail.example.org", imap_security="none")
    assert "set [bounces] imap_security to tls or starttls" in refusal(bounces)


def test_an_oauth_token_is_read_at_each_sign_in(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with Imapd(*EVERYTHING) as server:
        for word in ("first", "second"):
            token.write_text(f"{word}\n", encoding="utf-8")
            with imap.open_mailbox(settings(server), token, "", lambda _: None) as mailbox:
                assert mailbox.list_new() == []
            assert f"user=b\1auth=Bearer {word}\1\1" in server.heard
        assert not any(line.startswith("LOGIN") for line in server.heard)
        server.complaint = b'{"status":"401"}'
        assert "refuses our sign-in as b: AUTHENTICATE failed." in refusal(settings(server), token)


def test_an_unreadable_token_file_is_named(tmp_path: Path) -> None:
    with Imapd(*EVERYTHING) as server:
        assert "imap_token_path" in refusal(settings(server), tmp_path / "token")

"""IMAP with servers that can do little, or do it wrongly; what real ones do is tested with a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.config.bounces import Bounces
from mailer.demo.folder import free_port
from mailer.feedback.sources import imap
from mailer.feedback.sources.mailbox import MailboxError, MessageStays
from tests.feedback.imapd import Imapd

EVERYTHING = ("IDLE", "MOVE", "UIDPLUS")


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
def opened(server: Imapd, position: str = "", **changes: object) -> Iterator[imap.ImapMailbox]:
    with imap.opened(settings(server, **changes), None, position, lambda _: None) as mailbox:
        yield mailbox


def refusal(bounces: Bounces, token: Path | None = None) -> str:
    """Why this mailbox cannot be opened."""
    with pytest.raises(MailboxError) as caught, imap.opened(bounces, token, "", lambda _: None):
        pass
    return str(caught.value)


def test_where_nothing_can_be_moved_it_is_copied_and_deleted() -> None:
    with Imapd("UIDPLUS") as server:
        server.messages = {5: b"five"}
        with opened(server, imap_done="move", imap_done_folder="Entrées 1&2") as mailbox:
            mailbox.taken("7:5")
            assert mailbox.arrived() == []
    assert (server.messages, server.snapshots) == ({}, [('"Entr&AOk-es 1&-2"', b"five")])


def test_others_deleted_messages_are_not_swept_away_with_ours() -> None:
    with Imapd() as server:
        server.messages = {5: b"five"}
        with opened(server, imap_done="delete") as mailbox:
            mailbox.taken("7:5")
            assert mailbox.arrived() == []
    assert server.deleted == {5} and not any(one.startswith("EXPUNGE") for one in server.heard)


def test_a_message_that_the_server_cannot_show_or_mark_stays() -> None:
    with Imapd(*EVERYTHING) as server:
        server.messages = {1: b"one", 2: b"two"}
        server.refused = {"FETCH 1", "STORE 2"}
        with opened(server) as mailbox:
            with pytest.raises(MessageStays, match="SERVERBUG"):
                mailbox.content("7:1")
            assert mailbox.content("7:2") == b"two"
            with pytest.raises(MessageStays):
                mailbox.taken("7:2")
            assert mailbox.arrived() == ["7:1", "7:2"]


def test_of_a_mailbox_that_is_new_to_us_only_the_latest_months_are_read() -> None:
    since = datetime(2026, 11, 3, 23, 59, tzinfo=UTC)
    with Imapd(*EVERYTHING) as server:
        server.messages = {5: b"five"}
        with imap.opened(settings(server), None, "", lambda _: None, since) as mailbox:
            mailbox.arrived()
            mailbox.taken("7:5")
            mailbox.arrived()
        with imap.opened(settings(server), None, "7:5", lambda _: None, since) as mailbox:
            mailbox.arrived()
    searches = [one for one in server.heard if one.startswith("SEARCH")]
    assert searches == [
        "SEARCH UID 1:* UNDELETED SINCE 03-Nov-2026",
        "SEARCH UID 6:* UNDELETED",
        "SEARCH UID 6:* UNDELETED",
    ]


def test_an_empty_message_is_one_and_a_missing_one_is_none() -> None:
    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        server.messages = {1: b""}
        assert (mailbox.content("7:1"), mailbox.content("7:2")) == (b"", None)


def test_it_is_remembered_up_to_where_everything_was_taken_in_and_not_beyond_what_stays() -> None:
    told: list[str] = []
    with Imapd(*EVERYTHING) as server:
        server.messages = dict.fromkeys((3, 4, 6, 9), b"x")
        with imap.opened(settings(server), None, "", told.append) as mailbox:
            assert mailbox.arrived() == ["7:3", "7:4", "7:6", "7:9"]
            for name in ("7:3", "7:4", "7:9"):
                mailbox.taken(name)
            # 6 stays, and what is done behind it is not asked for again.
            assert mailbox.arrived() == ["7:6"]
        assert told == ["7:4"]
        with imap.opened(settings(server), None, "7:4", told.append) as mailbox:
            assert mailbox.arrived() == ["7:6", "7:9"]
        # The server has numbered everything anew: what was remembered is worth nothing.
        with imap.opened(settings(server), None, "6:4", told.append) as mailbox:
            assert len(mailbox.arrived()) == 4
        assert told == ["7:4"]


@pytest.mark.parametrize("news", [b"* 1 EXISTS\r\n", b"* OK Still here\r\n"])
def test_idling_ends_when_the_server_says_anything(news: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "_SHORTEST_IDLE", 60.0)
    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        server.news = news
        assert mailbox.more(lambda: False)
        assert mailbox.arrived() == []


def test_a_quiet_mailbox_is_looked_at_ever_more_seldom_and_often_again_after_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imap, "_SHORTEST_IDLE", 0.1)

    def idled() -> float:
        began = time.monotonic()
        assert mailbox.more(lambda: False)
        return time.monotonic() - began

    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        assert all(idled() >= seconds for seconds in (0.1, 0.2, 0.4, 0.8))
        server.news = b"* 1 EXISTS\r\n"
        assert idled() < 0.8
        server.news = b""
        assert 0.1 <= idled() < 0.8


def test_idling_ends_within_a_second_when_we_are_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "_SHORTEST_IDLE", 60.0)
    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        began = time.monotonic()
        assert not mailbox.more(server.idling.is_set)
        assert time.monotonic() - began < 1


def test_a_server_without_idle_is_visited_again_later() -> None:
    with Imapd("MOVE") as server, opened(server) as mailbox:
        assert not mailbox.more(lambda: False)
        assert "IDLE" not in server.heard


def test_a_long_session_is_ended_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "_LONGEST_SESSION", -1.0)
    with Imapd(*EVERYTHING) as server, opened(server) as mailbox:
        assert not mailbox.more(lambda: False)


def test_a_server_that_says_goodbye_while_we_idle_is_told_so() -> None:
    with Imapd(*EVERYTHING) as server:
        server.news = b"* BYE shutting down\r\n"
        with pytest.raises(MailboxError, match="ended the connection"), opened(server) as mailbox:
            mailbox.more(lambda: False)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("LOGIN", "refuses our sign-in as b: .*SERVERBUG.* See .bounces. imap_username"),
        ("SELECT", "has no folder 'INBOX' for us .*SERVERBUG.*: see .bounces. imap_folder"),
        ("SEARCH", "refuses to search"),
        ("IDLE", "refuses IDLE, which it offers"),
    ],
)
def test_what_a_server_refuses_is_told_with_its_words(refused: str, words: str) -> None:
    with Imapd(*EVERYTHING) as server:
        server.refused = {refused}
        with pytest.raises(MailboxError, match=words), opened(server) as mailbox:
            mailbox.arrived()
            mailbox.more(lambda: False)


def test_what_is_no_imap_server_is_told() -> None:
    nobody = Bounces(imap_host="127.0.0.1", imap_port=free_port(), imap_security="none")
    assert "The IMAP server 127.0.0.1:" in refusal(nobody) and "cannot be reached" in refusal(nobody)
    with Imapd() as server:
        server.greeting = b"220 mx.example.org ESMTP\r\n"
        with pytest.raises(MailboxError, match="answered: "), opened(server):
            pass


def test_a_password_goes_over_no_network_in_clear() -> None:
    bounces = Bounces(imap_host="mail.example.org", imap_security="none")
    assert "set [bounces] imap_security to tls or starttls" in refusal(bounces)


def test_a_token_takes_the_place_of_a_password_and_is_read_at_each_sign_in(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with Imapd(*EVERYTHING) as server:
        for word in ("first", "second"):
            token.write_text(f"{word}\n", encoding="utf-8")
            with imap.opened(settings(server), token, "", lambda _: None) as mailbox:
                assert mailbox.arrived() == []
            assert f"user=b\1auth=Bearer {word}\1\1" in server.heard
        assert not any(line.startswith("LOGIN") for line in server.heard)
        server.complaint = b'{"status":"401"}'
        assert "refuses our sign-in as b: AUTHENTICATE failed." in refusal(settings(server), token)


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with Imapd(*EVERYTHING) as server:
        assert "imap_token_path" in refusal(settings(server), tmp_path / "token")

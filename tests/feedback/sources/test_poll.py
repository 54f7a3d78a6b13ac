"""Polling of mailboxes: failures are retried later, and delay no other message."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core import mail
from django.urls import reverse

from mailer.delivery.models import Alert
from mailer.feedback.ingest_returned_mail import ingest_message
from mailer.feedback.models import InboundSource, ReturnedMessage
from mailer.feedback.sources import poll, pop3_maildir, source_health
from mailer.feedback.sources.base import MailboxError, MessageUnavailable, Stop
from mailer.feedback.sources.poll import RetryTracker, Source
from tests.delivery.cast import Clock
from tests.reports.cast import NOW

pytestmark = pytest.mark.django_db
URL = "imap://bounces@mail.example.org:993/INBOX"


class FakeMailbox:
    """A mailbox in memory, whose server fails as the test says."""

    def __init__(self) -> None:
        self.messages: dict[str, bytes] = {}
        # Messages that the server cannot show.
        self.broken: set[str] = set()
        # What opening it raises; None: it opens.
        self.failure: Exception | None = None
        self.sessions = 0
        # How often a session waits for more messages.
        self.waits = 0
        self._source = Source("imap", URL, timedelta(minutes=1), self._open)
        self._retries: defaultdict[str, RetryTracker] = defaultdict(RetryTracker)

    def poll(self, clock: Clock, kind: str = "imap") -> None:
        """Run the worker's job with this mailbox alone."""
        poll.poll_due_mailboxes(
            kind, ingest_message, clock, never, sources=[self._source], retries=self._retries
        )

    @contextmanager
    def _open(self, now: datetime) -> Iterator[FakeMailbox]:
        self.sessions += 1
        if self.failure:
            raise self.failure
        yield self

    def list_new(self) -> list[str]:
        return sorted(self.messages)

    def fetch(self, name: str) -> bytes | None:
        if name in self.broken:
            raise MessageUnavailable("it cannot be read")
        return self.messages[name]

    def acknowledge(self, name: str) -> None:
        del self.messages[name]

    def wait_for_more(self, stop: Stop) -> bool:
        self.waits -= 1
        return self.waits >= 0 and not stop()


@pytest.fixture
def mailbox() -> FakeMailbox:
    """The only mailbox."""
    return FakeMailbox()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def never() -> bool:
    return False


def state() -> InboundSource:
    return InboundSource.objects.get(url=URL)


def test_a_poll_stores_new_messages_and_the_next_follows_a_minute_later(
    mailbox: FakeMailbox, clock: Clock
) -> None:
    mailbox.messages = {"1": b"Subject: one\n\n"}
    mailbox.poll(clock)
    assert (ReturnedMessage.objects.count(), mailbox.messages, state().last_read_at) == (1, {}, NOW)
    mailbox.poll(clock)
    assert mailbox.sessions == 1
    clock.move(minutes=1)
    mailbox.poll(clock)
    assert mailbox.sessions == 2


def test_each_kind_of_mailbox_is_polled_separately(mailbox: FakeMailbox, clock: Clock) -> None:
    mailbox.poll(clock, "pop3")
    assert mailbox.sessions == 0


def test_a_session_continues_while_it_can_wait_for_messages(mailbox: FakeMailbox, clock: Clock) -> None:
    mailbox.messages, mailbox.waits = {"1": b"Subject: one\n\n"}, 1
    genuine = mailbox.wait_for_more

    def more(stop: Stop) -> bool:
        mailbox.messages["2"] = b"Subject: two\n\n"
        return genuine(stop)

    mailbox.wait_for_more = more  # type: ignore[method-assign]
    mailbox.poll(clock)
    assert (ReturnedMessage.objects.count(), mailbox.sessions) == (2, 1)


def test_polls_of_an_unreachable_server_back_off(mailbox: FakeMailbox, clock: Clock) -> None:
    mailbox.failure = MailboxError("The mail server mail.example.org:993 (IMAP) cannot be reached.")
    asked = []
    for _ in range(3_600):
        before = mailbox.sessions
        mailbox.poll(clock)
        if mailbox.sessions > before:
            asked.append((clock() - NOW).total_seconds())
        clock.move(seconds=1)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035]


def test_failure_and_recovery_are_logged_once(
    mailbox: FakeMailbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mailbox.failure = MailboxError("no")
    for _ in range(600):
        mailbox.poll(clock)
        clock.move(seconds=1)
    mailbox.failure = None
    clock.move(minutes=10)
    mailbox.poll(clock)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "bounces@" not in caplog.text
    assert (state().failures, state().failing_since, state().error) == (0, None, "")


def test_a_lasting_error_alerts_staff_once_a_day_until_it_ends(mailbox: FakeMailbox, clock: Clock) -> None:
    User.objects.create_superuser("lola", "lola@office.example.org", "a long password")
    mailbox.failure = MailboxError("The mail server mail.example.org:993 (IMAP) refuses our sign-in.")

    def pass_by(**time: float) -> None:
        until = clock() + timedelta(**time)
        while clock() < until:
            mailbox.poll(clock)
            clock.move(minutes=5)

    pass_by(minutes=10)
    assert (mail.outbox, source_health.sources_needing_attention([URL], clock())) == ([], [])
    pass_by(minutes=30)
    (alert,) = mail.outbox
    assert "Returned mail has not been read since 01 December, 09:00 UTC." in alert.body
    assert "refuses our sign-in" in alert.body and reverse("desk_replies:index") in alert.body
    assert source_health.sources_needing_attention([URL], clock()) == [state()]
    pass_by(hours=23)
    assert len(mail.outbox) == 1
    pass_by(hours=2)
    assert len(mail.outbox) == 2
    mailbox.failure = None
    pass_by(minutes=15)
    assert source_health.sources_needing_attention([URL], clock()) == []
    assert Alert.objects.get().kind == f"inbound_source_{state().pk}"


def test_an_unreadable_message_is_logged_once_retried_and_shown(
    mailbox: FakeMailbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.messages = {"1": b"", "2": b"Subject: two\n\n"}
    mailbox.broken = {"1"}
    for _ in range(60):
        mailbox.poll(clock)
        clock.move(minutes=1)
    assert list(mailbox.messages) == ["1"]
    assert caplog.text.count("action=returned_message_not_stored") == 1
    assert [row.failed_messages for row in source_health.sources_needing_attention([URL], clock())] == [1]
    mailbox.broken = set()
    clock.move(minutes=11)
    mailbox.poll(clock)
    assert (mailbox.messages, source_health.sources_needing_attention([URL], clock())) == ({}, [])


def test_a_message_that_raises_any_exception_delays_no_other(
    mailbox: FakeMailbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ingest_message

    def ingest(raw: bytes, now: datetime) -> Any:
        return 1 // 0 if b"odd" in raw else store(raw, now)

    monkeypatch.setattr(f"{__name__}.ingest_message", ingest)
    mailbox.messages = {"1": b"Subject: odd\n\n", "2": b"Subject: two\n\n"}
    mailbox.poll(clock)
    assert (list(mailbox.messages), state().failed_messages, state().failures) == (["1"], 1, 0)


def test_a_poll_stops_after_twenty_failures(mailbox: FakeMailbox, clock: Clock) -> None:
    mailbox.messages = {f"{number:04}": b"" for number in range(2_000)}
    mailbox.broken = set(mailbox.messages)
    mailbox.poll(clock)
    assert state().failed_messages == 20


def test_an_unexpected_exception_is_retried_later(mailbox: FakeMailbox, clock: Clock) -> None:
    mailbox.failure = ValueError("what a server")
    with pytest.raises(ValueError, match="what a server"):
        mailbox.poll(clock)
    mailbox.poll(clock)
    assert (mailbox.sessions, state().error) == (1, "It could not be read: ValueError.")


def test_an_idle_mailbox_is_rarely_written_to_the_database(
    mailbox: FakeMailbox, clock: Clock, django_assert_num_queries: Callable[[int], Any]
) -> None:
    source_health.record_source_ok("maildir:/srv", NOW)
    with django_assert_num_queries(1):
        source_health.record_source_ok("maildir:/srv", NOW + timedelta(seconds=5))


def test_an_unreadable_file_remains_and_delays_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.closed").write_bytes(b"x")
    (tmp_path / "new" / "2.open").write_bytes(b"Subject: two\n\n")
    opened = Path.open

    def refusing(path: Path, *arguments: Any, **named: Any) -> Any:
        # Root may read everything, so permission bits alone would prove nothing here.
        if path.name == "1.closed":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refusing)
    summary = poll_maildir(tmp_path)
    assert (summary.received, summary.failed) == (1, 1)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["1.closed"]
    assert [path.name for path in (tmp_path / "cur").iterdir()] == ["2.open:2,S"]


def test_a_file_name_of_any_length_moves_to_cur(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ("я" * 127)).write_bytes(b"Subject: long name\n\nhello\n")
    assert poll_maildir(tmp_path).received == 1
    assert len(list((tmp_path / "cur").iterdir())) == 1


def test_a_folder_that_is_not_a_maildir_is_named(tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="nowhere is not a readable Maildir"):
        poll_maildir(tmp_path / "nowhere")


def test_the_worker_polls_the_configured_mailbox(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.host").write_bytes(b"Subject: one\n\n")
    config = django_settings.CONFIG
    settings.CONFIG = replace(config, bounces=replace(config.bounces, maildir=str(tmp_path)))
    poll.poll_due_mailboxes("maildir", ingest_message, Clock(NOW), never)
    assert ReturnedMessage.objects.get().subject == "one"
    assert InboundSource.objects.get().url == f"maildir:{tmp_path}"


def poll_maildir(folder: Path, at: datetime = NOW) -> poll.PollSummary:
    summary = poll.PollSummary()
    with pop3_maildir.open_maildir(folder) as mailbox:
        poll.ingest_mailbox_return_failed_count(mailbox, summary, ingest_message, lambda: at, never)
    return summary

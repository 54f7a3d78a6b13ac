"""Mailboxes as the worker looks after them: patient with what fails, and quick with the rest."""

from __future__ import annotations

import logging
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

from mailer.delivery.models import Alert
from mailer.feedback.models import ReturnedMessage, WayIn
from mailer.feedback.sources import maildir, poll, source_health
from mailer.feedback.sources.mailbox import MailboxError, MessageStays, Stop
from mailer.feedback.sources.sources import Way
from tests.delivery.cast import Clock
from tests.reports.cast import NOW

pytestmark = pytest.mark.django_db
ADDRESS = "imap://bounces@mail.example.org:993/INBOX"


class Box:
    """A mailbox in memory, whose server does what the test says."""

    def __init__(self) -> None:
        self.messages: dict[str, bytes] = {}
        # Those that the server cannot show.
        self.broken: set[str] = set()
        # What every visit ends with before it begins; None: all is well.
        self.failure: Exception | None = None
        self.visits = 0
        # How often it waits for more before it lets go.
        self.waits = 0

    @contextmanager
    def opened(self, now: datetime) -> Iterator[Box]:
        self.visits += 1
        if self.failure:
            raise self.failure
        yield self

    def arrived(self) -> list[str]:
        return sorted(self.messages)

    def content(self, name: str) -> bytes | None:
        if name in self.broken:
            raise MessageStays("it cannot be read")
        return self.messages[name]

    def taken(self, name: str) -> None:
        del self.messages[name]

    def more(self, stop: Stop) -> bool:
        self.waits -= 1
        return self.waits >= 0 and not stop()


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    """The office's only mailbox."""
    made = Box()
    way = Way("imap", ADDRESS, timedelta(minutes=1), made.opened)
    monkeypatch.setattr(poll, "mailboxes", lambda config: [way])
    monkeypatch.setattr(poll, "_PATIENCE", poll.defaultdict(poll.Patience))
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def going_on() -> bool:
    return False


def state() -> WayIn:
    return WayIn.objects.get(address=ADDRESS)


def test_a_visit_takes_in_what_waits_and_the_next_comes_a_minute_later(box: Box, clock: Clock) -> None:
    box.messages = {"1": b"Subject: one\n\n"}
    poll.attend("imap", clock, going_on)
    assert (ReturnedMessage.objects.count(), box.messages, state().read_at) == (1, {}, NOW)
    poll.attend("imap", clock, going_on)
    assert box.visits == 1
    clock.move(minutes=1)
    poll.attend("imap", clock, going_on)
    assert box.visits == 2


def test_each_kind_has_a_job_of_its_own(box: Box, clock: Clock) -> None:
    poll.attend("pop3", clock, going_on)
    assert box.visits == 0


def test_where_more_can_be_waited_for_the_visit_goes_on(box: Box, clock: Clock) -> None:
    box.messages, box.waits = {"1": b"Subject: one\n\n"}, 1
    genuine = box.more

    def more(stop: Stop) -> bool:
        box.messages["2"] = b"Subject: two\n\n"
        return genuine(stop)

    box.more = more  # type: ignore[method-assign]
    poll.attend("imap", clock, going_on)
    assert (ReturnedMessage.objects.count(), box.visits) == (2, 1)


def test_a_server_that_is_away_is_asked_less_and_less_often(box: Box, clock: Clock) -> None:
    box.failure = MailboxError("The IMAP server mail.example.org:993 cannot be reached.")
    asked = []
    for _ in range(3_600):
        before = box.visits
        poll.attend("imap", clock, going_on)
        if box.visits > before:
            asked.append((clock() - NOW).total_seconds())
        clock.move(seconds=1)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035]


def test_an_outage_is_logged_once_and_so_is_its_end(
    box: Box, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    box.failure = MailboxError("no")
    for _ in range(600):
        poll.attend("imap", clock, going_on)
        clock.move(seconds=1)
    box.failure = None
    clock.move(minutes=10)
    poll.attend("imap", clock, going_on)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "bounces@" not in caplog.text
    assert (state().failures, state().failing_since, state().trouble) == (0, None, "")


def test_trouble_that_lasts_is_told_once_a_day_by_mail_and_on_the_desk_until_it_ends(
    box: Box, clock: Clock
) -> None:
    User.objects.create_superuser("lola", "lola@office.example.org", "a long password")
    box.failure = MailboxError("The IMAP server mail.example.org:993 refuses our sign-in.")

    def pass_by(**time: float) -> None:
        until = clock() + timedelta(**time)
        while clock() < until:
            poll.attend("imap", clock, going_on)
            clock.move(minutes=5)

    pass_by(minutes=10)
    assert (mail.outbox, source_health.troubles([ADDRESS], clock())) == ([], [])
    pass_by(minutes=30)
    (told,) = mail.outbox
    assert "Returned mail has not been read since 01 December, 09:00 UTC." in told.body
    assert "refuses our sign-in" in told.body and "/desk/replies/" in told.body
    assert source_health.troubles([ADDRESS], clock()) == [state()]
    pass_by(hours=23)
    assert len(mail.outbox) == 1
    pass_by(hours=2)
    assert len(mail.outbox) == 2
    box.failure = None
    pass_by(minutes=15)
    assert source_health.troubles([ADDRESS], clock()) == []
    assert Alert.objects.get().kind == f"way_in_{state().pk}"


def test_a_message_that_cannot_be_read_is_logged_once_tried_again_seldom_and_shown(
    box: Box, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    box.messages = {"1": b"", "2": b"Subject: two\n\n"}
    box.broken = {"1"}
    for _ in range(60):
        poll.attend("imap", clock, going_on)
        clock.move(minutes=1)
    assert list(box.messages) == ["1"]
    assert caplog.text.count("action=feedback_kept") == 1
    assert [row.stuck for row in source_health.troubles([ADDRESS], clock())] == [1]
    box.broken = set()
    clock.move(minutes=11)
    poll.attend("imap", clock, going_on)
    assert (box.messages, source_health.troubles([ADDRESS], clock())) == ({}, [])


def test_where_everything_fails_a_look_is_given_up(box: Box, clock: Clock) -> None:
    box.messages = {f"{number:04}": b"" for number in range(2_000)}
    box.broken = set(box.messages)
    poll.attend("imap", clock, going_on)
    assert state().stuck == 20


def test_what_nobody_foresaw_is_tried_again_later_too(box: Box, clock: Clock) -> None:
    box.failure = ValueError("what a server")
    with pytest.raises(ValueError, match="what a server"):
        poll.attend("imap", clock, going_on)
    poll.attend("imap", clock, going_on)
    assert (box.visits, state().trouble) == (1, "It could not be read: ValueError.")


def test_a_mailbox_at_rest_is_hardly_written_about(
    box: Box, clock: Clock, django_assert_num_queries: Callable[[int], Any]
) -> None:
    source_health.well("maildir:/srv", NOW)
    with django_assert_num_queries(1):
        source_health.well("maildir:/srv", NOW + timedelta(seconds=5))


def test_a_file_that_cannot_be_opened_stays_and_holds_up_none(
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
    summary = looked(tmp_path)
    assert (summary.received, summary.failed) == (1, 1)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["1.closed"]
    assert [path.name for path in (tmp_path / "cur").iterdir()] == ["2.open:2,S"]


def test_a_file_name_of_any_length_moves_to_cur(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ("я" * 127)).write_bytes(b"Subject: long name\n\nhello\n")
    assert looked(tmp_path).received == 1
    assert len(list((tmp_path / "cur").iterdir())) == 1


def test_a_folder_that_is_no_maildir_is_named(tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="nowhere: is not a Maildir"):
        looked(tmp_path / "nowhere")


def test_the_worker_reads_the_mailbox_of_the_configuration(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.host").write_bytes(b"Subject: one\n\n")
    config = django_settings.CONFIG
    settings.CONFIG = replace(config, bounces=replace(config.bounces, maildir=str(tmp_path)))
    poll.attend("maildir", Clock(NOW), going_on)
    assert ReturnedMessage.objects.get().subject == "one"
    assert WayIn.objects.get().address == f"maildir:{tmp_path}"


def looked(folder: Path, at: datetime = NOW) -> poll.Summary:
    summary = poll.Summary()
    with maildir.opened(folder) as mailbox:
        poll.take_in(mailbox, summary, lambda: at, going_on)
    return summary

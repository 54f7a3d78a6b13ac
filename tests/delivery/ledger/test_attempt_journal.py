from __future__ import annotations

import errno
import tracemalloc

import pytest

from mailer.delivery.ledger.attempt_journal import Journal, LoggedReply, consume_recoverable_journals


@pytest.mark.parametrize(
    "garbage", [b"\0" * 40 + b"\n", b"\0" * 40 + b"2 1 0\n", b"x y z\n", b"\xff\xfe 1\n", b"\n"]
)
def test_lost_lines_make_the_journal_incomplete(tmp_path, garbage):
    journal = Journal.open(tmp_path)
    journal.log_attempt(1, 1)
    journal.log_reply(1, 1, 250, "taken")
    journal.close()
    path = tmp_path / f"{journal.owner}.journal"
    path.write_bytes(path.read_bytes().rstrip(b"\0") + garbage)
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.attempts == {(1, 1): LoggedReply(250, "taken")}
    assert found.owner == journal.owner and not found.complete


@pytest.mark.parametrize("head", [b"", b"7\n", b"[]\n", b"{}\n", b"\0\0\0\n"])
def test_without_a_first_line_the_file_name_gives_the_owner(tmp_path, head):
    (tmp_path / "somebody.journal").write_bytes(head)
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.owner == "somebody" and not found.complete
    assert list(tmp_path.iterdir()) == []


def test_a_long_journal_is_read_completely(tmp_path):
    journal = Journal.open(tmp_path)
    reply = "queued as " + "x" * 90
    for number in range(1, 9_001):
        journal.log_attempt(number, 1)
        if number % 3:
            journal.log_reply(number, 1, 250, reply)
    journal.close()
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.complete and len(found.attempts) == 9_000
    assert [found.attempts[number, 1] for number in (8_998, 9_000)] == [LoggedReply(250, reply), None]


def test_only_what_is_not_settled_is_kept_of_a_long_journal(tmp_path):
    journal = Journal.open(tmp_path)
    for number in range(1, 50_001):
        journal.log_attempt(number, 1)
        journal.log_reply(number, 1, 250, f"queued as {number}")
    journal.close()
    tracemalloc.start()
    try:
        (found,) = consume_recoverable_journals(tmp_path, lambda owner: {1, 50_000})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.complete and found.owner == journal.owner
    assert found.attempts == {(number, 1): LoggedReply(250, f"queued as {number}") for number in (1, 50_000)}
    # The journal has two megabytes.
    assert peak < 1_000_000


def test_a_reply_with_line_ends_stays_on_one_line(tmp_path):
    journal = Journal.open(tmp_path)
    journal.log_reply(1, 1, 250, "one\ntwo\0three")
    journal.log_reply(2, 1, 250, "four")
    journal.close()
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.complete and found.attempts[2, 1] == LoggedReply(250, "four")


def test_a_journal_that_cannot_grow_raises_and_keeps_its_lines(tmp_path, monkeypatch):
    journal = Journal.open(tmp_path)
    journal.log_attempt(1, 1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="is the disk full"):
        for number in range(2, 100_000):
            journal.log_attempt(number, 1)
    with pytest.raises(OSError, match="is the disk full"):
        journal.log_reply(1, 1, 250, "x" * 500)
    journal.close()
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.complete and found.attempts[number - 1, 1] is None and (number, 1) not in found.attempts

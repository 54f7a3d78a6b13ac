"""The attempt journal of a sending process, in a file that survives kill -9.

A line is written before each final dot and another when its reply was read, so after a crash only the
messages between the two are in doubt. The lock on the file shows whether its writer is alive. A line survives
the death of the process but not of the machine; the boot id in the first line tells which of them died.

The file is mapped into memory, one window at a time, and its space is reserved first. So a line costs a copy
and no system call, and a full disk is noticed before a line begins, not in the middle of one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import secrets
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".journal"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Bytes of the file that are reserved and mapped at a time.
_WINDOW = 64 * mmap.ALLOCATIONGRANULARITY


@dataclass(frozen=True, slots=True)
class LoggedReply:
    """The server's reply to an attempt."""

    code: int
    text: str


@dataclass(frozen=True)
class FoundJournal:
    """What another process of this machine has logged: one that is dead, or that exceeded its lease."""

    owner: str
    # Whether the machine has been running since: if not, the last lines may be missing.
    complete: bool
    # (delivery, attempt) → the reply, or None if only its start is known; of unsettled deliveries.
    attempts: dict[tuple[int, int], LoggedReply | None] = field(default_factory=dict)


class Journal:
    """The journal of this process."""

    def __init__(self, path: Path, descriptor: int, owner: str) -> None:
        self._path = path
        self._descriptor = descriptor
        # The owner of the claims in this journal.
        self.owner = owner
        # The window's offset in the file; its position is where the next line goes.
        self._start = 0
        self._window = self._map_window(self._start)

    @classmethod
    def open(cls, folder: Path, boot_id: str | None = None) -> Journal:
        """A new, locked journal in `folder`, written since the boot `boot_id`. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        owner = f"{os.uname().nodename[:24]}-{os.getpid()}-{secrets.token_hex(8)}"
        # Locked before it gets its name, so that no process takes it for a dead one.
        temporary = folder / f".{owner}"
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = folder / f"{owner}{_SUFFIX}"
            journal = cls(path, descriptor, owner)
            journal._append(json.dumps({"owner": owner, "boot": boot_id or _boot_id()}).encode() + b"\n")
            temporary.rename(path)
        except BaseException:
            temporary.unlink()
            os.close(descriptor)
            raise
        return journal

    def log_attempt(self, delivery: int, attempt: int) -> None:
        """Log that the final dot of this attempt will be sent. Raises OSError; then it must not be sent."""
        line = b"%d %d 0\n" % (delivery, attempt)
        try:
            self._window.write(line)
        except ValueError:
            self._append(line)

    def log_reply(self, delivery: int, attempt: int, code: int, text: str) -> None:
        """Log the reply to this attempt's final dot. Raises OSError."""
        line = b"%d %d %d %b\n" % (delivery, attempt, code, _single_line(text))
        try:
            self._window.write(line)
        except ValueError:
            self._append(line)

    def _append(self, line: bytes) -> None:
        try:
            self._window.write(line)
        except ValueError:
            # It does not fit, and no part of it was written.
            self._advance_window()
            self._window.write(line)

    def _advance_window(self) -> None:
        """Map the next window, so that the next line is near its beginning. Raises OSError."""
        at = self._window.tell()
        past = at - at % mmap.ALLOCATIONGRANULARITY
        window = self._map_window(self._start + past)
        window.seek(at - past)
        self._window.close()
        self._window = window
        self._start += past

    def _map_window(self, start: int) -> mmap.mmap:
        try:
            os.posix_fallocate(self._descriptor, start, _WINDOW)
        except OSError as error:
            raise OSError(
                error.errno or errno.ENOSPC,
                "the attempt journal cannot grow; is the disk full?",
                str(self._path),
            ) from error
        return mmap.mmap(self._descriptor, _WINDOW, offset=start)

    def close(self) -> None:
        """Close and unlock the journal; the next recovery replays it."""
        self._window.close()
        os.close(self._descriptor)

    def discard(self) -> None:
        """Delete the journal, once every result in it is recorded."""
        self._path.unlink(missing_ok=True)
        self.close()


def has_journals(folder: Path) -> bool:
    """Whether the folder has journals, of dead processes or living ones."""
    return any(folder.glob(f"*{_SUFFIX}"))


# The unsettled deliveries of an owner. Only what was logged of these is kept in memory: the journal of a
# large mailing has millions of lines.
Unsettled = Callable[[str], Container[int]]


class _All:
    def __contains__(self, _: object) -> bool:
        return True


def find_journal(
    folder: Path, owner: str, unsettled: Unsettled = lambda owner: _All()
) -> FoundJournal | None:
    """The journal of a process that may still run; None where the folder has none, as on another machine."""
    path = folder / f"{owner}{_SUFFIX}"
    if path.parent != folder:
        return None
    try:
        with path.open("rb") as file:
            return _read(path, file, unsettled)
    except FileNotFoundError:
        return None


def consume_recoverable_journals(
    folder: Path, unsettled: Unsettled = lambda owner: _All()
) -> Iterator[FoundJournal]:
    """The journals of dead processes in `folder`; each is deleted when the caller asks for the next."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Its writer is alive, or another process is recovering it.
            os.close(descriptor)
            continue
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_nlink:
                yield _read(path, file, unsettled)
                path.unlink(missing_ok=True)


@lru_cache(maxsize=64)
def _single_line(text: str) -> bytes:
    return text[:500].replace("\n", " ").replace("\0", " ").encode("utf-8", "replace")


def _read(path: Path, file: BinaryIO, unsettled: Unsettled) -> FoundJournal:
    # The reserved space after the last line is zeros.
    head = file.readline().rstrip(b"\0\n").decode("utf-8", "replace")
    try:
        start = json.loads(head)
        owner, complete = str(start["owner"]), start["boot"] == _boot_id()
    except (ValueError, KeyError, TypeError):
        # The process died before the first line was complete, or the machine lost it: nothing is certain.
        return FoundJournal(owner=path.name.removesuffix(_SUFFIX), complete=False)
    attempts: dict[tuple[int, int], LoggedReply | None] = {}
    wanted = unsettled(owner)
    for line in file:
        if not line.endswith(b"\n"):
            # The reserved space, or an unfinished line.
            break
        try:
            number, attempt, code, *text = line[:-1].split(b" ", 3)
            key, status = (int(number), int(attempt)), int(code)
        except ValueError:
            # Zeros where the machine lost a line: others may be missing as well.
            complete = False
            continue
        if key[0] in wanted:
            reply = text[0].decode("utf-8", "replace") if text else ""
            attempts[key] = LoggedReply(status, reply) if status else None
    return FoundJournal(owner, complete, attempts)


def _boot_id() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"

"""The attempt journal: what a sending process was doing, in a file that outlives a kill -9.

A line is written before each final dot and another when its reply was read, so that after a crash only
the messages between the two are in doubt. The file's lock says whether its writer still lives. A line
survives the death of the process but not of the machine; the boot's identity in the first line tells which.

The file is mapped into memory, a window of it at a time, and its room is reserved first: a line is a copy
and no call of the system, and a full disk is met before a line is begun, not in the middle of one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

_SUFFIX = ".journal"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Octets of the file that are reserved and mapped at a time.
_WINDOW = 64 * mmap.ALLOCATIONGRANULARITY


@dataclass(frozen=True, slots=True)
class Spoken:
    """The reply that was read for an attempt."""

    code: int
    words: str


@dataclass(frozen=True)
class Found:
    """The journal of a process that is dead, locked by us."""

    owner: str
    # Whether the machine has been running ever since: if not, lines may be missing at the end.
    whole: bool
    # (delivery, attempt) → the reply, or None when its dot was about to be sent and nothing more is known.
    attempts: dict[tuple[int, int], Spoken | None] = field(default_factory=dict)


class Journal:
    """The journal of this process; one at a time and owner."""

    def __init__(self, path: Path, descriptor: int, owner: str) -> None:
        self._path = path
        self._descriptor = descriptor
        # Names the claims that this journal speaks of.
        self.owner = owner
        # Where the window begins in the file; the window knows where the next line goes.
        self._start = 0
        self._window = self._mapped(self._start)

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """A new journal in `folder`, locked. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        owner = f"{os.uname().nodename[:24]}-{os.getpid()}-{secrets.token_hex(8)}"
        # Locked before it carries its name, so that nobody can take it for a dead one.
        hidden = folder / f".{owner}"
        descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = folder / f"{owner}{_SUFFIX}"
            journal = cls(path, descriptor, owner)
            journal._append(json.dumps({"owner": owner, "boot": _boot()}).encode() + b"\n")
            hidden.rename(path)
        except BaseException:
            hidden.unlink()
            os.close(descriptor)
            raise
        return journal

    def begin(self, delivery: int, attempt: int) -> None:
        """The dot of this attempt is about to be sent. Raises OSError, and then it must not be."""
        self._append(b"%d %d 0\n" % (delivery, attempt))

    def end(self, delivery: int, attempt: int, code: int, words: str) -> None:
        """The reply to this attempt's dot was read. Raises OSError."""
        self._append(b"%d %d %d %b\n" % (delivery, attempt, code, _on_a_line(words)))

    def _append(self, line: bytes) -> None:
        try:
            self._window.write(line)
        except ValueError:
            # It does not fit, and nothing of it was written.
            self._move()
            self._window.write(line)

    def _move(self) -> None:
        """The window on, so that the next line stands at its beginning. Raises OSError."""
        at = self._window.tell()
        past = at - at % mmap.ALLOCATIONGRANULARITY
        window = self._mapped(self._start + past)
        window.seek(at - past)
        self._window.close()
        self._window = window
        self._start += past

    def _mapped(self, start: int) -> mmap.mmap:
        try:
            os.posix_fallocate(self._descriptor, start, _WINDOW)
        except OSError as error:
            raise OSError(
                error.errno or errno.ENOSPC,
                "the attempt journal has no room to grow; is the disk full?",
                str(self._path),
            ) from error
        return mmap.mmap(self._descriptor, _WINDOW, offset=start)

    def close(self) -> None:
        """Let go of the journal; whoever recovers next replays it."""
        self._window.close()
        os.close(self._descriptor)

    def discard(self) -> None:
        """Remove the journal: every result it speaks of is recorded."""
        self._path.unlink(missing_ok=True)
        self.close()


def dead(folder: Path) -> Iterator[Found]:
    """The journals in `folder` whose writers are dead; each is removed when the caller asks for the next."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Its writer lives, or another process is recovering it.
            os.close(descriptor)
            continue
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_nlink:
                yield _read(path, file.read())
                path.unlink(missing_ok=True)


@lru_cache(maxsize=64)
def _on_a_line(words: str) -> bytes:
    return words[:500].replace("\n", " ").replace("\0", " ").encode("utf-8", "replace")


def _read(path: Path, raw: bytes) -> Found:
    # Behind the last line is what was reserved.
    head, *lines = raw.rstrip(b"\0").decode("utf-8", "replace").split("\n")
    try:
        start = json.loads(head)
        owner, whole = str(start["owner"]), start["boot"] == _boot()
    except (ValueError, KeyError, TypeError):
        # Died before the first line was whole, or the machine lost it: nothing can be proved.
        return Found(owner=path.name.removesuffix(_SUFFIX), whole=False)
    attempts: dict[tuple[int, int], Spoken | None] = {}
    # The last piece is empty, or a line that was not finished.
    for line in lines[:-1]:
        try:
            delivery, attempt, code, *words = line.split(" ", 3)
            spoken = Spoken(int(code), words[0] if words else "") if code != "0" else None
            attempts[int(delivery), int(attempt)] = spoken
        except ValueError:
            # Zeros where the machine lost what was written: other lines may be missing as well.
            whole = False
    return Found(owner, whole, attempts)


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"

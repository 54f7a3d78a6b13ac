"""A Maildir: what is new in it moves to cur/ when it is taken in (maildir(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.feedback.sources.mailbox import MAX_OCTETS, MailboxError, MessageStays, Stop

_READ_FLAG = ":2,S"
# What a file system takes as a name.
_NAME_OCTETS = 255


@contextmanager
def opened(folder: Path) -> Iterator[Maildir]:
    """The Maildir in `folder`."""
    yield Maildir(folder)


class Maildir:
    """An open Maildir (mailbox.Mailbox)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def arrived(self) -> list[str]:
        try:
            names = sorted(path.name for path in (self._folder / "new").iterdir() if path.is_file())
        except OSError as error:
            raise MailboxError(
                f"{self._folder}: is not a Maildir that can be read ({error.strerror}: new). "
                "Let the mail server deliver there, or correct [bounces] maildir."
            ) from error
        return [name for name in names if not name.startswith(".")]

    def content(self, name: str) -> bytes | None:
        try:
            with (self._folder / "new" / name).open("rb") as file:
                return file.read(MAX_OCTETS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MessageStays(error.strerror) from error

    def taken(self, name: str) -> None:
        read_name = os.fsencode(name.partition(":")[0])[: _NAME_OCTETS - len(_READ_FLAG)]
        try:
            (self._folder / "cur").mkdir(exist_ok=True)
            (self._folder / "new" / name).rename(
                self._folder / "cur" / f"{os.fsdecode(read_name)}{_READ_FLAG}"
            )
        except FileNotFoundError:
            return  # another worker took it in at the same time, and its hash made the two one
        except OSError as error:
            raise MessageStays(error.strerror) from error

    def more(self, stop: Stop) -> bool:
        return False

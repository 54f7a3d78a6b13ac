"""Reads a Maildir (maildir(5)): a stored message moves from new/ to cur/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.feedback.sources.base import MAX_OCTETS, MailboxError, MessageUnavailable, Stop

_READ_FLAG = ":2,S"
# The longest file name that common file systems allow.
_MAX_NAME_OCTETS = 255


@contextmanager
def open_mailbox(folder: Path) -> Iterator[Maildir]:
    """The Maildir in `folder`. Reading it may raise MailboxError."""
    yield Maildir(folder)


class Maildir:
    """An open Maildir (base.Mailbox)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_new(self) -> list[str]:
        try:
            names = sorted(path.name for path in (self._folder / "new").iterdir() if path.is_file())
        except OSError as error:
            raise MailboxError(
                f"{self._folder} is not a readable Maildir ({error.strerror}: new). "
                "Let the mail server deliver to it, or correct [bounces] maildir."
            ) from error
        return [name for name in names if not name.startswith(".")]

    def fetch(self, name: str) -> bytes | None:
        try:
            with (self._folder / "new" / name).open("rb") as file:
                return file.read(MAX_OCTETS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MessageUnavailable(error.strerror) from error

    def acknowledge(self, name: str) -> None:
        seen_name = os.fsencode(name.partition(":")[0])[: _MAX_NAME_OCTETS - len(_READ_FLAG)]
        try:
            (self._folder / "cur").mkdir(exist_ok=True)
            (self._folder / "new" / name).rename(
                self._folder / "cur" / f"{os.fsdecode(seen_name)}{_READ_FLAG}"
            )
        except FileNotFoundError:
            return  # another worker stored it at the same time; its hash makes it one message
        except OSError as error:
            raise MessageUnavailable(error.strerror) from error

    def wait_for_more(self, stop: Stop) -> bool:
        return False

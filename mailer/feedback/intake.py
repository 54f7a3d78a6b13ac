"""Takes returned mail in: stored and put into effect in one transaction, and only then marked as read.

A message is never lost and never counted twice: what could not be committed stays where it was, and what is
seen again is known by its hash. Nothing is ever answered.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import transaction

from mailer.feedback import mime
from mailer.feedback.apply import apply
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.reader import read
from mailer.feedback.records import Origin, Reading

logger = logging.getLogger(__name__)

# Octets of a message that are kept; reasons stand in front.
MAX_STORED = 2 * 1024 * 1024
# Messages that one poll takes, so that a flood does not hold up the other jobs.
MAX_AT_ONCE = 2_000
_READ_FLAG = ":2,S"
# What a file system takes as a name.
_NAME_OCTETS = 255


class IntakeError(Exception):
    """The mailbox cannot be read; the message says which and what to do."""


@dataclass(frozen=True)
class Received:
    message: ReturnedMessage
    # False when the same message had been taken in before: then nothing was done.
    new: bool


@dataclass
class Summary:
    # Messages taken in, by kind.
    kinds: Counter[str] = field(default_factory=Counter)
    # Seen before.
    repeated: int = 0
    # Left where they are, to be tried again.
    failed: int = 0

    @property
    def received(self) -> int:
        return sum(self.kinds.values())


def receive(raw: bytes, now: datetime, envelope_to: str | None = None) -> Received:
    """Read one message, store it and act on it, all in one transaction.

    Raises django.db.Error when it could not be stored: then nothing happened, and it must be kept.
    """
    raw = raw[:MAX_STORED]
    reading = read(raw, envelope_to)
    try:
        return _store(raw, reading, now)
    except DatabaseFailure:
        raise
    except Exception as error:  # noqa: BLE001  (what cannot be acted upon is kept for a person, and never lost)
        # The error's own words could name a reader.
        logger.error("action=feedback_unapplied error=%s", type(error).__name__)
        return _store(raw, Reading("other"), now)


def poll(maildir: Path, now: datetime) -> Summary:
    """Take in what is new in a Maildir; each file moves to cur/ after its commit.

    Raises IntakeError when `maildir` is not one.
    """
    summary = Summary()
    for path in _arrived(maildir):
        try:
            received = receive(_content(path), now)
            _mark_read(path, maildir)
        except FileNotFoundError:
            continue  # another worker was faster
        except (DatabaseFailure, OSError) as error:
            # One file that cannot be read or moved must not hold up those behind it.
            summary.failed += 1
            logger.error("action=feedback_kept error=%s", type(error).__name__)
            continue
        _count(summary, received)
    return summary


def poll_configured(now: datetime) -> Summary:
    """`poll` on the mailbox of the configuration; an empty summary when none is configured."""
    maildir = settings.CONFIG.bounces.maildir
    return poll(settings.CONFIG.path(maildir), now) if maildir else Summary()


def _store(raw: bytes, reading: Reading, now: datetime) -> Received:
    digest = hashlib.sha256(mime.normalise(raw)).hexdigest()
    with transaction.atomic():
        message, new = ReturnedMessage.objects.get_or_create(
            sha256=digest, defaults={"kind": reading.kind, "raw": raw, "received_at": now}
        )
        if new:
            apply(reading, Origin(f"mail {digest}", now, message.pk), now)
    return Received(message, new)


def _arrived(maildir: Path) -> Iterator[Path]:
    new = maildir / "new"
    try:
        paths = sorted(new.iterdir())[:MAX_AT_ONCE]
    except OSError as error:
        raise IntakeError(
            f"{maildir}: is not a Maildir that can be read ({error.strerror}: new). "
            "Let the mail server deliver there, or correct [bounces] maildir."
        ) from error
    return (path for path in paths if not path.name.startswith(".") and path.is_file())


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_STORED)


def _mark_read(path: Path, maildir: Path) -> None:
    read_folder = maildir / "cur"
    read_folder.mkdir(exist_ok=True)
    # Missing: another worker took the same message in at the same time, and its hash made the two one.
    if path.exists():
        name = os.fsencode(path.name.partition(":")[0])[: _NAME_OCTETS - len(_READ_FLAG)]
        path.rename(read_folder / f"{os.fsdecode(name)}{_READ_FLAG}")


def _count(summary: Summary, received: Received) -> None:
    if received.new:
        summary.kinds[received.message.kind] += 1
    else:
        summary.repeated += 1

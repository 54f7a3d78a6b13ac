"""What taking in asks of a mailbox, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# A question: should work in progress come to an end?
Stop = Callable[[], bool]

# Octets of a message that are fetched and kept; the reasons of a bounce stand in front.
MAX_OCTETS = 2 * 1024 * 1024


class MailboxError(Exception):
    """The mailbox cannot be read now; the message says which, why, and what to do."""


class MessageStays(Exception):  # noqa: N818  (what becomes of it, not what went wrong)
    """This one message can be neither read nor marked now; it stays where it is, and the others go on."""


class Mailbox(Protocol):
    """An open mailbox. What has arrived stays in it until it is told that the message is stored.

    Everything may raise MailboxError. A message may be handed out again after a crash, or to two at a time.
    """

    def arrived(self) -> list[str]:
        """Names of the messages that were not taken in, the oldest first; they last beyond this visit."""

    def content(self, name: str) -> bytes | None:
        """A message's first MAX_OCTETS; None when it is there no more. Raises MessageStays."""

    def taken(self, name: str) -> None:
        """It is stored: mark, move or delete it. Raises MessageStays."""

    def more(self, stop: Stop) -> bool:
        """Wait here for what comes next, then True; False where a later visit is the better way."""

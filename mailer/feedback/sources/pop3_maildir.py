"""Reads mailboxes by POP3 (RFC 1939), and Maildirs (maildir(5)).

POP3: the name of a message is its UIDL, and messages that were stored are deleted. The server deletes at
QUIT: when the connection is lost before, stored messages are listed again, and are recognised by their hash.
Maildir: a message that was stored moves from new/ to cur/.
"""

from __future__ import annotations

import os
import poplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mailer.config.sections import Bounces
from mailer.feedback.sources.base import (
    TIMEOUT_SECONDS,
    MailboxError,
    MailServer,
    MessageUnavailable,
    Stop,
    max_message_octets,
    require_tls,
    server_text,
    translate_errors,
)

# Messages of one session: they are deleted at its end, so it must not take long.
_MAX_MESSAGES = 500
# Octets that are read at a time.
_CHUNK = 64 * 1024


@contextmanager
def open_pop3(bounces: Bounces) -> Iterator[Pop3Mailbox]:
    """The mailbox that [bounces] pop3_… names, signed in to. Raises MailboxError."""
    server = str(server_of(bounces))
    require_tls(server, bounces.pop3_host, bounces.pop3_security, "pop3_security")
    with translate_errors(server, poplib.error_proto):
        connection = _connect(bounces)
        try:
            _sign_in(connection, bounces)
            yield Pop3Mailbox(connection, server)
            connection.quit()
        finally:
            # Without QUIT, nothing is deleted.
            with suppress(OSError):
                connection.close()


def server_of(bounces: Bounces) -> MailServer:
    """The configured server."""
    port = bounces.pop3_port or (995 if bounces.pop3_security == "tls" else 110)
    return MailServer("POP3", bounces.pop3_host, port, bounces.pop3_username)


class Pop3Mailbox:
    """An open mailbox (base.Mailbox)."""

    def __init__(self, connection: poplib.POP3, server: str) -> None:
        self._pop, self._server = connection, server
        # The number that each message has in this session.
        self._numbers: dict[str, int] = {}

    def list_new(self) -> list[str]:
        for line in self._pop.uidl()[1][:_MAX_MESSAGES]:
            number, _, name = line.partition(b" ")
            self._numbers[name.decode("ascii", "replace")] = int(number)
        return list(self._numbers)

    def fetch(self, name: str) -> bytes | None:
        """Sends RETR itself: poplib keeps the whole message, and fails at lines of more than 2,048 octets."""
        self._pop.sock.sendall(b"RETR %d\r\n" % self._numbers[name])
        reply = self._chunk()
        if not reply.startswith(b"+OK"):
            raise MessageUnavailable(reply.decode("utf-8", "replace").strip())
        content, at_line_start = bytearray(), True
        while (chunk := self._chunk()) != b".\r\n" or not at_line_start:
            if len(content) < max_message_octets():
                # The server doubles a dot at the beginning of a line (RFC 1939 §3).
                content += chunk[1:] if at_line_start and chunk.startswith(b".") else chunk
            at_line_start = chunk.endswith(b"\n")
        return bytes(content[: max_message_octets()])

    def acknowledge(self, name: str) -> None:
        try:
            self._pop.dele(self._numbers.pop(name))
        except poplib.error_proto as error:
            raise MessageUnavailable(str(error)) from error

    def wait_for_more(self, stop: Stop) -> bool:
        return False

    def _chunk(self) -> bytes:
        chunk = self._pop.file.readline(_CHUNK)
        if not chunk:
            raise MailboxError(f"{self._server} closed the connection.")
        return chunk


def _connect(bounces: Bounces) -> poplib.POP3:
    host, port = bounces.pop3_host, server_of(bounces).port
    if bounces.pop3_security == "tls":
        return poplib.POP3_SSL(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    return poplib.POP3(host, port, timeout=TIMEOUT_SECONDS)


def _sign_in(connection: poplib.POP3, bounces: Bounces) -> None:
    if bounces.pop3_security == "starttls":
        connection.stls(ssl.create_default_context())
    try:
        connection.user(bounces.pop3_username)
        connection.pass_(bounces.pop3_password)
    except poplib.error_proto as error:
        text = server_text(error).rstrip(".")
        raise MailboxError(
            f"{server_of(bounces)} refuses our sign-in as {bounces.pop3_username}: {text}. "
            "See [bounces] pop3_username and pop3_password."
        ) from error


_READ_FLAG = ":2,S"
# The longest file name that common file systems allow.
_MAX_NAME_OCTETS = 255


@contextmanager
def open_maildir(folder: Path) -> Iterator[Maildir]:
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
                return file.read(max_message_octets())
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

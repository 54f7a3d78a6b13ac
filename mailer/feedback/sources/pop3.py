"""A mailbox read by POP3 (RFC 1939), and emptied of what was taken in.

A message is named by its UIDL. The server deletes when we say goodbye: where the line is lost before, what
was stored is handed out once more, and known by its hash.
"""

from __future__ import annotations

import poplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailer.config.bounces import Bounces
from mailer.feedback.sources.errors import PATIENCE, refuse_clear, speaking
from mailer.feedback.sources.mailbox import MAX_OCTETS, MailboxError, MessageStays, Stop

# Messages of one visit: the server deletes them at its end, so that it must come.
_MOST = 500
# Octets that are read at a time.
_PIECE = 64 * 1024


@contextmanager
def opened(bounces: Bounces) -> Iterator[Pop3Mailbox]:
    """The mailbox that [bounces] pop3_… names, signed in to. Raises MailboxError."""
    server = name_of(bounces)
    refuse_clear(server, bounces.pop3_host, bounces.pop3_security, "pop3_security")
    with speaking(server, poplib.error_proto):
        connection = _connected(bounces)
        try:
            _sign_in(connection, bounces)
            yield Pop3Mailbox(connection, server)
            connection.quit()
        finally:
            # Without goodbye, nothing is deleted.
            with suppress(OSError):
                connection.close()


def name_of(bounces: Bounces) -> str:
    """As words for staff begin: "The POP3 server mail.example.org:995"."""
    return f"The POP3 server {bounces.pop3_host}:{_port(bounces)}"


def address_of(bounces: Bounces) -> str:
    """Which mailbox it is."""
    return f"pop3://{bounces.pop3_username}@{bounces.pop3_host}:{_port(bounces)}"


class Pop3Mailbox:
    """An open mailbox (mailbox.Mailbox)."""

    def __init__(self, connection: poplib.POP3, server: str) -> None:
        self._pop, self._server = connection, server
        # The number that each message has in this session.
        self._numbers: dict[str, int] = {}

    def arrived(self) -> list[str]:
        for line in self._pop.uidl()[1][:_MOST]:
            number, _, name = line.partition(b" ")
            self._numbers[name.decode("ascii", "replace")] = int(number)
        return list(self._numbers)

    def content(self, name: str) -> bytes | None:
        """RETR by hand: the library keeps all that comes, and gives up at lines of 2,048 octets."""
        self._pop.sock.sendall(b"RETR %d\r\n" % self._numbers[name])
        answer = self._piece()
        if not answer.startswith(b"+OK"):
            raise MessageStays(answer.decode("utf-8", "replace").strip())
        kept, begins = bytearray(), True
        while (piece := self._piece()) != b".\r\n" or not begins:
            if len(kept) < MAX_OCTETS:
                # A dot in front was put there on the way (RFC 1939 §3).
                kept += piece[1:] if begins and piece.startswith(b".") else piece
            begins = piece.endswith(b"\n")
        return bytes(kept[:MAX_OCTETS])

    def taken(self, name: str) -> None:
        try:
            self._pop.dele(self._numbers.pop(name))
        except poplib.error_proto as error:
            raise MessageStays(str(error)) from error

    def more(self, stop: Stop) -> bool:
        return False

    def _piece(self) -> bytes:
        piece = self._pop.file.readline(_PIECE)
        if not piece:
            raise MailboxError(f"{self._server} ended the connection.")
        return piece


def _connected(bounces: Bounces) -> poplib.POP3:
    host, port = bounces.pop3_host, _port(bounces)
    if bounces.pop3_security == "tls":
        return poplib.POP3_SSL(host, port, timeout=PATIENCE, context=ssl.create_default_context())
    return poplib.POP3(host, port, timeout=PATIENCE)


def _sign_in(connection: poplib.POP3, bounces: Bounces) -> None:
    if bounces.pop3_security == "starttls":
        connection.stls(ssl.create_default_context())
    try:
        connection.user(bounces.pop3_username)
        connection.pass_(bounces.pop3_password)
    except poplib.error_proto as error:
        words = error.args[0].decode("utf-8", "replace").rstrip(".") if error.args else ""
        raise MailboxError(
            f"{name_of(bounces)} refuses our sign-in as {bounces.pop3_username}: {words}. "
            "See [bounces] pop3_username and pop3_password."
        ) from error


def _port(bounces: Bounces) -> int:
    return bounces.pop3_port or (995 if bounces.pop3_security == "tls" else 110)

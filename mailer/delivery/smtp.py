"""An SMTP session (RFC 5321): one recipient's message after another, and what became of each.

Pipelined where the server offers it (RFC 2920): MAIL, RCPT and DATA leave in one write, so that a message
costs two round trips. What is uncertain is said to be: between the final dot and its reply, nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from mailer.delivery.replies import Reply
from mailer.delivery.wire import ConnectionLost, Timeouts, Wire

_ADDRESS = re.compile(r"[^\x00-\x20<>\x7f-\U0010ffff]+@[A-Za-z0-9.\-:\[\]]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")


class SmtpError(Exception):
    """The relay cannot be used."""


class OurFault(SmtpError):  # noqa: N818  (whose doing it is, not what went wrong)
    """The relay turned *us* down for good; no recipient is to blame and trying again cannot help."""


class Unavailable(SmtpError):  # noqa: N818
    """The relay cannot be reached or is busy; trying again later can help."""


class NotNow(Exception):  # noqa: N818
    """Raised by a caller's `before_dot`: this message must not leave after all."""


class Verdict(Enum):
    # The server took it. It may still bounce.
    ACCEPTED = "accepted"
    # The server said no for good, to this recipient or this message.
    REFUSED = "refused"
    # The server said not now, or the connection ended before the dot.
    DEFERRED = "deferred"
    # The dot was sent and no reply was read.
    IN_DOUBT = "in_doubt"
    # Nothing was tried that counts: the connection had ended before, or the caller held the message back.
    UNTOUCHED = "untouched"


class Outcome(NamedTuple):
    verdict: Verdict
    # The server's words, or ours where it said nothing.
    words: str
    # 0 where the server said nothing.
    code: int = 0


class Envelope(NamedTuple):
    sender: str
    recipient: str
    # The whole message; line ends are put right where they are not CRLF.
    message: bytes = b""
    # In its place, pieces of a message that needs no look: ASCII in CRLF lines, none begins with a dot.
    pieces: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Relay:
    """Where mail is handed over."""

    host: str
    port: int
    security: str = "none"
    auth: str = "auto"
    username: str = ""
    password: str = field(default="", repr=False)
    # File with the access token of XOAUTH2.
    token_path: str = ""
    # What we call ourselves in EHLO.
    ehlo: str = "localhost"
    # Open connections at most, and messages after which one is renewed.
    connections: int = 5
    messages_per_connection: int = 1000
    # Its part among several relays; 0: only while the others are away.
    weight: int = 1
    timeouts: Timeouts = field(default_factory=Timeouts)
    # Trust for TLS; None: the system's certificates.
    trust: ssl.SSLContext | None = None


def verdict_of(code: int) -> Verdict:
    """What a reply's code says about the message."""
    if 200 <= code < 300:
        return Verdict.ACCEPTED
    return Verdict.REFUSED if code >= 500 else Verdict.DEFERRED


def wire_form(message: bytes) -> bytes:
    """The message as DATA carries it: CRLF only, dots stuffed, and the final dot (RFC 5321 §4.5.2).

    A lone CR or LF never passes: between servers that read it differently it could smuggle a second message.
    """
    ends = message.count(b"\r\n")
    if ends != message.count(b"\n") or ends != message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    if b"\r\n." in message or message.startswith(b"."):
        message = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return message + (b".\r\n" if message.endswith(b"\r\n") or not message else b"\r\n.\r\n")


def _speakable(envelope: Envelope) -> bool:
    return bool(_ADDRESS.fullmatch(envelope.recipient) and _ADDRESS.fullmatch(envelope.sender))


def nobody() -> None:
    """Nothing rides behind the dot."""


class Session:
    """An open session with the relay. Not for two tasks at once."""

    def __init__(self, wire: Wire, relay: Relay) -> None:
        self._wire = wire
        self._relay = relay
        self._timeouts = relay.timeouts
        # EHLO keywords in upper case, each with its parameters.
        self.offers: dict[str, str] = {}
        # Messages for which a transaction was begun.
        self.used = 0
        # Whether a transaction stands open that RSET must end.
        self._unclean = False
        # Whose MAIL, RCPT and DATA rode behind the last dot, and with what content.
        self._begun: Envelope | None = None
        self._content: tuple[bytes, ...] = ()

    @property
    def usable(self) -> bool:
        return self._wire.alive

    async def deliver(
        self,
        envelope: Envelope,
        before_dot: Callable[[], None],
        following: Callable[[], Envelope | None] = nobody,
    ) -> Outcome:
        """Hand one message to the relay and say what became of it.

        `before_dot` is called when the server waits for the message; it makes the attempt durable, or
        raises NotNow. `following` is asked then for the envelope that comes next over this session: where the
        server allows it, its MAIL, RCPT and DATA ride behind the final dot (RFC 2920 §3.1), and then no other
        may be delivered. Raises OurFault when the relay refuses the sender. When cancelled, the connection is
        ended and the outcome still returned: UNTOUCHED before the dot, IN_DOUBT after it.
        """
        if self._begun is not envelope and not _speakable(envelope):
            return Outcome(Verdict.REFUSED, "the address cannot be written in SMTP")
        dotted = False
        try:
            answer = await self._envelope(envelope)
            if answer is not None:
                return answer
            content = self._content
            riding = self._rider(following)
            before_dot()
            dotted = True
            self._wire.write(b"".join((*content, *riding)))
            reply = await self._wire.reply(self._timeouts.dot)
        except NotNow:
            self._wire.abort("held back")
            return Outcome(Verdict.UNTOUCHED, "held back before it left")
        except ConnectionLost as error:
            return self._lost(str(error), dotted)
        except asyncio.CancelledError:
            lost = self._lost("stopped while it was being sent", dotted)
            self._wire.abort("stopped")
            return lost if dotted else Outcome(Verdict.UNTOUCHED, lost.words)
        if reply.code == 421:
            self._wire.abort(str(reply))
        return Outcome(verdict_of(reply.code), str(reply), reply.code)

    async def quit(self) -> None:
        """Take leave, briefly; never raises."""
        if self._begun is not None:
            # The server waits for a message that will not come: only ending the connection says so.
            self._wire.abort("ended by us")
        try:
            self._wire.write(b"QUIT\r\n")
            await self._wire.reply(min(2.0, self._timeouts.command))
        except ConnectionLost:
            pass
        finally:
            await self._wire.close()

    async def end(self) -> None:
        """End the connection at once."""
        self._wire.abort("ended by us")
        await self._wire.close()

    def _lost(self, words: str, dotted: bool) -> Outcome:
        # Where the system never got the last octets, the dot did not leave.
        if dotted and self._wire.flushed:
            return Outcome(Verdict.IN_DOUBT, words)
        return Outcome(Verdict.DEFERRED, words)

    def _rider(self, following: Callable[[], Envelope | None]) -> list[bytes]:
        """What may be said behind the final dot: the commands of the envelope that follows, if any."""
        envelope = following() if "PIPELINING" in self.offers else None
        if envelope is None or not _speakable(envelope):
            return []
        try:
            commands = self._commands(envelope)
        except OurFault:
            # Said again, and raised, when its turn comes.
            return []
        self._begun = envelope
        return commands

    async def _envelope(self, envelope: Envelope) -> Outcome | None:
        """Say MAIL, RCPT and DATA. None when the server waits for the message, else what became of it."""
        riding, self._begun = self._begun is envelope, None
        commands = [] if riding else self._commands(envelope)
        pipelined = "PIPELINING" in self.offers
        first_on_connection = self.used == 0
        self.used += 1
        try:
            if not riding:
                await self._reset()
                if pipelined:
                    self._wire.write(b"".join(commands))
            mail = await self._say(b"" if pipelined else commands[0])
        except ConnectionLost as error:
            if first_on_connection:
                raise
            # A server may end a session between messages: this message was not looked at.
            return Outcome(Verdict.UNTOUCHED, str(error))
        self._unclean = True
        if mail.code == 421 and not first_on_connection:
            self._wire.abort(str(mail))
            return Outcome(Verdict.UNTOUCHED, str(mail), mail.code)
        if not mail.positive and not pipelined:
            return self._not_sent(mail, "MAIL")
        recipient = await self._say(b"" if pipelined else commands[1])
        if not recipient.positive and not pipelined:
            return self._not_sent(recipient, "RCPT")
        data = await self._say(b"" if pipelined else commands[2], self._timeouts.data)
        return await self._verdict(mail, recipient, data)

    async def _verdict(self, mail: Reply, recipient: Reply, data: Reply) -> Outcome | None:
        refused = next((reply for reply in (mail, recipient) if not reply.positive), None)
        if refused is None and data.code == 354:
            self._unclean = False
            return None
        if data.code == 354:
            # RFC 2920 §3.1: DATA was taken although nobody is to get it; a lone dot ends it.
            await self._say(b".\r\n", self._timeouts.dot)
        return self._not_sent(refused or data, "MAIL" if refused is mail else "RCPT")

    def _not_sent(self, reply: Reply, stage: str) -> Outcome:
        if reply.code == 421:
            self._wire.abort(str(reply))
        if stage == "MAIL" and reply.permanent:
            raise OurFault(f"The relay refuses our sender address: {reply}")
        # A reply below 400 here makes no sense; it is not the reader's fault.
        return Outcome(Verdict.REFUSED if reply.permanent else Verdict.DEFERRED, str(reply), reply.code)

    def _commands(self, envelope: Envelope) -> list[bytes]:
        """MAIL, RCPT and DATA; keeps the content for after them. Raises OurFault for a message too large."""
        self._content = (*envelope.pieces, b".\r\n") if envelope.pieces else (wire_form(envelope.message),)
        size = sum(map(len, self._content))
        limit = self.offers.get("SIZE", "")
        if limit.isdigit() and 0 < int(limit) < size:
            raise OurFault(f"The message has {size} octets; the relay takes at most {limit}.")
        parameters = f" SIZE={size}" if "SIZE" in self.offers else ""
        if "8BITMIME" in self.offers and not envelope.message.isascii():
            parameters += " BODY=8BITMIME"
        return [
            f"MAIL FROM:<{envelope.sender}>{parameters}\r\n".encode(),
            f"RCPT TO:<{envelope.recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]

    async def _reset(self) -> None:
        if self._unclean:
            self._wire.write(b"RSET\r\n")
            await self._wire.reply(self._timeouts.command)
            self._unclean = False

    async def _say(self, command: bytes, seconds: float = 0) -> Reply:
        if command:
            self._wire.write(command)
        return await self._wire.reply(seconds or self._timeouts.command)

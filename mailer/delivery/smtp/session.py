"""An SMTP session (RFC 5321): transmits one message after another and reports the outcome of each.

If the server offers PIPELINING (RFC 2920), MAIL, RCPT and DATA of the next message follow the final dot of
the previous one, so that a message costs one round trip. A message whose reply was not read is reported as
in doubt. No task is woken per message: replies are handled where they are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from mailer.config.log_masking import mask
from mailer.delivery.outcome import Outcome, ReplyClass, classify_rejection, outcome_of
from mailer.delivery.smtp.connection import ConnectionLost, SmtpTransport
from mailer.delivery.smtp.envelope_and_commands import (
    AddressNotEncodable,
    CommandBuilder,
    Envelope,
    UnsendableMessage,
    encode_data,
)
from mailer.delivery.smtp.relays import PermanentRelayError, Relay
from mailer.delivery.smtp.reply import Reply

# The stages of a session: what the next reply answers.
_IDLE, _RESET, _MAIL, _RCPT, _DATA, _AWAIT_EMPTY_DATA, _FINAL_DOT, _CLOSED = range(8)
# Codes of the usual replies to a final dot and the three commands behind it: accepted, and the server awaits
# the next content.
_ACCEPTED_AND_READY = (250, 250, 250, 354)
# Characters of a rejection that are kept, so that the command fits behind it in the ledger's column.
_MAX_REJECTION = 450


class SendAborted(Exception):  # noqa: N818  (an event, not an error)
    """Raised by a caller's `before_final_dot`: this message must not be sent after all."""


class Source(Protocol):
    """Supplies a session with messages and gets the outcome of each."""

    def next_message(self, behind: Envelope | None) -> Envelope | None:
        """The next message, or None while there is none. A message that would be pipelined `behind` another
        may
        be withheld."""

    def before_final_dot(self, envelope: Envelope) -> None:
        """Record the attempt durably before it counts, or raise SendAborted."""

    def record_outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        """Take the outcome of a message; called once for each message that was supplied."""


class Session:
    """An open session with the relay. It serves one source at a time."""

    def __init__(self, transport: SmtpTransport, relay: Relay) -> None:
        self._transport = transport
        self._timeouts = relay.timeouts
        # Seconds that the next reply may take, by stage; 0: no reply is expected.
        command, data, dot = relay.timeouts.command, relay.timeouts.data, relay.timeouts.final_dot
        self._timeouts_by_stage = (0.0, command, command, command, data, dot, dot, 0.0)
        # EHLO keywords in upper case, each with its parameters.
        self.extensions: dict[str, str] = {}
        # Whether the server offers DSN and rejects commands that use it.
        self.dsn_rejected = False
        # Transactions begun, and how many this session may begin.
        self.transactions = 0
        self.max_transactions = relay.messages_per_connection
        self._source: Source
        self._served: asyncio.Future[None] | None = None
        self._stage = _IDLE
        # Whether no further message is begun, and whether serve() returns when the source is empty.
        self._finishing = False
        self._until_empty = False
        # Whether an open transaction must be ended by RSET.
        self._needs_reset = False
        # The current message, and the one whose commands followed the current message's final dot.
        self._current: Envelope | None = None
        self._pipelined: Envelope | None = None
        # Of the message prepared last: its commands, its encoded content, and the content's size in bytes.
        self._commands: bytes = b""
        self._content: list[bytes] = []
        self._size = 0
        self._mail_reply = self._rcpt_reply = Reply(0, "")
        # Why the message was rejected whose empty content was ended by a lone dot.
        self._rejection = Reply(0, "")
        self._stop_reason = ""

    @property
    def usable(self) -> bool:
        return self._transport.alive

    async def serve(self, source: Source, until_empty: bool = False) -> None:
        """Transmit the messages of `source` until the session ends or has begun `max_transactions`.

        While the source is empty, it waits for `wake`; with `until_empty` it returns instead and leaves
        the session open. When cancelled, it ends the connection and reports the outcome of the messages in
        progress.
        """
        loop = asyncio.get_running_loop()
        self._served = loop.create_future()
        self._source, self._until_empty = source, until_empty
        self._command_builder = CommandBuilder(self.extensions)
        self._pipelining = "PIPELINING" in self.extensions
        self._transport.listener = self._on_replies
        try:
            self.wake()
            await self._served
        except asyncio.CancelledError:
            self.stop("stopped while it was being sent")
        finally:
            self._transport.listener = None

    async def deliver(self, envelope: Envelope, before_final_dot: Callable[[], None]) -> Outcome:
        """Transmit one message and return its outcome. Raises PermanentRelayError if the relay rejects the
        sender.

        `before_final_dot` is called when the server awaits the content; it records the attempt durably or
        raises SendAborted.
        """
        source = _SingleMessage(envelope, before_final_dot)
        await self.serve(source, until_empty=True)
        if source.outcome.reply_class is ReplyClass.SENDER_REJECTED:
            raise PermanentRelayError(source.outcome.reply)
        return source.outcome

    def wake(self) -> bool:
        """If the session is idle, ask the source again: it may have a message now. Whether it was idle."""
        idle = self._stage == _IDLE
        if idle:
            self._guard(lambda _: self._start_next())
        return idle

    def finish(self) -> None:
        """Begin no further message, and end when the current one has its outcome."""
        self._finishing = True
        self.wake()

    def stop(self, reason: str) -> None:
        """End the connection at once."""
        self._stop_reason = reason
        self._transport.abort(reason)
        if self._stage != _CLOSED:
            self._on_replies()

    async def quit(self) -> None:
        """Send QUIT and close the connection; never raises."""
        try:
            self._transport.write(b"QUIT\r\n")
            await self._transport.read_reply(min(2.0, self._timeouts.command))
        except ConnectionLost:
            pass
        finally:
            await self._transport.close()

    async def abort(self) -> None:
        """Close the connection without QUIT."""
        self._transport.abort("ended by us")
        await self._transport.close()

    def _on_replies(self, replies: Sequence[Reply] = ()) -> None:
        """Handle replies as they arrive, or the end of the connection."""
        usual = (
            self._pipelined is not None
            and self._stage == _FINAL_DOT
            and len(replies) == len(_ACCEPTED_AND_READY)
            and (replies[0][0], replies[1][0], replies[2][0], replies[3][0]) == _ACCEPTED_AND_READY
        )
        self._guard(self._advance_pipelined if usual else self._on_each_reply, replies)

    def _guard(self, handle: Callable[[Sequence[Reply]], None], replies: Sequence[Reply] = ()) -> None:
        """Run `handle`, then set the timeout of the next reply or handle the end of the connection."""
        try:
            handle(replies)
        except ConnectionLost:
            pass
        except Exception as error:  # noqa: BLE001  (an error of the source; serve() raises it)
            self._fail(error)
        if self._transport.alive:
            self._transport.expect_reply(self._timeouts_by_stage[self._stage])
        else:
            self._on_connection_lost()

    def _fail(self, error: Exception) -> None:
        """The source failed: end the session and leave the messages in progress without an outcome."""
        self._stage = _CLOSED
        self._transport.abort("ended by an error of ours")
        if self._served is not None and not self._served.done():
            self._served.set_exception(error)

    def _advance_pipelined(self, replies: Sequence[Reply]) -> None:
        """Handle the usual four replies in one step, as _on_reply would one by one: nearly all messages come
        here."""
        accepted, self._current, self._pipelined = self._current, self._pipelined, None
        assert accepted is not None
        self.transactions += 1
        self._stage = _DATA
        self._source.record_outcome(accepted, outcome_of(250, replies[0].full_text))
        self._send_content()

    def _on_each_reply(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if self._stage != _CLOSED:
                self._on_reply(reply)

    def _on_reply(self, reply: Reply) -> None:
        """Take the step that the reply calls for. Raises ConnectionLost."""
        stage = self._stage
        if stage == _FINAL_DOT:
            self._after_final_dot(reply)
        elif stage == _MAIL:
            self._mail_reply = reply
            self._needs_reset = True
            if reply.code == 421 and self.transactions > 1:
                # A server may end a session between messages; it did not look at this one.
                self._record(Outcome(ReplyClass.NOT_TRIED, reply.full_text, 421))
                self._transport.abort(reply.full_text)
            else:
                self._continue(reply, _RCPT)
        elif stage == _RCPT:
            self._rcpt_reply = reply
            self._continue(reply, _DATA)
        elif stage == _DATA:
            self._after_data(reply)
        elif stage == _AWAIT_EMPTY_DATA:
            self._on_rejection(self._rejection)
        elif stage == _RESET:
            self._needs_reset = False
            self._send_command(_MAIL)
        else:
            # The server closes an idle session.
            self._transport.abort(reply.full_text)

    def _continue(self, reply: Reply, stage: int) -> None:
        """Go on to the next stage; with pipelining its command is sent already."""
        # After 421 the server closes the connection and sends no further replies.
        if self._pipelining and reply.code != 421:
            self._stage = stage
        elif reply.positive:
            self._send_command(stage)
        else:
            self._on_rejection(reply)

    def _after_final_dot(self, reply: Reply) -> None:
        accepted = 200 <= reply.code < 300
        text = reply.full_text if accepted else _name_command(reply.full_text, "end of DATA")
        self._record(outcome_of(reply.code, text))
        if reply.code == 421:
            self._transport.abort(reply.full_text)
        elif self._pipelined is not None:
            self._current, self._pipelined = self._pipelined, None
            self.transactions += 1
            self._stage = _MAIL
        else:
            self._start_next()

    def _after_data(self, data: Reply) -> None:
        mail, rcpt = self._mail_reply, self._rcpt_reply
        rejected = mail if not mail.positive else rcpt if not rcpt.positive else None
        if rejected is None and data.code == 354:
            self._needs_reset = False
            self._send_content()
        elif data.code == 354:
            # RFC 2920 §3.1: the server accepted DATA without a recipient; a lone dot ends it.
            assert rejected is not None
            self._rejection = rejected
            self._transport.write(b".\r\n")
            self._stage = _AWAIT_EMPTY_DATA
        else:
            self._on_rejection(rejected or data)

    def _send_content(self) -> None:
        """Write the content, its final dot and, with pipelining, the commands of the next message."""
        assert self._current is not None
        try:
            self._source.before_final_dot(self._current)
        except SendAborted:
            self._record(Outcome(ReplyClass.NOT_TRIED, "held back before it was sent"))
            self._transport.abort("held back")
            return
        content, size = self._content, self._size
        if self._pipelining and not self._finishing and self.transactions < self.max_transactions:
            self._pipelined = self._prepare_next(behind=self._current)
            if self._pipelined is not None:
                content.append(self._commands)
                size += len(self._commands)
        self._stage = _FINAL_DOT
        self._transport.write_pieces(content, size)

    def _start_next(self) -> None:
        """Begin the next message if there is one and it may be sent. Raises ConnectionLost."""
        self._stage = _IDLE
        envelope = None
        if not self._finishing and self.transactions < self.max_transactions:
            envelope = self._prepare_next(behind=None)
        if envelope is None:
            if self._finishing or self._until_empty or self.transactions >= self.max_transactions:
                self._end_serving()
            return
        self._current = envelope
        self.transactions += 1
        if self._needs_reset:
            self._transport.write(b"RSET\r\n")
            self._stage = _RESET
        else:
            self._send_command(_MAIL)

    def _prepare_next(self, behind: Envelope | None) -> Envelope | None:
        """The next message that this server can take; its commands and content are prepared."""
        while (envelope := self._source.next_message(behind)) is not None:
            if envelope.signature is not None:
                envelope.sign()
            content = [*envelope.pieces, b".\r\n"] if envelope.pieces else [encode_data(envelope.message)]
            size = sum(map(len, content))
            try:
                self._commands = self._build_commands(envelope, size)
            except AddressNotEncodable as error:
                outcome = Outcome(ReplyClass.REFUSED, str(error))
            except UnsendableMessage as error:
                outcome = Outcome(ReplyClass.SENDER_REJECTED, str(error))
            else:
                self._content, self._size = content, size
                return envelope
            self._source.record_outcome(envelope, outcome)
        return None

    def _build_commands(self, envelope: Envelope, size: int) -> bytes:
        eight_bit = not envelope.message.isascii()
        return self._command_builder.commands(envelope.sender, envelope.recipient, size, eight_bit)

    def _send_command(self, stage: int) -> None:
        """Send the command of a stage; with pipelining, MAIL together with RCPT and DATA."""
        self._stage = stage
        if self._pipelining:
            self._transport.write(self._commands)
            return
        lines = self._commands.split(b"\r\n")
        self._transport.write(lines[stage - _MAIL] + b"\r\n")

    def _on_rejection(self, reply: Reply) -> None:
        """Record it and begin the next message; or try this one again without DSN. Raises ConnectionLost."""
        if "DSN" in self.extensions and self._rejects_parameters(reply):
            # For the rest of the session, so that each message is tried twice at most.
            del self.extensions["DSN"]
            self.dsn_rejected = True
            self._command_builder = CommandBuilder(self.extensions)
            assert self._current is not None
            self._commands = self._build_commands(self._current, self._size)
            self._transport.write(b"RSET\r\n")
            self._stage = _RESET
            return
        self._record(self._rejected(reply))
        if reply.code == 421:
            self._transport.abort(reply.full_text)
        else:
            self._start_next()

    def _rejects_parameters(self, reply: Reply) -> bool:
        """Whether the parameters of MAIL or RCPT may be the reason of a rejection."""
        if not (reply is self._mail_reply or reply is self._rcpt_reply):
            return False
        return classify_rejection(reply.code, reply.full_text) is ReplyClass.COMMAND_REJECTED

    def _rejected(self, reply: Reply) -> Outcome:
        """The outcome that a rejection of MAIL, RCPT or DATA stands for."""
        of_sender = reply is self._mail_reply
        if of_sender and reply.permanent:
            # Shown to staff.
            text = f"The relay rejects our sender address: {mask(str(reply))}"
            return Outcome(ReplyClass.SENDER_REJECTED, text, reply.code)
        command = "MAIL FROM" if of_sender else "RCPT TO" if reply is self._rcpt_reply else "DATA"
        text = _name_command(reply.full_text, command)
        # A code below 400 makes no sense here. It counts as temporary, also where it is read in the journal.
        code = reply.code if reply.code >= 400 else 451
        return Outcome(classify_rejection(code, text), text, code)

    def _record(self, outcome: Outcome) -> None:
        envelope, self._current = self._current, None
        assert envelope is not None
        self._stage = _IDLE
        self._source.record_outcome(envelope, outcome)

    def _on_connection_lost(self) -> None:
        """Record what the end of the connection means for the messages in progress."""
        if self._stage == _CLOSED:
            return
        stage, reason = self._stage, self._transport.lost_reason
        if self._current is not None:
            if stage == _FINAL_DOT and self._transport.flushed:
                reply_class = ReplyClass.IN_DOUBT
            elif self._stop_reason or (stage in (_RESET, _MAIL) and self.transactions > 1):
                # A server may end a session between messages; it did not look at this one.
                reply_class = ReplyClass.NOT_TRIED
            else:
                # Also if the kernel never took the last bytes: then the final dot was not sent.
                reply_class = ReplyClass.CONNECTION_LOST
            self._record(Outcome(reply_class, reason))
        if self._pipelined is not None:
            self._current, self._pipelined = self._pipelined, None
            self._record(Outcome(ReplyClass.NOT_TRIED, reason))
        self._end_serving()

    def _end_serving(self) -> None:
        """Let serve() return; the session stays open only if it was asked to serve until the source is
        empty."""
        self._stage = _IDLE if self._until_empty and self._transport.alive else _CLOSED
        self._transport.expect_reply(0)
        if self._served is not None and not self._served.done():
            self._served.set_result(None)


class _SingleMessage:
    """A source of one message."""

    def __init__(self, envelope: Envelope, before_final_dot: Callable[[], None]) -> None:
        self._envelope: Envelope | None = envelope
        self._before_final_dot = before_final_dot
        self.outcome = Outcome(ReplyClass.NOT_TRIED, "the connection had ended")

    def next_message(self, behind: Envelope | None) -> Envelope | None:
        envelope, self._envelope = self._envelope, None
        return envelope

    def before_final_dot(self, envelope: Envelope) -> None:
        self._before_final_dot()

    def record_outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        self.outcome = outcome


def _name_command(reply: str, command: str) -> str:
    """A rejection with the command that it answers, as Postfix writes it; the bounce rules read that form."""
    return f"{reply[:_MAX_REJECTION]} (in reply to {command} command)"

"""An SMTP session (RFC 5321): one recipient's message after another, and what became of each.

Pipelined where the server offers it (RFC 2920): MAIL, RCPT and DATA of the next message ride behind the
final dot of the last one, so that a message costs one round trip. What is uncertain is said to be: between
the final dot and its reply, nobody knows. No task is woken for a message: a reply is acted upon where it is
read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mailer.delivery.outcome import Outcome, ReplyClass, classify_rejection
from mailer.delivery.smtp.base import (
    Envelope,
    NotNow,
    OurFault,
    Relay,
    Source,
    in_reply,
    outcome_of_dot,
    wire_form,
)
from mailer.delivery.smtp.envelope import Commands, NotTaken, Unspeakable
from mailer.delivery.smtp.reply import Reply
from mailer.delivery.smtp.transport import ConnectionLost, Wire

# Where a session stands: what the next reply is about.
_IDLE, _RESET, _MAIL, _RCPT, _DATA, _NOBODY, _DOT, _OVER = range(8)
# The usual answer to a dot and what rode behind it: taken, and the next one may come.
_TAKEN_AND_ON = (250, 250, 250, 354)


class Session:
    """An open session with the relay. Not for two sources at once."""

    def __init__(self, wire: Wire, relay: Relay) -> None:
        self._wire = wire
        self._timeouts = relay.timeouts
        # Seconds that the next reply may take, by stage; 0: none is waited for.
        command, data, dot = relay.timeouts.command, relay.timeouts.data, relay.timeouts.dot
        self._patience = (0.0, command, command, command, data, dot, dot, 0.0)
        # EHLO keywords in upper case, each with its parameters.
        self.offers: dict[str, str] = {}
        # Messages for which a transaction was begun, and how many may be.
        self.used = 0
        self.limit = relay.messages_per_connection
        self._source: Source
        self._over: asyncio.Future[None] | None = None
        self._stage = _IDLE
        # Whether no other message is begun, and whether serving ends where there is none.
        self._finishing = False
        self._until_empty = False
        # Whether a transaction stands open that RSET must end.
        self._unclean = False
        # The message under way, and the one whose commands rode behind its dot.
        self._now: Envelope | None = None
        self._rider: Envelope | None = None
        # Of the message made ready last: the commands that begin it, what goes on the wire for it, and the
        # octets of that.
        self._commands: bytes = b""
        self._content: list[bytes] = []
        self._size = 0
        self._mail = self._rcpt = Reply(0, "")
        # What is said of a message when its lone dot is answered.
        self._empty_outcome = Outcome(ReplyClass.NOT_TRIED, "")
        self._stopped = ""

    @property
    def usable(self) -> bool:
        return self._wire.alive

    async def serve(self, source: Source, until_empty: bool = False) -> None:
        """Hand over what `source` has, message after message, until the session ends or is used up.

        Without a message it waits for `wake`; `until_empty` ends there, and leaves the session for more. When
        cancelled, the connection is ended, and the source told what that means for what was under way.
        """
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        self._source, self._until_empty = source, until_empty
        self._said = Commands(self.offers)
        self._pipelined = "PIPELINING" in self.offers
        self._wire.listener = self._heard
        try:
            self.wake()
            await self._over
        except asyncio.CancelledError:
            self.stop("stopped while it was being sent")
        finally:
            self._wire.listener = None

    async def deliver(self, envelope: Envelope, before_dot: Callable[[], None]) -> Outcome:
        """Hand over one message and say what became of it. Raises OurFault when the relay refuses the sender.

        `before_dot` is called when the server waits for the message; it makes the attempt durable, or raises
        NotNow.
        """
        one = _One(envelope, before_dot)
        await self.serve(one, until_empty=True)
        if one.outcome.reply_class is ReplyClass.SENDER_REJECTED:
            raise OurFault(one.outcome.reply)
        return one.outcome

    def wake(self) -> None:
        """There may be a message again."""
        if self._stage == _IDLE:
            self._step(lambda _: self._begin())

    def finish(self) -> None:
        """Begin no other message, and end when the one under way is settled."""
        self._finishing = True
        self.wake()

    def stop(self, words: str) -> None:
        """End the connection at once."""
        self._stopped = words
        self._wire.abort(words)
        if self._stage != _OVER:
            self._heard()

    async def quit(self) -> None:
        """Take leave, briefly; never raises."""
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

    def _heard(self, replies: Sequence[Reply] = ()) -> None:
        """Replies came, or the connection ended."""
        riding = self._stage == _DOT and self._rider is not None
        usual = riding and tuple([reply.code for reply in replies]) == _TAKEN_AND_ON
        self._step(self._ride_on if usual else self._take_all, replies)

    def _step(self, deed: Callable[[Sequence[Reply]], None], replies: Sequence[Reply] = ()) -> None:
        try:
            deed(replies)
        except ConnectionLost:
            pass
        except Exception as error:  # noqa: BLE001  (the source's own; it is raised in serve())
            self._break(error)
        if self._wire.alive:
            self._wire.expect(self._patience[self._stage])
        else:
            self._lost()

    def _break(self, error: Exception) -> None:
        """The source failed: this session, and what was under way, is left as it stands."""
        self._stage = _OVER
        self._wire.abort("ended by a fault of ours")
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _ride_on(self, replies: Sequence[Reply]) -> None:
        """What _take does with the usual answer, at once: nearly all messages go this way."""
        taken, self._now, self._rider = self._now, self._rider, None
        assert taken is not None
        self.used += 1
        self._stage = _DATA
        self._source.settle(taken, outcome_of_dot(250, replies[0].words))
        self._send()

    def _take_all(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if self._stage != _OVER:
                self._take(reply)

    def _take(self, reply: Reply) -> None:
        """Do what the reply calls for. Raises ConnectionLost."""
        stage = self._stage
        if stage == _DOT:
            self._after_dot(reply)
        elif stage == _MAIL:
            self._mail = reply
            self._unclean = True
            if reply.code == 421 and self.used > 1:
                # A server may end a session between messages: this message was not looked at.
                self._settle(Outcome(ReplyClass.NOT_TRIED, reply.words, 421))
                self._wire.abort(reply.words)
            elif self._pipelined and reply.code != 421:
                self._stage = _RCPT
            elif reply.positive:
                self._say(_RCPT)
            else:
                self._not_sent(reply)
        elif stage == _RCPT:
            self._rcpt = reply
            # After 421 the server ends the connection, and answers nothing more.
            if self._pipelined and reply.code != 421:
                self._stage = _DATA
            elif reply.positive:
                self._say(_DATA)
            else:
                self._not_sent(reply)
        elif stage == _DATA:
            self._after_data(reply)
        elif stage == _NOBODY:
            self._settle(self._empty_outcome)
            self._begin()
        elif stage == _RESET:
            self._unclean = False
            self._say(_MAIL)
        else:
            # Nothing was asked: the server takes its leave.
            self._wire.abort(reply.words)

    def _after_dot(self, reply: Reply) -> None:
        self._settle(outcome_of_dot(reply.code, reply.words))
        if reply.code == 421:
            self._wire.abort(reply.words)
        elif self._rider is not None:
            self._now, self._rider = self._rider, None
            self.used += 1
            self._stage = _MAIL
        else:
            self._begin()

    def _after_data(self, data: Reply) -> None:
        mail, rcpt = self._mail, self._rcpt
        refused = mail if not mail.positive else rcpt if not rcpt.positive else None
        if refused is None and data.code == 354:
            self._unclean = False
            self._send()
        elif data.code == 354:
            # RFC 2920 §3.1: DATA was taken although nobody is to get it; a lone dot ends it.
            assert refused is not None
            self._empty_outcome = self._rejection(refused)
            self._wire.write(b".\r\n")
            self._stage = _NOBODY
        else:
            self._not_sent(refused or data)

    def _send(self) -> None:
        """The message, its final dot, and behind it what begins the next one where the server allows it."""
        assert self._now is not None
        try:
            self._source.before_dot(self._now)
        except NotNow:
            self._settle(Outcome(ReplyClass.NOT_TRIED, "held back before it left"))
            self._wire.abort("held back")
            return
        content, size = self._content, self._size
        if self._pipelined and not self._finishing and self.used < self.limit:
            self._rider = self._next(behind=self._now)
            if self._rider is not None:
                content.append(self._commands)
                size += len(self._commands)
        self._stage = _DOT
        self._wire.write_pieces(content, size)

    def _begin(self) -> None:
        """The next message, if there is one and it may be. Raises ConnectionLost."""
        self._stage = _IDLE
        following = None
        if not self._finishing and self.used < self.limit:
            following = self._next(behind=None)
        if following is None:
            if self._finishing or self._until_empty or self.used >= self.limit:
                self._end()
            return
        self._now = following
        self.used += 1
        if self._unclean:
            self._wire.write(b"RSET\r\n")
            self._stage = _RESET
        else:
            self._say(_MAIL)

    def _next(self, behind: Envelope | None) -> Envelope | None:
        """The next message that can be spoken of here; its commands and content are made ready."""
        while (envelope := self._source.following(behind)) is not None:
            content = [*envelope.pieces, b".\r\n"] if envelope.pieces else [wire_form(envelope.message)]
            size = sum(map(len, content))
            eight_bit = not envelope.message.isascii()
            try:
                self._commands = self._said.lines(envelope.sender, envelope.recipient, size, eight_bit)
            except Unspeakable as error:
                outcome = Outcome(ReplyClass.REFUSED, str(error))
            except NotTaken as error:
                outcome = Outcome(ReplyClass.SENDER_REJECTED, str(error))
            else:
                self._content, self._size = content, size
                return envelope
            self._source.settle(envelope, outcome)
        return None

    def _say(self, stage: int) -> None:
        """The command of a stage; of MAIL, with those behind it where the server allows it."""
        self._stage = stage
        if self._pipelined:
            self._wire.write(self._commands)
            return
        lines = self._commands.split(b"\r\n")
        self._wire.write(lines[stage - _MAIL] + b"\r\n")

    def _not_sent(self, reply: Reply) -> None:
        self._settle(self._rejection(reply))
        if reply.code == 421:
            self._wire.abort(reply.words)
        else:
            self._begin()

    def _rejection(self, reply: Reply) -> Outcome:
        by_sender = reply is self._mail
        if by_sender and reply.permanent:
            return Outcome(
                ReplyClass.SENDER_REJECTED, f"The relay refuses our sender address: {reply}", reply.code
            )
        command = "MAIL FROM" if by_sender else "RCPT TO" if reply is self._rcpt else "DATA"
        # A reply below 400 here makes no sense; it is not the reader's fault.
        text = in_reply(reply.words, command)
        return Outcome(classify_rejection(reply.code, text), text, reply.code)

    def _settle(self, outcome: Outcome) -> None:
        envelope, self._now = self._now, None
        assert envelope is not None
        self._stage = _IDLE
        self._source.settle(envelope, outcome)

    def _lost(self) -> None:
        """The connection has ended: what that means for what was under way."""
        if self._stage == _OVER:
            return
        stage, words = self._stage, self._wire.lost
        if self._now is not None:
            if stage == _DOT and self._wire.flushed:
                reply_class = ReplyClass.IN_DOUBT
            elif self._stopped or (stage in (_RESET, _MAIL) and self.used > 1):
                # A server may end a session between messages: this message was not looked at.
                reply_class = ReplyClass.NOT_TRIED
            else:
                # Also where the system never got the last octets: then the dot did not leave.
                reply_class = ReplyClass.CONNECTION_LOST
            self._settle(Outcome(reply_class, words))
        if self._rider is not None:
            self._now, self._rider = self._rider, None
            self._settle(Outcome(ReplyClass.NOT_TRIED, words))
        self._end()

    def _end(self) -> None:
        """Serving ends; the session may go on where it was asked to until there is nothing more."""
        self._stage = _IDLE if self._until_empty and self._wire.alive else _OVER
        self._wire.expect(0)
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


class _One:
    """A source of one message."""

    def __init__(self, envelope: Envelope, before_dot: Callable[[], None]) -> None:
        self._envelope: Envelope | None = envelope
        self._before_dot = before_dot
        self.outcome = Outcome(ReplyClass.NOT_TRIED, "the connection had ended")

    def following(self, behind: Envelope | None) -> Envelope | None:
        envelope, self._envelope = self._envelope, None
        return envelope

    def before_dot(self, envelope: Envelope) -> None:
        self._before_dot()

    def settle(self, envelope: Envelope, outcome: Outcome) -> None:
        self.outcome = outcome

"""A slot: one session after another, and on each one message after another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.base import Envelope, Relay, SmtpError
from mailer.delivery.smtp.session import Session
from mailer.delivery.throttle.send_queue import Waiting

if TYPE_CHECKING:
    from mailer.delivery.smtp.sender import Sender

# Seconds after which a relay is asked again for a session that it denied while it grants others.
_CONNECT_AGAIN = 5.0


class Slot:
    """Takes messages from its sender while there are some (a `Source` of its session)."""

    def __init__(self, sender: Sender, waiting: Waiting) -> None:
        self._sender, self._waiting = sender, waiting
        self._session: Session | None = None
        self._relay: Relay
        # time.monotonic() when it became the turn of the message under way.
        self._turn = 0.0

    async def run(self) -> None:
        """Until the sender stops, or no relay works."""
        while await self._sender.work_waits():
            try:
                found = await relays.connect(self._sender.choice)
            except SmtpError as error:
                self._sender.complain(error)
                return
            if found is None:
                if not await self._sender.pause(_CONNECT_AGAIN):
                    return
                continue
            session, relay = found
            self._session, self._relay = session, relay
            session.limit = self._sender.per_session.get(relay, session.limit)
            try:
                if not self._sender.stopping:
                    await session.serve(self)
            finally:
                self._session = None
                self._sender.choice.left(relay)
                await (session.end() if self._sender.stopping else session.quit())

    def wake(self) -> None:
        if self._session is not None:
            self._session.wake()

    def finish(self) -> None:
        if self._session is not None:
            self._session.finish()

    def stop(self) -> None:
        """End what is under way at once."""
        if self._session is not None:
            self._session.stop("stopped while it was being sent")

    def following(self, behind: Envelope | None) -> Envelope | None:
        if behind is not None:
            return self._waiting.begin(behind.tag.provider)
        self._turn = time.monotonic()
        return self._waiting.begin(None)

    def before_dot(self, envelope: Envelope) -> None:
        self._sender.may_leave(envelope.tag)

    def settle(self, envelope: Envelope, outcome: Outcome) -> None:
        if outcome.code == 421 and outcome.reply_class is ReplyClass.NOT_TRIED and self._session is not None:
            # The relay ends its sessions early; this message was not counted among those that it took.
            self._sender.per_session[self._relay] = max(1, self._session.used - 1)
        now = time.monotonic()
        self._sender.settle(envelope.tag, outcome, now - self._turn)
        self._turn = now

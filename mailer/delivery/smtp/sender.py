"""The sending thread: an event loop with a few sessions, which takes jobs and gives back outcomes.

The ledger stays in the thread that calls; between the two are only plain records. uvloop runs the loop where
it is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mailer.delivery.ledger.journal import Journal
from mailer.delivery.ledger.records import Attempt, ClaimedDelivery, SendJob
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.base import (
    Envelope,
    NotNow,
    OurFault,
    Relay,
    SmtpError,
    Unavailable,
)
from mailer.delivery.smtp.worker import Slot
from mailer.delivery.throttle.providers import provider_of
from mailer.delivery.throttle.send_queue import Ticket, Waiting

try:
    import uvloop
except ImportError:
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

log = logging.getLogger(__name__)

# Of a message that was not tried.
_UNTRIED = (ReplyClass.NOT_TRIED, ReplyClass.SENDER_REJECTED)


def no_journal(error: OSError) -> Unavailable:
    """What is wrong, in words, when the attempt journal cannot be written."""
    return Unavailable(f"Nothing is sent that cannot be written down first: {error.strerror or error}.")


@dataclass(frozen=True)
class Trouble:
    """Why sending cannot go on."""

    words: str
    # Whether trying again later, without a person, can help.
    passing: bool
    # The mailing whose sender was refused; None: the relay refuses us altogether.
    mailing: int | None = None


class Sender:
    """Sends jobs over the relays' sessions until it is told to stop. A context manager.

    Its methods may be used from the thread that made it, and from no other.
    """

    def __init__(self, choice: relays.Choice, journal: Journal) -> None:
        self.choice = choice
        self.stopping = False
        self._journal = journal
        self._waiting = Waiting(choice.connections, self._give_back)
        # Looks again when the next job's moment comes.
        self._alarm: asyncio.TimerHandle | None = None
        # Whether slots are about to be woken.
        self._waking = False
        self._done: deque[Attempt] = deque()
        # Outcomes that wake the ledger's thread; fewer wait for its next look.
        self._many = 1
        self._troubles: deque[Trouble] = deque()
        # Messages that a relay's sessions take: learned, where it ends them early.
        self.per_session: dict[Relay, int] = {}
        # Mailings of which nothing more is to leave.
        self._dropped: set[int] = set()
        self._news = threading.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        # Set when the loop runs.
        self._loop: asyncio.AbstractEventLoop
        self._work: asyncio.Event
        self._slots: list[Slot] = []
        self._thread = threading.Thread(target=self._run, name="mailer-sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(grace=0)

    def put(self, jobs: Iterable[SendJob]) -> None:
        """Take jobs on.

        Their messages are made at once, in the caller's thread: one after another they cost half of what each
        would between two calls of the system.
        """
        written = [self._written(job) for job in jobs]
        # Before half of them are done it would find too little to do.
        self._many = max(1, len(written) // 2)
        self._tell(self._add, [message for message in written if message is not None])

    def take(self, seconds: float) -> list[Attempt]:
        """Outcomes so far; waits up to `seconds` for a good number of them. Raises what broke the thread."""
        self._news.wait(seconds)
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        return [self._done.popleft() for _ in range(len(self._done))]

    def troubles(self) -> list[Trouble]:
        """What went wrong since the last call, beyond single messages."""
        return [self._troubles.popleft() for _ in range(len(self._troubles))]

    def drop(self, mailing: int) -> None:
        """Give back, as UNTOUCHED, what is not yet begun of a mailing."""
        self._tell(self._drop, mailing)

    def stop(self, grace: float) -> None:
        """Begin nothing more; wait `grace` seconds for replies to dots already sent. Then take the rest."""
        self._tell(self._begin_stop, grace)
        self._thread.join()

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        # A loop that has ended says so; why it ended is raised by take().
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001  (it is raised in the caller's thread)
            self._failure = error
        finally:
            self._ready.set()
            self._news.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.Event()
        self._grace: asyncio.Future[float] = self._loop.create_future()
        self._slots = [Slot(self, self._waiting) for _ in range(self.choice.connections)]
        tasks = [asyncio.create_task(slot.run()) for slot in self._slots]
        for task in tasks:
            task.add_done_callback(self._ended)
        self._ready.set()
        grace = await self._grace
        _, late = await asyncio.wait(tasks, timeout=grace)
        for slot in self._slots:
            slot.stop()
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        self._waiting.give_back(self._waiting.take_all(), "not begun")
        # uvloop lets go of a connection one turn after it has told of its end.
        await asyncio.sleep(0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        self._failure = task.exception()
        self._begin_stop(0)

    def _begin_stop(self, grace: float) -> None:
        self.stopping = True
        self._work.set()
        for slot in self._slots:
            slot.finish()
        if not self._grace.done():
            self._grace.set_result(grace)

    def _written(self, job: SendJob) -> Envelope | None:
        """A job's message, its ticket for a tag.

        One that cannot be written is its own reader's matter, and nobody else's.
        """
        claimed = job.claimed
        try:
            message: Envelope = job.build()
        except ValueError as error:
            outcome = Outcome(ReplyClass.REFUSED, f"the message cannot be written: {error}")
            self._give_back([(claimed, outcome)])
            return None
        message.tag = Ticket(claimed, provider_of(claimed.email), job.deadline, job.not_before)
        return message

    def _add(self, messages: list[Envelope]) -> None:
        self._dropped.difference_update({message.tag.claimed.mailing for message in messages})
        self._waiting.add(messages)
        self._wake()

    def _wake(self) -> None:
        """Let slots begin that wait for work; not at once, as one of them may be calling."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._begin_work)

    def _begin_work(self) -> None:
        self._waking = False
        wait = self._waiting.ripen()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if wait is None else self._loop.call_later(wait, self._begin_work)
        self._work.set()
        for slot in self._slots:
            slot.wake()

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        waiting = self._waiting.take_all()
        self._waiting.give_back([one for one in waiting if one.tag.claimed.mailing == mailing], "not begun")
        self._add([one for one in waiting if one.tag.claimed.mailing != mailing])

    def _give_back(self, done: Iterable[Attempt]) -> None:
        self._done.extend(done)
        self._news.set()

    # For the slots.

    async def work_waits(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        while not self._waiting.any and not self.stopping:
            self._work.clear()
            await self._work.wait()
        return not self.stopping

    async def pause(self, seconds: float) -> bool:
        """Wait in pieces, so that a stop is seen; False when it came."""
        until = self._loop.time() + seconds
        while not self.stopping and (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(left, 0.25))
        return not self.stopping

    def complain(self, error: SmtpError, mailing: int | None = None) -> None:
        """No relay works, or one has refused a mailing's sender."""
        trouble = Trouble(str(error), not isinstance(error, OurFault), mailing)
        # Every slot finds the same.
        if trouble not in self._troubles:
            self._troubles.append(trouble)
        self._news.set()

    def may_leave(self, ticket: Ticket) -> None:
        """Write down that the dot is about to be sent. Raises NotNow."""
        claimed = ticket.claimed
        if self.stopping or claimed.mailing in self._dropped or time.monotonic() >= ticket.latest:
            raise NotNow
        try:
            self._journal.log_attempt(claimed.id, claimed.attempt)
        except OSError as error:
            self.complain(no_journal(error))
            raise NotNow from error

    def settle(self, ticket: Ticket, outcome: Outcome, seconds: float) -> None:
        """What became of a message that was given out, `seconds` after it was its turn."""
        claimed, reply_class = ticket.claimed, outcome.reply_class
        untried = reply_class in _UNTRIED
        others_wait = self._waiting.settled(ticket.provider, None if untried else seconds)
        if outcome.code and not untried:
            self._write_down(claimed, outcome)
        elif reply_class is ReplyClass.SENDER_REJECTED:
            self._drop(claimed.mailing)
            self.complain(OurFault(outcome.reply), claimed.mailing)
            outcome = Outcome(ReplyClass.NOT_TRIED, outcome.reply)
        self._done.append((claimed, outcome))
        if (len(self._done) >= self._many or not self._waiting.line) and not self._news.is_set():
            self._news.set()
        if others_wait:
            self._wake()

    def _write_down(self, claimed: ClaimedDelivery, outcome: Outcome) -> None:
        try:
            self._journal.log_reply(claimed.id, claimed.attempt, outcome.code, outcome.reply)
        except OSError as error:
            # It is known all the same, unless this process dies before the ledger has it.
            self.complain(no_journal(error))

"""The sending thread: an event loop with a few sessions, which takes jobs and gives back outcomes.

The ledger stays in the thread that calls; between the two are only plain records.
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
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from mailer.delivery.handshake import open_session
from mailer.delivery.journal import Journal
from mailer.delivery.pace import Bucket
from mailer.delivery.records import Claimed
from mailer.delivery.smtp import Envelope, NotNow, OurFault, Outcome, Relay, Session, SmtpError, Verdict

log = logging.getLogger(__name__)

# A session is renewed after so many messages: many servers end it soon after.
_MESSAGES_PER_SESSION = 1000
# Seconds after which a session is tried again that the relay denied while it grants others.
_CONNECT_AGAIN = 5.0
# Outcomes that wake the ledger's thread; fewer wait for its next look.
_WAKE = 200


class Job(NamedTuple):
    claimed: Claimed
    # Makes the message when its turn comes.
    envelope: Callable[[], Envelope]
    # time.monotonic() after which its dot must not be sent any more.
    latest: float


class _Ready(NamedTuple):
    """A job whose message is made."""

    job: Job
    envelope: Envelope


class Done(NamedTuple):
    claimed: Claimed
    outcome: Outcome


@dataclass(frozen=True)
class Trouble:
    """Why sending cannot go on."""

    words: str
    # Whether trying again later, without a person, can help.
    passing: bool
    # The mailing whose sender was refused; None: the relay refuses us altogether.
    mailing: int | None = None


class Sender:
    """Sends jobs over up to `connections` sessions until it is told to stop. A context manager.

    `put` and the attributes may be used from the thread that made it, and from no other.
    """

    def __init__(self, relay: Relay, journal: Journal, connections: int, rate: float) -> None:
        self._relay = relay
        self._journal = journal
        self._connections = connections
        self._bucket = Bucket(rate)
        self._jobs: deque[Job] = deque()
        self._done: deque[Done] = deque()
        self._troubles: deque[Trouble] = deque()
        self._news = threading.Event()
        self._ready = threading.Event()
        self._stopping = False
        # Sessions that are open, and those being opened.
        self._open = 0
        self._opening = 0
        self._hopeless = False
        # Mailings of which nothing more is to leave.
        self._dropped: set[int] = set()
        # Messages that a session takes: learned, where the relay ends it earlier.
        self._per_session = _MESSAGES_PER_SESSION
        self._failure: BaseException | None = None
        # Set when the loop runs.
        self._loop: asyncio.AbstractEventLoop
        self._work: asyncio.Event
        self._slots: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, name="mailer-sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(grace=0)

    def put(self, jobs: Iterable[Job]) -> None:
        """Take jobs on."""
        self._tell(self._add, list(jobs))

    def take(self, seconds: float) -> list[Done]:
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
            with asyncio.Runner() as runner:
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
        self._slots = [asyncio.create_task(self._slot()) for _ in range(self._connections)]
        for slot in self._slots:
            slot.add_done_callback(self._slot_ended)
        self._ready.set()
        grace = await self._grace
        _, late = await asyncio.wait(self._slots, timeout=grace)
        for slot in late:
            slot.cancel()
        if late:
            await asyncio.wait(late)
        self._give_back(self._jobs)
        self._jobs.clear()

    def _slot_ended(self, slot: asyncio.Task[None]) -> None:
        if slot.cancelled() or slot.exception() is None:
            return
        self._failure = slot.exception()
        self._begin_stop(0)

    def _begin_stop(self, grace: float) -> None:
        self._stopping = True
        self._work.set()
        if not self._grace.done():
            self._grace.set_result(grace)

    def _add(self, jobs: list[Job]) -> None:
        self._jobs.extend(jobs)
        self._dropped.difference_update({job.claimed.mailing for job in jobs})
        self._work.set()

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        mine = [job for job in self._jobs if job.claimed.mailing == mailing]
        others = [job for job in self._jobs if job.claimed.mailing != mailing]
        self._jobs.clear()
        self._jobs.extend(others)
        self._give_back(mine)

    def _give_back(self, jobs: Iterable[Job]) -> None:
        self._done.extend(Done(job.claimed, Outcome(Verdict.UNTOUCHED, "not begun")) for job in jobs)
        self._news.set()

    async def _slot(self) -> None:
        """One session after another, and on each one message after another."""
        session: Session | None = None
        # The message, if any, that was begun behind the last one's dot.
        begun: list[_Ready] = []
        try:
            while await self._job_waits(begun):
                if session is not None and (not session.usable or session.used >= self._per_session):
                    await self._leave(session)
                    session = None
                session = session or await self._connect()
                if session is not None:
                    await self._turn(session, begun)
                elif self._hopeless or not await self._pause(_CONNECT_AGAIN):
                    return
        finally:
            self._give_back(ready.job for ready in begun)
            if session is not None:
                await self._leave(session)

    async def _job_waits(self, begun: list[_Ready]) -> bool:
        while not self._jobs and not begun and not self._stopping:
            self._work.clear()
            await self._work.wait()
        return not self._stopping

    async def _connect(self) -> Session | None:
        """A session, or None when this slot must do without: others may have one, else there is trouble."""
        self._opening += 1
        try:
            session = await open_session(self._relay)
        except SmtpError as error:
            if self._open == 0 and self._opening == 1:
                self._hopeless = True
                self._troubles.append(Trouble(str(error), passing=not isinstance(error, OurFault)))
                self._news.set()
            return None
        finally:
            self._opening -= 1
        self._open += 1
        return session

    async def _leave(self, session: Session) -> None:
        self._open -= 1
        if self._stopping:
            await session.end()
        else:
            await session.quit()

    async def _turn(self, session: Session, begun: list[_Ready]) -> None:
        """One message over the session, if there is still one; the next may be begun with it."""
        if not begun:
            wait = self._bucket.wait(self._loop.time())
            if wait and not await self._pause(wait):
                return
        ready = begun.pop() if begun else self._next()
        if ready is None:
            return
        job = ready.job

        def following() -> Envelope | None:
            if self._bucket.paced or self._stopping or session.used >= self._per_session:
                return None
            after = self._next()
            if after is None:
                return None
            begun.append(after)
            return after.envelope

        try:
            outcome = await session.deliver(ready.envelope, partial(self._before_dot, job), following)
        except OurFault as fault:
            outcome = Outcome(Verdict.UNTOUCHED, str(fault))
            self._troubles.append(Trouble(str(fault), passing=False, mailing=job.claimed.mailing))
            self._drop(job.claimed.mailing)
        if outcome.code == 421 and outcome.verdict is Verdict.UNTOUCHED:
            self._per_session = max(1, min(self._per_session, session.used - 1))
        self._finish(job, outcome)

    def _next(self) -> _Ready | None:
        """The next job with its message made, if there is one.

        A message that cannot be written is its own reader's matter, and nobody else's.
        """
        while self._jobs:
            job = self._jobs.popleft()
            if time.monotonic() >= job.latest:
                self._give_back([job])
                continue
            try:
                return _Ready(job, job.envelope())
            except ValueError as error:
                self._finish(job, Outcome(Verdict.REFUSED, f"the message cannot be written: {error}"))
        return None

    def _finish(self, job: Job, outcome: Outcome) -> None:
        claimed = job.claimed
        if outcome.code and outcome.verdict is not Verdict.UNTOUCHED:
            self._journal.end(claimed.id, claimed.attempt, outcome.code, outcome.words)
        self._done.append(Done(claimed, outcome))
        if len(self._done) >= _WAKE or not self._jobs:
            self._news.set()

    async def _pause(self, seconds: float) -> bool:
        """Wait for the pace, in pieces, so that a stop is seen; False when it came."""
        until = self._loop.time() + seconds
        while not self._stopping and (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(left, 0.25))
        return not self._stopping

    def _before_dot(self, job: Job) -> None:
        claimed = job.claimed
        if self._stopping or claimed.mailing in self._dropped or time.monotonic() >= job.latest:
            raise NotNow
        self._journal.begin(claimed.id, claimed.attempt)

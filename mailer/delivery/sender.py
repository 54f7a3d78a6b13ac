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
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from types import TracebackType
from typing import NamedTuple, Self

from mailer.delivery import relays
from mailer.delivery.fairness import Fairness
from mailer.delivery.journal import Journal
from mailer.delivery.providers import provider_of
from mailer.delivery.records import Claimed
from mailer.delivery.slot import Slot
from mailer.delivery.smtp import Envelope, NotNow, OurFault, Outcome, Relay, SmtpError, Unavailable, Verdict

try:
    import uvloop
except ImportError:
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

log = logging.getLogger(__name__)

# Outcomes that wake the ledger's thread; fewer wait for its next look.
_WAKE = 200
# Messages kept at hand for each session that a slow provider may hold; the others are given back.
_AT_HAND = 4


class Job(NamedTuple):
    claimed: Claimed
    # Makes the message when its turn comes.
    envelope: Callable[[], Envelope]
    # time.monotonic() after which its dot must not be sent any more.
    latest: float
    # time.monotonic() before which it must not begin.
    at: float = 0.0


class Done(NamedTuple):
    claimed: Claimed
    outcome: Outcome


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
        self._jobs: deque[Job] = deque()
        # Those with a time, by it; the number keeps equals apart.
        self._timed: list[tuple[float, int, Job]] = []
        self._numbers = 0
        self._alarm: asyncio.TimerHandle | None = None
        # Whether slots are about to be woken.
        self._waking = False
        # Jobs of slow providers, which wait for their share.
        self._aside: dict[str, deque[Job]] = defaultdict(deque)
        self._fairness = Fairness(choice.connections)
        self._done: deque[Done] = deque()
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
        self._slots = [Slot(self) for _ in range(self.choice.connections)]
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
        self._give_back(self._everything(), "not begun")
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

    def _add(self, jobs: list[Job]) -> None:
        self._dropped.difference_update({job.claimed.mailing for job in jobs})
        for job in jobs:
            if job.at:
                self._numbers += 1
                heappush(self._timed, (job.at, self._numbers, job))
            else:
                self._jobs.append(job)
        self._wake()

    def _wake(self) -> None:
        """Let slots begin that wait for work; not at once, as one of them may be calling."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._begin_work)

    def _begin_work(self) -> None:
        self._waking = False
        self._ripen()
        self._work.set()
        for slot in self._slots:
            slot.wake()

    def _ring(self) -> None:
        self._alarm = None
        self._begin_work()

    def _ripen(self) -> None:
        """Put the jobs in line whose time has come, and look again when the next one's comes."""
        while self._timed and self._timed[0][0] <= time.monotonic():
            self._jobs.append(heappop(self._timed)[2])
        if self._timed and self._alarm is None:
            wait = max(0.0, self._timed[0][0] - time.monotonic())
            self._alarm = self._loop.call_later(wait, self._ring)

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        everything = self._everything()
        self._give_back([job for job in everything if job.claimed.mailing == mailing], "not begun")
        self._add([job for job in everything if job.claimed.mailing != mailing])

    def _everything(self) -> list[Job]:
        """All jobs that are not begun, taken out of every line."""
        jobs = [*self._jobs, *(job for line in self._aside.values() for job in line)]
        jobs += [entry[2] for entry in self._timed]
        self._jobs.clear()
        self._aside.clear()
        self._timed.clear()
        return jobs

    def _give_back(self, jobs: Iterable[Job], words: str, verdict: Verdict = Verdict.UNTOUCHED) -> None:
        self._done.extend(Done(job.claimed, Outcome(verdict, words)) for job in jobs)
        self._news.set()

    # For the slots.

    async def work_waits(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        while not self._jobs and not self._aside and not self.stopping:
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

    def next(self, behind: str | None) -> Envelope | None:
        """The next message that may begin, its job for a tag; `behind` whose message it would ride, if any.

        A message that cannot be written is its own reader's matter, and nobody else's.
        """
        job = self._next_job(behind)
        while job is not None:
            provider = provider_of(job.claimed.email)
            try:
                envelope = job.envelope()
            except ValueError as error:
                self.finish(job, Outcome(Verdict.REFUSED, f"the message cannot be written: {error}"))
                job = self._next_job(behind)
                continue
            self._fairness.hold(provider)
            envelope.tag = (job, provider)
            return envelope
        return None

    def _next_job(self, behind: str | None) -> Job | None:
        now = time.monotonic()
        for provider in list(self._aside):
            if self._fairness.may_hold(provider) and behind in (None, provider):
                job = self._first(self._aside[provider], now)
                if not self._aside[provider]:
                    del self._aside[provider]
                if job is not None:
                    return job
        if behind is not None and self._fairness.is_slow(behind):
            # Whoever rides behind a slow one waits as long.
            return None
        while (job := self._first(self._jobs, now)) is not None:
            provider = provider_of(job.claimed.email)
            if self._fairness.may_hold(provider):
                return job
            self._aside[provider].append(job)
            self._shorten(provider)
        return None

    def _first(self, line: deque[Job], now: float) -> Job | None:
        """The first of a line, which it leaves; those held too long are given back."""
        while line:
            job = line.popleft()
            if now < job.latest:
                return job
            self._give_back([job], "held too long")
        return None

    def _shorten(self, provider: str) -> None:
        """Keep no more of a slow provider's messages at hand than it will need."""
        line = self._aside[provider]
        surplus = len(line) - _AT_HAND * self._fairness.share
        if surplus > 0 and self._fairness.is_slow(provider):
            jobs = [line.pop() for _ in range(surplus)]
            self._give_back(jobs, f"{provider} is slow; others go first", Verdict.LATER)

    def may_leave(self, job: Job) -> None:
        """Write down that the dot is about to be sent. Raises NotNow."""
        claimed = job.claimed
        if self.stopping or claimed.mailing in self._dropped or time.monotonic() >= job.latest:
            raise NotNow
        try:
            self._journal.begin(claimed.id, claimed.attempt)
        except OSError as error:
            self.complain(no_journal(error))
            raise NotNow from error

    def settle(self, job: Job, provider: str, outcome: Outcome, seconds: float) -> None:
        """What became of a message that was given out, `seconds` after it was its turn."""
        verdict = outcome.verdict
        if verdict is Verdict.UNTOUCHED or verdict is Verdict.OUR_FAULT:
            self._fairness.give_back(provider)
        else:
            self._fairness.took(provider, seconds)
        if verdict is Verdict.OUR_FAULT:
            self._drop(job.claimed.mailing)
            self.complain(OurFault(outcome.words), job.claimed.mailing)
            outcome = Outcome(Verdict.UNTOUCHED, outcome.words)
        self.finish(job, outcome)
        if self._aside:
            if provider in self._aside:
                self._shorten(provider)
            self._wake()

    def finish(self, job: Job, outcome: Outcome) -> None:
        claimed = job.claimed
        if outcome.code and outcome.verdict is not Verdict.UNTOUCHED:
            try:
                self._journal.end(claimed.id, claimed.attempt, outcome.code, outcome.words)
            except OSError as error:
                # It is known all the same, unless this process dies before the ledger has it.
                self.complain(no_journal(error))
        self._done.append(Done(claimed, outcome))
        if (len(self._done) >= _WAKE or not self._jobs) and not self._news.is_set():
            self._news.set()

"""The sending threads of a service: they take jobs, call, and give back outcomes, as Sender does for a relay.

Each delivery of a call is in the attempt journal before the call begins, so that a crash leaves in doubt what
was on its way and nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from mailer.delivery.esp.ambiguous import Suspects
from mailer.delivery.esp.base import Answer, Item, Line
from mailer.delivery.esp.capabilities import Capability
from mailer.delivery.esp.errors import Busy, CallError, Fault, Lost, NotSent, Unclear, in_doubt, refused
from mailer.delivery.ledger.journal import Journal
from mailer.delivery.ledger.records import Attempt, SendJob
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp.sender import Trouble, no_journal

# Outcomes that wake the ledger's thread; fewer wait for its next look.
_WAKE = 200


@dataclass(frozen=True)
class Patience:
    """How long a service that takes nothing is borne with."""

    # Seconds before a call is made again; after the last, or the first without a connection, the run ends.
    pauses: tuple[float, ...] = (1, 2, 4, 8, 16)
    # A longer Retry-After than this ends the run at once.
    longest: float = 60
    # Calls in a row, over all threads, whose answers were lost.
    lost: int = 3


class _Ready(NamedTuple):
    """A job whose message is made."""

    job: SendJob
    letter: Any


@dataclass
class _Hand:
    """What one thread holds."""

    # Batches, each for a call, that are known not to have left.
    waiting: deque[list[_Ready]] = field(default_factory=deque)
    # What left and has no answer yet.
    flying: list[_Ready] = field(default_factory=list)


class ServiceSender:
    """Sends jobs in up to `connections` calls at a time until it is told to stop. A context manager.

    `put` and the other methods may be used from the thread that made it, and from no other.
    """

    def __init__(
        self,
        capability: Capability,
        line: Callable[[], Line],
        journal: Journal,
        connections: int,
        patience: Patience | None = None,
    ) -> None:
        """`line` opens a thread's own way to the service."""
        self._capability = capability
        self._line = line
        self._journal = journal
        self._patience = patience or Patience()
        # Guards all that follows; told when there is something to do, or an end.
        self._state = threading.Condition()
        # By the moment before which each must not begin; the number keeps equals in order.
        self._jobs: list[tuple[float, int, SendJob]] = []
        self._numbers = itertools.count()
        self._done: deque[Attempt] = deque()
        self._troubles: deque[Trouble] = deque()
        self._hands: list[_Hand] = []
        self._suspects: Suspects[tuple[_Ready, str]] = Suspects()
        # Mailings of which nothing more is to leave.
        self._dropped: set[int] = set()
        # Calls in a row without an answer.
        self._lost = 0
        # time.monotonic() before which no call is to begin: the service asked for it.
        self._not_before = 0.0
        self._stopping = False
        # Set when all is told; a thread that comes back later touches nothing more.
        self._over = False
        self._failure: BaseException | None = None
        self._news = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"mailer-service-{number}", daemon=True)
            for number in range(connections)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(grace=0)

    def put(self, jobs: Iterable[SendJob]) -> None:
        """Take jobs on."""
        new = list(jobs)
        with self._state:
            for job in new:
                heappush(self._jobs, (job.not_before, next(self._numbers), job))
            self._dropped.difference_update({job.claimed.mailing for job in new})
            self._state.notify_all()

    def take(self, seconds: float) -> list[Attempt]:
        """Outcomes so far; waits up to `seconds` for a good number of them. Raises what broke a thread."""
        self._news.wait(seconds)
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        with self._state:
            return [self._done.popleft() for _ in range(len(self._done))]

    def troubles(self) -> list[Trouble]:
        """What went wrong since the last call, beyond single messages."""
        with self._state:
            return [self._troubles.popleft() for _ in range(len(self._troubles))]

    def drop(self, mailing: int) -> None:
        """Give back, as UNTOUCHED, what is not yet begun of a mailing."""
        with self._state:
            self._drop(mailing)

    def stop(self, grace: float) -> None:
        """Begin nothing more; wait `grace` seconds for the answers to calls under way. Then take the rest.

        A call without an answer by then is in doubt, and its thread is left to itself.
        """
        self._end()
        until = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._state:
            if self._over:
                return
            for hand in self._hands:
                for ready in hand.flying:
                    self._finish(ready.job, in_doubt("stopped before the service answered"))
                self._give_back(ready.job for batch in hand.waiting for ready in batch)
            for _, suspects in self._suspects.ours(idle=True):
                self._give_back(ready.job for ready, _ in suspects)
            self._give_back(job for _, _, job in self._jobs)
            self._jobs.clear()
            self._over = True

    def _end(self) -> None:
        """No thread begins another call."""
        with self._state:
            self._stopping = True
            self._state.notify_all()
        self._news.set()

    def _work(self) -> None:
        hand = _Hand()
        with self._state:
            self._hands.append(hand)
        try:
            with closing(self._line()) as line:
                while self._filled(hand):
                    self._call(line, hand)
        except BaseException as error:  # noqa: BLE001  (it is raised in the caller's thread)
            self._failure = self._failure or error
            self._end()

    def _filled(self, hand: _Hand) -> bool:
        """Wait for something to call with, all of one mailing; False when it is time to end."""
        with self._state:
            self._blame()
            while not hand.waiting and not self._stopping:
                if self._next(time.monotonic()):
                    self._fill(hand)
                else:
                    self._state.wait(self._jobs[0][0] - time.monotonic() if self._jobs else None)
            self._pause(self._not_before)
            return not self._stopping

    def _next(self, clock: float) -> SendJob | None:
        """The job whose turn it is."""
        return self._jobs[0][2] if self._jobs and self._jobs[0][0] <= clock else None

    def _fill(self, hand: _Hand) -> None:
        clock = time.monotonic()
        first = self._next(clock)
        batch: list[_Ready] = []
        while first and len(batch) < self._capability.chunk and (job := self._next(clock)):
            if job.claimed.mailing != first.claimed.mailing:
                break
            heappop(self._jobs)
            try:
                # What transports.writer() wrote for this service.
                batch.append(_Ready(job, cast(Any, job.build())))
            except ValueError as error:
                # A message that cannot be written is its own reader's matter, and nobody else's.
                self._finish(job, Outcome(ReplyClass.REFUSED, f"the message cannot be written: {error}"))
        if batch:
            hand.waiting.append(batch)

    def _pause(self, until: float) -> bool:
        """Wait for a moment of time.monotonic(); False when it is time to end."""
        with self._state:
            self._state.wait_for(lambda: self._stopping, max(0.0, until - time.monotonic()))
            return not self._stopping

    def _call(self, line: Line, hand: _Hand) -> None:
        """Make the hand's next call, again where that is safe and may help, and tell what became of each."""
        tries = 0
        while batch := self._begun(hand):
            try:
                answers = line.send([Item(ready.job.claimed, ready.letter) for ready in batch])
            except Unclear as unclear:
                if len(batch) > 1:
                    self._split(hand)
                    return
                answers = [unclear]
            except CallError as error:
                if self._again(error, hand, tries):
                    tries += 1
                    continue
                answers = [error] * len(batch)
            self._settle(hand, answers)
            return

    def _begun(self, hand: _Hand) -> list[_Ready]:
        """The hand's next batch without those that may not leave any more, each in the journal; or none."""
        with self._state:
            if self._stopping or not hand.waiting:
                return []
            batch = hand.waiting.popleft()
            now = time.monotonic()
            stays = [
                now < ready.job.deadline and ready.job.claimed.mailing not in self._dropped for ready in batch
            ]
            self._give_back(ready.job for ready, leaves in zip(batch, stays, strict=True) if not leaves)
            hand.flying = [ready for ready, leaves in zip(batch, stays, strict=True) if leaves]
            try:
                for ready in hand.flying:
                    self._journal.log_attempt(ready.job.claimed.id, ready.job.claimed.attempt)
            except OSError as error:
                self._give_back(ready.job for ready in hand.flying)
                hand.flying = []
                self._tell(Trouble(str(no_journal(error)), passing=True))
            return list(hand.flying)

    def _land(self, hand: _Hand) -> list[_Ready]:
        """What flew was not taken, and may fly again."""
        batch, hand.flying = hand.flying, []
        for ready in batch:
            self._note(ready.job, 451, "the service took nothing")
        return batch

    def _split(self, hand: _Hand) -> None:
        """One message spoils the call for the others: halves find it."""
        with self._state:
            batch = self._land(hand)
            middle = len(batch) // 2
            hand.waiting.extendleft([batch[middle:], batch[:middle]])

    def _again(self, error: CallError, hand: _Hand, tries: int) -> bool:
        """Whether the call is made again, and the wait before it."""
        pauses = self._patience.pauses[:1] if isinstance(error, NotSent) else self._patience.pauses
        safe = not isinstance(error, Lost) or bool(self._capability.key)
        asked = (error.wait or 0.0) if isinstance(error, Busy) else 0.0
        if isinstance(error, Fault) or not safe or tries >= len(pauses) or asked > self._patience.longest:
            return False
        until = time.monotonic() + max(pauses[tries], asked)
        with self._state:
            if isinstance(error, Busy):
                self._not_before = max(self._not_before, until)
            if not isinstance(error, Lost):
                hand.waiting.appendleft(self._land(hand))
        if not isinstance(error, Lost):
            self._pause(until)
            return True
        if not self._pause(until):
            return False
        with self._state:
            # Under the same key it is not carried out twice.
            hand.waiting.appendleft(hand.flying)
        return True

    def _settle(self, hand: _Hand, answers: Sequence[Answer]) -> None:
        with self._state:
            batch, hand.flying = hand.flying, []
            for ready, answer in zip(batch, answers, strict=True):
                self._settle_one(ready, answer)
            if answers and isinstance(answers[0], Lost):
                self._lost += 1
                if self._lost >= self._patience.lost:
                    self._tell(Trouble(str(answers[0]), passing=True))

    def _settle_one(self, ready: _Ready, answer: Answer) -> None:
        job, mailing = ready.job, ready.job.claimed.mailing
        if isinstance(answer, Outcome):
            self._lost = 0
            self._finish(job, answer)
            if answer.reply_class is ReplyClass.ACCEPTED:
                self._convict(self._suspects.accepted(mailing))
            return
        if isinstance(answer, Lost):
            self._finish(job, in_doubt(str(answer)))
            return
        self._note(job, 451, str(answer))
        if isinstance(answer, Unclear):
            self._convict(self._suspects.add(mailing, (ready, str(answer))))
            return
        self._give_back([job])
        fault = isinstance(answer, Fault)
        whose = mailing if isinstance(answer, Fault) and answer.sender else None
        self._tell(Trouble(str(answer), passing=not fault, mailing=whose))

    def _convict(self, suspects: Iterable[tuple[_Ready, str]]) -> None:
        for ready, words in suspects:
            self._finish(ready.job, refused(words))

    def _blame(self) -> None:
        """What was refused without a reason, and is nobody's fault but ours, pauses its mailing."""
        idle = not self._jobs and not any(hand.flying or hand.waiting for hand in self._hands)
        for mailing, suspects in self._suspects.ours(idle):
            self._give_back(ready.job for ready, _ in suspects)
            self._tell(Trouble(suspects[0][1], passing=False, mailing=mailing))

    def _tell(self, trouble: Trouble) -> None:
        self._troubles.append(trouble)
        if trouble.mailing is None:
            self._end()
        else:
            self._drop(trouble.mailing)
        self._news.set()

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        self._give_back(job for _, _, job in self._jobs if job.claimed.mailing == mailing)
        self._jobs = [entry for entry in self._jobs if entry[2].claimed.mailing != mailing]
        heapify(self._jobs)

    def _give_back(self, jobs: Iterable[SendJob]) -> None:
        if not self._over:
            self._done.extend((job.claimed, Outcome(ReplyClass.NOT_TRIED, "not begun")) for job in jobs)
            self._news.set()

    def _finish(self, job: SendJob, outcome: Outcome) -> None:
        if self._over:
            return
        if outcome.code and outcome.reply_class is not ReplyClass.NOT_TRIED:
            self._note(job, outcome.code, outcome.reply)
        self._done.append((job.claimed, outcome))
        if len(self._done) >= _WAKE or not self._jobs:
            self._news.set()

    def _note(self, job: SendJob, code: int, words: str) -> None:
        # What cannot be written is told all the same; only a crash would leave it in doubt.
        with contextlib.suppress(OSError):
            if not self._over:
                self._journal.log_reply(job.claimed.id, job.claimed.attempt, code, words)

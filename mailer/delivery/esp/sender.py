"""The ESP sender: a pool of threads that take jobs, call the API and return outcomes, as smtp.sender does for
relays.

Every delivery of a call is in the attempt journal before the call begins, so that a crash leaves in doubt
what was in flight and nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple, Self

from mailer.backoff import BackoffPolicy
from mailer.delivery.esp.call_outcomes import (
    AccountError,
    Ambiguous,
    Attribution,
    CallError,
    NoResponse,
    NotConnected,
    Throttled,
    in_doubt_outcome,
    refused_outcome,
)
from mailer.delivery.esp.capabilities import Capability
from mailer.delivery.esp.client_base import Client, Item, Result
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, SendJob, lease_clock
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp.sender import MAX_UNRECORDED, STOP_GRACE, SendError, journal_unwritable
from mailer.delivery.throttle.limits_warm_up_and_backoff import VALIDITY

# The delays before the retries of a call, in seconds.
_BACKOFF = BackoffPolicy(first=1.0, cap=16.0)
# Outcomes that wake the ledger's thread; fewer wait until it collects them, or nothing else is under way.
_WAKE_AT = 200
# Seconds that a thread may compute while others want to. Each system call of a call to the API gives Python's
# global lock away; with the usual 5 ms, a call would wait for threads that encode as long as for a quarter of
# its response. With a tenth of a millisecond, 2 % more calls are made than with five tenths.
_SWITCH_SECONDS = 0.0001


@dataclass(frozen=True)
class RetryPolicy:
    """When a call is repeated, and when the run ends. Times are seconds."""

    # The delay before each retry.
    backoff: BackoffPolicy = _BACKOFF
    # Retries of a call before the run ends; a call that found no connection is retried once.
    retries: int = 5
    # A longer Retry-After ends the run at once.
    max_retry_after: float = 60
    # Calls in a row, over all threads, without a response, after which the run ends.
    max_lost: int = 3


class _Built(NamedTuple):
    """A job and its encoded message."""

    job: SendJob
    message: Any


class JobQueue:
    """Jobs ordered by the time before which each must not begin (time.monotonic()). Not thread-safe."""

    def __init__(self) -> None:
        # The number keeps jobs of the same time in order.
        self._heap: list[tuple[float, int, SendJob]] = []
        self._numbers = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def add(self, jobs: Iterable[SendJob]) -> None:
        for job in jobs:
            heappush(self._heap, (job.not_before, next(self._numbers), job))

    def take_batch(self, size: int, clock: float) -> list[SendJob]:
        """Remove and return up to `size` due jobs of one mailing."""
        batch: list[SendJob] = []
        while self._heap and self._heap[0][0] <= clock and len(batch) < size:
            if batch and self._heap[0][2].claimed.mailing != batch[0].claimed.mailing:
                break
            batch.append(heappop(self._heap)[2])
        return batch

    def seconds_until_due(self, clock: float) -> float | None:
        """Seconds until the next job is due; None if there is none."""
        return self._heap[0][0] - clock if self._heap else None

    def remove_mailing(self, mailing: int) -> list[SendJob]:
        """Remove and return the jobs of a mailing."""
        removed = [job for _, _, job in self._heap if job.claimed.mailing == mailing]
        self._heap = [entry for entry in self._heap if entry[2].claimed.mailing != mailing]
        heapify(self._heap)
        return removed

    def drain(self) -> list[SendJob]:
        """Remove and return all jobs."""
        jobs = [job for _, _, job in self._heap]
        self._heap.clear()
        return jobs


class EspPool:
    """Sends jobs with up to `connections` calls at a time until it is stopped. A context manager.

    `submit`, `collect`, `take_errors`, `drop_mailing` and `stop` may be called only from the thread that
    created it.
    """

    def __init__(
        self,
        capability: Capability,
        open_client: Callable[[], Client],
        journal: Journal,
        connections: int,
        policy: RetryPolicy | None = None,
        has_accepted: Callable[[int], bool] = lambda mailing: False,
    ) -> None:
        """`open_client` opens a client for one thread; `has_accepted` returns whether a message of a mailing,
        by its id, was accepted before."""
        self.capability = capability
        self.open_client = open_client
        self.policy = policy or RetryPolicy()
        self.stopping = False
        # Guards all shared state; notified when there is work, or the pool stops.
        self.state = threading.Condition()
        self._journal = journal
        self._queue = JobQueue()
        self._attribution: Attribution[tuple[_Built, str]] = Attribution()
        self._has_accepted = has_accepted
        # Mailings of which jobs were submitted.
        self._known: set[int] = set()
        self._attempts: deque[Attempt] = deque()
        self._errors: deque[SendError] = deque()
        # Mailings of which nothing more may be sent.
        self._dropped: set[int] = set()
        # lease_clock() of the last call of submit() or collect().
        self._ledger_seen_at = lease_clock()
        # Calls in a row without a response.
        self._lost = 0
        # time.monotonic() before which no call may begin, because the ESP asked for it.
        self._throttled_until = 0.0
        # Calls that may begin now.
        self._free_calls = connections
        # Set when every outcome is reported; a thread that returns later changes nothing more.
        self._closed = False
        self._failure: BaseException | None = None
        self._news = threading.Event()
        # Twice as many as calls, so that the next ones are encoded while all calls wait for their responses,
        # which may come all at once.
        self._workers = [_Worker(self) for _ in range(2 * connections)]
        self._threads = [
            threading.Thread(
                target=copy_context().run, args=(worker.run,), name=f"mailer-esp-{number}", daemon=True
            )
            for number, worker in enumerate(self._workers)
        ]

    def __enter__(self) -> Self:
        self._usual_switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            # As in smtp.sender.
            self.stop(STOP_GRACE)
        finally:
            sys.setswitchinterval(self._usual_switch_seconds)

    def submit(self, jobs: Iterable[SendJob]) -> None:
        """Take jobs."""
        new = list(jobs)
        mailings = {job.claimed.mailing for job in new}
        with_accepted = [mailing for mailing in mailings - self._known if self._has_accepted(mailing)]
        self._known |= mailings
        self._ledger_seen_at = lease_clock()
        with self.state:
            for mailing in with_accepted:
                # None was rejected yet.
                self._attribution.accepted(mailing)
            self._queue.add(new)
            self._dropped -= mailings
            self.state.notify_all()

    def collect(self, seconds: float) -> list[Attempt]:
        """Return the outcomes so far; wait up to `seconds` for a good number. Raises what ended a thread."""
        self._ledger_seen_at = lease_clock()
        self._news.wait(seconds)
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        with self.state:
            return [self._attempts.popleft() for _ in range(len(self._attempts))]

    def take_errors(self) -> list[SendError]:
        """Return the errors since the last call that concern more than a single message."""
        with self.state:
            return [self._errors.popleft() for _ in range(len(self._errors))]

    def drop_mailing(self, mailing: int) -> None:
        """Return, as NOT_TRIED, the jobs of a mailing that are not begun."""
        with self.state:
            self._drop(mailing)

    def stop(self, grace: float) -> None:
        """Begin nothing more and wait `grace` seconds for outstanding responses. Collect the outcomes
        afterwards.

        A call without a response by then is in doubt, and its thread is abandoned. Stopping again waits for
        nothing.
        """
        if self._closed:
            return
        self._begin_stop()
        until = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self.state:
            for worker in self._workers:
                for built in worker.in_flight:
                    self._record(built.job, in_doubt_outcome("stopped before the ESP answered"))
                self._return(built.job for batch in worker.batches for built in batch)
            for _, rejections in self._attribution.unattributable(idle=True):
                self._return(built.job for built, _ in rejections)
            self._return(self._queue.drain())
            self._closed = True

    # For the workers.

    def fail(self, error: BaseException) -> None:
        """A thread ended with an error: stop the others; `collect` raises it."""
        self._failure = self._failure or error
        self._begin_stop()

    def pause_unattributable(self) -> None:
        """Report an error for each mailing whose ambiguous rejections are our fault."""
        for mailing, rejections in self._attribution.unattributable(self._idle()):
            self._return(built.job for built, _ in rejections)
            self._report_error(SendError(rejections[0][1], transient=False, mailing=mailing))

    def take_batch(self) -> list[_Built]:
        """Wait for due jobs and return a batch of one mailing for one call; empty when the pool stops."""
        with self.state:
            while not self.stopping:
                clock = time.monotonic()
                if jobs := self._queue.take_batch(self.capability.batch_size, clock):
                    void = [job for job in jobs if job.not_before and clock >= job.not_before + VALIDITY]
                    self._return(void)
                    jobs = [job for job in jobs if job not in void] if void else jobs
                    if batch := [built for job in jobs if (built := self._build(job)) is not None]:
                        return batch
                else:
                    # What emptied the queue may have been no call, after which `_take_batch` looks.
                    self.pause_unattributable()
                    self.state.wait(self._queue.seconds_until_due(clock))
            return []

    def wait_until(self, clock: float) -> bool:
        """Wait until a time of time.monotonic(); False when the pool stops."""
        with self.state:
            self.state.wait_for(lambda: self.stopping, max(0.0, clock - time.monotonic()))
            return not self.stopping

    def acquire_call(self) -> bool:
        """Wait until one more call may begin: there are fewer than `connections`, and the ESP did not ask to
        wait. False when the pool stops; after True, `release_call` must follow."""
        with self.state:
            while not self.stopping:
                left = self._throttled_until - time.monotonic()
                if self._free_calls and left <= 0:
                    self._free_calls -= 1
                    return True
                self.state.wait(left if left > 0 else None)
            return False

    def count_lost_call(self, error: NoResponse) -> None:
        """Count a call without a response, before `release_call` lets the next one begin; too many in a row
        end the run."""
        with self.state:
            self._lost += 1
            if self._lost >= self.policy.max_lost:
                self._report_error(SendError(str(error), transient=True))

    def release_call(self) -> None:
        with self.state:
            self._free_calls += 1
            self.state.notify_all()

    def throttle(self, until: float) -> None:
        with self.state:
            self._throttled_until = max(self._throttled_until, until)

    def begin(self, batch: list[_Built], lost: NoResponse | None) -> list[_Built]:
        """Journal the attempts of a batch; return those that may be sent. `lost` as in `record_results`."""
        recorded = lease_clock() < self._ledger_seen_at + MAX_UNRECORDED
        may_send = [
            recorded and not built.job.deadline.is_over() and built.job.claimed.mailing not in self._dropped
            for built in batch
        ]
        self._give_up([built for built, sends in zip(batch, may_send, strict=True) if not sends], lost)
        begun = [built for built, sends in zip(batch, may_send, strict=True) if sends]
        try:
            for built in begun:
                self._journal.log_attempt(built.job.claimed.id, built.job.claimed.attempt)
        except OSError as error:
            self._give_up(begun, lost)
            self._report_error(SendError(str(journal_unwritable(error)), transient=True))
            return []
        return begun

    def journal_not_accepted(self, batch: list[_Built]) -> None:
        """Journal that the ESP accepted nothing of a call, so that a crash leaves no doubt about it."""
        for built in batch:
            self._journal_reply(built.job, 451, "the ESP accepted nothing")

    def record_results(
        self, batch: list[_Built], results: Sequence[Result], lost: NoResponse | None = None
    ) -> None:
        """Take the results of a call; `lost`: an earlier call with these messages had no response, and may
        have been carried out."""
        for built, result in zip(batch, results, strict=True):
            self._record_result(built, result, lost)
        if len(self._attempts) >= _WAKE_AT or self._idle():
            self._news.set()

    # Under the lock.

    def _idle(self) -> bool:
        """Whether no job is queued, encoded or in flight."""
        return not self._queue and not any(worker.in_flight or worker.batches for worker in self._workers)

    def _begin_stop(self) -> None:
        with self.state:
            self.stopping = True
            self.state.notify_all()
        self._news.set()

    def _build(self, job: SendJob) -> _Built | None:
        """Encode the job's message; None if that fails, which concerns its recipient only."""
        try:
            return _Built(job, job.build())
        except ValueError as error:
            self._record(job, Outcome(ReplyClass.REFUSED, f"the message cannot be built: {error}"))
            self._news.set()
            return None

    def _give_up(self, batch: list[_Built], lost: NoResponse | None) -> None:
        """These messages are not sent now; `lost` as in `record_results`."""
        if lost is None:
            self._return(built.job for built in batch)
            return
        for built in batch:
            self._record(built.job, in_doubt_outcome(str(lost)))
        self._news.set()

    def _record_result(self, built: _Built, result: Result, lost: NoResponse | None) -> None:
        job, mailing = built.job, built.job.claimed.mailing
        if isinstance(result, Outcome):
            self._lost = 0
            self._record(job, result)
            if result.reply_class is ReplyClass.ACCEPTED:
                self._refuse_all(self._attribution.accepted(mailing))
            return
        if isinstance(result, NoResponse):
            self._record(job, in_doubt_outcome(str(result)))
            return
        if lost is None:
            self._journal_reply(job, 451, str(result))
        if isinstance(result, Ambiguous):
            if lost is None:
                self._refuse_all(self._attribution.rejected(mailing, (built, str(result))))
            else:
                # It may be rejected only because the earlier call was carried out.
                self._give_up([built], lost)
            return
        self._give_up([built], lost)
        ours = isinstance(result, AccountError)
        about = mailing if isinstance(result, AccountError) and result.sender else None
        self._report_error(SendError(str(result), transient=not ours, mailing=about))

    def _refuse_all(self, rejections: Iterable[tuple[_Built, str]]) -> None:
        for built, text in rejections:
            self._record(built.job, refused_outcome(text))

    def _report_error(self, error: SendError) -> None:
        self._errors.append(error)
        if error.mailing is None:
            self._begin_stop()
        else:
            self._drop(error.mailing)
        self._news.set()

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        self._return(self._queue.remove_mailing(mailing))
        # The queue may be empty now.
        self.state.notify_all()

    def _return(self, jobs: Iterable[SendJob]) -> None:
        """Return jobs untried."""
        returned = [(job.claimed, Outcome(ReplyClass.NOT_TRIED, "not begun")) for job in jobs]
        if returned and not self._closed:
            self._attempts.extend(returned)
            self._news.set()

    def _record(self, job: SendJob, outcome: Outcome) -> None:
        if self._closed:
            return
        if outcome.code and outcome.reply_class is not ReplyClass.NOT_TRIED:
            self._journal_reply(job, outcome.code, outcome.reply)
        self._attempts.append((job.claimed, outcome))

    def _journal_reply(self, job: SendJob, code: int, text: str) -> None:
        # If this fails, the outcome is reported all the same; only a crash would leave it in doubt.
        with contextlib.suppress(OSError):
            if not self._closed:
                self._journal.log_reply(job.claimed.id, job.claimed.attempt, code, text)


@dataclass
class _Worker:
    """One thread: takes batches from the pool, calls the API, and retries where that is safe and may help."""

    pool: EspPool
    # Batches, each for a call, that are known not to have been accepted.
    batches: deque[list[_Built]] = field(default_factory=deque)
    # What was sent and has no result yet.
    in_flight: list[_Built] = field(default_factory=list)
    # The first call with what is in flight that had no response.
    lost: NoResponse | None = None

    def run(self) -> None:
        try:
            with closing(self.pool.open_client()) as client:
                while self._take_batch():
                    self._call(client)
        except BaseException as error:  # noqa: BLE001  (raised again in the calling thread)
            self.pool.fail(error)

    def _take_batch(self) -> bool:
        """Wait for a batch; False when the pool stops."""
        with self.pool.state:
            self.pool.pause_unattributable()
            if not self.batches and (batch := self.pool.take_batch()):
                self.batches.append(batch)
            return not self.pool.stopping

    def _call(self, client: Client) -> None:
        """Encode the next batch; make its call, with retries, when it may begin; and record the results."""
        encoded = list(self.batches[0])
        call = _prepare(client, encoded)
        if not self.pool.acquire_call():
            return
        results: list[Result] = []
        self.lost = None
        try:
            tries = 0
            while batch := self._begin():
                if len(batch) < len(encoded):
                    encoded, call = batch, _prepare(client, batch)
                try:
                    results = call()
                except Ambiguous as error:
                    if len(batch) > 1:
                        self._split()
                        return
                    results = [error]
                except CallError as error:
                    if self._retry(error, tries):
                        tries += 1
                        continue
                    if isinstance(error, NoResponse):
                        self.pool.count_lost_call(error)
                    results = [error] * len(batch)
                break
        finally:
            self.pool.release_call()
        if batch:
            with self.pool.state:
                self.in_flight = []
                self.pool.record_results(batch, results, self.lost)

    def _begin(self) -> list[_Built]:
        """Put what may be sent of the next batch in flight; empty if there is none or the pool stops."""
        with self.pool.state:
            if self.pool.stopping:
                return []
            # After a call without a response it is in flight still.
            batch = self.in_flight or (self.batches.popleft() if self.batches else [])
            self.in_flight = self.pool.begin(batch, self.lost)
            return list(self.in_flight)

    def _split(self) -> None:
        """One message made the ESP reject the whole batch: sending it in halves finds it."""
        with self.pool.state:
            batch = self._take_back()
            middle = len(batch) // 2
            self.batches.extendleft([batch[middle:], batch[:middle]])

    def _retry(self, error: CallError, tries: int) -> bool:
        """Wait, and queue the batch again unless an earlier call had no response, if a retry is safe and may
        help; whether it is to be made."""
        policy = self.pool.policy
        retries = 1 if isinstance(error, NotConnected) else policy.retries
        lost = isinstance(error, NoResponse)
        safe = not lost or bool(self.pool.capability.idempotency)
        retry_after = (error.retry_after or 0.0) if isinstance(error, Throttled) else 0.0
        if (
            isinstance(error, AccountError)
            or not safe
            or tries >= retries
            or retry_after > policy.max_retry_after
        ):
            return False
        until = time.monotonic() + max(policy.backoff.delay(tries + 1), retry_after)
        if isinstance(error, Throttled):
            self.pool.throttle(until)
        if isinstance(error, NoResponse):
            self.lost = self.lost or error
        if self.lost is None:
            with self.pool.state:
                self.batches.appendleft(self._take_back())
            self.pool.wait_until(until)
            return True
        # The idempotency key prevents a second send.
        return self.pool.wait_until(until)

    def _take_back(self) -> list[_Built]:
        """What was in flight was not accepted and may be sent again."""
        batch, self.in_flight = self.in_flight, []
        self.pool.journal_not_accepted(batch)
        return batch


def _prepare(client: Client, batch: list[_Built]) -> Callable[[], list[Result]]:
    """The call that transmits a batch; it raises CallError also if the batch cannot be encoded."""
    try:
        return client.prepare([Item(built.job.claimed, built.message) for built in batch])
    except CallError as error:
        return partial(_raise, error)


def _raise(error: CallError) -> list[Result]:
    raise error

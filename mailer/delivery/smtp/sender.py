"""The SMTP sender: a thread with an event loop and a few sessions that takes jobs and returns their outcomes.

The ledger stays in the calling thread; only plain records pass between the two. uvloop runs the loop where
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
from contextvars import copy_context
from dataclasses import dataclass
from typing import Self

from mailer.config.log_masking import mask
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import (
    Attempt,
    ClaimedDelivery,
    SendJob,
    lease_clock,
)
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.relays import PermanentRelayError, Relay, RelayPool, RelayUnavailable, SmtpError
from mailer.delivery.smtp.send_queue import QueueTag, SendQueue
from mailer.delivery.smtp.session import SendAborted, Session
from mailer.delivery.smtp.session_setup import connect_within_quota
from mailer.delivery.smtp.signer_pool import CHUNK, SignerPool, ThreadSigner
from mailer.delivery.throttle.mailbox_providers import provider_of
from mailer.delivery.throttle.slow_provider_session_limits import ProviderShares

try:
    import uvloop
except ImportError:
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

log = logging.getLogger(__name__)

# Seconds after which a worker asks again for a connection that the relays denied while others are open.
_RECONNECT = 5.0
# Nothing is sent while nothing was heard of the ledger's thread for so many seconds: cut off from the
# database, it could not record them, and another worker might send the same messages when the lease ends.
MAX_UNRECORDED = 30.0
# Seconds that a stop waits for the replies to messages already sent.
STOP_GRACE = 8.0
# Envelopes that the calling thread signs before it hands them over: some ten milliseconds of its time.
_SIGNED_AT_ONCE = 32
# Ready messages for which a session is woken while more are being signed.
_PER_SESSION = 32
# Sessions that reach a learned limit before it doubles.
_REACHED_BEFORE_GROWTH = 8
# Outcomes of messages that were not tried.
_NOT_TRIED = (ReplyClass.NOT_TRIED, ReplyClass.SENDER_REJECTED)
# Outcomes of messages during which the connection ended.
_LOST = (ReplyClass.CONNECTION_LOST, ReplyClass.IN_DOUBT)


@dataclass(frozen=True)
class SendError:
    """Why sending cannot go on."""

    message: str
    # Whether a later retry can help, without staff doing anything.
    transient: bool
    # The mailing whose sender was rejected; None: nothing can be sent at all.
    mailing: int | None = None


@dataclass
class SessionLimit:
    """How many messages the next sessions with a relay begin, learned where it has ended a session early.

    The relay may only have been restarted, so the number grows again.
    """

    messages: int
    # Sessions since the last change of `messages` that began so many.
    reached: int = 0

    def on_reached(self) -> None:
        """A session has begun `messages`, and the relay has not ended it."""
        self.reached += 1
        if self.reached >= _REACHED_BEFORE_GROWTH:
            self.messages, self.reached = 2 * self.messages, 0


def journal_unwritable(error: OSError) -> RelayUnavailable:
    """The error to report if the attempt journal cannot be written."""
    return RelayUnavailable(
        f"Nothing is sent while the attempt journal cannot be written: {error.strerror or error}."
    )


class Sender:
    """Sends jobs over the relays' sessions until it is stopped. A context manager.

    All methods but those for workers may be called only from the thread that created it.
    """

    def __init__(
        self, pool: RelayPool, journal: Journal, usual_seconds: dict[str, float] | None = None
    ) -> None:
        """`usual_seconds`: as in ProviderShares."""
        self.pool = pool
        self.stopping = False
        # Of relays that have ended sessions early.
        self.session_limits: dict[Relay, SessionLimit] = {}
        # Relays that offer DSN and reject commands that use it.
        self.without_dsn: set[Relay] = set()
        self._journal = journal
        self._queue = SendQueue(ProviderShares(pool.connections, usual_seconds), self._report)
        self._signers = SignerPool(self._next_unsigned, self._add_signed)
        self._own_signer = ThreadSigner()
        # Jobs whose envelopes the loop builds when the signing processes have room for them.
        self._unbuilt: deque[SendJob] = deque()
        # The number of built envelopes that are not signed yet.
        self._unsigned = 0
        # Fires when the next job's time comes.
        self._timer: asyncio.TimerHandle | None = None
        # Whether the workers are about to be woken.
        self._waking = False
        self._attempts: deque[Attempt] = deque()
        # lease_clock() of the last call of submit() or collect().
        self._ledger_seen_at = lease_clock()
        # Outcomes that wake the ledger's thread; fewer wait until it collects them.
        self._wake_at = 1
        self._errors: deque[SendError] = deque()
        # Mailings of which nothing more may be sent.
        self._dropped: set[int] = set()
        self._news = threading.Event()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        # Set when the loop runs.
        self._loop: asyncio.AbstractEventLoop
        self._work: asyncio.Event
        self._workers: list[_Worker] = []
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="mailer-sender", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *error: object) -> None:
        # After an error, too: a message whose reply is not read would be sent again.
        self.stop(STOP_GRACE)

    def submit(self, jobs: Iterable[SendJob]) -> None:
        """Take jobs.

        Their messages are built at once, in the calling thread: one after another they cost half of what each
        would cost between two system calls. Where processes sign them, the loop builds some whenever these
        have room for more: otherwise both threads wait for Python's global lock at each hash.
        """
        unbuilt = deque(jobs)
        self._ledger_seen_at = lease_clock()
        # Before half of them are done, the calling thread would find too little to do.
        self._wake_at = max(1, len(unbuilt) // 2)
        self._call_in_loop(self._dropped.difference_update, {job.claimed.mailing for job in unbuilt})
        count = len(unbuilt)
        ready, unsigned = _split(self._build(unbuilt, CHUNK))
        if unsigned and self._signers.start(unsigned[0], count):
            self._call_in_loop(self._take, ready, unsigned, unbuilt)
            return
        others_ready, others_unsigned = _split(self._build(unbuilt, count))
        unsigned += others_unsigned
        self._call_in_loop(self._take_ready, ready + others_ready, len(unsigned))
        self._sign(unsigned)

    def collect(self, seconds: float) -> list[Attempt]:
        """Return the outcomes so far; wait up to `seconds` for a good number. Raises what ended the
        thread."""
        self._ledger_seen_at = lease_clock()
        self._news.wait(seconds)
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        return [self._attempts.popleft() for _ in range(len(self._attempts))]

    def take_errors(self) -> list[SendError]:
        """Return the errors since the last call that concern more than a single message."""
        return [self._errors.popleft() for _ in range(len(self._errors))]

    def drop_mailing(self, mailing: int) -> None:
        """Return, as NOT_TRIED, the jobs of a mailing that are not begun."""
        self._call_in_loop(self._drop, mailing)

    def stop(self, grace: float) -> None:
        """Begin nothing more and wait `grace` seconds for outstanding replies. Collect the outcomes
        afterwards."""
        self._call_in_loop(self._begin_stop, grace)
        self._thread.join()

    def _call_in_loop(self, function: Callable[..., None], *arguments: object) -> None:
        # A closed loop raises RuntimeError; collect() raises the reason why it was closed.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001  (raised again in the calling thread)
            self._failure = error
        finally:
            self._started.set()
            self._news.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.Event()
        self._grace: asyncio.Future[float] = self._loop.create_future()
        self._workers = [_Worker(self, self._queue) for _ in range(self.pool.connections)]
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        for task in tasks:
            task.add_done_callback(self._on_worker_end)
        self._started.set()
        grace = await self._grace
        _, late = await asyncio.wait(tasks, timeout=grace)
        for worker in self._workers:
            worker.stop()
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        self._queue.return_unsent([*self._queue.drain(), *self._signers.close()], "not begun")
        self._return_unbuilt(self._unbuilt)
        # uvloop releases a connection one turn of the loop after connection_lost().
        await asyncio.sleep(0)

    def _on_worker_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        self._failure = task.exception()
        self._begin_stop(0)

    def _begin_stop(self, grace: float) -> None:
        self.stopping = True
        self._work.set()
        for worker in self._workers:
            worker.finish()
        if not self._grace.done():
            self._grace.set_result(grace)

    def _build(self, waiting: deque[SendJob], count: int) -> list[Envelope]:
        """The next envelopes of these jobs, with their tags: `count`, or all that there are.

        A message that cannot be built concerns its recipient only.
        """
        envelopes: list[Envelope] = []
        while waiting and len(envelopes) < count:
            job = waiting.popleft()
            claimed = job.claimed
            try:
                envelope: Envelope = job.build()
            except ValueError as error:
                outcome = Outcome(ReplyClass.REFUSED, f"the message cannot be built: {error}")
                self._report([(claimed, outcome)])
                continue
            envelope.queue_tag = QueueTag(claimed, provider_of(claimed.email), job.deadline, job.not_before)
            envelopes.append(envelope)
        return envelopes

    def _sign(self, unsigned: list[Envelope]) -> None:
        """Sign in the calling thread, and hand over some at a time."""
        for begin in range(0, len(unsigned), _SIGNED_AT_ONCE):
            chunk = unsigned[begin : begin + _SIGNED_AT_ONCE]
            self._own_signer.sign(chunk)
            self._call_in_loop(self._add_signed, chunk)

    def _take_ready(self, ready: list[Envelope], unsigned: int) -> None:
        """Take what was submitted; so many more come to `_add_signed`."""
        self._unsigned += unsigned
        self._add(ready)

    def _take(self, ready: list[Envelope], unsigned: list[Envelope], unbuilt: deque[SendJob]) -> None:
        """Take what was submitted, for the signing processes all but `ready`."""
        self._unbuilt.extend(unbuilt)
        self._take_ready(ready, len(unsigned))
        self._signers.sign(unsigned)

    def _next_unsigned(self, count: int) -> list[Envelope]:
        """The next envelopes for the signing processes."""
        unsigned: list[Envelope] = []
        while self._unbuilt and not unsigned and not self.stopping:
            try:
                ready, unsigned = _split(self._build(self._unbuilt, count))
            except Exception as error:  # noqa: BLE001  (raised again in the calling thread)
                self._failure = error
                self._begin_stop(0)
                break
            self._take_ready(ready, len(unsigned))
        return unsigned

    def _add(self, envelopes: list[Envelope]) -> None:
        self._queue.add(envelopes)
        self._wake_workers()

    def _add_signed(self, envelopes: list[Envelope]) -> None:
        self._unsigned -= len(envelopes)
        dropped = [one for one in envelopes if one.queue_tag.claimed.mailing in self._dropped]
        self._queue.return_unsent(dropped, "not begun")
        self._add([one for one in envelopes if one not in dropped] if dropped else envelopes)

    def _wake_workers(self) -> None:
        """Let idle workers look for work; in the next turn, because one of them may be the caller."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._start_work)

    def _start_work(self) -> None:
        self._waking = False
        wait = self._queue.release_due()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wait is None else self._loop.call_later(wait, self._start_work)
        self._work.set()
        # While more are being signed, a few sessions take them all, one message behind the other: that costs
        # half the system calls. The others are woken as soon as messages wait.
        being_signed = self._unsigned or self._unbuilt
        wanted = 1 + len(self._queue.ready) // _PER_SESSION if being_signed else len(self._workers)
        for worker in self._workers:
            if worker.wake():
                wanted -= 1
                if not wanted:
                    break

    def _drop(self, mailing: int) -> None:
        self._dropped.add(mailing)
        waiting = self._queue.drain()
        dropped = [one for one in waiting if one.queue_tag.claimed.mailing == mailing]
        self._queue.return_unsent(dropped, "not begun")
        self._add([one for one in waiting if one.queue_tag.claimed.mailing != mailing])
        unbuilt, self._unbuilt = self._unbuilt, deque()
        self._unbuilt.extend(job for job in unbuilt if job.claimed.mailing != mailing)
        self._return_unbuilt(job for job in unbuilt if job.claimed.mailing == mailing)

    def _return_unbuilt(self, jobs: Iterable[SendJob]) -> None:
        self._report((job.claimed, Outcome(ReplyClass.NOT_TRIED, "not begun")) for job in jobs)

    def _report(self, attempts: Iterable[Attempt]) -> None:
        self._attempts.extend(attempts)
        self._news.set()

    # For the workers, in the loop's thread.

    async def wait_for_work(self) -> bool:
        """Wait until something is queued; False when the sender stops."""
        while not self._queue.has_work and not self.stopping:
            self._work.clear()
            await self._work.wait()
        return not self.stopping

    async def pause(self, seconds: float) -> bool:
        """Wait in short steps, so that a stop is noticed; False when the sender stops."""
        until = self._loop.time() + seconds
        while not self.stopping and (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(left, 0.25))
        return not self.stopping

    def report_error(self, error: SmtpError, mailing: int | None = None) -> None:
        """No relay works, or one has rejected a mailing's sender."""
        found = SendError(str(error), not isinstance(error, PermanentRelayError), mailing)
        # Every worker meets the same error.
        if found not in self._errors:
            self._errors.append(found)
        self._news.set()

    def journal_attempt(self, tag: QueueTag) -> None:
        """Record in the journal that the final dot is about to be sent. Raises SendAborted."""
        claimed = tag.claimed
        late = tag.deadline.is_over() or lease_clock() >= self._ledger_seen_at + MAX_UNRECORDED
        if self.stopping or late or claimed.mailing in self._dropped:
            raise SendAborted
        try:
            self._journal.log_attempt(claimed.id, claimed.attempt)
        except OSError as error:
            self.report_error(journal_unwritable(error))
            raise SendAborted from error

    def record_outcome(self, tag: QueueTag, outcome: Outcome, seconds: float) -> None:
        """Take the outcome of an envelope, `seconds` after the session turned to it."""
        claimed, reply_class = tag.claimed, outcome.reply_class
        not_tried = reply_class in _NOT_TRIED
        others_wait = self._queue.finished(tag.provider, None if not_tried else seconds)
        if outcome.code and not not_tried:
            self._journal_reply(claimed, outcome)
        elif reply_class is ReplyClass.SENDER_REJECTED:
            self._drop(claimed.mailing)
            self.report_error(PermanentRelayError(outcome.reply), claimed.mailing)
            outcome = Outcome(ReplyClass.NOT_TRIED, outcome.reply)
        self._attempts.append((claimed, outcome))
        idle = not (self._queue.ready or self._unsigned or self._unbuilt)
        if (len(self._attempts) >= self._wake_at or idle) and not self._news.is_set():
            self._news.set()
        if others_wait:
            self._wake_workers()

    def _journal_reply(self, claimed: ClaimedDelivery, outcome: Outcome) -> None:
        try:
            self._journal.log_reply(claimed.id, claimed.attempt, outcome.code, outcome.reply)
        except OSError as error:
            # The outcome is known all the same, unless this process dies before the ledger has it.
            self.report_error(journal_unwritable(error))


def _split(envelopes: list[Envelope]) -> tuple[list[Envelope], list[Envelope]]:
    """Those that are ready to be sent, and those that must be signed first."""
    ready: list[Envelope] = []
    unsigned: list[Envelope] = []
    for envelope in envelopes:
        (ready if envelope.signature is None else unsigned).append(envelope)
    return ready, unsigned


class _Worker:
    """Opens one session after another and supplies each with messages (the `Source` of its session)."""

    def __init__(self, sender: Sender, queue: SendQueue) -> None:
        self._sender, self._queue = sender, queue
        self._session: Session | None = None
        self._relay: Relay
        # Whether the session has had a message accepted, and why it ended if the relay ended it.
        self._accepted = False
        self._lost: str | None = None
        # time.monotonic() when the session turned to the current message.
        self._turned_at = 0.0

    async def run(self) -> None:
        """Work until the sender stops or no relay is available."""
        while await self._sender.wait_for_work():
            try:
                found = await connect_within_quota(self._sender.pool)
            except SmtpError as error:
                self._sender.report_error(error)
                return
            if found is None:
                if not await self._sender.pause(_RECONNECT):
                    return
                continue
            session, relay = found
            self._session, self._relay = session, relay
            self._accepted, self._lost = False, None
            if (limit := self._sender.session_limits.get(relay)) is not None:
                session.max_transactions = min(limit.messages, session.max_transactions)
            if relay in self._sender.without_dsn:
                session.extensions.pop("DSN", None)
            try:
                if not self._sender.stopping:
                    await session.serve(self)
            finally:
                if session.dsn_rejected:
                    self._sender.without_dsn.add(relay)
                self._session = None
                if limit is not None and session.transactions == limit.messages:
                    limit.on_reached()
                self._report_lost_session()
                self._sender.pool.closed(relay)
                await (session.abort() if self._sender.stopping else session.quit())

    def _report_lost_session(self) -> None:
        """Let the other relays take the share of one that ends sessions before it takes a message."""
        if self._lost is None or self._accepted or self._sender.stopping:
            return
        relay = self._relay
        log.warning("action=relay_failed relay=%s:%d reason=%s", relay.host, relay.port, self._lost)
        message = f"The relay {relay.host}:{relay.port} ended the connection: {mask(self._lost)}"
        self._sender.pool.lost(relay, time.monotonic(), RelayUnavailable(message))

    def wake(self) -> bool:
        """Look for work if the session is idle; whether it was."""
        return self._session is not None and self._session.wake()

    def finish(self) -> None:
        if self._session is not None:
            self._session.finish()

    def stop(self) -> None:
        """End the connection at once."""
        if self._session is not None:
            self._session.stop("stopped while it was being sent")

    def next_message(self, behind: Envelope | None) -> Envelope | None:
        if behind is not None:
            return self._queue.take(behind.queue_tag.provider)
        self._turned_at = time.monotonic()
        return self._queue.take(None)

    def before_final_dot(self, envelope: Envelope) -> None:
        self._sender.journal_attempt(envelope.queue_tag)

    def record_outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        if outcome.code == 421 and outcome.reply_class is ReplyClass.NOT_TRIED and self._session is not None:
            # The relay ends its sessions early; this message was not among those that it accepted.
            limit = SessionLimit(max(1, self._session.transactions - 1))
            self._sender.session_limits[self._relay] = limit
        if outcome.code == 421 or outcome.reply_class in _LOST:
            self._lost = outcome.reply
        elif outcome.code and outcome.reply_class not in _NOT_TRIED:
            self._sender.pool.worked(self._relay)
            self._accepted = self._accepted or outcome.reply_class is ReplyClass.ACCEPTED
        now = time.monotonic()
        self._sender.record_outcome(envelope.queue_tag, outcome, now - self._turned_at)
        self._turned_at = now

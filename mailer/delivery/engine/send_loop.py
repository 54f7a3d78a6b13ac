"""The send loop: claims due deliveries, submits them to the transport and records the results."""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from mailer.approval.snapshot_state_changes import SnapshotChanged
from mailer.delivery.engine import configured_transport
from mailer.delivery.engine.configured_transport import Transport
from mailer.delivery.ledger import claim_and_record, recover_and_finish
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import (
    Attempt,
    ClaimedDelivery,
    Deadline,
    GroupedAttempts,
    SendJob,
    State,
    group,
    lease_clock,
)
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.rollout import mailing_control
from mailer.delivery.smtp.sender import STOP_GRACE, SendError, journal_unwritable
from mailer.delivery.throttle import hourly_outcomes_by_provider, throttle
from mailer.delivery.throttle.throttle import SHORT_WAIT, WAIT_PREFIX, Slice, Wait
from mailer.telemetry import span

log = logging.getLogger(__name__)

# Deliveries that one worker holds at a time, at least.
_MIN_BATCH = 500
# Seconds between two readings of the mailings' states, and of what other workers learned.
_REFRESH_SECONDS = 0.5
# After so many of these, garbage is looked for among all objects.
_REFRESHES_PER_FULL_COLLECTION = 10
# Seconds that outcomes are waited for, at most: a commit costs the same for few as for many. Half a batch
# does not wait, and under a limit fewer are recorded together, because what returns untried is needed soon.
_COLLECT_SECONDS, _COLLECT_SECONDS_UNDER_LIMITS = 0.2, 0.1
# Seconds after which what dead workers left behind is looked for again.
_RECOVER_SECONDS = 60.0
# How long a message waits whose session had too many recipients.
_NEXT_SESSION_WAIT = timedelta(seconds=20)
# How long a message to a slow provider waits while others are sent.
_SLOW_PROVIDER_WAIT = timedelta(minutes=1)
# Seconds between two claims below which the batch doubles, and above which it halves.
_FAST_SECONDS, _SLOW_SECONDS = 0.2, 0.5
# The largest batch, in minimum batches.
_MAX_FACTOR = 12
# Deliveries held under a limit, at the least.
_LEAST_HELD = 10
# What building messages raises for a snapshot that is not what was approved, or in a form that only a later
# release of the program knows.
_UNUSABLE = (SnapshotChanged, ValueError, LookupError, TypeError, AttributeError)


@dataclass
class SendSummary:
    """What one call of `send_due` did, in deliveries."""

    accepted: int = 0
    deferred: int = 0
    refused: int = 0
    in_doubt: int = 0
    # Claimed, and released without an attempt.
    released: int = 0
    # Settled first, from claims of dead processes.
    recovered: int = 0
    # Ids of the mailings that are now sent.
    finished: list[int] = field(default_factory=list)
    # Why sending stopped early; empty when it did not.
    error: str = ""

    @property
    def attempted(self) -> int:
        return self.accepted + self.deferred + self.refused + self.in_doubt

    def add(self, grouped: GroupedAttempts) -> None:
        """Count these attempts as well."""
        states = Counter(result.state for result in grouped.results)
        self.accepted += sum(map(len, grouped.accepted.values()))
        self.deferred += states[State.DEFERRED]
        self.refused += states[State.REFUSED]
        self.in_doubt += states[State.IN_DOUBT]
        self.released += len(grouped.not_tried)


def send_due(
    now: Callable[[], datetime],
    stop: threading.Event | Callable[[], bool],
    only: Mailing | None = None,
    min_batch: int = _MIN_BATCH,
) -> SendSummary:
    """Send everything that is due, of one mailing or of all, and mark finished mailings as sent.

    `now` returns the aware UTC time; `stop` ends the call within ten seconds. May be called at any time, by
    several workers at once, and after any crash.
    """
    if not recover_and_finish.has_delivery_work():
        # Most of the time: each worker asks every second.
        return SendSummary()
    summary = SendSummary(recovered=recover_and_finish.recover(now()))
    recover_and_finish.exclude_cancelled()
    recover_and_finish.refuse_or_exclude_expired_deliveries(now())
    recover_and_finish.settle_or_resend_in_doubt(now())
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop
    if due := _due_mailings(only, now()):
        limits = throttle.Throttle(now())
        if limits.wait(now()) is None:
            _update_wait_reason(due, None)
            with _paused_garbage_collection():
                _SendLoop(now, stopped, only, summary, limits, min_batch).run()
            hourly_outcomes_by_provider.update_all_stats_and_breakers()
            recover_and_finish.exclude_cancelled()
        _update_wait_reason(_due_mailings(only, now()), limits.wait(now()))
    summary.finished = recover_and_finish.finish_mailings(now())
    if summary.finished:
        throttle.delete_old_state(now())
    return summary


@contextmanager
def _paused_garbage_collection() -> Iterator[None]:
    """Ignore existing objects, and collect only when the mailings are read again.

    Automatic collection ran for every few messages, and visited all deliveries held each time.
    """
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _sending_mailings(only: Mailing | None) -> list[Mailing]:
    mailings = Mailing.objects.filter(state=Mailing.State.SENDING).select_related("snapshot")
    if only is not None:
        mailings = mailings.filter(pk=only.pk)
    return list(mailings.order_by("pk"))


def _due_mailings(only: Mailing | None, now: datetime) -> list[Mailing]:
    return [mailing for mailing in _sending_mailings(only) if claim_and_record.has_due_delivery(mailing, now)]


def _update_wait_reason(mailings: Iterable[Mailing], wait: Wait | None) -> None:
    """Show on mailings why nothing is sent for now, and remove that when sending goes on."""
    reason = wait.message if wait else ""
    for mailing in mailings:
        if mailing.reason == reason or not (reason or mailing.reason.startswith(WAIT_PREFIX)):
            continue
        Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(reason=reason)
        log.info("action=%s mailing=%d", "mailing_waiting" if wait else "mailing_continued", mailing.pk)


def _describe(error: Exception) -> str:
    """Why the messages of a mailing cannot be built, for staff."""
    expected = isinstance(error, SnapshotChanged | ValueError)
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _is_sending(mailing: Mailing) -> bool:
    return Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).exists()


class AdaptiveBatch:
    """How many deliveries one worker holds at a time: at least `minimum`, and more while they are sent fast.

    Enough to keep the sessions busy while results are recorded, and no more: all of them become in doubt when
    the machine dies. A claim and a commit cost the same for few deliveries as for many.
    """

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self.size = minimum
        # Time of the last claim, in seconds of a monotonic clock.
        self._claimed_at = 0.0

    def claim_count(self, outstanding: int) -> int:
        """How many more to claim besides those outstanding; 0 when these are more than half of the batch.

        At three quarters there were twice as many statements, and sending on PostgreSQL was 7 % slower.
        """
        return 0 if outstanding > self.size / 2 else self.size - outstanding

    def on_claimed(self, clock: float) -> None:
        """Deliveries were claimed at `clock`."""
        took, self._claimed_at = clock - self._claimed_at, clock
        if took < _FAST_SECONDS:
            self.size = min(2 * self.size, _MAX_FACTOR * self._minimum)
        elif took > _SLOW_SECONDS:
            self.size = max(self.size // 2, self._minimum)


class HeldUnderLimits:
    """How many deliveries one worker holds at a time while a limit of messages in a time applies.

    As many as it sends in time: what is not begun soon after its granted time returns to the ledger, and is
    granted and claimed anew.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def claim_count(self, outstanding: int) -> int:
        """How many more to claim besides those outstanding; 0 when there are enough."""
        return 0 if outstanding > self.size // 2 else self.size - outstanding

    def on_recorded(self, finished: int, returned: int) -> None:
        """So many were tried, and so many returned untried."""
        if returned:
            self.size = max(self.size // 2, _LEAST_HELD)
        else:
            self.size = min(self.size + math.ceil(finished / 8), self._most)


class _SendLoop:
    """One call of `send_due`: this thread works with the ledger, the transport's threads with the servers."""

    def __init__(
        self,
        now: Callable[[], datetime],
        stopped: Callable[[], bool],
        only: Mailing | None,
        summary: SendSummary,
        limits: throttle.Throttle,
        min_batch: int,
    ) -> None:
        self._now = now
        self._stopped = stopped
        self._only = only
        self._summary = summary
        self._throttle = limits
        self._mailings: deque[Mailing] = deque()
        self._expires_at: dict[int, datetime | None] = {}
        # The last delivery claimed for the first time, by mailing.
        self._last_claimed: dict[int, int] = {}
        # Ids of deliveries whose job the transport holds.
        self._outstanding: set[int] = set()
        self._batch = AdaptiveBatch(min_batch)
        self._held_under_limits = HeldUnderLimits(min_batch)
        self._lease = timedelta(minutes=settings.CONFIG.sending.lease_minutes)
        self._recover_seconds = min(_RECOVER_SECONDS, self._lease.total_seconds())
        self._finished = False
        # time.monotonic() of the next refresh and recovery, and whether any mailing may have due deliveries.
        self._refresh_at = 0.0
        self._refreshes = 0
        self._recover_at = time.monotonic() + self._recover_seconds
        self._may_have_due = True
        # time.monotonic() when deliveries were last claimed or outstanding.
        self._busy_at = time.monotonic()
        self._message_builder = configured_transport.message_builder()

    def run(self) -> None:
        try:
            journal = Journal.open(recover_and_finish.journal_folder())
        except OSError as error:
            self._on_error(SendError(str(journal_unwritable(error)), transient=True))
            return
        self._owner = journal.owner
        clean = False
        try:
            with configured_transport.open_transport(journal, self._now) as transport:
                self._loop(transport)
                transport.stop(STOP_GRACE)
                self._record(transport.collect(0))
            clean = not claim_and_record.delete_settled_claims_any_left(journal.owner)
        finally:
            # Outstanding deliveries are settled from the journal by the next recovery.
            journal.discard() if clean else journal.close()

    def _loop(self, transport: Transport) -> None:
        while not self._stopped() and not self._finished:
            self._refresh(transport)
            self._claim_more(transport)
            if self._outstanding:
                self._busy_at = time.monotonic()
                limited = self._throttle.is_limited(self._now())
                seconds = _COLLECT_SECONDS_UNDER_LIMITS if limited else _COLLECT_SECONDS
                self._record(transport.collect(seconds))
            elif not self._wait_for_capacity():
                return
            for error in transport.take_errors():
                self._on_error(error)

    def _wait_for_capacity(self) -> bool:
        """With nothing outstanding: wait if more may be sent within seconds; False if not."""
        if not self._may_have_due:
            return False
        seconds = self._throttle.seconds_until_allowed(self._now())
        if seconds > SHORT_WAIT or time.monotonic() > self._busy_at + 2 * SHORT_WAIT:
            return False
        time.sleep(min(seconds, 0.05))
        return True

    def _refresh(self, transport: Transport) -> None:
        """Read which mailings are being sent now, and what other workers learned."""
        if time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + _REFRESH_SECONDS
        self._collect_garbage()
        self._throttle.refresh(self._now())
        self._finished = self._finished or self._throttle.outside_hours(self._now())
        self._recover()
        before = {mailing.pk for mailing in self._mailings}
        sending = _sending_mailings(self._only)
        for stopped in before - {mailing.pk for mailing in sending}:
            transport.drop_mailing(stopped)
        self._mailings = deque(self._by_priority(sending))
        self._expires_at.update((mailing.pk, mailing.expires_at) for mailing in sending)
        self._may_have_due = True

    def _collect_garbage(self) -> None:
        """Look at objects since the last call, and less often at all of them: many are messages that wait."""
        self._refreshes += 1
        gc.collect(2 if self._refreshes % _REFRESHES_PER_FULL_COLLECTION == 0 else 0)

    def _recover(self) -> None:
        """Go on with what other workers left behind: sending a large mailing may take hours."""
        if time.monotonic() < self._recover_at:
            return
        self._recover_at = time.monotonic() + self._recover_seconds
        self._summary.recovered += recover_and_finish.recover(self._now())
        recover_and_finish.settle_or_resend_in_doubt(self._now())

    def _by_priority(self, mailings: list[Mailing]) -> list[Mailing]:
        """Dry runs wait while any real mailing has due deliveries."""
        if not any(one.dry_run_to for one in mailings):
            return mailings
        real = [
            one
            for one in mailings
            if not one.dry_run_to and claim_and_record.has_due_delivery(one, self._now())
        ]
        return real or mailings

    def _claim_more(self, transport: Transport) -> None:
        """Claim for each mailing in turn, if few deliveries are outstanding and the throttle allows more."""
        if not self._may_have_due:
            return
        held = self._held_under_limits if self._throttle.is_limited(self._now()) else self._batch
        wanted = held.claim_count(len(self._outstanding))
        if not wanted or not (part := self._throttle.take_slice(wanted, self._now())).left:
            return
        self._may_have_due = False
        for _ in range(len(self._mailings)):
            mailing = self._mailings[0]
            self._mailings.rotate(-1)
            claimed, deadline = self._claim_for(mailing, part.left)
            self._may_have_due = self._may_have_due or bool(claimed)
            if claimed:
                with span("submit batch", mailing=mailing.pk, deliveries=len(claimed)):
                    self._submit(transport, mailing, claimed, part, deadline)
            if part.left <= 0:
                return
        self._throttle.return_slice(part, self._now())

    def _deadline(self, now: datetime) -> Deadline:
        """Of a lease that begins `now`: its second half is left for the reply, and for clocks of machines
        that differ."""
        half = self._lease / 2
        return Deadline(lease_clock() + half.total_seconds(), now + half, self._now)

    def _claim_for(self, mailing: Mailing, limit: int) -> tuple[list[ClaimedDelivery], Deadline]:
        """Claimed deliveries, and their deadline."""
        if not claim_and_record.snapshot_may_be_sent(mailing):
            reason = "The content to be sent is not approved any more."
            self._pause_automatically(mailing.pk, "not_approved", reason)
            return [], self._deadline(self._now())
        while True:
            # Read before the claim: however long that takes, the lease does not begin later.
            now = self._now()
            deadline = self._deadline(now)
            after = self._last_claimed.get(mailing.pk, 0)
            claimed = claim_and_record.claim_or_exclude_due_deliveries(
                mailing, self._owner, now + self._lease, limit, now, after
            )
            first_attempts = (one.id for one in claimed if one.attempt == 1)
            self._last_claimed[mailing.pk] = max(first_attempts, default=after)
            # A claim may find only subscribers who must be excluded, and none in a mailing just paused.
            if (
                claimed
                or self._stopped()
                or not (_is_sending(mailing) and claim_and_record.has_due_delivery(mailing, now))
            ):
                return claimed, deadline

    def _submit(
        self,
        transport: Transport,
        mailing: Mailing,
        claimed: list[ClaimedDelivery],
        part: Slice,
        deadline: Deadline,
    ) -> None:
        """Submit the deliveries that the throttle admits, and defer the others.

        One whose job the transport still holds is left out: its lease ended while this machine slept. The
        transport returns that job untried, which releases the new claim, too.
        """
        self._busy_at = time.monotonic()
        self._batch.on_claimed(self._busy_at)
        now = self._now()
        if not self._outstanding.isdisjoint(one.id for one in claimed):
            claimed = [one for one in claimed if one.id not in self._outstanding]
        admitted, deferred = self._throttle.admit(claimed, part, now)
        claim_and_record.defer(deferred, self._owner, "provider_rate_limit")
        if not admitted:
            return
        admitted_deliveries = [one for one, _ in admitted]
        try:
            builders = self._message_builder.messages(mailing, admitted_deliveries, now)
        except _UNUSABLE as error:
            # This mailing waits for staff; the others go on.
            claim_and_record.release([one.id for one in admitted_deliveries], self._owner, now)
            self._throttle.return_unsent(admitted_deliveries, now)
            self._pause_automatically(mailing.pk, "not_approved", _describe(error))
            return
        self._outstanding.update(one.id for one in admitted_deliveries)
        epoch = time.monotonic() - now.timestamp()
        transport.submit(
            SendJob(one, build, deadline, send_at and epoch + send_at)
            for (one, send_at), build in zip(admitted, builders, strict=True)
        )

    def _record(self, attempts: list[Attempt]) -> None:
        with span("record batch", deliveries=len(attempts)) if attempts else nullcontext():
            self._record_attempts(attempts)

    def _record_attempts(self, attempts: list[Attempt]) -> None:
        now = self._now()
        self._outstanding.difference_update(one.id for one, _ in attempts)
        failures = self._throttle.learn(attempts, now)
        found = group(attempts, now, self._expires_at, recover_and_finish.settle_at(now))
        claim_and_record.record_attempts(attempts, found, failures, self._owner, now)
        claim_and_record.defer(
            [(one.id, now + _NEXT_SESSION_WAIT) for one in found.too_many_recipients], self._owner
        )
        claim_and_record.defer(
            [(one.id, now + _SLOW_PROVIDER_WAIT) for one in found.slow_provider], self._owner, "slow_provider"
        )
        claim_and_record.release([one.id for one in found.not_tried], self._owner, now)
        self._throttle.return_unsent([*found.not_tried, *found.slow_provider], now)
        self._held_under_limits.on_recorded(len(attempts) - len(found.not_tried), len(found.not_tried))
        self._may_have_due = self._may_have_due or bool(found.not_tried)
        self._summary.add(found)
        for mailing, reason in self._throttle.trips(failures):
            self._pause_automatically(mailing, "circuit_breaker", reason)

    def _on_error(self, error: SendError) -> None:
        """Pause on a permanent error of ours, so that no delivery fails for it; stop without a relay."""
        log.warning("action=send_error message=%s", error.message)
        self._summary.error = error.message
        if error.transient:
            now = self._now()
            if self._throttle.relay_unreachable(now):
                staff_alerts.alert_sending_stopped("relay_unreachable", error.message, None, now)
        else:
            mailings = (
                [error.mailing]
                if error.mailing is not None
                else [m.pk for m in _sending_mailings(self._only)]
            )
            for pk in mailings:
                self._pause_automatically(pk, "relay_rejected_us", error.message)
        if error.mailing is None:
            self._finished = True

    def _pause_automatically(self, mailing: int, kind: str, reason: str) -> None:
        """Pause a mailing and alert staff, once."""
        now = self._now()
        if mailing_control.pause_automatically(mailing, reason):
            staff_alerts.alert_sending_stopped(kind, reason, mailing, now)
        self._refresh_at = 0.0

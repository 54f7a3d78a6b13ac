"""The engine: what is due is claimed, sent and recorded, until nothing is due or somebody says stop."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailer.approval.errors import SnapshotChanged
from mailer.delivery.engine import control, transports
from mailer.delivery.engine.batch_size import Holding
from mailer.delivery.engine.transports import Transport
from mailer.delivery.ledger import deliveries, housekeeping, recovery
from mailer.delivery.ledger.journal import Journal
from mailer.delivery.ledger.outcomes import Sorted, sort
from mailer.delivery.ledger.records import Attempt, Claimed, Job, State
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import alerts
from mailer.delivery.smtp.sender import Trouble, no_journal
from mailer.delivery.throttle import throttle
from mailer.delivery.throttle.throttle import SOON, WAITING, Hold

log = logging.getLogger(__name__)

# Deliveries held at a time, at least.
_BATCH = 500
_LEASE = timedelta(minutes=20)
# Seconds between two looks at what staff did, and at what became due.
_LOOK = 0.5
# When a message comes back for which the session had one recipient too many.
_NEXT_SESSION = timedelta(seconds=20)
# How long those wait whose provider is slow, while others have their turn.
_LATER = timedelta(minutes=1)
# Seconds that a stop waits for replies to messages already handed over.
_GRACE = 8.0


@dataclass
class Summary:
    """What one call of `send_due` did, in deliveries."""

    accepted: int = 0
    deferred: int = 0
    refused: int = 0
    in_doubt: int = 0
    # Claimed, and given back without a try.
    released: int = 0
    # Claims of dead processes that were settled first.
    recovered: int = 0
    # Ids of the mailings that came to their end.
    finished: list[int] = field(default_factory=list)
    # Why sending stopped early, in words; empty when it did not.
    trouble: str = ""

    @property
    def tried(self) -> int:
        return self.accepted + self.deferred + self.refused + self.in_doubt

    def add(self, found: Sorted) -> None:
        """Count these as well."""
        states = Counter(result.state for result in found.results)
        self.accepted += sum(map(len, found.accepted.values()))
        self.deferred += states[State.DEFERRED]
        self.refused += states[State.REFUSED]
        self.in_doubt += states[State.IN_DOUBT]
        self.released += len(found.untouched)


def send_due(
    now: Callable[[], datetime],
    stop: threading.Event | Callable[[], bool],
    only: Mailing | None = None,
) -> Summary:
    """Send everything that is due, of one mailing or of all, and bring finished mailings to their end.

    `now` gives the aware UTC time; `stop` ends the call within ten seconds. May be called again at any time,
    by several workers at once, and after any crash.
    """
    summary = Summary(recovered=recovery.recover(now()))
    housekeeping.sweep_cancelled()
    housekeeping.expire(now())
    housekeeping.settle_doubts(now())
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop
    if due := _due(only, now()):
        pace = throttle.Traffic(now())
        if pace.hold(now()) is None:
            _tell(due, None)
            with _little_garbage():
                _Run(now, stopped, only, summary, pace).go()
            pace.end(now())
            housekeeping.sweep_cancelled()
        _tell(_due(only, now()), pace.hold(now()))
    summary.finished = housekeeping.finish(now())
    if summary.finished:
        throttle.forget(now())
    return summary


@contextmanager
def _little_garbage() -> Iterator[None]:
    """The collector leaves alone what was there before, and comes with each look at the mailings.

    By itself it came for every few messages, and went through all that were held each time.
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


def _sending(only: Mailing | None) -> list[Mailing]:
    mailings = Mailing.objects.filter(state=Mailing.State.SENDING).select_related("snapshot")
    if only is not None:
        mailings = mailings.filter(pk=only.pk)
    return list(mailings.order_by("pk"))


def _due(only: Mailing | None, now: datetime) -> list[Mailing]:
    return [mailing for mailing in _sending(only) if deliveries.is_due(mailing, now)]


def _tell(mailings: Iterable[Mailing], hold: Hold | None) -> None:
    """Say on mailings why nothing of them leaves, and take it back when something does."""
    words = hold.words if hold else ""
    for mailing in mailings:
        if mailing.reason == words or not (words or mailing.reason.startswith(WAITING)):
            continue
        Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(reason=words)
        log.info("action=%s mailing=%d", "mailing_waits" if hold else "mailing_goes_on", mailing.pk)


def _goes_on(mailing: Mailing) -> bool:
    return Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).exists()


class _Run:
    """One run: the thread that made it keeps the ledger, a Sender's thread keeps the sessions."""

    def __init__(
        self,
        now: Callable[[], datetime],
        stopped: Callable[[], bool],
        only: Mailing | None,
        summary: Summary,
        pace: throttle.Traffic,
    ) -> None:
        self._now = now
        self._stopped = stopped
        self._only = only
        self._summary = summary
        self._traffic = pace
        self._mailings: deque[Mailing] = deque()
        self._expiry: dict[int, datetime | None] = {}
        # The last delivery claimed, by mailing.
        self._reached: dict[int, int] = {}
        self._outstanding = 0
        self._holding = Holding(_BATCH)
        self._over = False
        # time.monotonic() of the next look at the mailings, and whether any may still have something due.
        self._look_at = 0.0
        self._more = True
        # time.monotonic() when something was last claimed or in hand.
        self._busy_at = time.monotonic()
        self._writer = transports.writer()

    def go(self) -> None:
        try:
            journal = Journal.open(recovery.folder())
        except OSError as error:
            self._heed(Trouble(str(no_journal(error)), passing=True))
            return
        self._owner = journal.owner
        clean = False
        try:
            with transports.opened(journal) as sender:
                self._pump(sender)
                sender.stop(_GRACE)
                self._record(sender.take(0))
            clean = not deliveries.holds(journal.owner)
        finally:
            # What is still held is settled from the journal by whoever recovers next.
            journal.discard() if clean else journal.close()

    def _pump(self, sender: Transport) -> None:
        while not self._stopped() and not self._over:
            self._look(sender)
            self._refill(sender)
            if self._outstanding:
                self._busy_at = time.monotonic()
                self._record(sender.take(0.05))
            elif not self._worth_waiting():
                return
            for trouble in sender.troubles():
                self._heed(trouble)

    def _worth_waiting(self) -> bool:
        """With nothing in hand: waits a moment where there will be something in seconds; False where not."""
        if not self._more:
            return False
        seconds = self._traffic.next_room(self._now())
        if seconds > SOON or time.monotonic() > self._busy_at + 2 * SOON:
            return False
        time.sleep(min(seconds, 0.05))
        return True

    def _look(self, sender: Transport) -> None:
        """See what staff paused or cancelled, and which mailings were released, since the last look."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK
        gc.collect()
        self._traffic.look(self._now())
        self._over = self._over or self._traffic.closed(self._now())
        before = {mailing.pk for mailing in self._mailings}
        known = _sending(self._only)
        for gone in before - {mailing.pk for mailing in known}:
            sender.drop(gone)
        self._mailings = deque(self._first(known))
        self._expiry.update((mailing.pk, mailing.expires_at) for mailing in known)
        self._more = True

    def _first(self, known: list[Mailing]) -> list[Mailing]:
        """Whose turn it is: rehearsals wait while anything is due to readers."""
        if not any(one.rehearsal_to for one in known):
            return known
        return [one for one in known if not one.rehearsal_to and deliveries.is_due(one, self._now())] or known

    def _refill(self, sender: Transport) -> None:
        """Claim for each mailing in turn, when what is held runs low and the pace has room."""
        wanted = self._holding.room(self._outstanding) if self._more else 0
        room = self._traffic.room(wanted, self._now()) if wanted else 0
        if not room:
            return
        self._more = False
        for _ in range(len(self._mailings)):
            mailing = self._mailings[0]
            self._mailings.rotate(-1)
            claimed = self._claim(mailing, room)
            self._more = self._more or bool(claimed)
            room -= self._put(sender, mailing, claimed)
            if room <= 0:
                return

    def _claim(self, mailing: Mailing, limit: int) -> list[Claimed]:
        if not deliveries.is_sealed(mailing):
            words = "What is to be sent is not sealed by an approval any more."
            self._halt(mailing.pk, "seal", words)
            return []
        while True:
            now = self._now()
            after = self._reached.get(mailing.pk, 0)
            claimed = deliveries.claim(mailing, self._owner, now + _LEASE, limit, now, after)
            tried_first = (one.id for one in claimed if one.attempt == 1)
            self._reached[mailing.pk] = max(tried_first, default=after)
            # A claim may find only readers who have left meanwhile, and none in a mailing just paused.
            if claimed or self._stopped() or not (_goes_on(mailing) and deliveries.is_due(mailing, now)):
                return claimed

    def _put(self, sender: Transport, mailing: Mailing, claimed: list[Claimed]) -> int:
        """Hand over whom the pace lets go, and put off whom it does not; how many go."""
        if not claimed:
            return 0
        self._busy_at = time.monotonic()
        self._holding.claimed(self._busy_at)
        now = self._now()
        go, later, spare = self._traffic.admit(claimed, now)
        deliveries.put_off(later, self._owner, "provider_limits_us")
        deliveries.release(spare, self._owner, now)
        if not go:
            return 0
        leaving = [one for one, _ in go]
        try:
            envelopes = self._writer.envelopes(mailing, leaving, now)
        except (SnapshotChanged, ValueError) as broken:
            # This mailing waits for a person; the others go on.
            deliveries.release([one.id for one in leaving], self._owner, now)
            self._traffic.give_back(leaving, now)
            self._halt(mailing.pk, "seal", str(broken))
            return 0
        self._outstanding += len(go)
        clock = time.monotonic()
        latest, epoch = clock + _LEASE.total_seconds() / 2, clock - now.timestamp()
        sender.put(
            Job(one, make, latest, moment and epoch + moment)
            for (one, moment), make in zip(go, envelopes, strict=True)
        )
        return len(go)

    def _record(self, done: list[Attempt]) -> None:
        now = self._now()
        self._outstanding -= len(done)
        found = sort(done, now, self._expiry, housekeeping.settle_at(now))
        deliveries.accept(found.accepted, self._owner, now)
        deliveries.record(found.results, self._owner)
        deliveries.put_off([(one.id, now + _NEXT_SESSION) for one in found.too_many], self._owner)
        deliveries.put_off([(one.id, now + _LATER) for one in found.later], self._owner, "slow_provider")
        deliveries.release([one.id for one in found.untouched], self._owner, now)
        self._traffic.give_back([*found.untouched, *found.later], now)
        self._more = self._more or bool(found.untouched)
        self._summary.add(found)
        for mailing, words in self._traffic.learn(done, now):
            self._halt(mailing, "breaker", words)

    def _heed(self, trouble: Trouble) -> None:
        """Our fault pauses, so that no reader pays for it; where no relay is there, this run is over."""
        log.warning("action=trouble words=%s", trouble.words)
        self._summary.trouble = trouble.words
        if trouble.passing:
            now = self._now()
            if self._traffic.relay_away(now):
                alerts.raise_alert("relay_away", trouble.words, None, now)
        else:
            mailings = (
                [trouble.mailing] if trouble.mailing is not None else [m.pk for m in _sending(self._only)]
            )
            for pk in mailings:
                self._halt(pk, "our_fault", trouble.words)
        if trouble.mailing is None:
            self._over = True

    def _halt(self, mailing: int, kind: str, words: str) -> None:
        """Pause a mailing for the machine's own reason, and tell staff, once."""
        now = self._now()
        if control.halt(mailing, words):
            alerts.raise_alert(kind, words, mailing, now)
        self._look_at = 0.0

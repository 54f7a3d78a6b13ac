"""The engine: what is due is claimed, sent and recorded, until nothing is due or somebody says stop."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from mailer.approval.errors import BrokenSeal
from mailer.delivery import control, ledger, recovery, upkeep
from mailer.delivery.composing import Composer
from mailer.delivery.journal import Journal
from mailer.delivery.models import Mailing
from mailer.delivery.records import Claimed, Result, State
from mailer.delivery.relays import configured
from mailer.delivery.results import result_of
from mailer.delivery.sender import Done, Job, Sender, Trouble
from mailer.delivery.smtp import Verdict

log = logging.getLogger(__name__)

# Deliveries held at a time: enough to keep sessions busy while results are recorded, and no more, because
# this is what becomes uncertain when the whole machine is lost.
_BATCH = 500
_LEASE = timedelta(minutes=20)
# Seconds between two looks at what staff did, and at what became due.
_LOOK = 0.5
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
    upkeep.sweep_cancelled()
    upkeep.expire(now())
    upkeep.settle_doubts(now())
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop
    if any(ledger.is_due(mailing, now()) for mailing in _sending(only)):
        _Run(now, stopped, only, summary).go()
        upkeep.sweep_cancelled()
    summary.finished = upkeep.finish(now())
    return summary


def _sending(only: Mailing | None) -> list[Mailing]:
    mailings = Mailing.objects.filter(state=Mailing.State.SENDING).select_related("copy")
    if only is not None:
        mailings = mailings.filter(pk=only.pk)
    return list(mailings.order_by("pk"))


class _Run:
    """One run: the thread that made it keeps the ledger, a Sender's thread keeps the sessions."""

    def __init__(
        self, now: Callable[[], datetime], stopped: Callable[[], bool], only: Mailing | None, summary: Summary
    ) -> None:
        self._now = now
        self._stopped = stopped
        self._only = only
        self._summary = summary
        self._mailings: deque[Mailing] = deque()
        self._expiry: dict[int, datetime | None] = {}
        self._outstanding = 0
        self._over = False
        # time.monotonic() of the next look at the mailings, and whether any may still have something due.
        self._look_at = 0.0
        self._more = True
        self._composer = Composer()

    def go(self) -> None:
        config = settings.CONFIG
        journal = Journal.open(recovery.folder())
        self._owner = journal.owner
        clean = False
        try:
            with Sender(
                configured()[0], journal, config.smtp.connections, config.sending.rate_per_second
            ) as sender:
                self._pump(sender)
                sender.stop(_GRACE)
                self._record(sender.take(0))
            clean = not ledger.holds(journal.owner)
        finally:
            # What is still held is settled from the journal by whoever recovers next.
            journal.discard() if clean else journal.close()

    def _pump(self, sender: Sender) -> None:
        while not self._stopped() and not self._over:
            self._look(sender)
            self._refill(sender)
            if not self._outstanding:
                return
            self._record(sender.take(0.05))
            for trouble in sender.troubles():
                self._heed(trouble)

    def _look(self, sender: Sender) -> None:
        """See what staff paused or cancelled, and which mailings were released, since the last look."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK
        before = {mailing.pk for mailing in self._mailings}
        known = _sending(self._only)
        for gone in before - {mailing.pk for mailing in known}:
            sender.drop(gone)
        # Rehearsals wait while anything is due to readers.
        to_readers = [one for one in known if not one.rehearsal_to and ledger.is_due(one, self._now())]
        self._mailings = deque(to_readers or known)
        self._expiry.update((mailing.pk, mailing.expires_at) for mailing in known)
        self._more = True

    def _refill(self, sender: Sender) -> None:
        """Claim for each mailing in turn, when what is held runs low."""
        wanted = self._batch()
        if not self._more or self._outstanding > wanted // 2:
            return
        self._more = False
        for _ in range(len(self._mailings)):
            mailing = self._mailings[0]
            self._mailings.rotate(-1)
            claimed = self._claim(mailing, wanted - self._outstanding)
            self._more = self._more or bool(claimed)
            self._put(sender, mailing, claimed)
            if self._outstanding >= wanted:
                return

    def _batch(self) -> int:
        smtp, rate = settings.CONFIG.smtp, settings.CONFIG.sending.rate_per_second
        return max(smtp.connections, min(_BATCH, int(rate * 10))) if rate else _BATCH

    def _claim(self, mailing: Mailing, limit: int) -> list[Claimed]:
        if not ledger.is_sealed(mailing):
            control.halt(mailing.pk, "What is to be sent is not sealed by an approval any more.")
            return []
        while True:
            now = self._now()
            claimed = ledger.claim(mailing, self._owner, now + _LEASE, limit, now)
            # A claim may find only readers who have left meanwhile.
            if claimed or not ledger.is_due(mailing, now) or self._stopped():
                return claimed

    def _put(self, sender: Sender, mailing: Mailing, claimed: list[Claimed]) -> None:
        if not claimed:
            return
        latest = time.monotonic() + _LEASE.total_seconds() / 2
        now = self._now()
        try:
            envelopes = self._composer.envelopes(mailing, claimed, now)
        except (BrokenSeal, ValueError) as broken:
            # This mailing waits for a person; the others go on.
            ledger.release([one.id for one in claimed], self._owner)
            control.halt(mailing.pk, str(broken))
            return
        self._outstanding += len(claimed)
        sender.put(Job(one, make, latest) for one, make in zip(claimed, envelopes, strict=True))

    def _record(self, done: Iterable[Done]) -> None:
        results: list[Result] = []
        untouched: list[int] = []
        now = self._now()
        for claimed, outcome in done:
            self._outstanding -= 1
            if outcome.verdict is Verdict.UNTOUCHED:
                untouched.append(claimed.id)
                continue
            expires_at = self._expiry.get(claimed.mailing)
            results.append(result_of(claimed.id, claimed.attempt, outcome, now, expires_at))
        ledger.record(results, self._owner)
        ledger.release(untouched, self._owner)
        self._more = self._more or bool(untouched)
        self._count(results, len(untouched))

    def _count(self, results: list[Result], released: int) -> None:
        summary = self._summary
        summary.released += released
        for result in results:
            summary.accepted += result.state == State.ACCEPTED
            summary.deferred += result.state == State.DEFERRED
            summary.refused += result.state == State.REFUSED
            summary.in_doubt += result.state == State.IN_DOUBT

    def _heed(self, trouble: Trouble) -> None:
        """Our fault pauses, so that no reader pays for it; a relay that is away only ends this run."""
        log.warning("action=trouble words=%s", trouble.words)
        self._summary.trouble = trouble.words
        if not trouble.passing:
            mailings = (
                [trouble.mailing] if trouble.mailing is not None else [m.pk for m in _sending(self._only)]
            )
            for pk in mailings:
                control.halt(pk, trouble.words)
        if trouble.mailing is None:
            self._over = True
        self._look_at = 0.0

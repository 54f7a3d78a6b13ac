"""Messages that wait for a session: ready, waiting for their time, or held back because their provider is
slow."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, ClaimedDelivery, Deadline
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.throttle.limits_warm_up_and_backoff import VALIDITY
from mailer.delivery.throttle.slow_provider_session_limits import ProviderShares

# Messages of a slow provider kept per session that it may hold; the others return to the ledger.
_KEPT_PER_SESSION = 4
# While so few wait for slow providers together, none returns: they leave room for others in every batch, and
# all of a small mailing is sent without delay.
_KEPT = 250


class QueueTag(NamedTuple):
    """The `queue_tag` of a queued envelope. The times are those of its SendJob."""

    claimed: ClaimedDelivery
    provider: str
    # Its final dot must not be sent after this.
    deadline: Deadline
    # It must not begin before this; 0: it may begin at once.
    not_before: float


class SendQueue:
    """Envelopes that are not begun, and which of them may begin now. Each carries a QueueTag."""

    def __init__(self, shares: ProviderShares, report: Callable[[Iterable[Attempt]], None]) -> None:
        """`report` takes the outcomes of envelopes that return unsent."""
        self._shares = shares
        self._report = report
        self.ready: deque[Envelope] = deque()
        # Envelopes with a time, ordered by it; the number keeps equal times in order.
        self._timed: list[tuple[float, int, Envelope]] = []
        self._numbers = count()
        # By provider, envelopes that wait for its share of the sessions.
        self._held: dict[str, deque[Envelope]] = defaultdict(deque)

    @property
    def has_work(self) -> bool:
        """Whether an envelope is ready or held back."""
        return bool(self.ready or self._held)

    def add(self, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.queue_tag.not_before:
                heappush(self._timed, (envelope.queue_tag.not_before, next(self._numbers), envelope))
            else:
                self.ready.append(envelope)

    def release_due(self) -> float | None:
        """Make envelopes ready whose time has come; return the seconds until the next one, or None."""
        now = time.monotonic()
        while self._timed and self._timed[0][0] <= now:
            self.ready.append(heappop(self._timed)[2])
        return self._timed[0][0] - now if self._timed else None

    def take(self, behind: str | None) -> Envelope | None:
        """Remove and return the next envelope that may begin; `behind`: the provider whose message precedes
        it in
        the same session's pipeline."""
        shares = self._shares
        if self._held and (envelope := self._take_held(behind)) is not None:
            return envelope
        if behind is not None and shares.is_slow(behind):
            # A message pipelined behind a slow one would wait as long.
            return None
        while (envelope := self._pop(self.ready)) is not None:
            provider = envelope.queue_tag.provider
            if shares.acquire(provider):
                return envelope
            self._held[provider].append(envelope)
            self._trim(provider)
        return None

    def finished(self, provider: str, seconds: float | None) -> bool:
        """A session finished an envelope of the provider after `seconds` (None: it was not tried). Returns
        whether
        held envelopes may begin now."""
        if seconds is None:
            self._shares.release(provider)
        else:
            self._shares.record(provider, seconds)
        if self._held and provider in self._held:
            self._trim(provider)
        return bool(self._held)

    def drain(self) -> list[Envelope]:
        """Remove and return all envelopes."""
        envelopes = [*self.ready, *(envelope for held in self._held.values() for envelope in held)]
        envelopes += [entry[2] for entry in self._timed]
        for container in (self.ready, self._held, self._timed):
            container.clear()
        return envelopes

    def return_unsent(
        self, envelopes: Iterable[Envelope], reason: str, reply_class: ReplyClass = ReplyClass.NOT_TRIED
    ) -> None:
        self._report((envelope.queue_tag.claimed, Outcome(reply_class, reason)) for envelope in envelopes)

    def _take_held(self, behind: str | None) -> Envelope | None:
        for provider in list(self._held):
            if behind in (None, provider) and self._shares.acquire(provider):
                envelope = self._pop(self._held[provider])
                if not self._held[provider]:
                    del self._held[provider]
                if envelope is not None:
                    return envelope
                self._shares.release(provider)
        return None

    def _pop(self, envelopes: deque[Envelope]) -> Envelope | None:
        """The first envelope that is not past its deadline and not long past its time; those that are return
        unsent."""
        while envelopes:
            envelope = envelopes.popleft()
            tag = envelope.queue_tag
            void = tag.not_before and time.monotonic() >= tag.not_before + VALIDITY
            if not (void or tag.deadline.is_over()):
                return envelope
            self.return_unsent([envelope], "waited too long")
        return None

    def _trim(self, provider: str) -> None:
        """Keep no more of a slow provider's envelopes than it will need soon."""
        held = self._held[provider]
        room = _KEPT - sum(len(other) for name, other in self._held.items() if name != provider)
        surplus = len(held) - max(_KEPT_PER_SESSION * self._shares.share, room)
        if surplus > 0 and self._shares.is_slow(provider):
            envelopes = [held.pop() for _ in range(surplus)]
            reason = f"{provider} is slow; other providers go first"
            self.return_unsent(envelopes, reason, ReplyClass.PROVIDER_SLOW)

"""The configured relays: how each is reached, how it can fail, and which one gets the next connection."""

from __future__ import annotations

import dataclasses
import random
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from mailer.backoff import BackoffPolicy
from mailer.config import Smtp

# How long a relay that failed is left alone, in seconds.
_BACKOFF = BackoffPolicy(first=30.0, cap=600.0)
# Seconds until a relay with open connections is asked again for the further one that it denied.
_RETRY_WHEN_FULL = 5.0


class SmtpError(Exception):
    """The relay cannot be used."""


class PermanentRelayError(SmtpError):
    """The relay rejects *us* permanently; no recipient is to blame, and a retry cannot help."""


class RelayUnavailable(SmtpError):  # noqa: N818  (a state, not an error)
    """The relay cannot be reached or is busy; a later retry can help."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds, by default as RFC 5321 §4.5.3.2 asks."""

    connect: float = 60
    greeting: float = 300
    command: float = 300
    data: float = 120
    # For the reply to the final dot: long, because after this timeout a delivery is in doubt.
    final_dot: float = 600


@dataclass(frozen=True)
class Relay(Smtp):
    """An SMTP server that takes our mail: its configuration, and what else a connection to it needs."""

    # The name that EHLO gives for us.
    ehlo: str = "localhost"
    timeouts: Timeouts = field(default_factory=Timeouts)
    # Trusted certificates; None: the system's.
    tls_context: ssl.SSLContext | None = None


def configured_relays() -> list[Relay]:
    """[smtp] and every [[relays]]; EHLO names the host of the site's address."""
    config = settings.CONFIG
    ehlo = _ehlo_name(urlsplit(config.site.url).hostname or "localhost")
    return [_relay(smtp, ehlo) for smtp in (config.smtp, *config.relays)]


def _relay(smtp: Smtp, ehlo: str) -> Relay:
    relay = Relay(**dataclasses.asdict(smtp), ehlo=ehlo)
    if not smtp.token_path:
        return relay
    return dataclasses.replace(relay, token_path=str(settings.CONFIG.path(smtp.token_path)))


def _ehlo_name(host: str) -> str:
    """A host as EHLO writes it: an IP address in brackets (RFC 5321 §4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


@dataclass
class _Failures:
    in_a_row: int = 0
    # Clock time until which the relay is left alone.
    until: float = 0.0


class RelayBackoff:
    """Which relays failed lately, and until when they are left alone. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._failures: dict[Relay, _Failures] = {}

    def until(self, relay: Relay) -> float:
        failures = self._failures.get(relay)
        return failures.until if failures else 0.0

    def failed(self, relay: Relay, clock: float) -> None:
        """Leave it alone for a while; a failure while it is left alone already changes nothing."""
        failures = self._failures.setdefault(relay, _Failures())
        if clock >= failures.until:
            failures.in_a_row += 1
            failures.until = clock + _BACKOFF.delay(failures.in_a_row)

    def succeeded(self, relay: Relay) -> None:
        self._failures.pop(relay, None)


class RelayPool:
    """Assigns connections to relays, by weight among those that are available. Times are seconds of one
    clock.

    For each connection that `reserve` granted the caller reports `session_opened` or `failed`, and later
    `closed`; of an open one also `worked`, or `lost` before it is closed.
    """

    def __init__(
        self, relays: Sequence[Relay], backoff: RelayBackoff | None = None, rng: random.Random | None = None
    ) -> None:
        """`backoff` may be shared between pools; by default every relay is available at first."""
        self._relays = list(relays)
        self._backoff = RelayBackoff() if backoff is None else backoff
        self._rng = rng or random.Random()  # noqa: S311  (no secret)
        # Connections that are open, and those that were granted and are not open yet.
        self._open: Counter[Relay] = Counter()
        self._reserved: Counter[Relay] = Counter()
        # When a relay that denied a further connection is asked again.
        self._full_until: dict[Relay, float] = {}
        # Relays to which an open session was lost, and none has worked since.
        self._lost: set[Relay] = set()
        # Why each unavailable relay failed.
        self._errors: dict[Relay, SmtpError] = {}

    @property
    def connections(self) -> int:
        """The connections that all relays together accept."""
        return sum(relay.connections for relay in self._relays)

    def reserve(self, clock: float) -> Relay | None:
        """The relay for one more connection; None if the available ones have their quota."""
        free: dict[Relay, int] = {}
        for relay, quota in self._quotas(clock).items():
            left = quota - self._open[relay] - self._reserved[relay]
            full = self._open[relay] and clock < self._full_until.get(relay, 0.0)
            if left > 0 and not full:
                free[relay] = left
        if not free:
            return None
        (relay,) = self._rng.choices(list(free), list(free.values()))
        self._reserved[relay] += 1
        return relay

    def session_opened(self, relay: Relay) -> None:
        self._reserved[relay] -= 1
        self._open[relay] += 1
        if len(self._relays) == 1:
            # Nothing else could take its share: it is asked again at once.
            self.worked(relay)

    def worked(self, relay: Relay) -> None:
        """It answered a message."""
        self._lost.discard(relay)
        self._errors.pop(relay, None)
        self._backoff.succeeded(relay)

    def lost(self, relay: Relay, clock: float, error: SmtpError) -> None:
        """An open session ended before it took a message: the relay is left alone, unless it is the only one.

        It takes no further connection meanwhile, also if others to it are open.
        """
        if len(self._relays) > 1:
            self._lost.add(relay)
            self._errors[relay] = error
            self._backoff.failed(relay, clock)

    def failed(self, relay: Relay, clock: float, error: SmtpError) -> None:
        """It opened no session: it is left alone, or counts as full if other connections to it are open."""
        self._reserved[relay] -= 1
        if self._open[relay]:
            self._full_until[relay] = clock + _RETRY_WHEN_FULL
        else:
            self._errors[relay] = error
            self._backoff.failed(relay, clock)

    def closed(self, relay: Relay) -> None:
        self._open[relay] -= 1

    def unavailable_error(self, clock: float) -> SmtpError | None:
        """Why no relay is available; None while one is, or may become so."""
        if self._reserved.total() or self._open.total() or self._quotas(clock):
            return None
        errors = [self._errors.get(relay) for relay in self._relays]
        text = " ".join(str(error) for error in errors if error)
        if all(isinstance(error, PermanentRelayError) for error in errors):
            return PermanentRelayError(text)
        wait = min(self._backoff.until(relay) for relay in self._relays) - clock
        return RelayUnavailable(
            text or f"No relay worked at the last attempt; the next attempt is in {wait:.0f} seconds."
        )

    def _quotas(self, clock: float) -> dict[Relay, int]:
        """Connections of each available relay, in proportion to their weights and none above its limit."""
        available = [
            relay
            for relay in self._relays
            if self._backoff.until(relay) <= clock or (self._open[relay] and relay not in self._lost)
        ]
        weighted = [relay for relay in available if relay.weight]
        if not weighted:
            return {relay: relay.connections for relay in available}
        unit = min(relay.connections / relay.weight for relay in weighted)
        return {relay: max(1, round(relay.weight * unit)) for relay in weighted}


# Shared by this process: a relay that failed one sender is not tried at once by the next.
_shared_backoff = RelayBackoff()


def configured_pool() -> RelayPool:
    """A pool of the configured relays. A single relay is always tried."""
    relays = configured_relays()
    return RelayPool(relays, _shared_backoff if len(relays) > 1 else None)

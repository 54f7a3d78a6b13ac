"""The relays that the configuration names, and which of them the next connection goes to."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from mailer.config import Smtp
from mailer.delivery.smtp.base import OurFault, Relay, SmtpError, Unavailable
from mailer.delivery.smtp.connect import open_session
from mailer.delivery.smtp.session import Session

log = logging.getLogger(__name__)

# Seconds that a relay rests after failing, doubled each time it fails again.
_REST = 30.0
_LONGEST_REST = 600.0
# Seconds until a relay is asked for one more connection that has others open and turned one down.
_ONE_MORE = 5.0


def configured() -> list[Relay]:
    """[smtp] and every [[relays]], greeted with the host of the site's address."""
    config = settings.CONFIG
    ehlo = _literal(urlsplit(config.site.url).hostname or "localhost")
    return [_relay(smtp, ehlo) for smtp in (config.smtp, *config.relays)]


def _relay(smtp: Smtp, ehlo: str) -> Relay:
    return Relay(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        auth=smtp.auth,
        username=smtp.username,
        password=smtp.password,
        token_path=str(settings.CONFIG.path(smtp.token_path)) if smtp.token_path else "",
        ehlo=ehlo,
        connections=smtp.connections,
        messages_per_connection=smtp.messages_per_connection,
        weight=smtp.weight,
    )


def _literal(host: str) -> str:
    """A host as EHLO says it: an IP address stands in brackets (RFC 5321 §4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


@dataclass
class _Rest:
    # Failures in a row.
    failures: int = 0
    # By the caller's clock.
    until: float = 0.0


class Rests:
    """Which relays failed lately, and until when they are left alone. Times are of one clock, in seconds."""

    def __init__(self) -> None:
        self._of: dict[Relay, _Rest] = {}

    def until(self, relay: Relay) -> float:
        rest = self._of.get(relay)
        return rest.until if rest else 0.0

    def failed(self, relay: Relay, clock: float) -> None:
        """Leave it alone for a while; what fails while it rests already changes nothing."""
        rest = self._of.setdefault(relay, _Rest())
        if clock >= rest.until:
            rest.until = clock + min(_REST * 2.0**rest.failures, _LONGEST_REST)
            rest.failures += 1

    def worked(self, relay: Relay) -> None:
        self._of.pop(relay, None)


class Choice:
    """Chooses the relay of each connection, by weight among those that are well. Times are of one clock.

    A connection that `take` granted is told of by `opened` or `failed`, and one that was opened by `left`.
    """

    def __init__(
        self, relays: Sequence[Relay], rests: Rests | None = None, rng: random.Random | None = None
    ) -> None:
        """`rests` may be shared between choices; without it no relay rests at first."""
        self._relays = list(relays)
        self._rests = Rests() if rests is None else rests
        self._rng = rng or random.Random()  # noqa: S311  (no secret)
        # Connections that are open, and those besides that were granted and are not open yet.
        self._open: Counter[Relay] = Counter()
        self._granted: Counter[Relay] = Counter()
        # When a relay that turned down one connection more is asked again.
        self._full: dict[Relay, float] = {}
        # Why it is not well.
        self._faults: dict[Relay, SmtpError] = {}

    @property
    def connections(self) -> int:
        """Connections at most, whatever relays are well."""
        return sum(relay.connections for relay in self._relays)

    def take(self, clock: float) -> Relay | None:
        """The relay for one connection more; None when those that are well have their part."""
        free: dict[Relay, int] = {}
        for relay, part in self._parts(clock).items():
            left = part - self._open[relay] - self._granted[relay]
            full = self._open[relay] and clock < self._full.get(relay, 0.0)
            if left > 0 and not full:
                free[relay] = left
        if not free:
            return None
        (relay,) = self._rng.choices(list(free), list(free.values()))
        self._granted[relay] += 1
        return relay

    def opened(self, relay: Relay) -> None:
        self._granted[relay] -= 1
        self._open[relay] += 1
        self._faults.pop(relay, None)
        self._rests.worked(relay)

    def failed(self, relay: Relay, clock: float, fault: SmtpError) -> None:
        """It granted no session: it rests, or is only full where it has granted others."""
        self._granted[relay] -= 1
        if self._open[relay]:
            self._full[relay] = clock + _ONE_MORE
        else:
            self._faults[relay] = fault
            self._rests.failed(relay, clock)

    def left(self, relay: Relay) -> None:
        self._open[relay] -= 1

    def down(self, clock: float) -> SmtpError | None:
        """Why there is no relay to send through; None while there is one, or may be."""
        if self._granted.total() or self._parts(clock):
            return None
        faults = [self._faults.get(relay) for relay in self._relays]
        words = " ".join(str(fault) for fault in faults if fault)
        if all(isinstance(fault, OurFault) for fault in faults):
            return OurFault(words)
        wait = min(self._rests.until(relay) for relay in self._relays) - clock
        return Unavailable(words or f"No relay worked at the last try; the next is in {wait:.0f} seconds.")

    def _parts(self, clock: float) -> dict[Relay, int]:
        """Connections of each relay that is well, in proportion to their weights and none above its most."""
        well = [relay for relay in self._relays if self._open[relay] or self._rests.until(relay) <= clock]
        weighed = [relay for relay in well if relay.weight]
        if not weighed:
            return {relay: relay.connections for relay in well}
        unit = min(relay.connections / relay.weight for relay in weighed)
        return {relay: max(1, round(relay.weight * unit)) for relay in weighed}


# What this process knows of relays: one that failed a sender is not tried at once by the next.
_rests = Rests()


def choice() -> Choice:
    """A choice among the configured relays. Where there is but one, it is always tried."""
    relays = configured()
    return Choice(relays, _rests if len(relays) > 1 else None)


async def connect(
    choice: Choice, clock: Callable[[], float] = time.monotonic
) -> tuple[Session, Relay] | None:
    """A session with the relay whose turn it is, or with another where that one fails.

    None when those that work have their part of the connections; when none works, it raises the reason.
    """
    while (relay := choice.take(clock())) is not None:
        try:
            session = await open_session(relay)
        except SmtpError as fault:
            log.warning("action=relay_failed relay=%s:%d because=%s", relay.host, relay.port, fault)
            choice.failed(relay, clock(), fault)
        except BaseException:
            choice.failed(relay, clock(), Unavailable("The connection was given up."))
            raise
        else:
            choice.opened(relay)
            return session, relay
    if reason := choice.down(clock()):
        raise reason
    return None


async def open_any() -> Session:
    """A session with the first configured relay that works, for a few messages. Raises SmtpError."""
    opened = await connect(choice())
    # Of a choice that nobody else uses, there is always a relay or a reason.
    assert opened is not None
    return opened[0]

"""Who did not get the mail, and why: every reader of a mailing whose copy was not accepted, or came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Case, CharField, F, Q, Value, When

from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.reports.export import Sheet
from mailer.reports.labels import reason_words
from mailer.reports.table import Cell, Column
from subscribers.models import Subscriber

_State = Delivery.State
# Rows of a streamed list that are read from the database at a time.
_CHUNK = 2_000
MISSED = ~Q(state=_State.ACCEPTED) | Q(bounced_at__isnull=False)
# One word for why, by which a list can be filtered; the same readers as in the account.
WHY = Case(
    When(claims.claimed(), then=Value(_State.CLAIMED)),
    When(state=_State.ACCEPTED, then=Value("bounced")),
    # Put off before it was tried: its reader's own hour, or our own pace.
    When(state=_State.DEFERRED, attempts=0, reason="", then=Value("waiting")),
    When(~Q(reason=""), then=F("reason")),
    default=F("state"),
    output_field=CharField(),
)

_COLUMNS = (
    Column("reader", "reader"),
    *(Column(name, name, "text") for name in ("address", "state", "reason", "in words")),
    *(Column(name, name, "text") for name in ("the server said", "tried next")),
)


@dataclass(frozen=True)
class Unreached:
    """A reader who did not get the mail, or has not got it yet."""

    # Number of the subscriber.
    subscriber: int
    # None: erased since.
    email: str | None
    # State of the delivery; "bounced" for one that was accepted and came back.
    state: str
    # suppressed, expired, bounced…; the state's name where nothing more is known.
    reason: str
    # The reason for people.
    words: str
    # The server's last words; of one that came back, those of the bounce.
    reply: str
    # When it is tried next; None: not, or at once.
    due_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "due_at": self.due_at.isoformat() if self.due_at else None}


class Missed:
    """Their deliveries as a sequence to leaf through, found by the ledger's indexes at any size.

    Each has a `why`. Those that came back stand first, the others by state and reason.
    """

    def __init__(self, mailing: Mailing, why: str = "") -> None:
        # Annotated with a column that its type does not tell.
        rows: Any = Delivery.objects.filter(mailing=mailing).annotate(why=WHY)
        back = rows.filter(bounced_at__isnull=False, state=_State.ACCEPTED).order_by("pk")
        # As the index delivery_not_accepted says it, word for word: else SQLite would not use it.
        rest = rows.extra(where=["NOT (mailer_delivery.state = 'accepted')"]).order_by(
            "state", "reason", "pk"
        )
        if why:
            back, rest = (
                (back, rest.none()) if why == "bounced" else (back.none(), rest.filter(_because(why)))
            )
        self._parts = (back, rest)
        self._counts = tuple(part.count() for part in self._parts)

    def __len__(self) -> int:
        return sum(self._counts)

    def __getitem__(self, wanted: slice) -> list[Any]:
        start, stop, _ = wanted.indices(len(self))
        found: list[Any] = []
        for part, size in zip(self._parts, self._counts, strict=True):
            found += part[max(start, 0) : max(stop, 0)]
            start, stop = start - size, stop - size
        return found


def _because(why: str) -> Q:
    """What WHY says, as a condition that an index can answer."""
    waiting = Q(state=_State.DEFERRED, attempts=0, reason="")
    if why == "waiting":
        return waiting
    untold = claims.unclaimed() if why == _State.PLANNED else Q(state=why) & ~waiting
    because = Q(reason=why) | (Q(reason="") & untold)
    return because | claims.claimed() if why == _State.CLAIMED else because


def unreached(mailing: Mailing, why: str = "") -> Iterator[Unreached]:
    """Who did not get the mail and why, by subscriber number; memory stays flat at any size."""
    columns = ("pk", "subscriber", "state", "why", "reply", "due_at")
    # Annotated with a column that its type does not tell.
    found: Any = Delivery.objects.filter(MISSED, mailing=mailing).annotate(why=WHY).order_by("subscriber")
    wanted = found.filter(why=why) if why else found
    rows = wanted.values_list(*columns).iterator(chunk_size=_CHUNK)
    while chunk := list(islice(rows, _CHUNK)):
        people = Subscriber.objects.filter(pk__in=[row[1] for row in chunk])
        emails = dict(people.values_list("pk", "email"))
        returned = _returned([row[0] for row in chunk if row[2] == _State.ACCEPTED])
        for pk, subscriber, state, reason, reply, due_at in chunk:
            back = state == _State.ACCEPTED
            yield Unreached(
                subscriber=subscriber,
                email=emails.get(subscriber),
                state="bounced" if back else _State.CLAIMED if reason == _State.CLAIMED else state,
                reason=reason,
                words=reason_words(reason),
                reply=returned.get(pk, "") if back else reply,
                due_at=due_at,
            )


def _returned(deliveries: list[int]) -> dict[int, str]:
    """What the bounce of each delivery said, the latest of them."""
    events = FeedbackEvent.objects.filter(delivery__in=deliveries).order_by("at")
    return {pk: " ".join(said.split()) for pk, said in events.values_list("delivery_id", "diagnostic")}


def sheet(readers: Iterable[Unreached]) -> Sheet:
    """The list as a table to take away."""
    return Sheet("Not reached", _COLUMNS, map(_row, readers))


def _row(one: Unreached) -> tuple[Cell, ...]:
    due = f"{one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ""
    return one.subscriber, one.email or "", one.state, one.reason, one.words, one.reply, due

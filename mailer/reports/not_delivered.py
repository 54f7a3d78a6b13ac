"""Recipients without the message and the reason: not accepted, or accepted and bounced later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, F, Q, Value, When
from django.utils.translation import gettext

from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.reports.tables import Cell, Column
from subscribers.models import Subscriber

if TYPE_CHECKING:
    from mailer.reports.spreadsheet_export import Sheet

_State = Delivery.State
_NOT_ACCEPTED = [state for state in _State.values if state != _State.ACCEPTED]
# Rows of a streamed list that are read from the database at a time.
CHUNK_SIZE = 2_000
NOT_DELIVERED = ~Q(state=_State.ACCEPTED) | Q(bounced_at__isnull=False)
# One reason for each of these deliveries, by which a list can be filtered; its counts are those of the
# totals.
OUTCOME_REASON = Case(
    When(claims.planned_in_claim_condition(), then=Value(_State.CLAIMED)),
    When(state=_State.ACCEPTED, then=Value("bounced")),
    # Deferred before it was tried: the subscriber's local hour, or our own rate limit.
    When(state=_State.DEFERRED, attempts=0, reason="", then=Value("waiting")),
    When(~Q(reason=""), then=F("reason")),
    default=F("state"),
    output_field=CharField(),
)

_COLUMNS = (
    Column("subscriber", "subscriber"),
    *(Column(name, name, "text") for name in ("address", "state", "reason", "explanation")),
    *(Column(name, name, "text") for name in ("server reply", "next attempt")),
)


@dataclass(frozen=True)
class NotDelivered:
    """A recipient without the message."""

    # The subscriber's id.
    subscriber: int
    # None: erased since.
    email: str | None
    # State of the delivery; "bounced" for one that was accepted and bounced.
    state: str
    # suppressed, expired, bounced…; the state where nothing more is known.
    reason: str
    # The reason for people.
    reason_label: str
    # The server's last reply, or that in the bounce.
    reply: str
    # The next attempt, aware; None: none, or at once.
    due_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "due_at": self.due_at.isoformat() if self.due_at else None}


class NotDeliveredList:
    """The deliveries as a sequence to paginate, found by the ledger's indexes at any size.

    Each has an `outcome_reason`. Bounced ones come first, the others by state and reason.
    """

    def __init__(self, mailing: Mailing, reason: str = "") -> None:
        # Annotated with a column that the type of the queryset does not know.
        # By key alone: beside the condition of the mailing, SQLite would read all of its deliveries.
        self._rows: Any = Delivery.objects.annotate(outcome_reason=OUTCOME_REASON)
        rows = self._rows.filter(mailing=mailing)
        bounced = rows.filter(bounced_at__isnull=False, state=_State.ACCEPTED).order_by("pk")
        # The condition of the index delivery_not_accepted, word for word, and its second column: else SQLite
        # reads every delivery of the mailing.
        rest = rows.filter(state__in=_NOT_ACCEPTED).extra(where=["NOT (mailer_delivery.state = 'accepted')"])
        rest = rest.order_by("state", "reason", "pk")
        if reason == "bounced":
            rest = rest.none()
        elif reason:
            bounced, rest = bounced.none(), rest.filter(_has_reason(reason))
        self._parts = (bounced, rest)
        self._counts = tuple(part.count() for part in self._parts)

    def __len__(self) -> int:
        return sum(self._counts)

    def __getitem__(self, wanted: slice) -> list[Any]:
        start, stop, _ = wanted.indices(len(self))
        found: list[Any] = []
        for part, size in zip(self._parts, self._counts, strict=True):
            first, last = max(start, 0), min(stop, size)
            if first < last:
                # Their keys alone: the database would work out the reason of every row that it skips.
                keys = list(part.values_list("pk", flat=True)[first:last])
                rows = self._rows.in_bulk(keys)
                found += [rows[key] for key in keys if key in rows]
            start, stop = start - size, stop - size
        return found


def not_delivered(mailing: Mailing, reason: str = "", chunk_size: int = CHUNK_SIZE) -> Iterator[NotDelivered]:
    """Recipients without the message by subscriber id, all or those with one reason; memory stays flat."""
    columns = ("pk", "subscriber", "state", "outcome_reason", "reply", "due_at")
    # Annotated with a column that the type of the queryset does not know.
    found: Any = Delivery.objects.filter(NOT_DELIVERED, mailing=mailing)
    found = found.annotate(outcome_reason=OUTCOME_REASON).order_by("subscriber")
    wanted = found.filter(outcome_reason=reason) if reason else found
    rows = wanted.values_list(*columns).iterator(chunk_size=chunk_size)
    while chunk := list(islice(rows, chunk_size)):
        subscribers = Subscriber.objects.filter(pk__in=[row[1] for row in chunk])
        emails = dict(subscribers.values_list("pk", "email"))
        bounce_replies = _bounce_replies([row[0] for row in chunk if row[2] == _State.ACCEPTED])
        for pk, subscriber, state, outcome_reason, reply, due_at in chunk:
            bounced, claimed = state == _State.ACCEPTED, outcome_reason == _State.CLAIMED
            yield NotDelivered(
                subscriber=subscriber,
                email=emails.get(subscriber),
                state="bounced" if bounced else _State.CLAIMED if claimed else state,
                reason=outcome_reason,
                reason_label=reason_label(outcome_reason),
                reply=bounce_replies.get(pk, "") if bounced else reply,
                due_at=due_at,
            )


def not_delivered_sheet(recipients: Iterable[NotDelivered]) -> Sheet:
    """The list as a sheet to export."""
    from mailer.reports.spreadsheet_export import Sheet  # loads what reads and writes spreadsheets

    return Sheet(gettext("Emails not delivered"), _COLUMNS, map(_row, recipients))


def _has_reason(reason: str) -> Q:
    """OUTCOME_REASON as a condition that an index can answer."""
    waiting = Q(state=_State.DEFERRED, attempts=0, reason="")
    if reason == "waiting":
        return waiting
    without_reason = claims.unclaimed_condition() if reason == _State.PLANNED else Q(state=reason) & ~waiting
    matching = Q(reason=reason) | (Q(reason="") & without_reason)
    return matching | claims.planned_in_claim_condition() if reason == _State.CLAIMED else matching


def _bounce_replies(delivery_ids: list[int]) -> dict[int, str]:
    """The reply in the latest bounce of each delivery, in one line."""
    bounces = FeedbackEvent.objects.filter(delivery__in=delivery_ids, kind=FeedbackEvent.Kind.BOUNCE)
    replies = bounces.order_by("at").values_list("delivery_id", "diagnostic")
    return {pk: " ".join(reply.split()) for pk, reply in replies}


def _row(one: NotDelivered) -> tuple[Cell, ...]:
    due = f"{one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ""
    return one.subscriber, one.email or "", one.state, one.reason, one.reason_label, one.reply, due

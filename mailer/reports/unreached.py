"""Who did not get the mail, and why: every reader of a mailing whose copy was not accepted, or came back."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TextIO

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.reports.words import reason_words
from subscribers.exporting import harmless
from subscribers.models import Subscriber

_State = Delivery.State
# Rows of a streamed list that are read from the database at a time.
_CHUNK = 2_000
_MISSED = ~Q(state=_State.ACCEPTED) | Q(bounced_at__isnull=False)
# One word for why, by which a list can be filtered; the same readers as in the account.
_WHY = Case(
    When(state=_State.ACCEPTED, then=Value("bounced")),
    # Put off before it was tried: its reader's own hour, or our own pace.
    When(state=_State.DEFERRED, attempts=0, reason="", then=Value("waiting")),
    When(~Q(reason=""), then=F("reason")),
    default=F("state"),
    output_field=CharField(),
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


def missed(mailing: Mailing, why: str = "") -> QuerySet[Delivery]:
    """Deliveries of readers who were not reached, with `why`; by subscriber number."""
    # Annotated with a column that its type does not tell.
    rows: Any = Delivery.objects.filter(_MISSED, mailing=mailing).annotate(why=_WHY)
    found: QuerySet[Delivery] = rows.filter(why=why) if why else rows
    return found.order_by("subscriber")


def reasons(mailing: Mailing) -> list[tuple[str, int]]:
    """How many were not reached, by why; most first."""
    found: Any = missed(mailing).order_by()
    rows = found.values_list("why").annotate(readers=Count("pk"))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def unreached(mailing: Mailing, why: str = "") -> Iterator[Unreached]:
    """Who did not get the mail and why, by subscriber number; memory stays flat at any size."""
    columns = ("pk", "subscriber", "state", "why", "reply", "due_at")
    found: Any = missed(mailing, why)
    rows = found.values_list(*columns).iterator(chunk_size=_CHUNK)
    while chunk := list(islice(rows, _CHUNK)):
        people = Subscriber.objects.filter(pk__in=[row[1] for row in chunk])
        emails = dict(people.values_list("pk", "email"))
        returned = _returned([row[0] for row in chunk if row[2] == _State.ACCEPTED])
        for pk, subscriber, state, reason, reply, due_at in chunk:
            back = state == _State.ACCEPTED
            yield Unreached(
                subscriber=subscriber,
                email=emails.get(subscriber),
                state="bounced" if back else state,
                reason=reason,
                words=reason_words(reason),
                reply=returned.get(pk, "") if back else reply,
                due_at=due_at,
            )


def _returned(deliveries: list[int]) -> dict[int, str]:
    """What the bounce of each delivery said, the latest of them."""
    events = FeedbackEvent.objects.filter(delivery__in=deliveries).order_by("at")
    return {pk: " ".join(said.split()) for pk, said in events.values_list("delivery_id", "diagnostic")}


def write_csv(readers: Iterable[Unreached], into: TextIO) -> int:
    """One line a reader, harmless in a spreadsheet; how many there were."""
    count = 0
    for line in csv_lines(readers):
        into.write(line)
        count += 1
    return count - 1


def csv_lines(readers: Iterable[Unreached]) -> Iterator[str]:
    """The heading, then a line a reader."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(("reader", "address", "state", "reason", "in words", "the server said", "tried next"))
    yield line.text
    for one in readers:
        due = f"{one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ""
        cells = (one.email or "", one.state, one.reason, one.words, one.reply, due)
        writer.writerow((one.subscriber, *map(harmless, cells)))
        yield line.text


class _Line:
    """A file that holds the last line written to it."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)

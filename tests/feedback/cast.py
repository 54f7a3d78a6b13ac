"""Subscribers with a history: deliveries that arrived, bounces and complaints."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.models import SuppressionDecision
from mailer.feedback.parsing.classify_bounce_reasons import Classification
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage, Recipient
from subscribers import suppression
from subscribers.models import MailingList, Subscriber, Subscription
from tests.recorded import recorded
from tests.reports import cast

NOW = datetime.fromisoformat("2022-03-01T12:00:00+00:00")
_numbers = count(1)
REASONS = {"hard": "unknown_user", "soft": "mailbox_full", "block": "reputation", "unknown": "unknown"}


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def reader(address: str = "aigerim@example.net", since: datetime | None = None) -> Subscriber:
    """A confirmed subscriber, since two years unless given."""
    person = Subscriber.objects.create(email=address, created_at=since or ago(days=730))
    monthly, _ = MailingList.objects.get_or_create(slug="monthly", defaults={"name": "Monthly"})
    Subscription.objects.create(subscriber=person, mailing_list=monthly, state="confirmed", source="form")
    return person


def mailing(**columns: Any) -> Mailing:
    number = next(_numbers)
    snapshot = cast.snapshot(cast.edition(f"{2000 + number // 12}-{number % 12 + 1:02}"))
    return Mailing.objects.create(
        snapshot=snapshot, edition=snapshot.edition, state="sending", audience=1, **columns
    )


def accepted_delivery(person: Subscriber, accepted_at: datetime, /, **columns: Any) -> Delivery:
    """A delivery in a mailing of its own, which the next server accepted."""
    columns = {"state": "accepted", "accepted_at": accepted_at, "attempts": 1, **columns}
    return Delivery.objects.create(mailing=mailing(), subscriber=person.pk, **columns)


@recorded
def arrived(person: Subscriber, copies: int = 12) -> None:
    """Monthly deliveries that did not bounce, the last of them two months ago."""
    for month in range(copies):
        accepted_delivery(person, ago(days=60 + 30 * month))


def own_word(address: str) -> str:
    """A word that only the reply about this address has: the same reply about many would be a wave."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(zlib.crc32(address.encode())))


def recipient(address: str, bounce_class: str = "hard") -> Recipient:
    return Recipient(
        address,
        diagnostic=f"550 5.1.1 the reply of a server about {bounce_class} {own_word(address)}",
        classification=Classification(
            REASONS[bounce_class], bounce_class, "5.1.1", f"rule of {bounce_class}"
        ),
    )


def bounce(about: Delivery | Subscriber, bounce_class: str = "hard", at: datetime = NOW) -> None:
    """A signed bounce of a delivery; or a forgeable one that names a subscriber."""
    signed = isinstance(about, Delivery)
    address = Subscriber.objects.get(pk=about.subscriber if signed else about.pk).email
    reading = ParsedReturnedMessage(
        "bounce",
        (recipient(address, bounce_class),),
        delivery=about.pk if signed else None,
        identity="verp" if signed else "",
    )
    apply_one(reading, EventSource(f"mail {next(_numbers)}", at), at)


def returned(person: Subscriber, bounce_class: str = "hard", at: datetime = NOW) -> Delivery:
    """A delivery that was accepted an hour before, and bounced."""
    sent = accepted_delivery(person, at - timedelta(hours=1))
    bounce(sent, bounce_class, at)
    return sent


def complain(about: Delivery | Subscriber, at: datetime = NOW) -> None:
    signed = isinstance(about, Delivery)
    address = "" if signed else about.email
    recipients = (Recipient(address, action="complained"),)
    reading = ParsedReturnedMessage(
        "complaint", recipients, delivery=about.pk if signed else None, identity="verp" if signed else ""
    )
    apply_one(reading, EventSource(f"mail {next(_numbers)}", at), at)


def latest_decision(person: Subscriber) -> SuppressionDecision:
    """The latest decision about a subscriber."""
    return SuppressionDecision.objects.filter(subscriber=person.pk).order_by("-pk")[0]


def stopped(person: Subscriber) -> bool:
    return suppression.is_suppressed(person)

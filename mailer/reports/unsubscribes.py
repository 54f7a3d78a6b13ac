"""Who left after an edition: departures between it and the next one, of readers who had got it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent


def left_after(mailing: Mailing) -> Mapping[str, int]:
    """Readers who unsubscribed, by the reason that they gave ("": none), most frequent first.

    Those who marked the mail as unwanted are not among them: they count as complaints.
    """
    copies = Delivery.objects.filter(
        mailing=mailing,
        subscriber=OuterRef("subscriber"),
        state=Delivery.State.ACCEPTED,
        complained_at__isnull=True,
    )
    # Annotated with a column that its type does not tell.
    found: Any = departures(mailing).filter(Exists(copies)).order_by().values_list("reason")
    rows = found.annotate(readers=Count("subscriber", distinct=True))
    return dict(sorted(rows, key=lambda row: (-row[1], row[0])))


def departures(mailing: Mailing) -> QuerySet[FeedbackEvent]:
    """Whoever left the newsletter while the mailing was its latest, whether they had got it or not."""
    if mailing.started_at is None:
        return FeedbackEvent.objects.none()
    newsletter = mailing.edition.newsletter_id
    events = FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, newsletter=newsletter, at__gte=mailing.started_at
    )
    later = Mailing.objects.real().filter(edition__newsletter=newsletter, started_at__gt=mailing.started_at)
    until = later.order_by("started_at").values_list("started_at", flat=True).first()
    return events.filter(at__lt=until) if until else events

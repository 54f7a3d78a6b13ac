"""The rows that the reports' tests share: a newsletter, its edition, copies and mailings in any state."""

from __future__ import annotations

import datetime as dt
import itertools

from django.contrib.auth import get_user_model
from wagtail.signal_handlers import disable_reference_index_auto_update

from mailer.approval.models import Approval, Snapshot
from mailer.delivery.models import Delivery, Mailing
from mailer.editions.models import Edition, Newsletter
from mailer.feedback.models import FeedbackEvent

NOW = dt.datetime(2021, 12, 1, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
_numbers = itertools.count(1)


def edition(period: str = "2021-12") -> Edition:
    newsletter, _ = Newsletter.objects.get_or_create(
        slug="regional",
        defaults={
            "name": "Regional digest",
            "office": "Regional Office",
            "postal_address": "1 Example Street",
            "sender_name": "Regional Office",
            "sender_email": "news@example.org",
            "countries": ["KZ"],
            "languages": ["en"],
        },
    )
    # An index of what refers to what is of no use to an edition without content.
    with disable_reference_index_auto_update():
        return Edition.objects.create(newsletter=newsletter, period=period)


def snapshot(
    of: Edition, state: str = "scheduled", manifest: str = "{}", lists: tuple[int, ...] = ()
) -> Snapshot:
    number = next(_numbers)
    users = get_user_model().objects
    editor, _ = users.get_or_create(username="editor")
    reviewer, _ = users.get_or_create(username="reviewer")
    frozen = Snapshot.objects.create(
        edition=of,
        sha256=f"{number:064x}",
        content="{}",
        manifest=manifest,
        audience={"lists": [*lists], "countries": [], "languages": []},
        audience_count=0,
        window_from=NOW,
        window_until=NOW + dt.timedelta(days=7),
        submitted_by=editor,
        submitted_at=NOW + dt.timedelta(minutes=number),
    )
    if state in ("approved", "scheduled"):
        Approval.objects.create(snapshot=frozen, sha256=frozen.sha256, approver=reviewer, at=NOW)
    return set_state(frozen, state)


def set_state(frozen: Snapshot, state: str) -> Snapshot:
    frozen.state = state
    frozen.save(update_fields=["state"])
    return frozen


def mailing(of: Snapshot, state: str = "sending", audience: int | None = None) -> Mailing:
    return Mailing.objects.create(snapshot=of, edition=of.edition, state=state, audience=audience)


def deliver(into: Mailing, state: str, readers: int = 1, **columns: object) -> list[Delivery]:
    return [
        Delivery.objects.create(mailing=into, subscriber=next(_numbers), state=state, **columns)
        for _ in range(readers)
    ]


def unsubscribe(reader: Delivery, at: dt.datetime, reason: str = "") -> FeedbackEvent:
    """The reader of a snapshot unsubscribes."""
    return FeedbackEvent.objects.create(
        kind="unsubscribe",
        subscriber=reader.subscriber,
        newsletter=reader.mailing.edition.newsletter_id,
        reason=reason,
        at=at,
    )


def delete_all() -> None:
    """Takes back every edition and snapshot, so that the next example of a property begins anew."""
    for model in (FeedbackEvent, Approval, Snapshot, Edition):
        model.objects.all().delete()

"""What a reader wants from us, all of it together: to be shown, kept, compared, and put back as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from subscribers import consent, unsubscribe
from subscribers.consent import Event, Evidence
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import subscribe
from subscribers.subscribe.forms import tracking_consent_text

# A pause is for a holiday or a busy season; whoever wants longer leaves, and comes back.
MAX_PAUSE = timedelta(days=366)
# How long a change can be undone by one button.
UNDO_WITHIN = timedelta(days=1)
_SALT = "subscribers.preference_center.undo"


@dataclass(frozen=True)
class Preferences:
    # Language code.
    language: str
    # ISO 3166-1 alpha-2, sorted; none: every country.
    countries: tuple[str, ...]
    # Ids of the lists that the reader is on, sorted.
    lists: tuple[int, ...]
    # The day on which editions come again; None: they come now.
    paused_until: date | None
    # Whether what they open may be counted under their name.
    tracking: bool


def current(subscriber: Subscriber, now: datetime) -> Preferences:
    """As the reader has it now. A pause that is over is none."""
    until = subscriber.paused_until
    return Preferences(
        subscriber.language,
        tuple(subscriber.countries),
        unsubscribe.confirmed_list_ids(subscriber.pk),
        timezone.localdate(until) if until and until > now else None,
        subscriber.tracking_consent_at is not None,
    )


def offered_lists(subscriber: Subscriber) -> QuerySet[MailingList]:
    """Lists that the reader may be on by their own word: public ones, and those they are on."""
    return MailingList.objects.filter(
        Q(public=True) | Q(pk__in=unsubscribe.confirmed_list_ids(subscriber.pk))
    )


def save(
    subscriber: Subscriber, wanted: Preferences, newsletter_id: int | None, evidence: Evidence, now: datetime
) -> None:
    """Make it so, each change with a row in the consent ledger; what is as before is not written down.

    `newsletter_id`: whose mail carried the link, as `leaving.leave` takes it. Call it in the reader's
    language.
    """
    with transaction.atomic():
        before = current(Subscriber.objects.select_for_update().get(pk=subscriber.pk), now)
        _save_fields(subscriber, before, wanted, evidence, now)
        subscribe.add(subscriber, sorted(set(wanted.lists) - set(before.lists)), evidence, now)
        unsubscribe.unsubscribe(
            subscriber.pk, set(before.lists) - set(wanted.lists), newsletter_id, evidence, now
        )
        if consent.is_tracking_offered():
            consent.set_tracking_consent(
                subscriber, wanted.tracking, replace(evidence, text=tracking_consent_text()), now
            )


def undo_token(subscriber: Subscriber, before: Preferences) -> str:
    """What a button carries that puts `before` back."""
    until = before.paused_until
    kept = [before.language, before.countries, before.lists, until and until.isoformat(), before.tracking]
    return signing.dumps([subscriber.pk, *kept], salt=_SALT)


def read_undo_token(subscriber: Subscriber, token: str) -> Preferences | None:
    """What `undo_token` put into it; None when it was not made for this reader, or is too old.

    Lists that somebody else took the reader off since are not in it.
    """
    try:
        kept = signing.loads(token, salt=_SALT, max_age=UNDO_WITHIN)
    except signing.BadSignature:
        return None
    number, language, countries, lists, until, tracking = kept
    if number != subscriber.pk:
        return None
    own = set(offered_lists(subscriber).values_list("pk", flat=True)) | unsubscribe.self_unsubscribed(
        subscriber.pk, lists
    )
    return Preferences(
        language,
        tuple(countries),
        tuple(one for one in lists if one in own),
        date.fromisoformat(until) if until else None,
        tracking,
    )


def start_of_day(day: date) -> datetime:
    """When a day begins where the site is."""
    return timezone.make_aware(datetime.combine(day, time()))


def _save_fields(
    subscriber: Subscriber, before: Preferences, wanted: Preferences, evidence: Evidence, now: datetime
) -> None:
    changes: dict[str, Any] = {}
    sources = []
    if (wanted.language, wanted.countries) != (before.language, before.countries):
        changes |= {"language": wanted.language, "countries": wanted.countries}
        sources.append(f"{wanted.language}: {', '.join(wanted.countries) or 'every country'}")
    if wanted.paused_until != before.paused_until:
        changes["paused_until"] = start_of_day(wanted.paused_until) if wanted.paused_until else None
        sources.append(f"nothing before {wanted.paused_until}" if wanted.paused_until else "every edition")
    if changes:
        for name, value in changes.items():
            setattr(subscriber, name, value)
        subscriber.save(update_fields=[*changes, "updated_at"])
    for words in sources:
        consent.record(Event.PREFERENCES, [subscriber.pk], [None], replace(evidence, source=words), now)

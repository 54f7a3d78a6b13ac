"""What a reader wants from us, all of it together: to be shown, kept, compared, and put back as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from subscribers import unsubscribe
from subscribers.consent import evidence, tracking_consent
from subscribers.consent.evidence import Act, Word
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import subscribe
from subscribers.subscribe.forms import agreement_words

# A pause is for a holiday or a busy season; whoever wants longer leaves, and comes back.
LONGEST_PAUSE = timedelta(days=366)
# How long a change can be undone by one button.
UNDO_FOR = timedelta(days=1)
_SALT = "subscribers.preference_center.undo"


@dataclass(frozen=True)
class Wishes:
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


def of(person: Subscriber, now: datetime) -> Wishes:
    """As the reader has it now. A pause that is over is none."""
    until = person.paused_until
    return Wishes(
        person.language,
        tuple(person.countries),
        unsubscribe.confirmed(person.pk),
        timezone.localdate(until) if until and until > now else None,
        person.tracking_agreed_at is not None,
    )


def offered(person: Subscriber) -> QuerySet[MailingList]:
    """Lists that the reader may be on by their own word: public ones, and those they are on."""
    return MailingList.objects.filter(Q(public=True) | Q(pk__in=unsubscribe.confirmed(person.pk)))


def keep(person: Subscriber, wanted: Wishes, newsletter_id: int | None, word: Word, now: datetime) -> None:
    """Make it so, each change with a row in the consent ledger; what is as before is not written down.

    `newsletter_id`: whose mail carried the link, as `leaving.leave` takes it. Call it in the reader's
    language.
    """
    with transaction.atomic():
        before = of(Subscriber.objects.select_for_update().get(pk=person.pk), now)
        _choose(person, before, wanted, word, now)
        subscribe.join(person, sorted(set(wanted.lists) - set(before.lists)), word, now)
        unsubscribe.leave(person.pk, set(before.lists) - set(wanted.lists), newsletter_id, word, now)
        if tracking_consent.is_asked():
            tracking_consent.agree(person, wanted.tracking, replace(word, text=agreement_words()), now)


def undo_token(person: Subscriber, before: Wishes) -> str:
    """What a button carries that puts `before` back."""
    until = before.paused_until
    kept = [before.language, before.countries, before.lists, until and until.isoformat(), before.tracking]
    return signing.dumps([person.pk, *kept], salt=_SALT)


def read_undo(person: Subscriber, token: str) -> Wishes | None:
    """What `undo_token` put into it; None when it was not made for this reader, or is too old.

    Lists that somebody else took the reader off since are not in it.
    """
    try:
        kept = signing.loads(token, salt=_SALT, max_age=UNDO_FOR)
    except signing.BadSignature:
        return None
    number, language, countries, lists, until, tracking = kept
    if number != person.pk:
        return None
    own = set(offered(person).values_list("pk", flat=True)) | unsubscribe.left_by_themselves(person.pk, lists)
    return Wishes(
        language,
        tuple(countries),
        tuple(one for one in lists if one in own),
        date.fromisoformat(until) if until else None,
        tracking,
    )


def first_moment(day: date) -> datetime:
    """When a day begins where the site is."""
    return timezone.make_aware(datetime.combine(day, time()))


def _choose(person: Subscriber, before: Wishes, wanted: Wishes, word: Word, now: datetime) -> None:
    changes: dict[str, Any] = {}
    said = []
    if (wanted.language, wanted.countries) != (before.language, before.countries):
        changes |= {"language": wanted.language, "countries": wanted.countries}
        said.append(f"{wanted.language}: {', '.join(wanted.countries) or 'every country'}")
    if wanted.paused_until != before.paused_until:
        changes["paused_until"] = first_moment(wanted.paused_until) if wanted.paused_until else None
        said.append(f"nothing before {wanted.paused_until}" if wanted.paused_until else "every edition")
    if changes:
        for name, value in changes.items():
            setattr(person, name, value)
        person.save(update_fields=[*changes, "updated_at"])
    for words in said:
        evidence.record(Act.CHOSE, [person.pk], [None], replace(word, source=words), now)

"""Which lists an ESP's unsubscribe is about, where it names no delivery of ours: only where that is clear.

It is clear when the ESP names the address of a subscriber, and either exactly one newsletter or list (by a
tag, a list's name or the sender), or all mail that we send through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from mailer.editions.models import Newsletter
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage, UnsubscribeRequest
from subscribers import suppression, unsubscribe
from subscribers.models import MailingList, Subscriber


@dataclass(frozen=True)
class UnsubscribeScope:
    """What a recipient unsubscribed from, as the ESP says."""

    # Tags of the message, and names of a list or a campaign.
    names: tuple[str, ...] = ()
    # Address or domain of the sender; empty: it is not named.
    sender: str = ""
    # Whether the ESP sends the recipient nothing of ours any more.
    everything: bool = False


def resolve_lists(
    parsed: ParsedReturnedMessage, scope: UnsubscribeScope, unsubscribed_at: datetime
) -> ParsedReturnedMessage:
    """The unsubscribe with its lists, or a message for staff where they are not clear.

    `unsubscribed_at`: when the recipient unsubscribed; a subscription that was confirmed later stays.
    """
    lists = _lists_of(scope)
    address = suppression.normalise_or_lower(parsed.recipients[0].address)
    person = Subscriber.objects.filter(email=address).first() if lists is not None else None
    if lists is None or person is None:
        return ParsedReturnedMessage("other")
    list_ids, newsletter = lists
    ended = unsubscribe.lists_not_confirmed_since(person.pk, list_ids, unsubscribed_at)
    request = UnsubscribeRequest(person.pk, ended, newsletter)
    return replace(parsed, unsubscribe_request=request)


def _lists_of(scope: UnsubscribeScope) -> tuple[tuple[int, ...], int | None] | None:
    """Ids of the lists, and of the newsletter if it is one; None where it is not clear."""
    if scope.everything:
        return tuple(MailingList.objects.order_by("pk").values_list("pk", flat=True)), None
    newsletter = _only(Newsletter.objects.filter(_named(scope.names))) or _by_sender(scope.sender)
    if newsletter is not None:
        return unsubscribe.newsletter_list_ids(newsletter), newsletter
    mailing_list = _only(MailingList.objects.filter(_named(scope.names)))
    return None if mailing_list is None else ((mailing_list,), None)


def _by_sender(sender: str) -> int | None:
    """The only newsletter from an address, else the only one from its domain."""
    name, _, domain = sender.rpartition("@")
    exact = _only(Newsletter.objects.filter(sender_email__iexact=sender)) if name else None
    return exact or (
        _only(Newsletter.objects.filter(sender_email__iendswith=f"@{domain}")) if domain else None
    )


def _named(names: Iterable[str]) -> Q:
    # In no name: matches nothing.
    found = Q(pk__in=())
    for name in names:
        found |= Q(slug__iexact=name) | Q(name__iexact=name)
    return found


def _only(rows: object) -> int | None:
    """The id of the only row; None where there are none or several."""
    found = list(rows.values_list("pk", flat=True)[:2])  # type: ignore[attr-defined]
    return found[0] if len(found) == 1 else None

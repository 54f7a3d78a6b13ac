"""Labels of reasons and bounce classes, and a mailing's summary in two sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailer.reports.number_formats import format_number, format_percent, join_list
from mailer.reports.stats import Stats

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_REASONS: dict[str, StrOrPromise] = {
    "": "",
    # Excluded.
    "suppressed": _("the address is suppressed"),
    "unconfirmed": _("the subscription is not confirmed"),
    "unsubscribed": _("unsubscribed before the message was sent"),
    "paused": _("the subscriber paused the subscription until a later day"),
    "no_stories": _("no story is about their countries"),
    "silent_country": _("the edition has only regional stories for their countries"),
    "rolled_over": _(
        "the edition has only regional stories for their countries: they get these stories "
        "with the next edition"
    ),
    "few_stories": _("fewer stories than the newsletter's minimum for an email"),
    "cancelled": _("sending was cancelled before this email"),
    "sent_before": _("sent by the original installation, of which this one is a copy"),
    "erased": _("erased at the subscriber's request"),
    "unspecified": _("no reason was recorded"),
    # Refused or bounced.
    "refused": _("the receiving server refused the message permanently"),
    "expired": _("the receiving server deferred the message until it expired"),
    "unknown_user": _("the address does not exist"),
    "bad_domain": _("the domain does not exist"),
    "bad_syntax": _("the address is not valid"),
    "mailbox_closed": _("the mailbox is closed"),
    "moved": _("the subscriber has moved to another address"),
    "mailbox_full": _("the mailbox is full"),
    "temporary": _("the receiving server had a temporary problem"),
    "network": _("the receiving server could not be reached"),
    "too_large": _("the message is too large for the receiving server"),
    "over_rate": _("too many emails for this mailbox at a time"),
    "unconfirmed_user": _("the mailbox is reported as unknown, but not reliably"),
    "suspended": _("the mailbox is suspended by its provider"),
    "spam_content": _("the message was classified as spam"),
    "reputation": _("our server or domain has a bad reputation at this provider"),
    "authentication": _("the message failed authentication (SPF, DKIM or DMARC)"),
    "policy": _("a policy of the receiving server forbids the message"),
    "sender_rejected": _("the receiving server does not accept our sender address"),
    "sender_account": _("our account at the relay or email service is blocked or over its limit"),
    "relay_denied": _("the receiving server does not handle mail for this address"),
    "on_service_list": _(
        "the email service did not send the message: the address is on its own suppression list"
    ),
    "unknown": _("the server's reply was not understood"),
    "bounced": _("accepted by the server first, and bounced later"),
    # Unsubscribed, with the reason that the subscriber gave.
    "too_often": _("the newsletter comes too often"),
    "not_for_me": _("the newsletter is not about what they need"),
    "wrong_language": _("the newsletter is not in their language"),
    "never_asked": _("they never asked for the newsletter"),
    "read_elsewhere": _("they read the newsletter elsewhere"),
    # Pending.
    "planned": _("the email was not sent yet"),
    "claimed": _("being sent"),
    "deferred": _("the receiving server asked to try again later"),
    "later": _("the receiving server asked to try again later"),
    "waiting": _("the email waits for its scheduled time"),
    "busy": _("the receiving server was busy"),
    "throttled": _("the receiving server asked us to slow down"),
    "blocked": _("the receiving server blocks our mail"),
    "command_rejected": _("the server rejects our commands; the recipient is not to blame"),
    "too_many": _("the receiving server accepts only some messages at a time"),
    "provider_rate_limit": _("the email waits: sending to this mailbox provider is limited"),
    "slow_provider": _("the email waits: the mailbox provider answers slowly"),
    "connection_lost": _("the connection to the server was lost"),
    "in_doubt": _("the message was transmitted but got no reply: it may have arrived"),
}

# Name of each bounce class, and what it means for the address.
BOUNCE_CLASS_LABELS: dict[str, tuple[StrOrPromise, StrOrPromise]] = {
    "hard": (_("Hard bounce"), _("this address will never receive mail")),
    "soft": (_("Soft bounce"), _("the next edition may arrive at this address")),
    "block": (_("Block"), _("the address is valid; our emails were blocked for reputation or content")),
    "unknown": (_("Unknown"), _("the server's reply gives no clear reason")),
}


def reason_label(reason: str) -> str:
    """The label of a reason as the ledger stores it; an unknown one with its underscores as spaces."""
    return str(_REASONS.get(reason, reason.replace("_", " ")))


# Groups of failures, in the order of the summary.
_GROUPS = ("unknown_address", "closed", "full", "blocked", "other")
_BY_REASON = {
    "unknown_user": "unknown_address",
    "bad_domain": "unknown_address",
    "bad_syntax": "unknown_address",
    "mailbox_closed": "closed",
    "moved": "closed",
    "mailbox_full": "full",
}


def _failures_phrase(group: str, count: int) -> str:
    """For example "12 mailboxes are full"."""
    if group == "unknown_address":
        text = ngettext(
            "%(count)s email address does not exist", "%(count)s email addresses do not exist", count
        )
    elif group == "closed":
        text = ngettext("%(count)s mailbox is closed", "%(count)s mailboxes are closed", count)
    elif group == "full":
        text = ngettext("%(count)s mailbox is full", "%(count)s mailboxes are full", count)
    elif group == "blocked":
        text = ngettext("%(count)s message was blocked", "%(count)s messages were blocked", count)
    else:
        text = ngettext(
            "%(count)s message failed for another reason",
            "%(count)s messages failed for other reasons",
            count,
        )
    return text % {"count": format_number(count)}


def mailing_summary(stats: Stats, engagement_phrase: str = "") -> tuple[str, ...]:
    """At most two sentences: what was delivered, and how the recipients responded.

    `engagement_phrase`: a phrase about clicks; empty where nothing is known. Without an audience, or without
    accepted deliveries, there is only one sentence.
    """
    totals = stats.totals
    if not totals.audience:
        return (gettext("The audience of the edition was empty."),)
    if not totals.recipients:
        return (gettext("Every subscriber of the audience was excluded."),)
    delivered = _delivered(stats)
    return (delivered, _responses(stats, engagement_phrase)) if totals.accepted else (delivered,)


def _delivered(stats: Stats) -> str:
    totals = stats.totals
    delivered = totals.accepted - totals.bounced
    shown = {"delivered": format_number(delivered), "audience": format_number(totals.recipients)}
    if totals.planned + totals.claimed + totals.deferred:
        text = gettext(
            "Delivered to %(delivered)s of %(audience)s recipients so far; %(pending)s are pending."
        )
        return text % {**shown, "pending": format_number(totals.pending)}
    if delivered == totals.recipients:
        head = ngettext(
            "Delivered to the only recipient", "Delivered to all %(audience)s recipients", delivered
        )
    else:
        head = gettext("Delivered to %(delivered)s of %(audience)s recipients (%(share)s)")
    head %= {**shown, "share": format_percent(delivered / totals.recipients)}
    missing = list(_not_delivered(stats))
    return f"{head}; {join_list(missing)}." if missing else f"{head}."


def _not_delivered(stats: Stats) -> Iterator[str]:
    found: Counter[str] = Counter()
    for failure in stats.failures:
        other = "blocked" if failure.bounce_class == "block" else "other"
        found[_BY_REASON.get(failure.reason, other)] += failure.recipients
    for group in _GROUPS:
        if found[group]:
            yield _failures_phrase(group, found[group])
    if excluded := sum(stats.totals.excluded.values()):
        text = ngettext("%(count)s subscriber was excluded", "%(count)s subscribers were excluded", excluded)
        yield text % {"count": format_number(excluded)}
    if doubts := stats.totals.in_doubt:
        text = ngettext(
            "it is not known whether %(count)s subscriber received the email",
            "it is not known whether %(count)s subscribers received the email",
            doubts,
        )
        yield text % {"count": format_number(doubts)}


def _responses(stats: Stats, engagement: str) -> str:
    totals, unsubscribes = stats.totals, sum(stats.unsubscribes.values())
    if not totals.complained and not unsubscribes:
        text = gettext("no spam complaints and no unsubscribes")
    else:
        text = gettext("%(complaints)s and %(unsubscribes)s") % {
            "complaints": _complaints(totals.complained, totals.accepted),
            "unsubscribes": _unsubscribes(unsubscribes),
        }
    sentence = f"{engagement}; {text}" if engagement else text
    return f"{sentence[0].upper()}{sentence[1:]}."


def _complaints(count: int, accepted: int) -> str:
    if not count:
        return gettext("no spam complaints")
    text = ngettext("%(count)s spam complaint (%(share)s)", "%(count)s spam complaints (%(share)s)", count)
    return text % {"count": format_number(count), "share": format_percent(count / accepted)}


def _unsubscribes(count: int) -> str:
    if not count:
        return gettext("no unsubscribes")
    return ngettext("%(count)s unsubscribe", "%(count)s unsubscribes", count) % {
        "count": format_number(count)
    }

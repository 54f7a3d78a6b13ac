"""Exports of other newsletter systems and address books: how each is recognised, and what its columns mean.

`docs/migrating.md` says for each how to export, what comes over, and what does not. Whatever this table does
not name is read by its heading and its cells, as in any other file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import override

from subscribers.imports.models import RejectedRow
from subscribers.imports.status_cells import Status, normalise_words

_UNSUBSCRIBED, _BOUNCED, _BLOCKED = Status.UNSUBSCRIBED, Status.BOUNCED, Status.BLOCKED
_UNCONFIRMED, _NOT_SUBSCRIBED, _SUBSCRIBED = Status.UNCONFIRMED, Status.NOT_SUBSCRIBED, Status.SUBSCRIBED


@dataclass(frozen=True)
class Format:
    """A file as one product exports it. Headings are normalised, see `column_mapping.normalise_heading`."""

    product: str
    # Headings that only this product writes together; one of these sets is enough.
    signatures: tuple[frozenset[str], ...]
    # Heading to field, where the heading alone would mislead.
    columns: Mapping[str, str] = field(default_factory=dict)
    # Of a column of statuses: what its words mean here, by heading and normalised word.
    words: Mapping[str, Mapping[str, Status]] = field(default_factory=dict)
    # What a yes in an `opted_out` column, or a no in an `opted_in` column, means here, by heading.
    refused: Mapping[str, Status] = field(default_factory=dict)
    # As `words`, of our own labels: a file has them in the language of the person who downloaded it.
    labels: Mapping[str, Mapping[RejectedRow.Kind, Status]] = field(default_factory=dict)
    # What the product knows and the file does not bring over.
    not_carried: str = ""


def _one(*headings: str) -> frozenset[str]:
    return frozenset(headings)


def _ignored(*headings: str) -> dict[str, str]:
    return dict.fromkeys(headings, "ignore")


FORMATS = (
    Format(
        "this system",
        (_one("email", "list", "state", "since", "suppressed"),),
        {
            "state": "status",
            "suppressed": "status",
            "ended": "opted_out",
            **_ignored("list", "source", "since"),
        },
        {
            "suppressed": {
                **dict.fromkeys(("manual", "erased"), _BLOCKED),
                **dict.fromkeys(("hard bounce", "soft bounces"), _BOUNCED),
            }
        },
        not_carried="when and how each consent was given",
    ),
    Format(
        "this system (rejected rows)",
        (_one("line", "rejected as", "reason"),),
        {"rejected as": "status", **_ignored("line", "reason")},
        labels={
            "rejected as": {
                **dict.fromkeys((RejectedRow.Kind.INVALID, RejectedRow.Kind.DUPLICATE), _SUBSCRIBED),
                # The other columns say why.
                RejectedRow.Kind.DO_NOT_MAIL: _NOT_SUBSCRIBED,
                # Known already, and only the subscribers can change it.
                **dict.fromkeys(
                    (RejectedRow.Kind.SUPPRESSED, RejectedRow.Kind.UNSUBSCRIBED), _NOT_SUBSCRIBED
                ),
            }
        },
    ),
    Format(
        "Mailchimp",
        (_one("email address", "leid", "euid"), _one("email address", "member rating", "last changed")),
        {
            **_ignored("optin time", "optin ip", "confirm time", "confirm ip", "cc", "region", "country"),
            **_ignored("gmtoff", "dstoff", "timezone", "latitude", "longitude", "address"),
            "unsub time": "opted_out",
            "unsub campaign title": "opted_out",
            "unsub reason": "opted_out",
            "clean time": "opted_out",
            "clean campaign title": "opted_out",
        },
        refused={"clean time": _BOUNCED, "clean campaign title": _BOUNCED},
        not_carried="member ratings, the dates of sign-up and confirmation, notes, and what people opened",
    ),
    Format(
        "listmonk",
        (_one("uuid", "email", "attributes", "status"),),
        words={"status": {"disabled": _BLOCKED, "blocklisted": _BLOCKED}},
        not_carried="which lists they are on, and whether they left one of them",
    ),
    Format(
        "Mailman 3",
        (
            _one("email", "delivery status", "delivery mode"),
            _one("address", "delivery status", "delivery mode"),
        ),
        {"delivery mode": "ignore", "moderation action": "ignore", "role": "ignore"},
        {
            "delivery status": {
                "enabled": _SUBSCRIBED,
                "by user": _NOT_SUBSCRIBED,
                "by bounces": _BOUNCED,
                "by moderator": _BLOCKED,
                "unknown": _NOT_SUBSCRIBED,
            }
        },
        not_carried="digest settings, moderation, and passwords",
    ),
    Format(
        "Brevo",
        (_one("email", "added time", "modified time"), _one("contact id", "email", "added time")),
        {
            **_ignored(
                "sms",
                "sms blacklist",
                "sms blacklisted",
                "whatsapp",
                "landline number",
                "ext id",
                "contact timezone",
            ),
            "email blacklist": "opted_out",
            "email blacklisted": "opted_out",
            "blacklisted": "opted_out",
            "email blocklisted": "opted_out",
            "double opt in": "status",
        },
        {
            "double opt in": {
                # A contact that was imported or added by hand has none.
                "": _SUBSCRIBED,
                "1": _SUBSCRIBED,
                "yes": _SUBSCRIBED,
                "2": _UNCONFIRMED,
                "no": _UNCONFIRMED,
            }
        },
        not_carried="lists, SMS consent, and why an address is on the blocklist",
    ),
    Format(
        "Outlook",
        (_one("e mail address", "e mail type"), _one("e mail address", "business country region")),
        {
            **_ignored(
                "e mail display name", "e mail type", "business country region", "home country region"
            ),
            **_ignored("other country region", "location", "priority", "private", "sensitivity"),
            "first name": "first_name",
            "last name": "last_name",
        },
        not_carried="postal addresses, telephone numbers, categories, and second and third addresses",
    ),
    Format(
        "Ghost",
        (_one("email", "subscribed to emails", "complimentary plan"),),
        {
            "subscribed to emails": "opted_in",
            "deleted at": "opted_out",
            **_ignored(
                "complimentary plan", "stripe customer id", "created at", "tiers", "products", "gift id"
            ),
        },
        refused={"subscribed to emails": _UNSUBSCRIBED, "deleted at": _UNSUBSCRIBED},
        not_carried="notes, paid tiers, and which of several newsletters they chose",
    ),
    Format(
        "Substack",
        (_one("email", "active subscription", "email disabled"), _one("email", "stripe plan", "start date")),
        {
            # About the paid plan: readers of the free newsletter have none.
            **_ignored(
                "active subscription", "expiry", "plan", "stripe plan", "cancel date", "start date", "type"
            ),
            **_ignored(
                "created at", "first payment at", "paid upgrade date", "activity", "revenue", "country"
            ),
            "email disabled": "opted_out",
        },
        refused={"email disabled": _BLOCKED},
        not_carried="paid plans, and people who unsubscribed: Substack leaves them out",
    ),
    Format(
        "Buttondown",
        (
            _one("email address", "creation date", "type"),
            _one("email address", "subscriber type"),
            _one("unsubscription date", "undeliverability date"),
        ),
        {
            "type": "status",
            "subscriber type": "status",
            "unsubscription date": "opted_out",
            "undeliverability date": "opted_out",
            "undeliverability reason": "opted_out",
            # About the paid plan.
            **_ignored("churn date", "upgrade date", "creation date", "transitions", "email transitions"),
            **_ignored("avatar url", "referral code", "stripe coupon", "stripe customer id", "ip address"),
        },
        {
            column: {
                **dict.fromkeys(
                    ("regular", "premium", "gifted", "trialed", "unpaid", "past due"), _SUBSCRIBED
                ),
                **dict.fromkeys(("churning", "upcoming"), _SUBSCRIBED),
                **dict.fromkeys(("unactivated", "unconfirmed"), _UNCONFIRMED),
                **dict.fromkeys(("malicious", "spammy", "blocked", "disabled"), _BLOCKED),
                **dict.fromkeys(("undeliverable", "errored"), _BOUNCED),
                "removed": _UNSUBSCRIBED,
                "churned": _NOT_SUBSCRIBED,
            }
            for column in ("type", "subscriber type")
        },
        {
            "undeliverability date": _BOUNCED,
            "undeliverability reason": _BOUNCED,
            "unsubscription date": _UNSUBSCRIBED,
        },
        not_carried="paid plans, and the history of each subscriber",
    ),
    Format(
        "Keila",
        (_one("email", "data", "status"), _one("email", "external id", "status")),
        {"external id": "ignore"},
        {"status": {"active": _SUBSCRIBED, "unsubscribed": _UNSUBSCRIBED, "unreachable": _BOUNCED}},
        not_carried="segments, and what people opened",
    ),
    Format(
        "MailerLite",
        (_one("subscriber", "sent", "opens", "clicks"), _one("email", "sent", "opens", "clicks")),
        # "Subscribed" is the day of joining.
        _ignored("subscribed", "location", "country", "city", "sent", "opens", "clicks", "ip address"),
        not_carried="groups, statistics, and the status: each file holds the people whom the list showed",
    ),
    Format(
        "Constant Contact",
        (_one("email address", "email status", "email permission status"),),
        {
            "email status": "status",
            "email permission status": "status",
            **_ignored("country home", "country work", "country other", "email update source", "created at"),
        },
        {
            "email status": {
                # Constant Contact sends to active contacts only.
                "": _NOT_SUBSCRIBED,
                "active": _SUBSCRIBED,
                "awaiting confirmation": _UNCONFIRMED,
                "no permissions set": _NOT_SUBSCRIBED,
                "temporary hold": _NOT_SUBSCRIBED,
                "temp hold": _NOT_SUBSCRIBED,
            },
            "email permission status": {
                **dict.fromkeys(("express", "explicit", "implied", "implicit", "confirmed"), _SUBSCRIBED),
                **dict.fromkeys(("not set", "no permissions set"), _NOT_SUBSCRIBED),
                "pending confirmation": _UNCONFIRMED,
            },
        },
        not_carried="lists, SMS permission, and postal addresses",
    ),
    Format(
        "Campaign Monitor",
        (
            _one("email address", "state", "consent to track"),
            _one("emailaddress", "state"),
            _one("email address", "date joined"),
        ),
        {
            "state": "status",
            **_ignored("consent to track", "reads email with", "date", "date joined", "listjoineddate"),
        },
        {
            "state": {
                "active": _SUBSCRIBED,
                "unsubscribed": _UNSUBSCRIBED,
                "bounced": _BOUNCED,
                "unconfirmed": _UNCONFIRMED,
                "deleted": _UNSUBSCRIBED,
            }
        },
        not_carried="segments, and consent to be tracked",
    ),
    Format(
        "SendGrid",
        (_one("email", "contact id", "alternate emails"), _one("email", "contact id", "address line 1")),
        _ignored(
            "country",
            "state province region",
            "alternate emails",
            "unique name",
            "anonymous id",
            "external id",
        ),
        not_carried="lists, and suppressions: they are files of their own, to be imported as well",
    ),
    Format(
        "Zoho Campaigns",
        (_one("contact email"), _one("lead email")),
        _ignored("country", "state", "city", "added time", "contact source", "source"),
        {
            "contact status": {"active": _SUBSCRIBED, "do not mail": _UNSUBSCRIBED},
            "subscription type": {"marketing": _SUBSCRIBED, "non marketing": _NOT_SUBSCRIBED},
        },
        not_carried="topics, scores, and lists",
    ),
    Format(
        "Unisender",
        (
            _one("email", "email status", "email availability"),
            _one("email", "email status", "email list ids"),
        ),
        {
            "email status": "status",
            "email availability": "status",
            **_ignored("email list ids", "email subscribe times", "email add time", "email confirm time"),
            **_ignored(
                "phone", "phone status", "phone availability", "phone list ids", "phone subscribe times"
            ),
            **_ignored("phone unsubscribed list ids", "phone excluded list ids", "phone add time"),
        },
        {
            "email status": {
                "active": _SUBSCRIBED,
                "new": _UNCONFIRMED,
                "invited": _UNCONFIRMED,
                "activation requested": _UNCONFIRMED,
                "inactive": _NOT_SUBSCRIBED,
                "unsubscribed": _UNSUBSCRIBED,
                "blocked": _BLOCKED,
            },
            "email availability": {
                "available": _SUBSCRIBED,
                "unreachable": _BOUNCED,
                # These may work again.
                "temp unreachable": _SUBSCRIBED,
                "mailbox full": _SUBSCRIBED,
                "spam rejected": _SUBSCRIBED,
                "spam folder": _NOT_SUBSCRIBED,
            },
        },
        not_carried="lists, telephone numbers, and what people opened",
    ),
    Format(
        "Sendsay",
        (_one("member email", "member haslock"), _one("email", "member haslock"), _one("member email")),
        {
            "member email": "email",
            "member haslock": "opted_out",
            "member lockremove": "opted_out",
            "member lockconfirm": "opted_out",
            "member lockbad": "opted_out",
            "member error": "ignore",
            "base firstname": "first_name",
            "base lastname": "last_name",
        },
        refused={
            "member haslock": _UNSUBSCRIBED,
            "member lockremove": _UNSUBSCRIBED,
            "member lockconfirm": _UNCONFIRMED,
            "member lockbad": _BOUNCED,
        },
        not_carried="groups, and answers to other questionnaires than those in the file",
    ),
    Format(
        "Google Contacts",
        (
            _one("e mail 1 value", "labels"),
            _one("e mail 1 value", "group membership"),
            _one("e mail 1 value", "given name"),
        ),
        {
            "labels": "tags",
            "group membership": "tags",
            **_ignored("address 1 country", "location", "language", "subject", "sensitivity", "priority"),
        },
        not_carried="postal addresses, telephone numbers, and second and third addresses",
    ),
)
# Lists of members without headings; they are recognised by their lines.
MEMBER_LIST = "Mailman 2"


def recognise(headings: Collection[str]) -> Format | None:
    """The format of a file with these normalised headings; None for a file of any other kind."""
    found = frozenset(headings)
    fitting = [
        (max(len(one) for one in known.signatures if one <= found), known)
        for known in FORMATS
        if any(one <= found for one in known.signatures)
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def known_words(known: Format, heading: str) -> dict[str, Status]:
    """What the words of a column of statuses mean in this format, by normalised word."""
    words = dict(known.words.get(heading, {}))
    for kind, status in known.labels.get(heading, {}).items():
        for language, _ in settings.LANGUAGES:
            with override(language):
                words[normalise_words(str(kind.label))] = status
    return words

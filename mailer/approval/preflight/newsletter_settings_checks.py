"""Checks of the newsletter's and the edition's settings: names, addresses for answers, number, languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.character_and_language_checks import is_in_capitals
from mailer.approval.preflight.check_input import Description, Place
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.inbox_checks import FREE_MAIL
from mailer.approval.preflight.malformed_link_and_mailto_checks import (
    email_domain_looks_mistyped,
    with_domain_suggestion,
)
from mailer.rendering import localization
from mailer.rendering.edition_period import Kind, Period
from subscribers.translate_stored_texts import stored

_SENDER = Place("newsletter", "", stored("Sender"))
_NEWSLETTER = Place("newsletter", "", stored("Name of the newsletter"))
_EDITION = Place("edition", "", stored("Edition"))
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(?:\.[^@\s,;<>.]+)+")
_STAND_IN = re.compile(
    r"(?:my|our|your|new|test|sample|demo|the)\s+(?:newsletter|office|organi[sz]ation)|"
    r"newsletter\s*(?:name|\d+)?|office(?:\s+name)?|test|untitled.*"
    r"|(?:моя|наша|новая|тестовая)\s+рассылка|рассылка|название(?:\s+\w+)?|тест|без\s+названия|"
    r"org(?:anisation|anization)?\s+name|.*\btest\b",
    re.IGNORECASE,
)
_COPIED = re.compile(r"\bcopy\b|\bкопия\b|\bкөшірме\b|\(\d\)\s*$|\btest\b|\bтест\b", re.IGNORECASE)
_LEAST_LOGO = 80


def doubtful_reply_to(description: Description) -> Iterator[Found]:
    """An address for answers that is broken, private, or nearly the office's own."""
    address, own = description.sender.reply_to.strip(), description.sender.email.rpartition("@")[2].lower()
    if not _ADDRESS.fullmatch(address) or own in FREE_MAIL:
        return
    domain = address.rpartition("@")[2].lower()
    if domain in FREE_MAIL or (domain != own and email_domain_looks_mistyped(address, own)):
        yield Found(_SENDER, address if domain in FREE_MAIL else with_domain_suggestion(address, own))
    elif own and not _same_organisation(domain, own):
        yield Found(_SENDER, f"{address} / {description.sender.email}")


def _same_organisation(one: str, other: str) -> bool:
    return (
        one == other
        or one.endswith(f".{other}")
        or other.endswith(f".{one}")
        or one.split(".")[-2:] == other.split(".")[-2:]
    )


def invalid_sender_address(description: Description) -> Iterator[Found]:
    """A sender, or an address for answers, that is no address."""
    for address in (description.sender.email, description.sender.reply_to or description.sender.email):
        if not _ADDRESS.fullmatch(address.strip()):
            yield Found(_SENDER, address)


def doubtful_names(description: Description) -> Iterator[Found]:
    """Names of the newsletter, the office and the sender that stand in for a name, shout, or are missing."""
    head = description.content.masthead
    for place, name in (
        (_NEWSLETTER, head.name),
        (Place("newsletter", "", stored("Name of the office")), head.office),
        (_SENDER, description.sender.name),
    ):
        plain = name.strip()
        if (
            (place is not _SENDER and not plain)
            or _STAND_IN.fullmatch(plain)
            or is_in_capitals(plain)
            or plain.endswith("!")
        ):
            yield Found(place, plain)


def doubtful_edition_name_or_period(description: Description) -> Iterator[Found]:
    """A name of another month, an edition's number of nought, a period to come."""
    content = description.content
    period = Period.parse(content.period)
    if content.number < 1 and period.kind is not Kind.NAMED:
        yield Found(_EDITION, str(content.number))
    if _COPIED.search(content.name):
        yield Found(_EDITION, content.name)
    elif period.kind is Kind.MONTH and content.name:
        months = [
            name
            for language in content.masthead.languages
            for name in _months(language)
            if name in content.name.casefold()
        ]
        own = {
            name
            for language in content.masthead.languages
            for name in _months(language, period.first_day.month)
        }
        if months and not set(months) & own:
            yield Found(_EDITION, content.name)
    if (period.first_day - description.today).days > _EARLIEST:
        yield Found(_EDITION, content.period)


# Days before a period's first one at which its edition is still prepared too early.
_EARLIEST = 45


def _months(language: str, only: int = 0) -> list[str]:
    names = localization.babel_locale(language).months["stand-alone"]["wide"]
    return [
        str(name).casefold() for number, name in names.items() if only in (0, number) and len(str(name)) > 3
    ]


def small_logo(description: Description) -> Iterator[Found]:
    """A logo with too few pixels."""
    picture = description.content.masthead.logo
    if picture and 0 < picture.width < _LEAST_LOGO:
        yield Found(
            Place("newsletter", "", stored("Description of the logo")), f"{picture.width} × {picture.height}"
        )

"""Finds e-mail addresses and telephone numbers that are one and the same, with a slip in one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from urllib.parse import urlsplit

from mailer.approval.preflight.check_input import Description, Place
from mailer.approval.preflight.edit_distance import edit_distance
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import EMAIL, PHONE, is_phone

# An address as it is compared, where it stands, and as it is written.
_Contact = tuple[str, Place, str]
_LEAST_LOCAL, _LEAST_HOST = 4, 8


def nearly_same_contacts(description: Description) -> Iterator[Found]:
    """Addresses and numbers that differ in one place, and never stand beside each other in one text."""
    mails, phones = [], []
    # What is listed together differs on purpose: "61 00 00 and 61 00 01".
    together: set[frozenset[str]] = set()
    for text in description.texts:
        found = [(one[0].lower().rstrip("."), text.place, one[0]) for one in EMAIL.finditer(text.plain)]
        called = [
            (re.sub(r"\D", "", one[0])[-9:], text.place, one[0])
            for one in PHONE.finditer(EMAIL.sub(" ", text.plain))
            if is_phone(one[0])
        ]
        together |= {frozenset(pair) for pair in combinations({one[0] for one in (*found, *called)}, 2)}
        mails += found
        phones += called
    yield from _differing(_once(mails), together, _is_mail_slip)
    yield from _differing(_once(phones), together, _is_phone_slip)
    own = [one.lower() for one in (description.sender.reply_to, description.sender.email) if "@" in one]
    for written, place, shown in _once(mails):
        if slip := next((one for one in own if _is_mail_slip(written, one)), ""):
            yield Found(place, f"{shown} / {slip}")
    yield from misspelt_own_host(description)


def misspelt_own_host(description: Description) -> Iterator[Found]:
    """Links to a site whose name is the office's own, but for a letter."""
    own = {
        _base(description.sender.email.rpartition("@")[2]),
        _base(urlsplit(description.content.site_url).netloc),
    }
    for link in description.anchors:
        host = _base(urlsplit(link.url).netloc) if link.url.startswith("http") else ""
        for one in own if len(host) >= _LEAST_HOST and host not in own else ():
            if host[0] == one[:1] and edit_distance(host, one) == 1:
                yield Found(link.place, f"{link.url} / {one}")


def _base(host: str) -> str:
    """The last two parts of a host's name."""
    return ".".join(host.lower().partition(":")[0].split(".")[-2:])


def _once(contacts: Sequence[_Contact]) -> list[_Contact]:
    return list({one[0]: one for one in contacts}.values())


def _differing(
    contacts: Sequence[_Contact], together: set[frozenset[str]], is_slip: Callable[[str, str], bool]
) -> Iterator[Found]:
    for (one, _place, shown), (other, place, other_shown) in combinations(contacts, 2):
        if frozenset((one, other)) not in together and is_slip(one, other):
            yield Found(place, f"{other_shown} / {shown}")


def _is_mail_slip(one: str, other: str) -> bool:
    (local, _, domain), (other_local, _, other_domain) = one.partition("@"), other.partition("@")
    if domain == other_domain:
        is_long = min(len(local), len(other_local)) >= _LEAST_LOCAL
        # "office1" and "office2" are two.
        digits = re.sub(r"\D", "", local), re.sub(r"\D", "", other_local)
        return is_long and digits[0] == digits[1] and edit_distance(local, other_local) == 1
    return local == other_local and edit_distance(domain, other_domain) <= 1


def _is_phone_slip(one: str, other: str) -> bool:
    changed = [at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) != len(other) or not changed:
        return False
    is_swapped = len(changed) == 2 and changed[1] == changed[0] + 1 and sorted(one) == sorted(other)
    # The last digit tells one line of an office from another.
    return is_swapped or (len(changed) == 1 and changed[0] < len(one) - 1)

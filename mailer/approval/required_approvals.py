"""The approvals that a snapshot needs: one for all languages, or several as its newsletter names them.

A part is a language code, or "" for the languages that have no part of their own. The parts are written into
the snapshot when it is submitted, so that a later change of the newsletter changes nothing about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.utils.translation import gettext

from mailer import staff_localization
from mailer.approval.models import Approval, Snapshot
from mailer.editions.models import Newsletter

# The part of the languages that have none of their own.
OTHERS = ""
_PART = re.compile(r"<([^<>]*)>")


class PartApproval(NamedTuple):
    """A part of a snapshot, and who approved it."""

    part: str
    # "Kazakh", "The other languages: English, Russian" or, of the only part, "All languages".
    label: str
    # None: it still waits for one.
    approval: Approval | None


def required_parts(newsletter: Newsletter) -> list[str]:
    """The parts of an edition that is submitted now, in the order of the newsletter's languages."""
    rule, languages = newsletter.approval_rule, list(newsletter.languages)
    if rule == Newsletter.ApprovalRule.ALL:
        return languages
    chosen = newsletter.approval_languages if rule == Newsletter.ApprovalRule.CHOSEN else ()
    named = [code for code in languages if code in chosen]
    return named if named and len(named) == len(languages) else [*named, OTHERS]


def encode_parts(parts: Iterable[str]) -> str:
    """The parts as a snapshot holds them, "<kk><>", so that a trigger can count them and search for one."""
    return "".join(f"<{part}>" for part in parts)


def parts_of(snapshot: Snapshot) -> list[str]:
    """The parts of a snapshot."""
    return _PART.findall(snapshot.approval_parts)


def part_of(language: str, parts: Sequence[str]) -> str:
    """The part that a language belongs to."""
    return language if language in parts else OTHERS


def unapproved_parts(snapshot: Snapshot) -> list[str]:
    """The parts that nobody has approved yet."""
    given = Approval.objects.filter(snapshot=snapshot, sha256=snapshot.sha256)
    approved = set(given.values_list("language", flat=True))
    return [part for part in parts_of(snapshot) if part not in approved]


def part_approvals(snapshot: Snapshot, languages: Iterable[str]) -> list[PartApproval]:
    """Every part with its approval; `languages` are those of the newsletter."""
    parts = parts_of(snapshot)
    given = {one.language: one for one in snapshot.approvals.select_related("approver")}
    return [PartApproval(part, label_of(part, parts, languages), given.get(part)) for part in parts]


def label_of(part: str, parts: Sequence[str], languages: Iterable[str]) -> str:
    """How pages name a part, in the active language."""
    if part != OTHERS:
        return staff_localization.language_name(part)
    if len(parts) == 1:
        return gettext("All languages")
    others = [staff_localization.language_name(code) for code in languages if code not in parts]
    return gettext("All other languages: %(languages)s") % {"languages": ", ".join(others)}

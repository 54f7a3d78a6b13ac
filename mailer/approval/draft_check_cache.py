"""What rendering and checking all variants of a draft shows, kept until it changes.

Pages show it. Submitting renders and counts anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import metadata

from mailer.approval.preflight.check_input import Description
from mailer.approval.preflight.findings_and_overrides import Finding, run_checks
from mailer.approval.preflight.load_check_input import load_description
from mailer.approval.sender_and_list_headers import sender_fields
from mailer.approval.submit import render_possible_variants
from mailer.editions.audience import Combination
from mailer.editions.models import DraftCheck, Edition
from mailer.rendering.data_types import Content


@dataclass(frozen=True)
class DraftResult:
    """What all variants of a draft showed."""

    # Bytes of HTML by the variant's key.
    sizes: Mapping[str, int]
    # Errors first.
    findings: tuple[Finding, ...]


def check_draft(
    edition: Edition, content: Content, combinations: Iterable[Combination], now: datetime
) -> DraftResult:
    """The kept result for this content, else that of rendering and checking it, which is kept then.

    `combinations`: of the audience; of an edition with too many variants only these are rendered.
    """
    combinations = tuple(combinations)
    description = load_description(edition, content, combinations, now)
    digest = _digest(edition, description)
    kept = _kept(edition, digest)
    if kept is not None:
        return kept
    # Slow to load: its modules compile many expressions, and most commands check nothing.
    from mailer.approval.preflight.check_table import CHECKS

    rendered = render_possible_variants(content, combinations)
    found = DraftResult(
        {variant.key: len(variant.html.encode()) for variant in rendered},
        run_checks(CHECKS, replace(description, variants=tuple(rendered))),
    )
    DraftCheck.objects.update_or_create(
        edition_id=edition.pk,
        defaults={
            "digest": digest,
            "sizes": found.sizes,
            "findings": [finding.as_dict() for finding in found.findings],
        },
    )
    return found


def _kept(edition: Edition, digest: str) -> DraftResult | None:
    kept = DraftCheck.objects.filter(edition=edition.pk, digest=digest).first()
    return DraftResult(kept.sizes, tuple(map(Finding.from_dict, kept.findings))) if kept else None


def _digest(edition: Edition, description: Description) -> str:
    """Of everything that the result depends on, the program included."""
    parts = (description.digest(), json.dumps(sender_fields(edition.newsletter)), _version())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _version() -> str:
    try:
        return metadata.version("newsletter-mailer")
    except metadata.PackageNotFoundError:
        return ""

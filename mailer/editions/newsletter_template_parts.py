"""A newsletter's own template parts: from its theme, from the folder of the installation, and from the desk.

The later ones of these win. A snapshot stores the parts that its edition was rendered with, so that a change
of a part changes no snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from mailer.editions.models import Newsletter, TemplateVersion
from mailer.rendering import template_sandbox, theme
from mailer.rendering.data_types import Masthead
from mailer.rendering.template_sandbox import PART_LIMIT, PART_NAME, Parts

if TYPE_CHECKING:
    from mailer.rendering.template_check import Problem

# Files that are read from one newsletter's folder at most.
_FILES = 100


class PartRefused(Exception):  # noqa: N818 (names what happened)
    """The part has problems, and is not saved."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{one.part}, line {one.line}: {one.text}" for one in problems))
        self.problems = problems


def template_part_overrides(newsletter: Newsletter) -> Parts:
    """All parts in place of shipped ones, by path."""
    base = str((newsletter.theme or {}).get(theme.BASE, ""))
    return merge_layers(
        dict(template_sandbox.theme_parts(base)), folder_parts(newsletter.slug), newsletter.templates or {}
    )


def merge_layers(*layers: Mapping[str, str]) -> Parts:
    """The parts of all layers, of which the last one that has a part counts."""
    found: dict[str, str] = {}
    for layer in layers:
        found.update(layer)
    return tuple(sorted(found.items()))


def folder_parts(slug: str) -> dict[str, str]:
    """The parts in the newsletter's folder below `[site] templates`; files of other names are left out."""
    folder = newsletter_folder(slug)
    if folder is None or not folder.is_dir():
        return {}
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.*"))[:_FILES]:
        name = file.relative_to(folder).as_posix()
        inside = file.is_file() and file.resolve().is_relative_to(folder.resolve())
        # One byte too many is refused by its check, and says why.
        if inside and PART_NAME.match(name):
            with file.open("rb") as opened:
                found[name] = opened.read(PART_LIMIT + 1).decode("utf-8", errors="replace")
    return found


def newsletter_folder(slug: str) -> Path | None:
    """The folder of the newsletter's own parts; None where the configuration names no folder."""
    configured = settings.CONFIG.site.templates
    return settings.CONFIG.path(configured) / slug if configured and slug else None


def check_parts(masthead: Masthead, own: Iterable[str]) -> list[Problem]:
    """The problems of the parts named in `own` among those of `masthead`, with the sample edition."""
    # Renders a whole edition: too slow to load for who only reads the parts.
    from mailer.editions.design_preview_content import design_preview_content
    from mailer.rendering import template_check

    with_address = replace(
        masthead, office=masthead.office or "Office", postal_address=masthead.postal_address or "Address"
    )
    content = design_preview_content(with_address, settings.CONFIG.site.url)
    languages = dict.fromkeys((*masthead.languages[:1], "fa"))
    return template_check.check(masthead.templates, own, [(content, language) for language in languages])


def save_part(
    newsletter: Newsletter,
    part: str,
    source: str | None,
    masthead: Masthead,
    user: User | None,
    now: datetime,
) -> TemplateVersion:
    """Add a version of a part; None: the default is used again. Raises PartRefused if it has problems.

    `masthead`: that of the newsletter, whose parts are checked together with the new one.
    """
    with transaction.atomic():
        current = Newsletter.objects.select_for_update().get(pk=newsletter.pk)
        changed = dict(current.templates or {})
        changed.pop(part, None)
        if source is not None:
            changed[part] = source
        newsletter.templates = current.templates = changed
        own = [part] if source is not None else []
        in_use = replace(masthead, templates=template_part_overrides(current))
        if problems := check_parts(in_use, own) if own else []:
            raise PartRefused(problems)
        current.save(update_fields=["templates"])
        return TemplateVersion.objects.create(
            newsletter=current, part=part, source=source, author=user, at=now
        )

"""Loads the input of the checks of an edition from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import cast

from django.conf import settings
from django.core.files.storage import default_storage

from mailer.approval.content_changes_and_authors import edition_name_to_store
from mailer.approval.models import LinkCheck
from mailer.approval.preflight.check_input import (
    Description,
    LinkFact,
    LinkState,
    PictureFact,
    Place,
    Reader,
    Sender,
    excerpt,
    pictures_of,
)
from mailer.approval.preflight.measure_picture_sharpness import edge_sharpness
from mailer.approval.sender_and_list_headers import sender_fields
from mailer.editions import allowed_sender_domains, pictures, translation_glossary
from mailer.editions.assemble import now_or_demo_time
from mailer.editions.audience import Combination
from mailer.editions.models import Edition, EditionText, Newsletter, story_ids
from mailer.editions.sample_edition_markers import is_placeholder_sender
from mailer.editions.translation_completeness import completeness_of
from mailer.instance.models import CheckRun
from mailer.rendering.data_types import Content
from mailer.stories.models import Story

# Sent editions that a story or subject is compared with: two years of a monthly.
_EARLIER = 24


def load_description(
    edition: Edition, content: Content, combinations: Iterable[Combination], now: datetime
) -> Description:
    """What the checks know of the edition, without its rendered variants.

    `content` is that of the edition, with pictures; `combinations` are those of its audience.
    """
    named = story_ids(edition)
    known = Story.objects.prefetch_related("texts").in_bulk(named)
    earlier = _earlier_editions(edition)
    incomplete = completeness_of(edition, stories=known).incomplete()
    strict = edition.newsletter.translation_rule == Newsletter.TranslationRule.BLOCK
    description = Description(
        content=content,
        incomplete_languages=tuple((code, len(rows)) for code, rows in incomplete.items() if strict),
        old_translations=tuple(
            Place("story", known[row.story].key, excerpt(row.label), code)
            for code, rows in incomplete.items()
            for row, cell in rows
            if cell.state == "changed" and row.story in known
        ),
        sender=sender_to_check(edition.newsletter),
        today=now_or_demo_time(now).date(),
        readers=tuple(sorted({Reader(one.countries, one.language) for one in combinations}, key=repr)),
        sent_before=_sent_before(known, earlier),
        sent_subjects=tuple(
            EditionText.objects.filter(edition__in=earlier).order_by("pk").values_list("language", "subject")
        ),
        deleted_stories=len(set(named) - set(known)),
        not_ready=tuple(_place(story) for story in known.values() if not story.live),
        unpublished_changes=tuple(
            _place(story) for story in known.values() if story.live and story.has_unpublished_changes
        ),
        pictures=dict(_pictures(content)),
        glossary=translation_glossary.glossary_terms_of_one_or_all(edition.newsletter),
        source_languages=tuple((story.key, story.source_language) for story in known.values()),
    )
    return _with_links(description)


def _with_links(description: Description) -> Description:
    urls = {link.url for link in description.anchors if link.url}
    rows = LinkCheck.objects.filter(key__in=[LinkCheck.key_of(url) for url in urls]).exclude(state="")
    facts = {
        row.url: LinkFact(cast(LinkState, row.state), row.status, row.final_url)
        for row in rows.order_by("pk")
    }
    return replace(description, links=facts)


def _place(story: Story) -> Place:
    # The same for everyone who opens the checks: in the story's own language, else in any.
    headlines = {text.language: text.headline for text in story.texts.all() if text.headline}
    languages = (story.source_language, *sorted(headlines))
    chosen = next((headlines[one] for one in languages if one in headlines), story.key)
    return Place("story", story.key, excerpt(chosen))


def sender_to_check(newsletter: Newsletter) -> Sender:
    """The sender, with what the latest run of the system checks said of its domain."""
    values = sender_fields(newsletter)
    domain = values["email"].rpartition("@")[2].lower()
    return Sender(
        **values,
        is_allowed=allowed_sender_domains.is_allowed(values["email"]),
        is_sample=is_placeholder_sender(values["email"]),
        dkim_domain="" if settings.CONFIG.service.name else settings.CONFIG.dkim.domain,
        dns_problems=tuple(_dns_problems(domain)),
    )


def _dns_problems(domain: str) -> Iterator[tuple[str, str]]:
    """What the latest run of the system checks says against mail from the domain."""
    run = CheckRun.objects.exclude(finished_at=None).first()
    for one in run.results if run else []:
        of_domain = one["subject"] in ("", domain) or one["subject"].endswith(f".{domain}")
        if one["check"] in ("dkim", "dmarc") and one["status"] == "problem" and of_domain:
            yield one["check"], one["message"]


def _earlier_editions(edition: Edition) -> list[Edition]:
    """The newsletter's editions that were sent to subscribers, newest first."""
    sent = Edition.objects.sent().filter(newsletter=edition.newsletter_id)
    return list(sent.exclude(pk=edition.pk).order_by("-period", "-pk")[:_EARLIER])


def _sent_before(known: dict[int, Story], earlier: Iterable[Edition]) -> dict[str, str]:
    found: dict[str, str] = {}
    for edition in earlier:
        for pk in story_ids(edition):
            # A story that was carried over on purpose names the period from which it is taken again.
            if pk in known and not known[pk].from_period:
                # What is found is stored, and read in other languages.
                found.setdefault(known[pk].key, f"“{edition_name_to_store(edition)}”")
    return found


def _pictures(content: Content) -> Iterator[tuple[str, PictureFact]]:
    prefix = f"{pictures.media_origin()}{settings.MEDIA_URL}"
    for one in pictures_of(content):
        url = one.picture.url
        if url.startswith(prefix) and (fact := _picture(url.removeprefix(prefix))):
            yield url, fact


# The name holds the hash of the bytes, so that what was measured stays true.
@lru_cache(maxsize=256)
def _picture(name: str) -> PictureFact | None:
    try:
        with default_storage.open(name, "rb") as file:
            data = file.read()
    except OSError:
        return None
    return measure_file_size_and_sharpness(data)


def measure_file_size_and_sharpness(data: bytes) -> PictureFact:
    """The size and sharpness of a picture's file (JPEG, PNG, GIF or WebP)."""
    return PictureFact(len(data), edge_sharpness(data))

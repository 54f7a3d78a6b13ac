"""Preflight checks: errors and warnings about an edition, before it is submitted for approval.

The headers that all messages of an edition share are checked too; they come from the snapshot alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from mailer.editions import sender_domains
from mailer.editions.models import Edition, Newsletter
from mailer.editions.rendering_input import story_ids
from mailer.editions.sample import is_sample_sender
from mailer.rendering import localization, mime, story_selection, theme
from mailer.rendering.data_types import Content, RenderedVariant
from mailer.stories.models import Story
from subscribers import iso_codes
from subscribers.stored_texts import stored

# Gmail clips a message whose HTML is larger than about 102 KB, its unsubscribe link included.
HTML_WARN_BYTES = 90_000
HTML_LIMIT_BYTES = 100_000


@dataclass(frozen=True)
class PreflightFinding:
    # An error prevents submission; a warning does not.
    level: Literal["error", "warning"]
    # For comms staff: what, where, and what to do.
    text: str


def run_checks(
    edition: Edition, content: Content, variants: Sequence[RenderedVariant], readers: int
) -> list[PreflightFinding]:
    """All findings, errors first, without repeats; `readers` is the size of the audience."""
    found = [
        *_of_site(content),
        *_of_sender(edition.newsletter),
        *_of_stories(edition, content),
        *_of_subjects(content),
        *_of_variants(content, variants),
        *_of_headers(edition, content, variants),
        *_of_readers(readers),
    ]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.level)


def _of_site(content: Content) -> Iterable[PreflightFinding]:
    url = urlsplit(content.site_url)
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield PreflightFinding(
            "error",
            stored(
                "Links would lead to %(site_url)s, which is not https. Correct [site] url.",
                site_url=content.site_url,
            ),
        )
    for problem in theme.problems(dict(content.masthead.theme)):
        yield PreflightFinding("warning", stored("The newsletter's colours: %(problem)s", problem=problem))


def _of_sender(newsletter: Newsletter) -> Iterable[PreflightFinding]:
    if is_sample_sender(newsletter.sender_email):
        yield PreflightFinding(
            "error", stored("This is the sample edition: it shows how an edition looks, and cannot be sent.")
        )
        return
    if not sender_domains.is_allowed(newsletter.sender_email):
        yield PreflightFinding(
            "error",
            stored(
                "The newsletter's sender %(sender_email)s has a domain that is not allowed. Choose "
                "another sender, or add the domain to sender_domains in [site] of the configuration.",
                sender_email=newsletter.sender_email,
            ),
        )


def _of_stories(edition: Edition, content: Content) -> Iterable[PreflightFinding]:
    if not content.stories:
        yield PreflightFinding(
            "error", stored("This edition has no story that is ready. Publish stories, then add them.")
        )
    named = story_ids(edition)
    known = {story.pk: story for story in Story.objects.filter(pk__in=named)}
    if missing := len(set(named) - set(known)):
        yield PreflightFinding(
            "warning",
            stored("%(missing)s of the stories chosen for this edition no longer exist.", missing=missing),
        )
    for story in known.values():
        if not story.live:
            yield PreflightFinding(
                "warning",
                stored(
                    "“%(story)s” is not ready and is left out. Publish the story to include it.", story=story
                ),
            )
        elif story.has_unpublished_changes:
            yield PreflightFinding(
                "warning",
                stored(
                    "“%(story)s” has newer changes that are not published; the published text is used.",
                    story=story,
                ),
            )
    for record in content.stories:
        for text in record.texts:
            if record.picture and not text.picture_alt.strip():
                yield PreflightFinding(
                    "error",
                    stored(
                        "“%(headline)s” (%(language)s): add a description of the picture.",
                        headline=text.headline,
                        language=text.language,
                    ),
                )


@dataclass(frozen=True)
class SubjectPromise:
    """A subject line names a story that some of its readers do not get."""

    language: str
    headline: str
    # ISO 3166-1 alpha-2 codes of the newsletter's countries whose readers do not get the story.
    countries: tuple[str, ...]


def subjects_that_promise_too_much(content: Content) -> list[SubjectPromise]:
    """Stories that a subject names, and the countries whose readers do not get them.

    A subject names a story when it shares two distinctive words with its headline in that language, or all
    of them when there are fewer. Words are compared by their beginnings, because endings change.
    """
    head = content.masthead
    seen = {
        country: set(
            story_selection.stories_of(story_selection.visible_blocks(content, frozenset({country})))
        )
        for country in head.countries
    }
    found = []
    for subject in content.subjects:
        ordinary = _stems(f"{head.name} {localization.period_title(content.period, subject.language)}")
        words = _stems(subject.subject) - ordinary
        for story in content.stories:
            lacking = tuple(country for country in head.countries if story.key not in seen[country])
            text = next((text for text in story.texts if text.language == subject.language), None)
            if text is None or not lacking:
                continue
            named = _stems(text.headline) - ordinary
            if named and len(named & words) >= min(2, len(named)):
                found.append(SubjectPromise(subject.language, text.headline, lacking))
    return found


def _stems(text: str) -> set[str]:
    """The beginnings of the words of at least five letters."""
    return {word[:5] for word in re.findall(r"\w{5,}", text.casefold())}


def _of_subjects(content: Content) -> Iterable[PreflightFinding]:
    for promise in subjects_that_promise_too_much(content):
        yield PreflightFinding(
            "warning",
            stored(
                "The subject line in %(language)s names “%(headline)s”, which readers in %(countries)s lack.",
                language=localization.name_in_english(promise.language),
                headline=promise.headline,
                countries=iso_codes.country_names(promise.countries, "en"),
            ),
        )


def _of_variants(content: Content, variants: Sequence[RenderedVariant]) -> Iterable[PreflightFinding]:
    for variant in variants:
        for note in variant.warnings:
            yield PreflightFinding("warning", note)
        size = len(variant.html.encode())
        if size > HTML_LIMIT_BYTES:
            yield PreflightFinding(
                "error",
                stored(
                    "In %(language)s, Gmail would clip a message of %(size)s KB. Shorten texts or remove "
                    "a story.",
                    language=variant.language,
                    size=size // 1000,
                ),
            )
        elif size > HTML_WARN_BYTES:
            yield PreflightFinding(
                "warning",
                stored(
                    "In %(language)s, a message has %(size)s KB; Gmail clips above 102 KB.",
                    language=variant.language,
                    size=size // 1000,
                ),
            )


def _of_headers(
    edition: Edition, content: Content, variants: Sequence[RenderedVariant]
) -> Iterable[PreflightFinding]:
    """Values that no header can carry would stop the mailing after approval."""
    shared = shared_headers(sender_of(edition.newsletter), content)
    for variant in variants:
        try:
            mime.shared_headers(variant, shared)
        except ValueError as error:
            yield PreflightFinding("error", stored("The messages cannot be built: %(error)s.", error=error))


def _of_readers(readers: int) -> Iterable[PreflightFinding]:
    if not readers:
        yield PreflightFinding(
            "warning", stored("The audience is empty: no confirmed subscriber is on this newsletter's lists.")
        )


def sender_of(newsletter: Newsletter) -> dict[str, str]:
    """The sender as a snapshot's manifest holds it."""
    return {"name": newsletter.sender_name, "email": newsletter.sender_email, "reply_to": newsletter.reply_to}


def shared_headers(sender: Mapping[str, str], content: Content) -> mime.MailingHeaders:
    """Sender and list headers of every message; `sender` comes from `sender_of`."""
    domain = sender["email"].rpartition("@")[2]
    return mime.MailingHeaders(
        from_name=sender["name"],
        from_email=sender["email"],
        reply_to=sender["reply_to"],
        list_id=f"{content.masthead.slug}.{domain}",
        list_name=content.masthead.name,
        archive_url=f"{content.site_url}/archive/",
    )

"""Checks of the edition as a whole: its stories, its sections, its design, and who gets what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from mailer.approval.preflight.check_input import Description, Place, excerpt, place_of, place_of_block
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.translation_checks import languages_read_or_written
from mailer.rendering import localization, story_selection, theme
from mailer.rendering.data_types import WRITTEN_KINDS, Story
from subscribers.translate_stored_texts import stored

_EDITION = Place("edition", "", stored("Edition"))
# Below this, text is unreadable to many; between it and theme.MIN_CONTRAST it is only tiring.
UNREADABLE = 3.0
_OWN_HOSTS = ("localhost", "127.0.0.1", "::1")


def site_not_https(description: Description) -> Iterator[Found]:
    """Links to the site's own pages that browsers warn of."""
    url = urlsplit(description.content.site_url)
    if url.scheme != "https" and url.hostname not in _OWN_HOSTS:
        yield Found(Place("settings", "", stored("Configuration")), description.content.site_url)


def no_stories(description: Description) -> Iterator[Found]:
    """An edition without a story."""
    if not description.content.stories:
        yield Found(_EDITION)


def deleted_stories(description: Description) -> Iterator[Found]:
    """Stories that were chosen, and deleted since."""
    if description.deleted_stories:
        yield Found(
            _EDITION, stored("Number of deleted stories: %(count)s", count=description.deleted_stories)
        )


def stories_not_ready(description: Description) -> Iterator[Found]:
    """Stories that are left out because they are drafts."""
    return map(Found, description.not_ready)


def unpublished_changes(description: Description) -> Iterator[Found]:
    """Stories that are shown in an older version."""
    return map(Found, description.unpublished_changes)


def story_twice(description: Description) -> Iterator[Found]:
    """A story in two blocks, so that readers get it twice."""
    counted = Counter(key for block in description.content.blocks for key in dict.fromkeys(block.stories))
    for story in description.content.stories:
        if counted[story.key] > 1:
            yield Found(place_of(story))


def block_twice(description: Description) -> Iterator[Found]:
    """Blocks of the editors' own with the same text, and figures with the same line."""
    content, seen = description.content, set()
    for block in content.blocks:
        for text in block.texts if block.kind in WRITTEN_KINDS else ():
            own = (block.kind, text.language, " ".join(text.text.casefold().split()))
            lines = [line.strip() for line in text.text.splitlines() if line.strip()]
            is_repeated = block.kind == "figures" and len(set(lines)) < len(lines)
            if is_repeated or (own[2] and own in seen):
                yield Found(place_of_block(content, block, text.language), excerpt(lines[0]))
            seen.add(own)


def same_headline(description: Description) -> Iterator[Found]:
    """Two stories with one headline: probably the same story, written twice."""
    seen: dict[tuple[str, str], str] = {}
    for story in description.shown_stories:
        for text in story.texts:
            line = " ".join(text.headline.casefold().split())
            if line and seen.setdefault((text.language, line), story.key) != story.key:
                yield Found(place_of(story, text.language))


def stories_with_same_link(description: Description) -> Iterator[Found]:
    """Two stories that lead to one page: one of the addresses was copied from the other."""
    seen: dict[str, Story] = {}
    for story in description.shown_stories:
        page = story.link.strip().rstrip("/")
        if not page or story.kind == "notice":
            continue
        first = seen.setdefault(page, story)
        if first.key != story.key:
            # Either of the two may be the wrong one.
            yield from (Found(place_of(one), story.link) for one in (first, story))


def stories_sent_before(description: Description) -> Iterator[Found]:
    """Stories that readers got in an earlier edition."""
    for story in description.shown_stories:
        if edition := description.sent_before.get(story.key):
            yield Found(place_of(story), edition)


def empty_section(description: Description) -> Iterator[Found]:
    """Headings that no reader sees, because nothing stands under them."""
    content = description.content
    seen = set(story_selection.visible_blocks(content, None))
    if not seen:
        # The newsletter's rules give nobody this edition.
        return
    for block in content.blocks:
        if block.kind == "heading" and block not in seen:
            yield Found(place_of_block(content, block), _names(block.countries))


def _names(countries: Iterable[str]) -> str:
    names = ", ".join(localization.country_name(code, "en") for code in countries)
    return stored("Countries: %(countries)s", countries=names) if names else ""


def no_readers(description: Description) -> Iterator[Found]:
    """An edition that nobody gets."""
    if not description.readers:
        yield Found(Place("newsletter", "", description.content.masthead.name))


def story_without_readers(description: Description) -> Iterator[Found]:
    """Stories that none of the readers sees, by their countries and the newsletter's rules."""
    if not description.readers:
        return
    selector = story_selection.Selector(description.content)
    choices = {one.countries for one in description.readers}
    seen = {key for countries in choices for key in selector.select(countries).stories}
    for story in description.shown_stories:
        if story.key not in seen:
            yield Found(
                place_of(story), ", ".join(localization.country_name(code, "en") for code in story.countries)
            )


def country_without_readers(description: Description) -> Iterator[Found]:
    """Countries of the newsletter that none of the readers chose."""
    if not description.readers or any(not one.countries for one in description.readers):
        return
    chosen = {country for one in description.readers for country in one.countries}
    for code in description.content.masthead.countries:
        if code not in chosen:
            yield Found(Place("newsletter", "", description.content.masthead.name), _names((code,)))


def invalid_theme(description: Description) -> Iterator[Found]:
    """Values of the theme that are ignored."""
    for name, value in description.content.masthead.theme:
        if reason := theme.token_error(name, value):
            yield Found(Place("newsletter", "", stored("Design")), reason)


def low_contrast(description: Description) -> Iterator[Found]:
    """Colours whose text is tiring to read, in the light or in the dark."""
    return _contrasts(description, UNREADABLE, theme.MIN_CONTRAST)


def unreadable_colours(description: Description) -> Iterator[Found]:
    """Colours whose text many cannot read, in the light or in the dark."""
    return _contrasts(description, 0, UNREADABLE)


def _contrasts(description: Description, least: float, below: float) -> Iterator[Found]:
    for pair in theme.low_contrasts(dict(description.content.masthead.theme)):
        if least <= pair.ratio < below:
            mode = (
                stored("Design, colours in dark mode")
                if pair.front.startswith("dark_")
                else stored("Design, colours in light mode")
            )
            detail = stored(
                "“%(front)s” on “%(back)s” has a contrast of %(ratio)s:1",
                front=theme.colour_use(pair.front),
                back=theme.colour_use(pair.back),
                ratio=f"{pair.ratio:.1f}",
            )
            yield Found(Place("newsletter", "", mode), detail)


def languages_without_story_texts(description: Description) -> Iterator[Found]:
    """Languages whose readers see no text of their own: everything is shown in another language."""
    written = {
        text.language for story in description.shown_stories for text in story.texts if text.headline.strip()
    }
    for code in languages_read_or_written(description):
        if code not in written and written:
            yield Found(Place("edition", "", stored("Edition"), code))

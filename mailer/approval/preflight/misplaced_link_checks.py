"""Finds links that belong to another story or to another language than the one in which they stand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from mailer.approval.preflight.check_input import Description, Link, place_of
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import LANGUAGES

_STEM = 4
_LEAST_LETTERS, _ENOUGH = 12, 3
# How addresses name a language beside its code.
_CODES = {"kz": "kk", "kg": "ky", "tj": "tg", "tm": "tk", "rus": "ru", "eng": "en", "kaz": "kk", "uzb": "uz"}


def link_of_other_story(description: Description) -> Iterator[Found]:
    """Links within a text that lead to the page of another story, of which their words say nothing."""
    pages = {one.link.strip().rstrip("/"): one.key for one in description.shown_stories if one.link.strip()}
    words: dict[tuple[str, str], set[str]] = defaultdict(set)
    for text in description.texts:
        words[text.place.key, text.language] |= _stems(text.plain)
    own = {one.key: one.link.strip() for one in description.shown_stories}
    for link in description.anchors:
        key = pages.get(link.url.rstrip("/"), "")
        if (
            link.place.kind != "story"
            or not key
            or key in (link.place.key, "")
            or link.url == own.get(link.place.key)
        ):
            continue
        said = _stems(link.words)
        there, here = words[key, link.place.language], words[link.place.key, link.place.language] - said
        if said and not said & there and (said & here or len(said) > 1):
            yield Found(link.place, f"{link.words}: {link.url}")
    yield from _labels(description)


def _stems(plain: str) -> set[str]:
    return {one[:_STEM] for one in re.findall(r"[^\W\d_]{4,}", plain.casefold())}


def _labels(description: Description) -> Iterator[Found]:
    """Labels that one language has for two stories, while the others have two."""
    stories = [one for one in description.shown_stories if one.link.strip()]
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for story in stories:
        for text in story.texts:
            labels[text.language][story.key] = " ".join(text.link_label.casefold().split())
    links = {one.key: one.link for one in stories}
    for language, by_story in labels.items():
        seen: dict[str, str] = {}
        for story in stories:
            label = by_story.get(story.key, "")
            first = seen.setdefault(label, story.key)
            is_long = sum(map(str.isalpha, label)) >= _LEAST_LETTERS
            if (
                is_long
                and first != story.key
                and links[first] != story.link
                and _differ(labels, language, first, story.key)
            ):
                yield Found(place_of(story, language), label)


def _differ(labels: Mapping[str, Mapping[str, str]], language: str, one: str, other: str) -> bool:
    """Whether the other languages have two labels for the two stories."""
    pairs = [(found.get(one), found.get(other)) for code, found in labels.items() if code != language]
    return bool(pairs) and all(first and second and first != second for first, second in pairs)


def link_in_other_language(description: Description) -> Iterator[Found]:
    """Addresses that name another language, where those of all others name their own: "/ru/" in Uzbek."""
    links: dict[tuple[str, str, str], dict[str, Link]] = defaultdict(dict)
    for link in description.anchors:
        if link.place.language in LANGUAGES and (found := _segment(link.url)):
            links[link.place.kind, link.place.key, found[0]].setdefault(link.place.language, link)
    for by_language in links.values():
        named = {code: (_segment(link.url) or ("", ""))[1] for code, link in by_language.items()}
        right = [code for code, name in named.items() if name == code]
        for code, name in named.items():
            if name != code and len(right) >= max(_ENOUGH, len(named) - 2):
                yield Found(by_language[code].place, by_language[code].url)


def _segment(url: str) -> tuple[str, str] | None:
    """(the address without its part that names a language, that language); None: there is no such part."""
    parts = urlsplit(url)
    pieces = parts.path.split("/")
    for at, piece in enumerate(pieces):
        name = _CODES.get(piece.lower(), piece.lower())
        if name in LANGUAGES:
            return f"{parts.netloc}{'/'.join((*pieces[:at], '*', *pieces[at + 1 :]))}", name
    return None

"""Checks of translations that were pasted in part: fewer paragraphs, links or letters than the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from mailer.approval.preflight.check_input import Description, Place, Text, place_of, place_of_block
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import LANGUAGES
from mailer.approval.preflight.translation_fact_checks import language_versions
from subscribers.translate_stored_texts import stored

# How many letters a language needs for what takes a hundred in the median of all seven, in clean stories.
_LENGTHS = {"en": 93, "ru": 93, "kk": 99, "ky": 100, "tg": 102, "uz": 103, "tk": 105}
# A translation is short below these shares of what is expected: of a few sentences, and of many. Clean
# stories vary between 75 and 120 per cent.
_SHORT, _SHORT_OF_LONG = 0.6, 0.7
_LEAST_LETTERS, _LONG = 90, 200
# All texts of a story together, of which headlines and labels vary more.
_SHORT_OF_ALL, _LEAST_OF_ALL = 0.55, 120
# What this many other languages have is missing where it is not.
_ENOUGH = 3
_QUOTATION = re.compile(r"[«“„\"][^«»“”„\"]{25,}[»”“\"]")
_PARAGRAPH = re.compile(r"<(?:p|h[2-4]|blockquote)\b[^>]*>(?=[^<]|<(?!/))")
_ITEM, _LINK = re.compile(r"<li\b"), re.compile(r"<a\s[^>]*href")
_END = re.compile(r"[.!?…»”\")\]]\s*$")
_OPEN = re.compile(r"[^\W_]\s*$")


@dataclass(frozen=True)
class _Version:
    """One field of a story or block in one language."""

    place: Place
    markup: str
    plain: str

    @property
    def letters(self) -> int:
        return _letters(self.plain)


def shorter_translations(description: Description) -> Iterator[Found]:
    """Translations with fewer paragraphs, items, links or letters than the others, or without a quotation."""
    reported = set()
    for languages in _fields(description):
        for code, own in languages.items():
            others = {language: one for language, one in languages.items() if language != code}
            if reason := _lacking(own, code, others):
                reported.add(own.place)
                yield Found(own.place, reason)
    for found in _shorter_in_all(description):
        if found.place not in reported:
            yield found


def _fields(description: Description) -> Iterator[Mapping[str, _Version]]:
    """Each summary, body and text of the editors', by its languages."""
    texts = {(one.place, one.field): one for one in description.texts}
    for story in description.shown_stories:
        for name in ("summary", "body"):
            yield _versions(
                [
                    (text.language, place_of(story, text.language), getattr(text, name))
                    for text in story.texts
                ],
                name,
                texts,
            )
    for block in description.content.blocks:
        if block.kind in ("text", "note", "quote"):
            rows = [
                (one.language, place_of_block(description.content, block, one.language), one.text)
                for one in block.texts
            ]
            yield _versions(rows, block.kind, texts)


def _versions(
    rows: Sequence[tuple[str, Place, str]], field: str, texts: Mapping[tuple[Place, str], Text]
) -> Mapping[str, _Version]:
    return {
        language: _Version(place, markup, text.plain)
        for language, place, markup in rows
        if language in LANGUAGES and (text := texts.get((place, field)))
    }


def _lacking(own: _Version, code: str, others: Mapping[str, _Version]) -> str:
    """What a version lacks beside the others; empty: nothing, or the others do not agree."""
    if len(others) < _ENOUGH:
        return ""
    for pattern, text in (
        (_PARAGRAPH, stored("A paragraph or list item is missing in this translation.")),
        (_ITEM, stored("A paragraph or list item is missing in this translation.")),
        (_LINK, stored("A link is missing in this translation.")),
    ):
        counts = [len(pattern.findall(one.markup)) for one in others.values()]
        if _is_fewer(len(pattern.findall(own.markup)), counts):
            return text
    expected = median(_expected(one.letters, language, code) for language, one in others.items())
    share = _SHORT_OF_LONG if expected >= _LONG else _SHORT
    least = min(one.letters for one in others.values())
    if expected >= _LEAST_LETTERS and own.letters < min(least, share * expected):
        return stored(
            "%(count)s letters; the texts in the other languages have %(usual)s",
            count=own.letters,
            usual=round(expected),
        )
    return ""


def _is_fewer(count: int, others: Sequence[int]) -> bool:
    """Whether all others have more: the same number, or at least half as many again."""
    return count < min(others) and (len(set(others)) == 1 or count * 1.5 <= min(others))


def _expected(letters: int, language: str, own: str) -> float:
    return letters * _LENGTHS[own] / _LENGTHS[language]


def _shorter_in_all(description: Description) -> Iterator[Found]:
    """Stories and blocks whose texts together are much shorter than in all other languages."""
    for languages in language_versions(description):
        for code, own in languages.items():
            others = [one for language, one in languages.items() if language != code]
            if len(others) < _ENOUGH:
                continue
            usual = median(_letters(one.plain) for one in others)
            least = min(_letters(one.plain) for one in others)
            lines = {one.plain.count("\n") for one in others}
            if usual >= _LEAST_OF_ALL and _letters(own.plain) < min(least, _SHORT_OF_ALL * usual):
                yield Found(
                    own.place,
                    stored(
                        "%(count)s letters; the texts in the other languages have %(usual)s",
                        count=_letters(own.plain),
                        usual=round(usual),
                    ),
                )
            elif len(lines) == 1 and own.plain.count("\n") < min(lines):
                yield Found(own.place, stored("A paragraph or list item is missing in this translation."))
            elif not _QUOTATION.search(own.plain) and all(_QUOTATION.search(one.plain) for one in others):
                yield Found(own.place, stored("The quotation is missing in this translation."))


@lru_cache(maxsize=2_000)
def _letters(plain: str) -> int:
    return sum(map(str.isalpha, plain))


def unfinished_last_sentence(description: Description) -> Iterator[Found]:
    """Texts whose last sentence has no end, where those of all other languages have one."""
    for languages in _fields(description):
        for code, own in languages.items():
            others = [one for language, one in languages.items() if language != code]
            is_open = _OPEN.search(own.plain) and own.letters > 1
            if len(others) > 1 and is_open and all(_END.search(one.plain) for one in others):
                yield Found(own.place, f"…{own.plain.rstrip()[-30:]}")

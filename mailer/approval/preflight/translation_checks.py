"""Checks of one language beside the others: what is not translated, not wholly, or in other letters."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mailer.approval.preflight.check_input import (
    Description,
    Place,
    Text,
    excerpt,
    place_of,
    place_of_block,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering import language_detection, localization
from mailer.rendering.edition_text_parts import written_texts_by_meaning
from subscribers.translate_stored_texts import stored

# Texts that are different in each language: others may be names.
_TRANSLATED = frozenset(
    (
        *("headline", "summary", "body", "link_label", "heading", "text", "quote", "video_title", "button"),
        *("caption", "note", "alt", "picture_alt", "tagline", "quoted_person", "signature", "figures"),
        "venue",
    )
)
# Texts without which a translation is not whole. The others have a default or a check of their own.
_WHOLE = frozenset(
    (
        *("summary", "body", "venue", "quoted_person", "photographer", "signature", "caption"),
        *("quote", "video_title"),
    )
)
_LEAST_LETTERS, _LEAST_OF_ONE_WORD = 12, 5
_CYRILLIC, _LATIN = re.compile("[\u0400-\u052f]"), re.compile("[A-Za-z\u00c0-\u024f]")


def languages_read_or_written(description: Description) -> tuple[str, ...]:
    """The newsletter's languages in which a subscriber gets it, or in which one of its stories is written.

    The others are offered, and no subscriber reads them yet. Without any subscriber, all are in use.
    """
    head = description.content.masthead
    if not description.readers:
        return head.languages
    used = {text.language for story in description.shown_stories for text in story.texts if text.headline}
    used.update(
        localization.resolve_language(reader.language, head.languages, head.fallbacks)
        for reader in description.readers
    )
    return tuple(code for code in head.languages if code in used)


def missing_translations(description: Description) -> Iterator[Found]:
    """Languages whose readers see a text in another language, by text; not those that are not used yet."""
    content = description.content
    languages = languages_read_or_written(description)
    for story in description.shown_stories:
        written = {one.language for one in story.texts if one.headline.strip()}
        yield from _missing(languages, written, place_of(story))
    for block in content.blocks:
        if written := {one.language for one in block.texts if written_texts_by_meaning(block, one)}:
            yield from _missing(languages, written, place_of_block(content, block))
    if written := {one.language for one in content.subjects if one.subject.strip()}:
        yield from _missing(languages, written, Place("subject", "", stored("Subject")))
    if written := {one.language for one in content.masthead.taglines if one.text.strip()}:
        yield from _missing(languages, written, Place("newsletter", "", stored("Tagline")))


def _missing(languages: Iterable[str], written: set[str], place: Place) -> Iterator[Found]:
    lacking = [localization.name_in_english(code) for code in languages if code not in written]
    if lacking:
        yield Found(place, stored("There is no text in: %(languages)s", languages=", ".join(lacking)))


def incomplete_languages(description: Description) -> Iterator[Found]:
    """Languages that lack texts, where the newsletter sends complete translations only."""
    for language, number in description.incomplete_languages:
        yield Found(
            Place("translations", "", stored("Translations"), language),
            stored("Untranslated texts: %(number)s", number=number),
        )


def outdated_translations(description: Description) -> Iterator[Found]:
    """Translations of a text that was changed since."""
    return map(Found, description.old_translations)


def languages_without_translation_catalogue(description: Description) -> Iterator[Found]:
    """Languages without a catalogue: "Read more" and the footer are in English there."""
    for code in description.content.masthead.languages:
        if code not in localization.shipped_languages():
            yield Found(Place("newsletter", "", description.content.masthead.name, code))


def fields_missing_in_one_translation(description: Description) -> Iterator[Found]:
    """Translations that lack what every other language of the story or block has."""
    for languages in _by_part(description).values():
        fields = [{one.field for one in texts} & _WHOLE for texts in languages.values()]
        for texts in languages.values() if len(languages) > 2 else ():
            own = {one.field for one in texts}
            if lacking := {field for field in set().union(*fields) - own if _others_have(field, fields)}:
                yield Found(texts[0].place, ", ".join(map(_named, sorted(lacking))))


def _others_have(field: str, fields: list[set[str]]) -> bool:
    return sum(field in one for one in fields) == len(fields) - 1


def _named(field: str) -> str:
    return field.replace("_", " ")


def same_in_languages(description: Description) -> Iterator[Found]:
    """A text that two languages share: it was copied, and not translated."""
    for languages in _by_part(description).values():
        first: dict[tuple[str, str], str] = {}
        for language, texts in languages.items():
            for text in texts:
                for phrase in _phrases(text):
                    known = first.setdefault((text.field, " ".join(phrase.casefold().split())), language)
                    if known != language and not _is_reported(text, known):
                        yield Found(text.place, excerpt(phrase))


def _phrases(text: Text) -> list[str]:
    """The text; of figures each label."""
    if text.field not in _TRANSLATED:
        return []
    labels = [line.partition("|")[2] for line in text.plain.splitlines()]
    return list(filter(_is_a_phrase, labels if text.field == "figures" else [text.plain]))


def _is_a_phrase(plain: str) -> bool:
    """Whether it has some words, and is no name: names have capitals."""
    words = re.findall(r"[^\W\d_]+", plain)
    return sum(map(len, words)) >= _LEAST_LETTERS and sum(word.islower() for word in words) >= 1 < len(words)


def _is_reported(text: Text, other: str) -> bool:
    """Whether character_and_language_checks reports one of the two, because the language is certain."""
    return bool(
        language_detection.contradicting_language(text.plain, text.language)
        or language_detection.contradicting_language(text.plain, other)
    )


def cyrillic_among_latin_texts(description: Description) -> Iterator[Found]:
    """Texts in Cyrillic letters, where the others of the language are in Latin ones."""
    by_language: dict[str, Counter[str]] = defaultdict(Counter)
    for text in description.texts:
        by_language[text.language].update(_scripts(text.plain))
    for text in description.texts:
        own, usual = _scripts(text.plain), by_language[text.language]
        is_long = own["Cyrl"] >= (max(_LEAST_LETTERS, 9 * own["Latn"]) if own["Latn"] else _LEAST_OF_ONE_WORD)
        is_other = is_long and usual["Latn"] > 4 * usual["Cyrl"]
        if is_other and not language_detection.contradicting_language(text.plain, text.language):
            yield Found(text.place, excerpt(text.plain))


@lru_cache(maxsize=4_000)
def _scripts(plain: str) -> Counter[str]:
    return Counter(Cyrl=len(_CYRILLIC.findall(plain)), Latn=len(_LATIN.findall(plain)))


def _by_part(description: Description) -> dict[tuple[str, str, str], dict[str, list[Text]]]:
    """The texts of each story, block and other place by language."""
    found: dict[tuple[str, str, str], dict[str, list[Text]]] = defaultdict(lambda: defaultdict(list))
    for text in description.texts:
        if text.language and text.place.kind in ("story", "block", "newsletter"):
            label = text.place.label if text.place.kind == "newsletter" else ""
            found[text.place.kind, text.place.key, label][text.language].append(text)
    return found

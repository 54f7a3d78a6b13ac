"""Finds subjects and preview texts of what is nowhere in the edition, or what some readers do not get."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache

from mailer.approval.preflight import place_names
from mailer.approval.preflight.check_input import Description, Place, Text, excerpt
from mailer.approval.preflight.date_checks import month_names
from mailer.approval.preflight.edition_month_and_event_time_checks import wrong_number_or_month_in_subject
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import LANGUAGES
from mailer.rendering import language_detection, localization, story_selection
from mailer.rendering.data_types import Content, Subject
from subscribers import iso_codes
from subscribers.translate_stored_texts import stored

_CYRILLIC = re.compile("[\u0400-\u052f]{3}")
_STEM = 5
# A subject with fewer words says too little to be of another story; of four, one may be there by chance.
_LEAST_STEMS, _BY_CHANCE = 3, 4
# Words that every newsletter uses of itself.
_GENERAL = re.compile(
    r"news|stor(?:y|ies)|month|week|year|edition|issue|digest|region|новост|истори|месяц|недел|выпуск|дайджест|регион"
    r"|жаңалы|жаңылы|айдың|айдын|шығар|чыгар|аймақ|аймак|өңір|хабар|шумора|минтақ|yangil|mintaq|habar|sebit|goýber"
    r"|which|where|their|there|about|почем|каким|котор|когда|қалай|неліктен|кантип|эмнег|тавр|qanda|nädip|näme|nähil",
)
# "New" says something of a story in every language, also where it is as short as an article.
_COMMON = language_detection.SMALL_WORDS - {"new", "жаңа", "жаңы", "нав", "yangi", "täze"}


def subject_of_no_story(description: Description) -> Iterator[Found]:
    """Subjects none of whose words any text of their language has, or with a place that no text names."""
    reported = {one.place for one in wrong_number_or_month_in_subject(description)}
    # The email prints them above the stories.
    shown = {country for story in description.content.stories for country in story.countries}
    for text in description.texts:
        is_read = text.language in LANGUAGES and text.place not in reported
        if text.field not in ("subject", "preheader") or not is_read:
            continue
        others = "\n".join(
            one.plain
            for one in description.texts
            if one.place.kind != "subject" and one.language in (text.language, "")
        )
        if not others.strip() or not any(
            one.field == "headline" and one.language == text.language for one in description.texts
        ):
            continue
        if bool(_CYRILLIC.search(text.plain)) != bool(_CYRILLIC.search(others)):
            # It is in other letters, which another check reports.
            continue
        known = _stems(others)
        own = {one for one in _stems(text.plain) if not _GENERAL.match(one)}
        own -= {name[:_STEM] for name in month_names(text.language)}
        if (
            text.field == "subject"
            and len(own) >= _LEAST_STEMS
            and len(own & known) <= len(own) // _BY_CHANCE
        ):
            yield Found(text.place, excerpt(text.plain))
        elif missing := _missing_place(text, others, shown):
            yield Found(text.place, missing)


def subject_story_not_for_all_readers(description: Description) -> Iterator[Found]:
    """Subjects that name a story which some of the subscribers who see them do not get."""
    content = description.content
    written = [one for one in content.subjects if one.subject.strip()]
    named = _stories_in_subjects(content, written)
    if not named:
        return
    head, selector = content.masthead, story_selection.Selector(content)
    lacking: dict[tuple[str, str], list[str]] = defaultdict(list)
    for reader in description.readers:
        shown = selector.select(reader.countries).stories
        own = localization.resolve_language(reader.language, head.languages, head.fallbacks)
        subject = localization.choose_text_or_first(written, own, head.fallbacks)
        for language, key in named if shown else ():
            if subject and subject.language == language and key not in shown:
                lacking[language, key].extend(reader.countries)
    for (language, key), headline in named.items():
        found = set(lacking[language, key])
        if countries := sorted(found.intersection(head.countries) or found):
            yield Found(
                Place("subject", "", stored("Subject"), language),
                stored(
                    "“%(headline)s” is not shown to readers in: %(countries)s",
                    headline=excerpt(headline),
                    countries=iso_codes.country_names(countries, "en"),
                ),
            )


def _stories_in_subjects(content: Content, written: Sequence[Subject]) -> dict[tuple[str, str], str]:
    """Headlines of the stories that subjects name, by the subject's language and the story's key.

    A subject names a story when it shares two telling words with its headline in that language, or all of
    them when there are fewer. Where the subject of another language names the story, one such word is enough:
    it says the same with fewer or shorter words.
    """
    found: dict[tuple[str, str], str] = {}
    for story in content.stories:
        headlines = {text.language: text.headline for text in story.texts}
        shared: dict[str, int] = {}
        named = False
        for subject in written:
            ordinary = _telling_words(f"{content.masthead.name} {content.title(subject.language)}")
            telling = _telling_words(headlines.get(subject.language, "")) - ordinary
            shared[subject.language] = len(telling & (_telling_words(subject.subject) - ordinary))
            named = named or (bool(telling) and shared[subject.language] >= min(2, len(telling)))
        if named:
            found |= {(code, story.key): headlines[code] for code, number in shared.items() if number}
    return found


@lru_cache(maxsize=2_000)
def _telling_words(text: str) -> frozenset[str]:
    """The beginnings of the words, because endings change; without those that nearly every sentence has."""
    words = re.findall(r"[^\W\d_]{3,}", text.casefold())
    return frozenset(word[:_STEM] for word in words if word not in _COMMON and not _GENERAL.match(word))


@lru_cache(maxsize=2_000)
def _stems(plain: str) -> frozenset[str]:
    return frozenset(one[:_STEM] for one in re.findall(r"[^\W\d_]{5,}", plain.casefold()))


def _missing_place(text: Text, others: str, shown: Collection[str]) -> str:
    """A country or city that the subject names and no text does; empty: none. `shown`: of stories."""
    for country, pattern in _places(text.language):
        found = pattern.search(text.plain)
        if found and country not in shown and not pattern.search(others):
            return found[0]
    return ""


@cache
def _places(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(country, its name); for a city the country is empty."""
    cities = (("", pattern) for _country, pattern in place_names.city_patterns(language).values())
    return (*place_names.country_patterns(language).items(), *cities)

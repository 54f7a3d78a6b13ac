"""Checks of names: countries and cities, people in several languages, titles, the story's countries."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from mailer.approval.preflight import place_names
from mailer.approval.preflight.check_input import Description, Text, excerpt, place_of, place_of_block
from mailer.approval.preflight.edit_distance import edit_distance
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.person_name_variants import (
    Person,
    consonant_skeleton,
    find_variant,
    full_names_with_regional_endings,
    persons_in,
)
from mailer.approval.preflight.placeholder_checks import placeholder_in
from mailer.approval.preflight.translation_fact_checks import Version, language_versions
from mailer.rendering import localization
from mailer.rendering.data_types import Block
from subscribers.translate_stored_texts import stored

_TITLE_TWICE = re.compile(
    r"(?<!\w)(?:(?P<title>Mr|Ms|Mrs|Dr|Prof|Amb|г-н|г-жа|господин|госпожа|мырза|ханым|ҷаноб|janob|"
    r"jenap)\.?\s+"
    r"(?:(?P=title)\.?\s)|(?:Mr|Ms|Mrs)\.?\s+(?:Mr|Ms|Mrs)\.?\s|(?:Mr|Ms|Mrs|Dr)\.?\s*\(\?\)|"
    r"\bг-[нж]а?/г-жа\b)"
)
_CITY_AND_COUNTRY = re.compile(r"^\s*(?:,|\()\s*(?P<after>[^\W\d_][\w‘ʻ’'`ʼ-]*)")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_SECOND_NAME = re.compile(r"[^\W\d_a-zа-яё][^\W\d_]{2,}\s(?P<second>[^\W\d_a-zа-яё][^\W\d_]{2,})")
_OF_A_WOMAN = re.compile(r"(?:ов|ев|ин|ov|ev|in|ow|ew)[аa]")
# Beginnings of what follows a Turkmen dative: thanks, calls, letters, gifts.
_GIVEN_TO = "sag bolsun|minnetdar|jaň|ýaz|ýüz tut|ber|gowşur|tabşyr|kömek|garşy|degişli|çenli"
_REGION = ("KZ", "KG", "TJ", "TM", "UZ")
# A placeholder or a slip where a person's name begins with a small letter.
_SMALL_NAME = re.compile(r"^[^\W\d_]+(?:,|$)")


@check_each_text
def outdated_or_misspelt_names(text: Text) -> Iterator[Found]:
    """Outdated and misspelt names of countries, cities and organisations."""
    for pattern, right in place_names.wrong_form_patterns(text.language.partition("-")[0]):
        if found := pattern.search(text.plain):
            yield Found(text.place, f"{found[0]} → {right}")
            break


@check_each_text
def city_of_another_country(text: Text) -> Iterator[Found]:
    """ "Bishkek, Kazakhstan": a city with a country that it is not in."""
    language = text.language.partition("-")[0]
    for country, pattern in place_names.city_patterns(language).values():
        for found in pattern.finditer(text.plain):
            after = _CITY_AND_COUNTRY.match(text.plain[found.end() :])
            named = next(
                (
                    code
                    for code, one in place_names.country_patterns(language).items()
                    if after and one.fullmatch(after["after"])
                ),
                country,
            )
            # "Bishkek, Kazakhstan and Osh" is a list.
            if after and named != country and not _is_list(text.plain[found.end() + after.end() :]):
                yield Found(text.place, excerpt(found[0] + after[0]))


def _is_list(rest: str) -> bool:
    return bool(re.match(r"\s*(?:,\s*[^\W\d_]|and\b|и\b|және\b|жана\b|ва\b|va\b|we\b|мен\b|менен\b)", rest))


def places_differ(description: Description) -> Iterator[Found]:
    """Countries and cities that all other languages name, and one does not."""
    for languages in language_versions(description):
        named = {code: _named_places(one, code) for code, one in languages.items()}
        for code, own in languages.items():
            others = [places for language, places in named.items() if language != code]
            if len(others) < 2:
                continue
            missing = frozenset.intersection(*others) - named[code] - _unknown(code)
            missing -= _named_places(own, code, re.IGNORECASE) if missing else frozenset()
            extra = named[code] - set().union(*others)
            # Without another name in its place, it takes more languages to say that it is missing.
            towns = {one for one in extra if len(one) > 2}
            if (missing and (extra or len(others) > 2)) or (towns and len(others) > 2):
                yield Found(own.place, " / ".join(filter(None, (_names(extra), _names(missing)))))


def _named_places(version: Version, language: str, flags: re.RegexFlag = re.NOFLAG) -> frozenset[str]:
    """The places that a text names; with IGNORECASE, also as adjectives: "samarqandlik"."""
    return _places_in(version.plain, language, flags)


@lru_cache(maxsize=1_000)
def _places_in(plain: str, language: str, flags: re.RegexFlag) -> frozenset[str]:
    patterns = {
        **place_names.country_patterns(language),
        **{name: one for name, (_, one) in place_names.city_patterns(language).items()},
    }
    found = (name for name, one in patterns.items() if re.search(one.pattern, plain, flags))
    return frozenset(found)


def _unknown(language: str) -> set[str]:
    return {"Dushanbe"} - set(place_names.city_patterns(language))


def _names(places: Collection[str]) -> str:
    return ", ".join(sorted(localization.country_name(one, "en") if len(one) == 2 else one for one in places))


def person_names_differ(description: Description) -> Iterator[Found]:
    """Names of people that differ between languages, within one language, or of those who are quoted."""
    yield from person_spelling_differs_across_languages(description)
    yield from quoted_person_differs(description)


def person_spelling_differs_across_languages(description: Description) -> Iterator[Found]:
    """Names of people of which one part is another in one language than in the others, or within it."""
    for languages in language_versions(description):
        names = {code: full_names_with_regional_endings(one.plain) for code, one in languages.items()}
        for code, own in languages.items():
            others = [found for language, found in names.items() if language != code]
            if wrong := _changed_name(names[code], others) or _other_gender(code, own.plain, names):
                yield Found(own.place, wrong)
    yield from _two_spellings(description)


def quoted_person_differs(description: Description) -> Iterator[Found]:
    """A quoted person or a photographer who has another name in one language than in the others."""
    for block in description.content.blocks:
        if block.kind not in ("quote", "picture"):
            continue
        names = {
            text.language: _first_name(text.detail)
            for text in block.texts
            if _first_name(text.detail) and not placeholder_in(text.detail)
        }
        for code, own in names.items():
            others = [name for language, name in names.items() if language != code]
            alike = sum(_same(one, two) for one in others for two in others) - len(others)
            if (
                len(others) >= 2
                and alike == len(others) * (len(others) - 1)
                and not any(_same(own, one) for one in others)
            ):
                yield Found(place_of_block(description.content, block, code), f"{own} / {others[0]}")
        yield from _other_family(description, block)


def _other_family(description: Description, block: Block) -> Iterator[Found]:
    """A second name that one language has otherwise than all others: "Aidar Bekov", "Aidar Bekenov"."""
    names = {text.language: _SECOND_NAME.match(text.detail.strip()) for text in block.texts}
    second = {code: found["second"] for code, found in names.items() if found}
    for code, own in second.items():
        others = [name for language, name in second.items() if language != code]
        alike = all(consonant_skeleton(one) == consonant_skeleton(others[0]) for one in others)
        if len(others) > 2 and alike and consonant_skeleton(own) != consonant_skeleton(others[0]):
            yield Found(place_of_block(description.content, block, code), f"{own} / {others[0]}")


def _first_name(detail: str) -> str:
    found = re.match(r"[^\W\d_]{3,}", detail.strip())
    return found[0] if found and found[0].istitle() else ""


def flag_of_other_country(description: Description) -> Iterator[Found]:
    """The flag of a country that its story does not concern."""
    for story in description.shown_stories:
        for text in story.texts:
            for found in _FLAG.findall(f"{text.headline} {text.summary} {text.body}"):
                code = "".join(chr(ord(one) - 0x1F1E6 + ord("A")) for one in found)
                if story.countries and code not in story.countries:
                    yield Found(place_of(story, text.language), localization.country_name(code, "en"))


def _changed_name(own: Sequence[tuple[str, str]], others: Sequence[Sequence[tuple[str, str]]]) -> str:
    """A name of which most other languages have one part, but not the other."""
    for given, family in own:
        same = [name for names in others for name in names if _same(given, name[0]) or _same(family, name[1])]
        agree = [name for name in same if _same(given, name[0]) and _same(family, name[1])]
        if same and not agree and (len(others) == 1 or len(same) > len(others) / 2):
            return f"{given} {family} / {' '.join(same[0])}"
    return ""


def _other_gender(code: str, plain: str, names: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """A family name of a man where all others have that of a woman, or the reverse; Russian declines both."""
    for given, family in names[code] if code != "ru" else ():
        others = [
            name
            for language, found in names.items()
            if language not in (code, "ru")
            for name in found
            if _same(given, name[0]) and _same(family, name[1])
        ]
        is_woman, are_women = (
            bool(_OF_A_WOMAN.search(family)),
            {bool(_OF_A_WOMAN.search(one[1])) for one in others},
        )
        if len(others) > 1 and are_women == {not is_woman} and not _is_dative(code, plain, given, family):
            return f"{given} {family} / {' '.join(others[0])}"
    return ""


def _is_dative(code: str, plain: str, given: str, family: str) -> bool:
    """Whether the Turkmen name of a man stands for whom something is done: "Bakyt Toktogulowa jaň ediň"."""
    name = rf"{re.escape(given)}\s{re.escape(family)}"
    given_to = rf"jenap\s+{name}|{name}(?:\s\([^)]*\))?,?(?:\s\w+)?\s(?:{_GIVEN_TO})"
    return code == "tk" and family.endswith("a") and bool(re.search(given_to, plain, re.IGNORECASE))


def _same(one: str, other: str) -> bool:
    """Whether two words may be one name, in two alphabets or with endings."""
    first, second = sorted((consonant_skeleton(one), consonant_skeleton(other)), key=len)
    return bool(first) and second.startswith(first[: max(2, len(first) - 1)])


def _two_spellings(description: Description) -> Iterator[Found]:
    """One person with two spellings in one language: "Dilnoza Karimova" and "Dilnosa Karimova"."""
    known: dict[str, dict[Person, None]] = {}
    for text in description.texts:
        seen = known.setdefault(text.language, {})
        for person in persons_in(text.plain, text.language.partition("-")[0]):
            if person not in seen and (other := find_variant(person, seen)):
                yield Found(text.place, f"{person.written} / {other.written}")
            seen[person] = None


@check_each_text
def faulty_titles_or_lower_case_names(text: Text) -> Iterator[Found]:
    """Titles that stand twice or are open: "Mr. Mr.", "Mr. (?)"; and persons without a capital letter."""
    if found := _TITLE_TWICE.search(text.plain):
        yield Found(text.place, excerpt(found[0]))
    elif (
        text.field in ("quoted_person", "photographer")
        and (small := _SMALL_NAME.match(text.plain.strip()))
        and small[0][0].islower()
        and "," in small[0]
    ):
        yield Found(text.place, excerpt(text.plain))


def story_of_another_country(description: Description) -> Iterator[Found]:
    """Stories that name one of the newsletter's countries in every language, but none of their own."""
    own_countries = (*description.content.masthead.countries, *_REGION)
    for story in description.shown_stories:
        named = []
        for text in story.texts:
            language = text.language.partition("-")[0]
            plain = f"{text.headline}\n{text.summary}\n{text.body}\n{text.venue}"
            named.append(_countries_in(plain, language))
        ours = [found & frozenset(own_countries) for found in named]
        if (
            story.countries
            and ours
            and all(ours)
            and not any(found & set(story.countries) for found in named)
        ):
            others = _names(frozenset[str]().union(*ours))
            yield Found(
                place_of(story), stored("The text names these countries: %(countries)s", countries=others)
            )


@lru_cache(maxsize=1_000)
def _countries_in(plain: str, language: str) -> frozenset[str]:
    found = {code for code, one in place_names.country_patterns(language).items() if one.search(plain)}
    return frozenset(found).union(
        code for code, one in place_names.city_patterns(language).values() if one.search(plain)
    )


def misspelt_newsletter_name(description: Description) -> Iterator[Found]:
    """The newsletter's own name, misspelt: two of its words stand beside one that is nearly the third."""
    for text in description.texts:
        own = _own_names(description).get(text.language) or description.content.masthead.name
        words = own.split()
        if len(words) < 2 or text.field == "newsletter_name" or own.casefold() in text.plain.casefold():
            continue
        written = re.findall(r"[\w‘ʻ’'-]+", text.plain)
        folded, lower = [word.casefold() for word in words], [word.casefold() for word in written]
        for at in range(len(written) - len(words) + 1):
            differing = [part for part, word in enumerate(folded, at) if lower[part] != word]
            if len(differing) != 1 or len(other := written[differing[0]]) <= 3:
                continue
            if edit_distance(words[differing[0] - at], other) <= 2:
                yield Found(text.place, f"{' '.join(written[at : at + len(words)])} / {own}")
                break


def _own_names(description: Description) -> Mapping[str, str]:
    return {one.language: one.name for one in description.content.masthead.texts if one.name}

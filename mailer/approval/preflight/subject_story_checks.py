"""Finds subjects and preview texts that speak of something that is nowhere in the edition."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache

from mailer.approval.preflight import place_names
from mailer.approval.preflight.check_input import Description, Text, excerpt
from mailer.approval.preflight.date_checks import month_names
from mailer.approval.preflight.findings import Found
from mailer.approval.preflight.metadata_mismatch_checks import wrong_edition_number_or_month
from mailer.approval.preflight.stated_facts import LANGUAGES

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


def subject_of_no_story(description: Description) -> Iterator[Found]:
    """Subjects none of whose words any text of their language has, or with a place that no text names."""
    reported = {one.place for one in wrong_edition_number_or_month(description)}
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


def _stems(plain: str) -> set[str]:
    return {one[:_STEM] for one in re.findall(r"[^\W\d_]{5,}", plain.casefold())}


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

"""Checks of the facts of a translation beside the other languages: numbers, dates, names, links."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations

from mailer.approval.preflight.check_input import Description, Place, Text
from mailer.approval.preflight.date_checks import event_summary_date_differs
from mailer.approval.preflight.edition_month_and_event_time_checks import wrong_event_time
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import LANGUAGES, Fact, FactKind, facts_of

# Texts whose facts are compared; figures have a check of their own, pictures are described freely.
_COMPARED = frozenset(
    (
        *(
            "headline",
            "summary",
            "body",
            "venue",
            "subject",
            "preheader",
            "text",
            "note",
            "quote",
            "quoted_person",
        ),
        *("caption", "heading", "button", "link_label", "video_title", "postal_address"),
    )
)
_SURE_KINDS: tuple[FactKind, ...] = ("email", "phone", "month", "time", "currency", "number")
# A fact that this many other languages state is missing where it is not.
_ENOUGH = 3


@dataclass(frozen=True)
class Version:
    """What one language of a story, block or subject says."""

    place: Place
    plain: str
    facts: tuple[Fact, ...]

    @cached_property
    def _readings(self) -> frozenset[str]:
        return frozenset().union(*(own.readings for own in self.facts))

    def states(self, fact: Fact) -> bool:
        """Whether a fact of another language is here, too."""
        return not self._readings.isdisjoint(fact.readings)


def language_versions(description: Description) -> Sequence[Mapping[str, Version]]:
    """The languages of each story, block and subject line that have more than one."""
    return _versions(description.texts)


# Several checks compare the languages of one edition.
@lru_cache(maxsize=2)
def _versions(texts: tuple[Text, ...]) -> Sequence[Mapping[str, Version]]:
    parts: dict[tuple[str, str], dict[str, list[Text]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        # What a newsletter says in every language is its English.
        language = text.language or ("en" if text.place.kind == "newsletter" else "")
        if language in LANGUAGES and text.field in _COMPARED:
            label = text.place.label if text.place.kind in ("newsletter", "subject") else ""
            parts[text.place.kind, text.place.key + label][language].append(text)
    return tuple(
        {code: _version(given, code) for code, given in languages.items()}
        for languages in parts.values()
        if len(languages) > 1
    )


def _version(texts: Sequence[Text], language: str) -> Version:
    plain = "\n".join(one.plain for one in texts)
    return Version(texts[0].place, plain, facts_of(plain, language))


def facts_differ(description: Description) -> Iterator[Found]:
    """A number, date, time, currency or address that every other language states differently."""
    # Dates of events are compared with the event.
    reported = {
        one.place for one in (*event_summary_date_differs(description), *wrong_event_time(description))
    }
    for languages in language_versions(description):
        for code, own in languages.items():
            others = [one for language, one in languages.items() if language != code]
            for kind in _SURE_KINDS:
                missing, extra = _differences(own, others, kind)
                is_one_for_one = len(missing) == len(extra) and _same_number_of(own, others, kind)
                if (
                    missing
                    and is_one_for_one
                    and own.place not in reported
                    and (len(others) > 1 or _is_later(languages, code))
                ):
                    yield Found(own.place, f"{_list(extra)} / {_list(missing)}")
                    break


def _is_later(languages: Mapping[str, Version], code: str) -> bool:
    """Of two languages that contradict each other, the second one is named."""
    return next(iter(languages)) != code


def _same_number_of(own: Version, others: Sequence[Version], kind: FactKind) -> bool:
    """Whether the text has as many facts of the kind as another one, so that each has its counterpart."""
    count = sum(one.kind == kind for one in own.facts)
    return any(sum(one.kind == kind for one in other.facts) == count for other in others)


def facts_left_out(description: Description) -> Iterator[Found]:
    """What all other languages state, and one does not; and numbers that only its headline has."""
    for languages in language_versions(description):
        for code, own in languages.items():
            others = [one for language, one in languages.items() if language != code]
            for kind in _SURE_KINDS:
                missing, extra = _differences(own, others, kind)
                firm = [one for one in missing if not one.is_loose]
                if (
                    len(others) >= _ENOUGH
                    and firm
                    and not (len(missing) == len(extra) and _same_number_of(own, others, kind))
                ):
                    yield Found(own.place, _list(firm))
                    break


def exchanged_texts(description: Description) -> Iterator[Found]:
    """Two stories of which one language has each other's texts: what one lacks, only the other states."""
    stories = [
        one for one in language_versions(description) if next(iter(one.values())).place.kind == "story"
    ]
    left_out = {id(one): {code: _left_out(one, code) for code in one} for one in stories}
    for one, other in permutations(stories, 2):
        for code in one.keys() & other.keys():
            lacking = left_out[id(one)][code]
            beside = [version for language, version in other.items() if language != code]
            if lacking and all(
                other[code].states(fact) and not any(version.states(fact) for version in beside)
                for fact in lacking
            ):
                yield Found(one[code].place, _list(lacking))
                yield Found(other[code].place, _list(lacking))


def _left_out(languages: Mapping[str, Version], code: str) -> list[Fact]:
    """What all other languages state, and this one does not."""
    others = [one for language, one in languages.items() if language != code]
    if len(others) < _ENOUGH:
        return []
    missing = (fact for kind in _SURE_KINDS for fact in _differences(languages[code], others, kind)[0])
    return [fact for fact in missing if not fact.is_loose]


def headline_numbers_not_in_text(description: Description) -> Iterator[Found]:
    """Numbers of a subject that no story has, and of a headline that its text and other languages lack."""
    for text in description.texts:
        if text.field not in ("subject", "preheader", "headline") or text.language not in LANGUAGES:
            continue
        is_headline = text.field == "headline"
        beside = [
            one
            for one in description.texts
            if (
                one.place.key == text.place.key and one != text
                if is_headline
                else one.place.kind != "subject"
            )
            and (one.language == text.language or (is_headline and one.place.kind == "story"))
        ]
        known = {
            reading
            for one in beside
            for fact in facts_of(one.plain, one.language)
            for reading in fact.readings
        }
        known |= {str(description.content.number), *re.findall(r"\d+", description.content.period)}
        for fact in facts_of(text.plain, text.language):
            if (
                fact.kind == "number"
                and not fact.is_loose
                and not fact.readings & known
                and any(one.field == "summary" for one in beside)
            ):
                yield Found(text.place, fact.written)


def _differences(own: Version, others: Sequence[Version], kind: FactKind) -> tuple[list[Fact], list[Fact]]:
    """(what the others agree on and this one lacks, what only this one has), of one kind."""
    missing: list[Fact] = []
    for other in others:
        for fact in other.facts:
            if fact.kind != kind or own.states(fact) or any(fact.readings & one.readings for one in missing):
                continue
            if sum(one.states(fact) for one in others) >= len(others) - (len(others) > _ENOUGH):
                missing.append(fact)
    extra: list[Fact] = []
    for fact in own.facts:
        known = any(one.states(fact) for one in others) or any(fact.readings & one.readings for one in extra)
        if fact.kind == kind and not known:
            extra.append(fact)
    return missing, extra


def _list(facts: Sequence[Fact]) -> str:
    return ", ".join(one.written for one in facts)

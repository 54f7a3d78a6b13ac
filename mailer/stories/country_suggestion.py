"""Suggests the countries of a story by rules: what its source states, and the names in its text.

Names are those of countries, nationalities, regions and cities in seven languages: country names from CLDR,
all others from country_names.toml. Each suggestion has its reasons. A person confirms or corrects it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

from subscribers import iso_codes

Place = Literal["stated", "category", "headline", "lead", "body", "source"]
LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
# What a country or nationality in each place counts, and what each repetition adds.
_WEIGHTS: dict[Place, float] = {"category": 8, "headline": 6, "lead": 3, "body": 1}
# What a city or region counts instead: it says where something happens.
_PLACE_WEIGHTS: dict[Place, float] = {"category": 8, "headline": 8, "lead": 3.5, "body": 1}
_REPEATED = 1.0
# The most that repetitions in one place add.
_MOST_REPEATED = 2.0
_DEFAULT_WEIGHT = 4.0
# A country is suggested when it has more than this share of what the first has.
_SHARE = 0.5
# So many countries of the site are the whole region.
_REGION_FROM = 4
# The words of an edition, or of the sources of a day, are about so many.
_MOST_REMEMBERED = 20_000
# Characters of the text that are its first lines, and those that are read at all.
_LEAD, _READ = 300, 4000
# CLDR names that are common words or first names: Togo ("of that" in Russian), Chad, Mali, Jordan, Guam.
_COMMON_WORDS = frozenset({"TG", "TD", "ML", "GU", "JE", "JO"})


@dataclass(frozen=True)
class Reason:
    """Why a country is suggested."""

    # ISO 3166-1 alpha-2; empty: the whole region.
    country: str
    # The name as the text or the category has it; of a source's default, empty.
    word: str
    place: Place


@dataclass(frozen=True)
class CountrySuggestion:
    # ISO 3166-1 alpha-2, the most likely first. Empty: the whole region, or nothing was found.
    countries: tuple[str, ...] = ()
    # Whether the story concerns the whole region.
    region: bool = False
    reasons: tuple[Reason, ...] = ()
    # Countries that the text names too, and that are not suggested.
    also_named: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return self.region or bool(self.countries)


@dataclass(frozen=True)
class SourceHints:
    """What the source says about countries."""

    # Of every story of the source.
    default: tuple[str, ...] = ()
    # Countries by category, in lower case.
    by_category: Mapping[str, Sequence[str]] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    # Codes or names that the item itself states.
    stated: tuple[str, ...] = ()


def suggest(
    headline: str,
    text: str,
    *,
    language: str = "",
    site: Sequence[str],
    hints: SourceHints = SourceHints(),
) -> CountrySuggestion:
    """The countries of a story by its headline and its text, both plain.

    `language`: of the text, an ISO 639-1 code; empty: unknown. `site`: the countries that readers choose
    from; another one is suggested only where the text names none of them.
    """
    stated = _stated(hints.stated, site)
    if stated is not None:
        return stated
    lead, body = text[:_LEAD], text[_LEAD:_READ]
    found = [*_by_category(hints, site), *_names(headline, "headline", language, site)]
    found += [*_names(lead, "lead", language, site), *_names(body, "body", language, site)]
    return _decide(found, site, hints.default)


def countries_from_code_or_name(name: str) -> tuple[str, ...]:
    """The country that a code or name in one of the seven languages means; none where it is no name."""
    if name.strip().upper() in iso_codes.COUNTRIES:
        return (name.strip().upper(),)
    return tuple(dict.fromkeys(code for one in _names(name, "stated", "", ()) for code in one.countries))


@dataclass(frozen=True)
class _Named:
    """A name in a text."""

    countries: tuple[str, ...]
    region: bool
    word: str
    place: Place
    # A city or region, and no country or nationality.
    is_local: bool = False


def _stated(stated: Iterable[str], site: Sequence[str]) -> CountrySuggestion | None:
    reasons = tuple(
        Reason(code, name.strip(), "stated") for name in stated for code in countries_from_code_or_name(name)
    )
    if not reasons:
        return None
    return CountrySuggestion(tuple(dict.fromkeys(one.country for one in reasons)), False, reasons)


def _by_category(hints: SourceHints, site: Sequence[str]) -> list[_Named]:
    found = []
    for category in hints.categories:
        mapped = hints.by_category.get(category.strip().casefold())
        if mapped is not None:
            found.append(_Named(tuple(mapped), not mapped, category, "category"))
        else:
            found += _names(category, "category", "", site)
    return found


def _decide(found: list[_Named], site: Sequence[str], default: tuple[str, ...]) -> CountrySuggestion:
    scores = _scores(found)
    ours = {code: score for code, score in scores.items() if code in site}
    for code in default:
        if not _is_certain(found, site):
            ours[code] = ours.get(code, 0) + _DEFAULT_WEIGHT
    region = _names_region(found, site)
    if region is not None:
        return CountrySuggestion((), True, (Reason("", region.word, region.place),), tuple(ours))
    candidates = ours or scores
    if not candidates:
        return CountrySuggestion()
    most = max(candidates.values())
    chosen = [code for code, score in candidates.items() if score > most * _SHARE]
    chosen.sort(key=lambda code: -candidates[code])
    reasons = tuple(_reason(code, found) for code in chosen)
    others = tuple(code for code in scores if code not in chosen)
    if len([code for code in chosen if code in site]) >= _REGION_FROM:
        return CountrySuggestion((), True, reasons, others)
    return CountrySuggestion(tuple(chosen), False, reasons, others)


def _is_certain(found: list[_Named], site: Sequence[str]) -> bool:
    """Whether a headline or a category names a country of the site, or the region."""
    return any(
        one.place in ("headline", "category") and (one.region or set(one.countries) & set(site))
        for one in found
    )


def _names_region(found: list[_Named], site: Sequence[str]) -> _Named | None:
    """The name of the region that decides; None: single countries do."""
    for place in ("category", "headline", "lead", "body"):
        named = next((one for one in found if one.region and one.place == place), None)
        if named is not None:
            return named
        if any(one.place == place and set(one.countries) & set(site) for one in found):
            return None
    return None


def _scores(found: list[_Named]) -> dict[str, float]:
    counts: dict[tuple[Place, str], int] = defaultdict(int)
    weights: dict[tuple[Place, str], float] = defaultdict(float)
    for one in found:
        for code in one.countries:
            counts[one.place, code] += 1
            weight = (_PLACE_WEIGHTS if one.is_local else _WEIGHTS)[one.place]
            weights[one.place, code] = max(weights[one.place, code], weight)
    scores: dict[str, float] = {}
    for (place, code), count in counts.items():
        more = min((count - 1) * _REPEATED, _MOST_REPEATED)
        scores[code] = scores.get(code, 0) + weights[place, code] + more
    return scores


def _reason(code: str, found: list[_Named]) -> Reason:
    named = next((one for one in found if code in one.countries), None)
    return Reason(code, named.word, named.place) if named else Reason(code, "", "source")


# Finding names in a text.

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bb\u02bc`\u00b4\u02b9\u2032]")
_SENTENCE_END = re.compile('[.!?:;…«»“”"(\n—–]\\s*$')
# The letters that a word of the table may have behind it: endings of Russian, of the Turkic languages and of
# Tajik in Cyrillic; of English, Uzbek and Turkmen in Latin letters.
_ENDINGS = re.compile(
    r"(?:[аеёиоуыэюя]|ом|ой|ою|ем|ей|ам|ами|ах|ов|ям|ями|ях|ью"
    r"|[дт][аеоө](?:н|[нғг].*)?|[нтд][ыіуүи][ңнк].*|[гғкқ][аеоө]н?|[дтн][ыіи]|ӣ|ро|ҳо.*|ни|нинг.*|лик.*|лық.*|лік.*"
    r"|'?s|[dt][ae](?:n|gi.*|ki.*|ky.*)?|[gk]a|qa|ning.*|ni|lik.*|lar.*|y[nň].*|i[nň].*|ny[ňn]?.*|ni[ňn].*|dä.*|den|ä|e|a)?"
)
# Behind the name of a place or people, these make the name of a person: Ташкентов, Uzbekov, Өзбекәлі.
_PERSON = re.compile(
    r"(?:ов|ев|ова|ева|ову|еву|овым|евым|овой|евой|оглы|уулу|баев.*|беков.*|бай|әлі.*|али|алиев.*|хан|гүл|гул"
    r"|ov|ova|ev|eva|yev|yeva|bay|baev.*|bayev.*|bekov.*|ali|aliev.*|xon|xo'ja.*)"
)
_SURNAME = re.compile(
    r"\w{2,}(?:[оеё]в|[оеё]ва|ұлы|улы|уулу|қызы|кызы|ov|ev|ova|eva|uulu|kyzy|uly)(?:а|у|ым|ой|'?s)?"
)
_GENITIVE_PLURAL = ("ов", "ев")
# Last letters of a word that an ending replaces: "Япония", "Японии".
_CHANGING = "аяьй"


class _Token(NamedTuple):
    # As written, and in lower case.
    text: str
    word: str
    start: int
    end: int
    # The characters before it; None for the first word.
    before: str | None

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def begins_sentence(self) -> bool:
        return self.before is None or _SENTENCE_END.search(self.before) is not None


@dataclass(frozen=True)
class _Pattern:
    """One name of the table."""

    words: tuple[str, ...]
    # Empty: a name that holds that of a country and is none.
    countries: tuple[str, ...]
    region: bool
    capital: bool
    exact: str
    languages: tuple[str, ...]
    is_local: bool = False

    def goes_on(self, following: Sequence[str]) -> bool:
        """Whether the word that follows the first, if there is one, may be the name's second word."""
        if len(self.words) == 1:
            return True
        return bool(following) and _lower(following[0]).startswith(_stem(self.words[1]))

    def matches(self, tokens: Sequence[_Token], language: str) -> bool:
        if self.languages and language and language not in self.languages:
            return False
        if self.capital and not tokens[0].capital:
            return False
        if self.exact:
            return tokens[0].text == self.exact
        return all(_fits(token, word) for token, word in zip(tokens, self.words, strict=True))


def _fits(token: _Token, word: str) -> bool:
    if word.endswith("*"):
        if not token.word.startswith(word[:-1]):
            return False
        rest = token.word[len(word) - 1 :]
        return not _is_person(token, rest)
    if token.word.startswith(word):
        return _ENDINGS.fullmatch(token.word, len(word)) is not None
    return (
        word[-1] in _CHANGING
        and token.word.startswith(word[:-1])
        and _ENDINGS.fullmatch(token.word, len(word) - 1) is not None
    )


def _is_person(token: _Token, rest: str) -> bool:
    if not token.capital or not _PERSON.fullmatch(rest):
        return False
    # Russian writes "узбеков", of the Uzbeks, small; at the start of a sentence it may be either.
    return rest not in _GENITIVE_PLURAL or not token.begins_sentence


def _names(text: str, place: Place, language: str, site: Sequence[str]) -> list[_Named]:
    language_of_table = language if language in LANGUAGES else ""
    plain = _with_apostrophes(text)
    words = _WORD.findall(plain)
    # Few words begin a name.
    table = _beginnings(language_of_table)
    beginnings = [
        (at, patterns)
        for at, word in enumerate(words)
        if (begun := table[word])
        and (patterns := [one for one in begun if one.goes_on(words[at + 1 : at + 2])])
    ]
    if not beginnings:
        return []
    tokens = _Tokens(plain)
    found: list[_Named] = []
    end = 0
    for at, patterns in beginnings:
        pattern = _longest(patterns, tokens, at, language) if at >= end else None
        if pattern is None:
            continue
        end = at + len(pattern.words)
        if _counts(pattern, tokens, at, end):
            word = text[tokens[at].start : tokens[end - 1].end]
            found.append(_Named(pattern.countries, pattern.region, word, place, pattern.is_local))
    return found


def _counts(pattern: _Pattern, tokens: Sequence[_Token], at: int, end: int) -> bool:
    if not pattern.countries and not pattern.region:
        return False
    if pattern.region:
        near = [*tokens[max(0, at - 4) : at], *tokens[end : end + 3]]
        return not any(_fits(token, word) for token in near for word in _like(token.word, "comparisons"))
    if end == at + 1 and _is_given_name(tokens, at):
        return False
    beside = [*tokens[max(0, at - 1) : at], *tokens[end : end + 1]]
    return not any(_fits(token, word) for token in beside for word in _like(token.word, "streets"))


def _is_given_name(tokens: Sequence[_Token], at: int) -> bool:
    """Whether the word is the first name of a person, whose surname follows."""
    other = _tables()["other"]
    if tokens[at].word not in other["given_names"] or (at and tokens[at - 1].word in other["prepositions"]):
        return False
    return any(
        one.capital and one.start == tokens[at].end + 1 and _SURNAME.fullmatch(one.word) is not None
        for one in tokens[at + 1 : at + 2]
    )


@lru_cache(maxsize=20_000)
def _like(word: str, table: Literal["streets", "comparisons"]) -> tuple[str, ...]:
    """The words of the table that this one may be, with an ending or without."""
    return tuple(one for one in _words_of(table) if word.startswith(_stem(one)))


def _longest(
    patterns: Sequence[_Pattern], tokens: Sequence[_Token], at: int, language: str
) -> _Pattern | None:
    # The table has the names of most words first.
    for pattern in patterns:
        part = tokens[at : at + len(pattern.words)]
        if len(part) == len(pattern.words) and pattern.matches(part, language):
            return pattern
    return None


class _Beginnings(dict[str, tuple[_Pattern, ...]]):
    """By a word as it is written: the names whose first word it may be, with an ending or without.

    Words are added when they are asked for: texts repeat them.
    """

    def __init__(self, language: str) -> None:
        super().__init__()
        self._table = _table(language)

    def __missing__(self, written: str) -> tuple[_Pattern, ...]:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        word, is_capital = _lower(written), written[0].isupper()
        self[written] = tuple(
            one
            for one in self._table.get(word[:2], ())
            if word.startswith(_stem(one.words[0])) and (is_capital or not one.capital)
        )
        return self[written]


@cache
def _beginnings(language: str) -> _Beginnings:
    return _Beginnings(language)


def _stem(word: str) -> str:
    """What every form of the table's word begins with, as `_fits` compares them."""
    if word.endswith("*"):
        return word[:-1]
    return word[:-1] if word[-1] in _CHANGING else word


def _lower(written: str) -> str:
    return written.replace("İ", "i").casefold()


def _with_apostrophes(text: str) -> str:
    """Letters with their accents as one character, and one kind of apostrophe."""
    return _APOSTROPHES.sub("'", unicodedata.normalize("NFC", text))


class _Tokens(Sequence[_Token]):
    """The words of a text, made when they are asked for: only those near a name are."""

    def __init__(self, text: str) -> None:
        """`text`: as `_with_apostrophes` gives it."""
        self._text, self._shouting = text, text.isupper()
        self._spans = [match.span() for match in _WORD.finditer(text)]
        self._made: dict[int, _Token] = {}

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, at: int) -> _Token: ...
    @overload
    def __getitem__(self, at: slice) -> list[_Token]: ...
    def __getitem__(self, at: int | slice) -> _Token | list[_Token]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if at not in self._made:
            start, end = self._spans[at]
            written = self._text[start:end]
            shown = written.capitalize() if self._shouting and len(written) > 3 else written
            before = self._text[max(0, start - 3) : start] if at else None
            self._made[at] = _Token(shown, _lower(written), start, end, before)
        return self._made[at]


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "country_names.toml").read_text("utf-8"))


def _words_of(table: Literal["streets", "comparisons"]) -> Sequence[str]:
    """Words of streets, or words that compare."""
    raw = _tables()
    words: Sequence[str] = raw["other"]["streets"] if table == "streets" else raw["comparisons"]["words"]
    return words


@lru_cache(maxsize=len(LANGUAGES) + 1)
def _table(language: str) -> dict[str, list[_Pattern]]:
    """Names by their first two letters."""
    raw = _tables()
    patterns: list[_Pattern] = []
    for code, lists in raw["countries"].items():
        patterns += [_pattern(name, (code,)) for name in lists["names"]]
        patterns += [replace(_pattern(name, (code,)), is_local=True) for name in lists.get("places", ())]
    for group in raw["shared"]:
        patterns += [_pattern(name, tuple(group["countries"])) for name in group["names"]]
    for group in raw["regions"]:
        patterns += [_pattern(name, (), region=True) for name in group["names"]]
    patterns += [_pattern(name, ()) for name in raw["other"]["names"]]
    patterns += _from_cldr({language, "en", "ru"} if language else set(LANGUAGES))
    by_letters: dict[str, list[_Pattern]] = defaultdict(list)
    for pattern in sorted(patterns, key=lambda one: (-len(one.words), -len("".join(one.words)))):
        by_letters[pattern.words[0][:2]].append(pattern)
    return dict(by_letters)


def _from_cldr(languages: Collection[str]) -> list[_Pattern]:
    found = []
    for language in sorted(languages):
        for code in sorted(iso_codes.COUNTRIES - _COMMON_WORDS):
            name = iso_codes.country_name(code, language)
            if len(name) > 3 and "(" not in name and (language == "en" or name != _english(code)):
                found.append(_pattern(name[:1].upper() + name[1:], (code,)))
    for code, names in iso_codes.OFFICIAL_NAMES.items():
        found += [_pattern(f"={name}" if name.isupper() else name, (code,)) for name in names]
    return found


def _english(code: str) -> str:
    return iso_codes.country_name(code, "en")


def _pattern(name: str, countries: tuple[str, ...], *, region: bool = False) -> _Pattern:
    languages, colon, rest = name.partition(":")
    limited = tuple(languages.split(",")) if colon else ()
    written = _APOSTROPHES.sub("'", unicodedata.normalize("NFC", rest if colon else name))
    exact = written[1:] if written.startswith("=") else ""
    words = tuple(part for part in re.split(r"[\s-]+", written.lstrip("=").casefold()) if part.strip("*"))
    return _Pattern(words, countries, region, written[:1].isupper(), exact, limited)

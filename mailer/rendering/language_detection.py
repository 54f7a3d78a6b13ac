"""Recognises the language of a text: the office's seven languages, offline.

Three kinds of evidence are added up, as logarithms of likelihoods: groups of three letters, as they follow
each other in a sample of each language (language_samples.toml); the small words that nearly every sentence
holds; and letters that an alphabet does not have. A text that decides nothing has no result, nor has one that
is likest to one of the other languages there, or unlike all of them: an unknown language, or a row of names.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel.core import get_global


@dataclass(frozen=True)
class _Profile:
    script: str
    alphabet: frozenset[str]
    words: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_ENGLISH = "abcdefghijklmnopqrstuvwxyz"
_PROFILES = {
    "ru": _Profile(
        "Cyrl",
        frozenset(_RUSSIAN),
        _words(
            "и в на с не что по для из от как это при за о об к или их его её был была были было также "
            "года году год лет который которые которая которых чтобы после во со до между через все всех "
            "свои без под над если только уже ещё где когда кто они она он мы вы вас нас можно будет есть "
            "этот эта эти того этого чем более так но а же у том"
        ),
    ),
    "kk": _Profile(
        "Cyrl",
        frozenset(_RUSSIAN + "әғқңөұүһі"),
        _words(
            "және мен бен пен үшін бойынша туралы бұл деп да де еді осы арналған жылғы болды олар кейін "
            "бар болып жылы оның оны қалай дейін бірақ үш екі төрт жаңа көп әр өз дейді ол біз сіз қарсы "
            "бірге емес бойы арқылы ретінде сондай сияқты ғана"
        ),
    ),
    "ky": _Profile(
        "Cyrl",
        frozenset(_RUSSIAN + "ңөү"),
        _words(
            "жана менен үчүн боюнча тууралуу бул деп да ошол кийин болду жылы жылдын алар бар болуп анын "
            "аны эле ал бирок кантип чейин үч эки төрт жаңы көп ар өз дейт биз сиз каршы бирге эмес "
            "бойлоп аркылуу катары ошондой сыяктуу гана ушул"
        ),
    ),
    "tg": _Profile(
        "Cyrl",
        frozenset("абвгғдеёжзиӣйкқлмнопрстуӯфхҳчҷшъэюя"),
        _words(
            "ва дар аз ба бо барои ки ин аст буд шуд онҳо то низ ё як ҳам соли шудааст мебошад бояд бе "
            "пас се ду чор чӣ нав мо шумо вай ӯ худ ҳар аммо вале ҷо мешавад карданд кард карда"
        ),
    ),
    "en": _Profile(
        "Latn",
        frozenset(_ENGLISH),
        _words(
            "the of and to in for a is that with on at from by an as it its are was were this or be has "
            "have their who which how you your not no but they he she we our will can after before during "
            "about more new all when what where had been than into out up one two three there here"
        ),
    ),
    "uz": _Profile(
        "Latn",
        frozenset(_ENGLISH.replace("w", "") + "ʻ"),
        _words(
            "va bilan uchun boʻyicha bu haqida ham yil yili yilda esa uning boʻldi ular lekin bir boʻlgan "
            "ushbu keyin kuni qanday qarshi ikki uch toʻrt yangi koʻp har oʻz u biz siz emas orqali birga "
            "kerak shu olib kelgan yoki"
        ),
    ),
    "tk": _Profile(
        "Latn",
        frozenset("abçdeäfghijžklmnňoöprsştuüwyýz"),
        _words(
            "we bilen üçin boýunça bu hem barada ýyl ýylyň olar boldy bolan onuň soň güni bir nädip çenli "
            "ýöne iki üç dört täze köp her öz ol biz siz däl garşy bilelikde arkaly ýaly diňe şu sany ýa- "
            "da"
        ),
    ),
}
# Small words that Uzbek has not.
_TAJIK_WORDS = _PROFILES["tg"].words - {"ва", "ҳам", "ё"}
# Without щ and ы, which nearly every text in Russian has.
_UZBEK_IN_LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшъьэюяўқғҳ",
        (
            *("a", "b", "v", "g", "d", "e", "yo", "j", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s"),
            *("t", "u", "f", "x", "s", "ch", "sh", "’", "", "e", "yu", "ya", "oʻ", "q", "gʻ", "h"),
        ),
        strict=True,
    )
)
DETECTED = frozenset(_PROFILES)
# Of all these languages.
SMALL_WORDS = frozenset[str]().union(*(one.words for one in _PROFILES.values()))
_LEAST_LETTERS = 12
# How much more likely a language must be than any other: e⁴ times.
_MARGIN = 4.0
# What a small word counts, and a letter that is not in the alphabet: names and quotations have some.
_PER_WORD, _STRAY = 1.5, -4.0
# Of the letters at most may be strays; and the average logarithm of a letter's likelihood must be higher than
# this, with what small words add: unknown languages are below. A text without any small word must be longer,
# and likelier.
_MOST_STRAYS = 0.03
_LEAST_AVERAGE = -3.4
_WITHOUT_WORDS, _AVERAGE_WITHOUT_WORDS = 24, -3.1
# Of a text that is in another language: letters, and how much likelier that must be.
_LETTERS_OF_FOREIGN, _MARGIN_OF_FOREIGN = 50, 12.0
_MOST_REMEMBERED = 10_000
# Characters at the beginning and at the end of a text that are looked at.
_ENOUGH = 800
# Letters of the words that count as small ones of the other languages.
_SMALL = 3
_SAMPLES = Path(__file__).with_name("language_samples.toml")
_WORD = re.compile(r"[^\W\d_]+(?:ʻ[^\W\d_]*)?")
_SCRIPTS = {
    "Cyrl": re.compile("[\u0400-\u052f]+"),
    "Latn": re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff\u0259]+"),
    "Arab": re.compile("[\u0600-\u06ff\u0750-\u077f]+"),
}


@dataclass(frozen=True)
class Detected:
    """The most likely language of a text, and how much more likely it is than the labelled one."""

    language: str
    # Natural logarithm of the ratio of likelihoods.
    margin: float


def detect(text: str) -> str:
    """The code of the text's language ("kk"), if it is one of DETECTED and certain; else an empty text.

    `text` is plain text: a sentence decides more often than a headline. Pure, without a database or network.
    """
    ranked = _ranked(text)
    if not ranked or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _MARGIN):
        return ""
    return ranked[0][1]


def is_uzbek_in_cyrillic(text: str) -> bool:
    """Whether a text in Cyrillic letters is Uzbek, as many offices still write it, and no other language."""
    lower = text.casefold()
    letters = set(filter(_SCRIPTS["Cyrl"].match, lower))
    if (
        not letters
        or letters.difference(_UZBEK_IN_LATIN)
        or not _TAJIK_WORDS.isdisjoint(_WORD.findall(lower))
    ):
        return False
    return detect(lower.translate({ord(letter): latin for letter, latin in _UZBEK_IN_LATIN.items()})) == "uz"


def first_of_script_or_first(text: str, languages: Sequence[str]) -> str:
    """The first of the languages that is written in the letters of the text; the first of all if none is."""
    counts = _letters_by_script(text)
    found = max(counts, key=lambda script: counts[script])
    if not _SCRIPTS[found].search(text):
        return languages[0]
    return next((code for code in languages if _script_of(code.partition("-")[0]) == found), languages[0])


@lru_cache(maxsize=2_000)
def contradicting_language(text: str, label: str) -> Detected | None:
    """The language that the text is in, where it is certainly not `label`; None where it may be."""
    label = label.partition("-")[0]
    if label in DETECTED:
        ranked = _ranked(text)
        found = detect(text)
        if not found or found == label:
            return None
        own = next((score for score, code in ranked if code == label), None)
        return Detected(found, ranked[0][0] - own if own is not None else math.inf)
    found, expected = detect(text), _script_of(label)
    if found and expected and expected != _PROFILES[found].script:
        return Detected(found, math.inf)
    return None


def is_in_unsupported_language(text: str) -> bool:
    """Whether a text is certainly in another of the sample's languages than the office's: Turkish, German."""
    lower = text.casefold()
    counts = _letters_by_script(lower)
    script = max(counts, key=lambda name: counts[name])
    words = _WORD.findall(_with_uzbek_letters(lower) if script == "Latn" else lower)
    own, others = _models(script).scores(words)
    if not own or sum(map(len, words)) < _LETTERS_OF_FOREIGN:
        return False
    return max(others, default=-math.inf) > max(own.values()) + _MARGIN_OF_FOREIGN


def _ranked(text: str) -> list[tuple[float, str]]:
    """(log-likelihood, language) of the languages in the text's script, the most likely first.

    None where the text is short, in two scripts, or unlike every language.
    """
    return _ranked_part(text if len(text) <= 2 * _ENOUGH else f"{text[:_ENOUGH]} {text[-_ENOUGH:]}")


# The checks of an edition ask for the same texts several times.
@lru_cache(maxsize=1_000)
def _ranked_part(text: str) -> list[tuple[float, str]]:
    lower = text.casefold().replace("\N{SOFT HYPHEN}", "")
    counts = _letters_by_script(lower)
    script = max(counts, key=lambda name: counts[name])
    total = sum(counts.values())
    # A text in two scripts is a list of names, or quotes the other language.
    if counts[script] < _LEAST_LETTERS or counts[script] < 0.75 * total:
        return []
    words = _WORD.findall(_with_uzbek_letters(lower) if script == "Latn" else lower)
    # An abbreviation or a name in the other script says nothing.
    if not _SCRIPTS[script].fullmatch("".join(words)):
        words = [word for word in words if _SCRIPTS[script].search(word)]
    own, others = _models(script).scores(words)
    ranked = sorted(((score, code) for code, score in own.items()), reverse=True)
    if not ranked or not _is_like(ranked[0][1], ranked[0][0], others, words, text):
        return []
    return ranked


def _letters_by_script(text: str) -> dict[str, int]:
    """How many letters of each script the text has."""
    counts = dict.fromkeys(_SCRIPTS, 0)
    for letter in set(text):
        if script := _script_of_letter(letter):
            counts[script] += text.count(letter)
    return counts


@lru_cache(maxsize=2_000)
def _script_of_letter(letter: str) -> str:
    return next((name for name, letters in _SCRIPTS.items() if letters.match(letter)), "")


def _with_uzbek_letters(lower: str) -> str:
    """Uzbek writes oʻ and gʻ with any of these; elsewhere they are apostrophes."""
    return re.sub("(?<=[og])[’‘'`ʼ](?=[a-z])|(?<=[og])ʻ", "ʻ", lower)


def _is_row_of_names(text: str, words: list[str]) -> bool:
    capitals: int = sum(word[0].isupper() for word in _WORD.findall(text))
    return 2 * capitals > len(words)


def _is_like(code: str, score: float, others: list[float], words: list[str], text: str) -> bool:
    """Whether the words look like the language that suits them best, and not like an unknown one.

    `others`: the scores of the languages that are no result.
    """
    profile = _PROFILES[code]
    joined = "".join(words)
    strays = sum(map(joined.count, set(joined).difference(profile.alphabet)))
    has_small = not profile.words.isdisjoint(words)
    if strays > _MOST_STRAYS * len(joined):
        return False
    if not has_small and (len(joined) < _WITHOUT_WORDS or _is_row_of_names(text, words)):
        return False
    average = score / (len(joined) + len(words))
    if average < (_LEAST_AVERAGE if has_small else _AVERAGE_WITHOUT_WORDS):
        return False
    return score > max(others, default=-math.inf)


class _Model:
    """How likely a letter is after two others, in a sample of a language."""

    def __init__(self, sample: str, alphabet: frozenset[str], small: frozenset[str]) -> None:
        """`small`: the small words of the language."""
        self._alphabet, self._small = alphabet, small
        self._counts: list[Counter[str]] = [Counter(), Counter(), Counter()]
        self._before: list[Counter[str]] = [Counter(), Counter(), Counter()]
        self._kinds: list[Counter[str]] = [Counter(), Counter(), Counter()]
        self._size = len(alphabet) + 1
        for word in _WORD.findall(sample):
            padded = f"  {word} "
            for at in range(2, len(padded)):
                for order in range(3):
                    group = padded[at - order : at + 1]
                    if group not in self._counts[order]:
                        self._kinds[order][group[:-1]] += 1
                    self._counts[order][group] += 1
                    self._before[order][group[:-1]] += 1

    def score(self, word: str) -> float:
        """The logarithm of the word's likelihood, with what a small one adds."""
        return self._word(f"  {word} ") + (_PER_WORD if word in self._small else 0)

    def _word(self, padded: str) -> float:
        """Of a word with its ends; a letter of no alphabet counts _STRAY."""
        known = self._alphabet
        return sum(
            math.log(self._probability(padded[at - 2 : at + 1], 2))
            if padded[at] in known or padded[at] == " "
            else _STRAY
            for at in range(2, len(padded))
        )

    def _probability(self, group: str, order: int) -> float:
        """Witten and Bell's interpolation of groups of three, two and one letters."""
        lower = self._probability(group[1:], order - 1) if order else 1 / self._size
        before, kinds = self._before[order][group[:-1]], self._kinds[order][group[:-1]]
        return (self._counts[order][group] + kinds * lower) / (before + kinds) if before else lower


class _Models:
    """The models of all languages of a script, which score a text together."""

    def __init__(self, script: str) -> None:
        self._codes = [code for code, one in _PROFILES.items() if one.script == script]
        self._models = [*map(_model, self._codes), *_others(script)]
        # The scores of words that were asked for: texts of one edition repeat them.
        self._remembered: dict[str, tuple[float, ...]] = {}

    def scores(self, words: list[str]) -> tuple[dict[str, float], list[float]]:
        """The logarithm of the words' likelihood in each language, with what small ones of them add; and in
        each of the languages that are no result."""
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.clear()
        for word in set(words).difference(self._remembered):
            self._remembered[word] = tuple(model.score(word) for model in self._models)
        columns = zip(*map(self._remembered.__getitem__, words), strict=True)
        totals: list[float] = [*map(math.fsum, columns)] or [0.0] * len(self._models)
        own = len(self._codes)
        return dict(zip(self._codes, totals[:own], strict=True)), totals[own:]


@cache
def _models(script: str) -> _Models:
    return _Models(script)


@cache
def _samples() -> dict[str, Any]:
    return tomllib.loads(_SAMPLES.read_text(encoding="utf-8"))


@cache
def _model(code: str) -> _Model:
    sample, profile = _samples()[code].casefold(), _PROFILES[code]
    written = _with_uzbek_letters(sample) if profile.script == "Latn" else sample
    return _Model(written, profile.alphabet, profile.words)


@cache
def _others(script: str) -> tuple[_Model, ...]:
    """The languages of the script that are no result."""
    found = []
    for sample in _samples()["others"].get(script, {}).values():
        words = _WORD.findall(sample.casefold())
        small = frozenset(word for word in words if len(word) <= _SMALL)
        found.append(_Model(sample.casefold(), frozenset("".join(words)), small))
    return tuple(found)


@cache
def _script_of(language: str) -> str:
    """The usual script of a language (ISO 15924): "Cyrl"; empty where CLDR knows none."""
    likely = str(get_global("likely_subtags").get(language, ""))
    parts = likely.split("_")
    return parts[1] if len(parts) == 3 else ""

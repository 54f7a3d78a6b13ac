"""A newsletter's glossary of names: which text names a term, whatever the endings of its words.

Words are compared by their beginnings. A word of the term loses the letters at its end that inflection
changes (`_RULES`); a word of the text agrees if it begins with what is left and has at most a few letters
more. So «Международная организация» is found in «Международной организацией», «Бишкек» in «Бишкекте»,
«ташкилот» in «ташкилотҳои». An abbreviation keeps its capitals and takes small letters only: «БҰҰ» is in
«БҰҰның», not in «бұл».
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Forms = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Term:
    """A name in several languages."""

    # (language, its forms): the first is preferred, the others are allowed too. In the order of languages.
    names: tuple[tuple[str, tuple[str, ...]], ...]
    # (language, forms that must not be used).
    forbidden: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: str = ""

    @property
    def label(self) -> str:
        """Its first name."""
        return next((forms[0] for _language, forms in self.names if forms), "")

    def forms(self, language: str) -> tuple[str, ...]:
        return dict(self.names).get(language, ())

    def forbidden_forms(self, language: str) -> tuple[str, ...]:
        return dict(self.forbidden).get(language, ())


class _Rule(NamedTuple):
    """How a language changes the ends of words."""

    # Letters that may be missing or others at the end of an inflected word: endings, and consonants that
    # become voiced before a suffix (қазақ, қазағы).
    changing: str
    # How many of them at most.
    most: int
    # The longest suffix, in letters: a chain of them in Turkic languages; and after a stem of three letters
    # or fewer, with which too many words begin.
    suffix: int
    short_suffix: int


_RULES: Mapping[str, _Rule] = {
    "en": _Rule("y", 1, 3, 2),
    "ru": _Rule("аяоеёиыйьую", 2, 6, 3),
    "kk": _Rule("аәеиіоуыюякқп", 1, 12, 5),
    "ky": _Rule("аеёиоөуүыэюякп", 1, 12, 5),
    "tg": _Rule("аиоуёэӣӯяю", 1, 7, 4),
    "uz": _Rule("aeiouʻkq", 1, 12, 5),
    "tk": _Rule("aäeioöuüyýkptç", 1, 12, 5),
}
_OTHER = _Rule("", 0, 3, 2)
_LEAST_STEM = 3
_LONGEST_ABBREVIATION = 7
_WORD = re.compile(r"[^\W_]+(?:ʻ[^\W_]*)*")
# Uzbek writes oʻ and gʻ with any of these.
_APOSTROPHE = re.compile(r"(?<=[OoGg])[’‘'`ʼ]")


class Words:
    """The words of a plain text, found by their beginnings: to be asked about many names."""

    def __init__(self, text: str) -> None:
        self.words = _words(text)
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            self._places.setdefault(_beginning(word), []).append(place)

    def may_hold(self, form: str) -> bool:
        """False where no word of the text begins as the form does; costs less than to compare their words."""
        start = form[:_LEAST_STEM]
        # Others may begin with a character that is no part of the word, or have a shorter first word.
        return len(start) < _LEAST_STEM or not start.isalpha() or _beginning(start) in self._places

    def places(self, first: str) -> Sequence[int]:
        """Where a word stands that may agree with `first`, the first word of a form."""
        beginning = _beginning(first)
        if len(beginning) < _LEAST_STEM:
            return range(len(self.words))
        return self._places.get(beginning, ())


def find_word_spans(text: str | Words, form: str, language: str) -> list[tuple[int, int]]:
    """Where a plain text holds a form of a name: (first word, word after the last), by the words' places."""
    text = text if isinstance(text, Words) else Words(text)
    if not text.may_hold(form):
        return []
    wanted, rule = _words(form), _RULES.get(language.partition("-")[0], _OTHER)
    words = text.words
    return [
        (at, at + len(wanted))
        for at in (text.places(wanted[0]) if wanted else ())
        if at + len(wanted) <= len(words)
        and all(_agrees(words[at + place], one, rule) for place, one in enumerate(wanted))
    ]


def mentions_any(text: str | Words, forms: Sequence[str], language: str) -> bool:
    """Whether a plain text holds one of the forms."""
    text = text if isinstance(text, Words) else Words(text)
    return any(find_word_spans(text, form, language) for form in forms)


def forbidden_in(text: str | Words, term: Term, language: str) -> str:
    """The first forbidden form of a plain text; empty without one. Within an allowed form it is none."""
    text = text if isinstance(text, Words) else Words(text)
    allowed: list[tuple[int, int]] | None = None
    for form in term.forbidden_forms(language):
        for start, end in find_word_spans(text, form, language):
            if allowed is None:
                allowed = [
                    span for one in term.forms(language) for span in find_word_spans(text, one, language)
                ]
            if not any(first <= start and end <= last for first, last in allowed):
                return form
    return ""


def terms_in(texts: Mapping[str, str], terms: Sequence[Term]) -> list[Term]:
    """The terms that one of the texts (by language) names."""
    found = {code: Words(text) for code, text in texts.items()}
    return [
        term
        for term in terms
        if any(mentions_any(found[code], forms, code) for code, forms in term.names if code in found)
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(_APOSTROPHE.sub("ʻ", text.replace("\N{SOFT HYPHEN}", "")))


def _agrees(word: str, wanted: str, rule: _Rule) -> bool:
    """Whether a word of the text is `wanted`, perhaps inflected."""
    if len(wanted) > 1 and len(wanted) <= _LONGEST_ABBREVIATION and wanted.isupper():
        rest = word[len(wanted) :]
        return word.startswith(wanted) and (not rest or (rest.islower() and len(rest) <= rule.suffix))
    if wanted[0].isupper() and not word[0].isupper():
        # A name is not a word that only begins alike: «Ош» is not in «ошибка».
        return False
    word, wanted = (_folded(one) for one in (word, wanted))
    stem = wanted
    for _ in range(rule.most):
        if len(stem) > _LEAST_STEM and stem[-1] in rule.changing:
            stem = stem[:-1]
    longest = rule.suffix if len(stem) > _LEAST_STEM else rule.short_suffix
    return word.startswith(stem) and len(word) - len(wanted) <= longest


def _folded(word: str) -> str:
    return word.casefold().replace("ё", "е")


def _beginning(word: str) -> str:
    """The letters that words which agree have in common: endings change nothing before them."""
    return _folded(word[:_LEAST_STEM])[:_LEAST_STEM]

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


def spans(text: str, form: str, language: str) -> list[tuple[int, int]]:
    """Where a plain text holds a form of a name: (first word, word after the last), by the words' places."""
    return _spans(_words(text), _words(form), _RULES.get(language.partition("-")[0], _OTHER))


def mentions(text: str, forms: Sequence[str], language: str) -> bool:
    """Whether a plain text holds one of the forms."""
    words, rule = _words(text), _RULES.get(language.partition("-")[0], _OTHER)
    return any(_spans(words, _words(form), rule) for form in forms)


def forbidden_in(text: str, term: Term, language: str) -> str:
    """The first forbidden form of a plain text; empty without one. Within an allowed form it is none."""
    allowed = [span for form in term.forms(language) for span in spans(text, form, language)]
    for form in term.forbidden_forms(language):
        for start, end in spans(text, form, language):
            if not any(first <= start and end <= last for first, last in allowed):
                return form
    return ""


def terms_in(texts: Mapping[str, str], terms: Sequence[Term]) -> list[Term]:
    """The terms that one of the texts (by language) names."""
    return [
        term for term in terms if any(mentions(text, term.forms(code), code) for code, text in texts.items())
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(_APOSTROPHE.sub("ʻ", text.replace("\N{SOFT HYPHEN}", "")))


def _spans(words: Sequence[str], form: Sequence[str], rule: _Rule) -> list[tuple[int, int]]:
    if not form:
        return []
    return [
        (at, at + len(form))
        for at in range(len(words) - len(form) + 1)
        if all(_agrees(words[at + place], one, rule) for place, one in enumerate(form))
    ]


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

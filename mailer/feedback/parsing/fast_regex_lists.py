"""Lists of regular expressions that are searched fast: an expression is tried only where the text contains
the literals that each of its matches contains.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache

from ahocorasick_rs import AhoCorasick

# What repeats or omits the piece before it.
_QUANTIFIER = re.compile(r"[*+?]\??|\{\d*,?\d*\}\??")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
# What is neither the beginning nor the end of a group, also within classes and escapes.
_INSIDE_GROUP = re.compile(r"(?:[^()\[\\]+|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[\[\\])*", re.DOTALL)
_GROUP = re.compile(r"\((?:\?:)?(?!\?)")
# A group that another part of the expression refers to.
_REFERENCE = re.compile(r"\\[1-9]|\(\?[(P]")
# Letters that stand for themselves, up to the one that a quantifier belongs to.
_WORD = re.compile(r"[^\\\[\](){}|.^$*+?]+(?![*+?{])")
# Letters of which one is chosen: no range, no escape.
_PLAIN_CLASS = re.compile(r"\[[^\]\\^-]{1,4}-?\]")
# Texts at most that a run of pieces is spelled out in.
_MAX_EXACT = 16
# Literals that are shorter in UTF-8 are in most texts.
_MIN_OCTETS = 2

# What many servers leave out: the accents of Latin letters (Latin-1 to Latin Extended Additional), the dots
# of "ё", the kind of an apostrophe. The dot above is what remains of "İ" in lower case.
_PLAIN: dict[int, str | None] = {
    code: plain
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))
    if (plain := unicodedata.normalize("NFD", chr(code))[0]).isascii()
}
_PLAIN |= {ord(letter): plain for letter, plain in zip("łøđıё", "lodiе", strict=True)}
_PLAIN |= dict.fromkeys(map(ord, "’‘ʼʻ´"), "'") | {0x307: None}


def without_accents(text: str) -> str:
    """A text in lower case with plain Latin letters, "е" for "ё", and one kind of apostrophe."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_PLAIN)


# Texts one of which is required.
_Literals = tuple[str, ...]
_ANYTHING: _Literals = ("",)


class _Expression:
    """A regular expression; it is compiled when it may match a text for the first time; most never do."""

    def __init__(self, text: str, flags: int) -> None:
        self.text, self._flags = text, flags

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        try:
            return re.compile(_with_grouped_alternatives(self.text), self._flags)
        except re.error:
            # A form that grouping does not know.
            return re.compile(self.text, self._flags)


class PatternList:
    """Regular expressions, any of which may match a text. An invalid one raises re.error when it is used."""

    def __init__(self, expressions: Iterable[str], flags: int = 0) -> None:
        self._expressions = tuple(_Expression(text, flags) for text in expressions)

    def __bool__(self) -> bool:
        return bool(self._expressions)

    @cached_property
    def required(self) -> tuple[tuple[tuple[_Literals, ...], _Expression], ...]:
        """Each expression, with the literals that it requires (see `required_literals`)."""
        return tuple((required_literals(one.text), one) for one in self._expressions)

    def compile(self) -> tuple[re.Pattern[str], ...]:
        """All expressions. Raises re.error for an invalid one."""
        return tuple(expression.pattern for expression in self._expressions)

    def found_in(self, text: str) -> bool:
        """Whether any of the expressions matches anywhere in the text."""
        return is_found(self._index.possible_in(text).get(self, ()), text)

    def begins(self, text: str) -> bool:
        """Whether any of the expressions matches at the beginning of the text."""
        for expression in self._expressions:  # noqa: SIM110  (a generator takes twice as long)
            if expression.pattern.match(text):
                return True
        return False

    @cached_property
    def _index(self) -> PatternIndex:
        return PatternIndex((self,))


def is_found(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    """Whether any of the patterns matches anywhere in the text."""
    for pattern in patterns:  # noqa: SIM110  (a generator takes twice as long)
        if pattern.search(text):
            return True
    return False


def first_start(patterns: Iterable[re.Pattern[str]], text: str) -> int:
    """Where the first match of any of the patterns begins; -1 without one."""
    found = (match for pattern in patterns for match in pattern.finditer(text))
    return min((match.start() for match in found), default=-1)


# The expressions of each list that may match a text.
Possible = dict[PatternList, list[re.Pattern[str]]]
# An expression of a list, and further literals that it requires.
_Entry = tuple[PatternList, tuple[frozenset[str], ...], _Expression]


class PatternIndex:
    """Many lists of expressions that are searched in the same texts.

    The literals that a text contains, found in one pass (Aho and Corasick's automaton), select the few
    expressions that may match it.
    """

    def __init__(self, lists: Iterable[PatternList]) -> None:
        self._entries: list[_Entry] = []
        # The places of the entries by the most selective literals, one of which the expression requires.
        self._places: dict[str, list[int]] = {}
        literals: set[str] = set()
        for one in lists:
            for (first, *others), expression in one.required:
                for literal in first:
                    self._places.setdefault(literal, []).append(len(self._entries))
                self._entries.append((one, tuple(map(frozenset, others)), expression))
                literals.update(first, *others)
        # Expressions without a literal may match any text.
        self._always = self._places.pop("", [])
        self._automaton = AhoCorasick(sorted(literals - {""}), store_patterns=True)

    def possible_in(self, text: str) -> Possible:
        """The expressions of each list that may match the text; no other one does."""
        possible: Possible = {}
        literals = set(self._automaton.find_matches_as_strings(text, overlapping=True))
        places = set(self._always)
        for literal in self._places.keys() & literals:
            places.update(self._places[literal])
        for place in sorted(places):
            one, others, expression = self._entries[place]
            for required in others:
                if required.isdisjoint(literals):
                    break
            else:
                possible.setdefault(one, []).append(expression.pattern)
        return possible


# Many expressions have the same groups of words.
@lru_cache(maxsize=4096)
def required_literals(expression: str) -> tuple[_Literals, ...]:
    """Sets of texts, of each of which one is in everything that the expression matches, the most selective
    first; (("",),) where none is plain to see. A choice at the top level requires one set at most.
    """
    alternatives = _alternatives(expression)
    if len(alternatives) == 1:
        found = {literals for literals in _candidates(expression) if _selects(literals)}
        best_first = sorted(found, key=lambda literals: (-_selectivity(literals), literals))
        return tuple(best_first) or (_ANYTHING,)
    union: dict[str, None] = {}
    for alternative in alternatives:
        best = required_literals(alternative)[0]
        if best == _ANYTHING:
            return (_ANYTHING,)
        union |= dict.fromkeys(best)
    return (_shortest(tuple(union)),)


@lru_cache(maxsize=4096)
def _selectivity(literals: _Literals) -> int:
    """Octets of the shortest one in UTF-8, so that one ideograph counts as a word."""
    return min(len(literal.encode()) for literal in literals)


def _selects(literals: _Literals) -> bool:
    return _selectivity(literals) >= _MIN_OCTETS


def _candidates(sequence: str) -> Iterator[_Literals]:
    """The literals that each run of pieces of a sequence requires, where it cannot be omitted."""
    run: _Literals = _ANYTHING
    for piece, quantifier in _pieces(sequence):
        exact = _exact_texts(piece, quantifier)
        if len(run) * len(exact) in range(1, _MAX_EXACT + 1):
            run = tuple(before + text for before in run for text in exact)
            continue
        yield _shortest(run)
        run = exact or _ANYTHING
        if exact or quantifier[:1] in ("*", "?") or quantifier[:2] in ("{0", "{,"):
            continue
        group = _GROUP.match(piece)
        if group is not None:
            yield required_literals(piece[group.end() : -1])[0]
    yield _shortest(run)


@lru_cache(maxsize=4096)
def _exact_texts(piece: str, quantifier: str) -> _Literals:
    """All texts that a piece matches, if they are few and plain: "ab" and "a" for "ab?"; else none."""
    found: _Literals = ()
    group = _GROUP.match(piece)
    if quantifier.rstrip("?"):
        return ()
    if group is not None:
        texts = [_exact_texts_of_sequence(one) for one in _alternatives(piece[group.end() : -1])]
        found = tuple(itertools.chain(*texts)) if all(texts) else ()
    elif piece == r"\b":
        found = _ANYTHING
    elif _PLAIN_CLASS.fullmatch(piece):
        found = tuple(piece[1:-1])
    elif _is_plain(piece):
        found = (piece,)
    if len(found) > _MAX_EXACT:
        return ()
    return ("", *found) if found and quantifier else found


def _exact_texts_of_sequence(sequence: str) -> _Literals:
    found: _Literals = _ANYTHING
    for piece, quantifier in _pieces(sequence):
        exact = _exact_texts(piece, quantifier)
        found = tuple(before + text for before in found for text in exact)
        if len(found) not in range(1, _MAX_EXACT + 1):
            return ()
    return found


@lru_cache(maxsize=4096)
def _shortest(literals: _Literals) -> _Literals:
    """Without those that contain another one."""
    if len(literals) == 1:
        return literals
    kept: list[str] = []
    for literal in sorted(set(literals), key=lambda text: (len(text), text)):
        if not any(shorter in literal for shorter in kept):
            kept.append(literal)
    return tuple(kept)


@lru_cache(maxsize=4096)
def _alternatives(expression: str) -> tuple[str, ...]:
    """The alternatives at the top level."""
    found = [""]
    for piece, quantifier in _pieces(expression):
        if piece == "|":
            found.append("")
        else:
            found[-1] += piece + quantifier
    return tuple(found)


def _with_grouped_alternatives(expression: str) -> str:
    """The expression with its alternatives grouped by their first letter: "a(?:b|c)|d" for "ab|ac|d".

    It matches the same places, and is searched in a third of the time, since `re` tries each alternative at
    each place. An expression that refers to its groups stays as it is.
    """
    if _REFERENCE.search(expression):
        return expression
    grouped: list[str] = []
    # The rest of each alternative by its first letter; alternatives with different ones exclude each other.
    by_letter: dict[str, list[str]] = {}
    for alternative in _alternatives(expression):
        pieces = [(_with_grouped_pieces(piece), quantifier) for piece, quantifier in _pieces(alternative)]
        letter, rest = _first_letter(pieces)
        if letter:
            by_letter.setdefault(letter, []).append(rest)
        else:
            grouped += [*_join_grouped(by_letter), rest]
            by_letter = {}
    return "|".join((*grouped, *_join_grouped(by_letter)))


def _with_grouped_pieces(piece: str) -> str:
    group = _GROUP.match(piece)
    return f"(?:{_with_grouped_alternatives(piece[group.end() : -1])})" if group else piece


def _first_letter(pieces: list[tuple[str, str]]) -> tuple[str, str]:
    """The letter with which an alternative begins, "" where that is something else, and what follows it."""
    at_word = pieces[:1] == [(r"\b", "")]
    (word, quantifier) = next(iter(pieces[at_word:]), ("", ""))
    if not word or not _is_plain(word) or quantifier:
        return "", _joined(pieces)
    # The letter first, by which most places are dismissed.
    letter = word[0]
    before = rf"(?<=\b{letter})" if at_word else ""
    return letter, before + word[1:] + _joined(pieces[at_word + 1 :])


def _is_plain(piece: str) -> bool:
    """Whether the piece matches itself alone: letters, no class, escape, group, dot or anchor."""
    return piece not in (".", "^", "$") and (len(piece) == 1 or piece[0] not in "([\\")


def _join_grouped(by_letter: dict[str, list[str]]) -> list[str]:
    return [
        letter + (rests[0] if len(rests) == 1 else f"(?:{'|'.join(rests)})")
        for letter, rests in by_letter.items()
    ]


def _joined(pieces: Iterable[tuple[str, str]]) -> str:
    return "".join(piece + quantifier for piece, quantifier in pieces)


@lru_cache(maxsize=4096)
def _pieces(expression: str) -> tuple[tuple[str, str], ...]:
    """Each word, class, escape and group at the top level, with its quantifier; a word has none."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(expression):
        if (word := _WORD.match(expression, place)) is not None:
            found.append((word[0], ""))
            place = word.end()
            continue
        end = _end_of_piece(expression, place)
        quantifier = _QUANTIFIER.match(expression, end)
        after = quantifier.end() if quantifier else end
        found.append((expression[place:end], expression[end:after]))
        place = after
    return tuple(found)


def _end_of_piece(expression: str, place: int) -> int:
    first = expression[place]
    if first == "\\":
        return place + 2
    if first == "[" and (found := _CLASS.match(expression, place)) is not None:
        return found.end()
    if first != "(":
        return place + 1
    depth = 0
    while place < len(expression):
        depth += 1 if expression[place] == "(" else -1
        if not depth:
            return place + 1
        inside = _INSIDE_GROUP.match(expression, place + 1)
        place = inside.end() if inside else place + 1
    return place

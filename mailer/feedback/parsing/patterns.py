"""Lists of regular expressions that are searched fast: an expression is tried only where the text contains a
literal that each of its matches contains.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

# What repeats or omits the piece before it.
_QUANTIFIER = re.compile(r"[*+?]\??|\{\d*,?\d*\}\??")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_GROUP = re.compile(r"\((?:\?:)?(?!\?)")
# Shorter ones are in most texts.
_MIN_LITERAL = 2

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


class PatternList:
    """Regular expressions, any of which may match a text. Raises re.error for an invalid one."""

    def __init__(self, expressions: Iterable[str], flags: int = 0) -> None:
        self._patterns = [(required_literals(text), re.compile(text, flags)) for text in expressions]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def __iter__(self) -> Iterator[re.Pattern[str]]:
        return (pattern for _, pattern in self._patterns)

    # Loops, since these run about a hundred times for each message: a generator takes twice as long.
    def found_in(self, text: str) -> bool:
        """Whether any of the expressions matches anywhere in the text."""
        for literals, pattern in self._patterns:
            for literal in literals:
                if literal in text:
                    if pattern.search(text):
                        return True
                    break
        return False

    def begins(self, text: str) -> bool:
        """Whether any of the expressions matches at the beginning of the text."""
        for _, pattern in self._patterns:  # noqa: SIM110
            if pattern.match(text):
                return True
        return False

    def first_start(self, text: str) -> int:
        """Where the first match of any of the expressions begins; -1 without one."""
        return min((found.start() for found in self._matches(text)), default=-1)

    def last_end(self, text: str) -> int:
        """Where the last match of any of the expressions ends; -1 without one."""
        return max((found.end() for found in self._matches(text)), default=-1)

    def _matches(self, text: str) -> Iterator[re.Match[str]]:
        for literals, pattern in self._patterns:
            for literal in literals:
                if literal in text:
                    yield from pattern.finditer(text)
                    break


def required_literals(expression: str) -> tuple[str, ...]:
    """Texts one of which is in everything that the expression matches; ("",) where none is plain to see."""
    found: dict[str, None] = {}
    for alternative in _alternatives(expression):
        best = _best(_candidates(alternative))
        if best == ("",):
            return best
        found |= dict.fromkeys(best)
    return tuple(found)


def _candidates(sequence: str) -> Iterator[tuple[str, ...]]:
    """The literals that each piece of a sequence requires, where it cannot be omitted."""
    run = ""
    for piece, quantifier in _pieces(sequence):
        if len(piece) == 1 and piece not in ".^$" and not quantifier:
            run += piece
            continue
        yield (run,)
        run = ""
        if quantifier[:1] in ("*", "?") or quantifier[:2] in ("{0", "{,"):
            continue
        group = _GROUP.match(piece)
        if group is not None:
            yield required_literals(piece[group.end() : -1])
    yield (run,)


def _best(candidates: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The most selective of several: the one whose shortest literal is longest."""
    best = max(candidates, key=lambda literals: min(map(len, literals)), default=("",))
    return best if min(map(len, best)) >= _MIN_LITERAL else ("",)


def _alternatives(expression: str) -> list[str]:
    """The alternatives at the top level."""
    found = [""]
    for piece, quantifier in _pieces(expression):
        if piece == "|":
            found.append("")
        else:
            found[-1] += piece + quantifier
    return found


def _pieces(expression: str) -> Iterator[tuple[str, str]]:
    """Each letter, class, escape and group at the top level, with its quantifier."""
    place = 0
    while place < len(expression):
        end = _end_of_piece(expression, place)
        quantifier = _QUANTIFIER.match(expression, end)
        after = quantifier.end() if quantifier else end
        yield expression[place:end], expression[end:after]
        place = after


def _end_of_piece(expression: str, place: int) -> int:
    if expression[place] == "\\":
        return place + 2
    if (found := _CLASS.match(expression, place)) is not None:
        return found.end()
    if expression[place] != "(":
        return place + 1
    place += 1
    while place < len(expression) and expression[place] != ")":
        # "(?" begins a group of another kind.
        place = place + 1 if expression[place] == "?" else _end_of_piece(expression, place)
    return place + 1

"""Checks of typography: spaces, hyphens, quotation marks, lists, capitals."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from mailer.approval.preflight.check_input import PROSE, Description, Text, excerpt, split_sentences
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.stated_facts import EMAIL

_SOFT_HYPHENS = re.compile("\\w\u00ad\\w")
# A word that a line end divided; not "mid- and long-term".
_HYPHENATED = re.compile(
    r"(?<![\w-])[^\W\d_]{3,}- (?!(?:and|or|to|и|или|және|жана|ва|va|we|ýa)\b)(?P<rest>[^\W\d_]{3,})(?![\w-])"
)
_DOUBLE_SPACE = re.compile(r"\S[ \u00a0]{2,}(?=\S)|\t")
_SPACED_OUT = re.compile(r"(?<!\w)(?:[A-ZА-ЯЁ] ){3,}[A-ZА-ЯЁ](?!\w)")
_MARKS = re.compile("[?]{2}(?![?])|!{3,}|(?:[\U0001f300-\U0001faff]\\s*){3,}")
_SMALL_BEGIN = re.compile(r"(?:(?<![#\w])[^\W\d_]{3,}|\d)[.!?] (?P<next>[a-zа-яё][^\W\d_]*)")
# After these a sentence goes on.
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|incl|no|vol|p|pp|st|dr|mr|ms|art|fig|ed|est|г|гг|в|вв|т|д|п|др|пр|"
    r"тыс|млн|млрд|руб|долл|стр|ст|см|им|ул|обл|"
    r"б|ж|с|м|мин|сек|ч|чел|англ|рус|мыс|т\.б|ш\.к|т\.д|mln|mlrd|ming|shu jumladan|b|y|j))$",
    re.IGNORECASE,
)
_HYPHEN_AS_DASH = re.compile(r"[^\W\d_]{2,}\s-\s[^\W\d_]{2,}")
_HAND_MADE = re.compile(r"(?m)^\s*[•·▪●◦*–-]\s+\S")
_NUMBERED = re.compile(r"(?m)^\s*(\d{1,2})[.)]\s+\S")
_MISMATCHED = re.compile(r"«[^«»“”\n]{2,200}”|[“„][^«»“”\n]{2,200}»")
# As they stand within «…», where “ closes.
_INNER_QUOTES = re.compile(r"„[^«»„“”\n]{1,200}“")
_RICH = frozenset(("body", "text", "note"))


@check_each_text
def double_spaces_or_leftover_hyphenation(text: Text) -> Iterator[Found]:
    """Double spaces, words that a line end divided, spaced-out letters, question marks in a row."""
    patterns = [_HYPHENATED, _SOFT_HYPHENS, _SPACED_OUT, _MARKS]
    if text.field not in ("figures", "postal_address"):
        patterns.append(_DOUBLE_SPACE)
    if found := next(filter(None, (one.search(text.plain) for one in patterns)), None):
        yield Found(text.place, excerpt(found[0]))


@check_each_text
def lower_case_start_or_all_capitals(text: Text) -> Iterator[Found]:
    """Sentences that begin with a small letter, or shout in capitals."""
    if text.field not in PROSE:
        return
    small = next(
        (
            one
            for one in _SMALL_BEGIN.finditer(EMAIL.sub("@", text.plain))
            if not _is_abbreviated(one[0], one["next"])
        ),
        None,
    )
    shout = (
        next((one for one in split_sentences(text.plain) if _shouts(one)), "")
        if text.field in _RICH | {"summary"}
        else ""
    )
    if small or shout:
        yield Found(text.place, excerpt(small[0] if small else shout))


def _is_abbreviated(written: str, word: str) -> bool:
    return bool(_ABBREVIATED.search(re.split(r"[.!?] ", written)[0])) or written[:1].isdigit()


def _shouts(sentence: str) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", sentence)
    return len(words) >= 5 and sum(word.isupper() for word in words) >= 0.9 * len(words)


def inconsistent_quotation_marks(description: Description) -> Iterator[Found]:
    """Quotation marks that do not match (« ”), or of another kind than in the language's other texts."""
    by_language: dict[str, Counter[str]] = defaultdict(Counter)
    for text in description.texts:
        by_language[text.language].update(_styles(text))
    for text in description.texts:
        if found := _MISMATCHED.search(_INNER_QUOTES.sub(_blank, text.plain)):
            yield Found(text.place, excerpt(found[0]))
            continue
        own, usual = _styles(text), by_language[text.language]
        if text.language in ("ru", "kk", "ky", "tg") and (own["“"] or own['"']) and not own["«"]:
            # In these languages “…” stands within «…» only.
            yield Found(text.place, "“…” / «…»" if own["“"] else '"…" / «…»')
        elif own['"'] and text.language and usual['"'] < usual.total():
            yield Found(text.place, '"…"')


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _styles(text: Text) -> Counter[str]:
    return Counter({"«": text.plain.count("«"), "“": text.plain.count("“"), '"': text.plain.count('"') // 2})


@check_each_text
def hand_typed_lists(text: Text) -> Iterator[Found]:
    """Bullets that were typed, and numbers of a list with a gap."""
    if text.field not in _RICH:
        return
    bullets = [] if _is_conversation(text.plain) else _HAND_MADE.findall(text.plain)
    numbers = [int(one) for one in _NUMBERED.findall(text.plain)]
    if len(bullets) > 1:
        yield Found(text.place, excerpt(bullets[0]))
    elif len(numbers) > 1 and numbers[0] == 1 and numbers != list(range(1, len(numbers) + 1)):
        yield Found(text.place, ", ".join(map(str, numbers)))


def _is_conversation(plain: str) -> bool:
    """Whether lines that begin with a dash are questions and answers, as in an interview."""
    lines = [line.strip() for line in re.findall(r"(?m)^\s*–\s+(\S.*)$", plain)]
    return len({line.endswith("?") for line in lines}) == 2


def hyphens_as_dashes(description: Description) -> Iterator[Found]:
    """A hyphen between spaces where the edition's other texts have a dash."""
    has_dashes = {text.language for text in description.texts if re.search(r"\s[–—]\s", text.plain)}
    for text in description.texts:
        if (
            text.language in has_dashes
            and text.field in PROSE
            and (found := _HYPHEN_AS_DASH.search(text.plain))
        ):
            yield Found(text.place, excerpt(found[0]))

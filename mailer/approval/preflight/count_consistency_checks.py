"""Checks of what a story counts: two numbers of one thing, and lists that are not what was counted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from mailer.approval.preflight.check_input import Description, Text, excerpt
from mailer.approval.preflight.extract_stated_counts import (
    StatedCount,
    counts_in,
    identifying_numbers_in,
    is_number_slip,
    is_same_word_but_for_ending,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.sum_checks import FEMALE, MALE

_TEXTS = frozenset(("headline", "summary", "body", "text", "note"))


def contradicting_counts(description: Description) -> Iterator[Found]:
    """Two numbers of one thing: 12 schools in the summary, 14 schools in the body; "the 35" who were 25."""
    stories: dict[tuple[str, str], list[Text]] = {}
    for text in description.texts:
        if (text.field in _TEXTS or text.field == "venue") and text.language:
            stories.setdefault((text.place.kind + text.place.key, text.language), []).append(text)
    for texts in stories.values():
        if found := _two_numbers(texts):
            yield found


def _two_numbers(texts: Sequence[Text]) -> Found | None:
    things = [
        (text, one)
        for text in texts
        for one in (
            *counts_in(text.plain, text.language.partition("-")[0]),
            *identifying_numbers_in(text.plain),
        )
    ]
    for (text, one), (other_text, other) in combinations(things, 2):
        if one.value == other.value or not _is_same_thing(one, other):
            continue
        alike = [each for _text, each in things if _is_same_thing(each, one) or _is_same_thing(each, other)]
        if len({each.value for each in alike}) > 2:
            continue
        is_again = other.is_definite and not one.is_definite
        is_same_phrase = len(one.words) > 1 and all(map(is_same_word_but_for_ending, one.words, other.words))
        if (
            text.field == "headline"
            and _is_one_off(one, other)
            and is_same_word_but_for_ending(one.words[0], other.words[0])
        ):
            is_wrong = True
        elif text.field != other_text.field:
            # A body says more than its summary: "12 schools … of them 3 schools".
            is_wrong = is_number_slip(one.value, other.value) or (is_again and is_same_phrase)
        else:
            is_wrong = is_number_slip(one.value, other.value) and (is_again or is_same_phrase)
        if is_wrong:
            return Found(other_text.place, excerpt(f"{one.written} / {other.written}"))
    return None


def _is_one_off(one: StatedCount, other: StatedCount) -> bool:
    """Whether two small numbers differ by one: "Five countries" in a headline, of which four are named."""
    return len(one.value) == len(other.value) == 1 and abs(int(one.value) - int(other.value)) == 1


def _is_same_thing(one: StatedCount, other: StatedCount) -> bool:
    return is_same_word_but_for_ending(one.words[0], other.words[0]) or (
        len(one.words) + len(other.words) == 3 and is_same_word_but_for_ending(one.words[-1], other.words[-1])
    )


_OPENS = re.compile(
    r"(?P<between>(?:\s[^\W\d_][\w‘’'-]*){0,4}\s?)(?P<sign>:|\(|\s[—–-]\s)(?P<list>[^:;()\n]{6,240})"
)
_END = re.compile(r"(?<=[^\W\d_]{3})[.!?](?:\s|$)|\)")
_AND = r"\s+(?:and|и|және|мен|пен|бен|жана|менен|ва|va|hamda|we|bilen)\s+"
_ITEMS = re.compile(rf"\s*,\s*(?:(?:and|и|және|жана|ва|va|we)\s+)?|{_AND}")
_NUMBER = re.compile(
    r"(?<![\w.,:/№$€+-])(?P<number>\d{1,3}(?:[ \u00a0\u202f,]\d{3})+(?!\d)|\d+)(?![\d%:/]|\s?%|[.,]\d)"
)
_PERCENT = re.compile(
    r"(?<![\w.,-])(?P<number>\d{1,3}(?:[.,]\d)?)\s?(?:%|per\s?cent|процент|пайыз|фоиз|foiz|göterim)"
)
_SOME = re.compile(
    r"\b(?:including|among|such\s+as|e\.g|for\s+example|about|over|more|at\s+least|в\s+том\s+числе"
    r"|среди|например|более|около|свыше|"
    r"оның\s+ішінде|астам|шамамен|анын\s+ичинде|ашык|аз\s+ҷумла|зиёда|shu\s+jumladan|jumladan|ortiq"
    r"|şol\s+sanda|gowrak)\b",
    re.IGNORECASE,
)
# "300 pupils, 160 girls and 150 boys", where no colon says that these are all.
_HALVES = re.compile(
    rf"[^.;:!?\d\n]{{0,25}}[\s,(](?P<a>\d[\d \u00a0,]*)\s(?:[^\W\d_]+\s)?(?:(?:{FEMALE})(?P<f1>)"
    rf"|(?:{MALE})(?P<m1>))(?:{_AND}|,\s)"
    rf"(?P<b>\d[\d \u00a0,]*)\s(?:[^\W\d_]+\s)?(?:(?:{FEMALE})(?P<f2>)|(?:{MALE})(?P<m2>))(?!\w)",
    re.IGNORECASE,
)
# "61 % | of them women": a line of figures that says no more.
_SHARE_OF = re.compile(
    rf"\s*(?P<number>\d{{1,3}}(?:[.,]\d)?)\s?%\s*\|\s*(?:(?:of\s+them|из\s+них|олардың|алардын"
    rf"|аз\s+онҳо|ulardan|olaryň)\s+)?"
    rf"(?:(?P<female>{FEMALE})|(?P<male>{MALE}))\s*$",
    re.IGNORECASE,
)
_NEAR_ALL = 15
# Of the whole: parts that are about as many as the whole are meant to be all of it.
_NEAR = 0.2
_LEAST_LISTED, _MOST_LISTED = 2, 12


def wrong_list_counts(description: Description) -> Iterator[Found]:
    """Lists that do not have as many items, or parts that do not add up to the number in front of them."""
    for text in description.texts:
        if text.field in _TEXTS and text.language:
            for pieces in text.plain.split("\n"):
                if wrong := _wrong_list(pieces, text.language.partition("-")[0]) or _wrong_shares(pieces):
                    yield Found(text.place, excerpt(wrong))
                    break
    yield from gender_shares_not_100_percent(description)


@check_each_text
def gender_shares_not_100_percent(text: Text) -> Iterator[Found]:
    """Figures of which women and men, or girls and boys, are about 100 per cent, but more or less."""
    found = [_SHARE_OF.match(line) for line in text.plain.splitlines()] if text.field == "figures" else []
    halves = {("f" if one["female"] else "m"): float(one["number"].replace(",", ".")) for one in found if one}
    if len(halves) == 2 and 1 < abs(sum(halves.values()) - 100) <= _NEAR_ALL:
        yield Found(text.place, excerpt(" + ".join(one[0] for one in found if one)))


def _wrong_list(plain: str, language: str) -> str:
    for one in counts_in(plain, language):
        halves = _HALVES.match(plain[one.end :])
        if halves and _is_wrong_half(one, halves):
            return plain[one.start : one.end + halves.end()]
        opens = _OPENS.match(plain[one.end :])
        if not opens or _SOME.search(plain[max(0, one.start - 25) : one.end] + opens["between"]):
            continue
        listed = _END.split(opens["list"])[0]
        if opens["sign"] == "(" and plain[one.end + opens.end() :][:1] != ")":
            continue
        items = [item.strip() for item in _ITEMS.split(listed.strip()) if item.strip()]
        whole = int(re.sub(r"\D", "", one.value) or 0)
        if _is_wrong_sum(items, whole) or _is_wrong_count(items, whole, one, language):
            return plain[one.start : one.end] + opens["between"] + opens["sign"] + listed
    return ""


def _is_wrong_half(one: StatedCount, halves: re.Match[str]) -> bool:
    is_each = (halves["f1"] is None) != (halves["f2"] is None)
    whole, parts = int(re.sub(r"\D", "", one.value)), [int(re.sub(r"\D", "", halves[name])) for name in "ab"]
    return is_each and max(parts) < whole and 0 < abs(sum(parts) - whole) <= _NEAR * whole


def _is_wrong_sum(items: Sequence[str], whole: int) -> bool:
    """Whether each item has one number, and their sum is about the whole, but another."""
    found = [_NUMBER.findall(item) for item in items]
    if len(items) < _LEAST_LISTED or not all(len(numbers) == 1 for numbers in found):
        return False
    parts = [int(re.sub(r"\D", "", numbers[0])) for numbers in found]
    return max(parts) < whole and 0 < abs(sum(parts) - whole) <= max(1, _NEAR * whole)


def _is_wrong_count(items: Sequence[str], whole: int, one: StatedCount, language: str) -> bool:
    """Whether names are listed, each with a capital letter, and are more or fewer than was counted."""
    if not _LEAST_LISTED <= whole <= _MOST_LISTED or len(items) < _LEAST_LISTED:
        return False
    names = [item for item in items if re.fullmatch(r"[^\W\d_][\w‘’'.-]*(?:\s[^\W\d_][\w‘’'.-]*){0,3}", item)]
    has_capitals = all(item[0].isupper() for item in items)
    return len(names) == len(items) and has_capitals and len(items) != whole


def _wrong_shares(plain: str) -> str:
    """Three shares or more of one list that are about 100 per cent, but more or less."""
    for sentence in re.split(r"(?<=[^\W\d_]{3})[.!?]\s|(?<=%)\.\s", plain):
        found = list(_PERCENT.finditer(sentence))
        if len(found) < 3:
            continue
        gaps = [sentence[a.end() : b.start()] for a, b in pairwise(found)]
        if all(len(gap) <= 60 and not re.search(r"\d|;", gap) for gap in gaps) and not _SOME.search(sentence):
            total = sum(float(one["number"].replace(",", ".")) for one in found)
            if 1.5 < abs(total - 100) <= 12:
                return sentence[found[0].start() :]
    return ""

"""Where a line of a message may not end: inside a range, after a number's hyphen, before a dash.

Browsers break "2014–2019" after its dash and "2021-жылы" after its hyphen. A span keeps these together: a
word joiner or a no-break hyphen is an empty box where a font lacks it. No-break spaces, which every font has,
do the rest. Applied to the MJML document, so that the texts of stories, blocks and catalogues all have it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = r"(?:\d{1,3}(?:[ \xa0]\d{3})+(?!\d)|\d+(?:[.,:]\d+)*)"
# "2014–2019", "18:30–20:00", "12 000", "2021-жылы", "2022–2024-ро", "20 %". Longer words than this may break.
_WITH_NUMBER = rf"{_NUMBER}(?:[-–—−]{_NUMBER})*(?:-[^\W\d_]{{1,20}})?(?:[ \xa0]%)?"
# "из-за", "ýa-da", "көші-қон": a short part of a word does not stand alone.
_LETTER = r"[^\W\d_]"
_SHORT_PARTS = rf"(?:{_LETTER}{{1,3}}-{_LETTER}{{1,12}}|{_LETTER}{{1,12}}-{_LETTER}{{1,3}})(?![\w-])"
_TOGETHER = re.compile(rf"(?<![\w#])(?:{_WITH_NUMBER}|(?<!-){_SHORT_PARTS})")
_PLAIN_NUMBER = re.compile(r"[\d.,:]*")
_SPACES = (
    # A dash between words never begins a line.
    (re.compile(r"(?<=\S) (?=[–—] )"), "\xa0"),
    # "№ 12"
    (re.compile(r"(?<=№) (?=\d)|(?<=\bNo\.) (?=\d)"), "\xa0"),
    # "16 November", "5 countries"; a long word may begin a line.
    (re.compile(r"(?<![\w.,:#-])(\d{1,2}) (?=[^\W\d_]{1,12}(?![\w-]))"), "\\1\xa0"),
    # A word of one letter, as in "к дню" and "a film", does not end a line, unless the next one is long.
    (re.compile(r"(?<![\w.,'’-])([^\W\d_]) (?=\w{1,14}(?!\w))"), "\\1\xa0"),
    # "A. Drawer"
    (re.compile(r"(?<!\w)([A-ZА-ЯЁҚҒҲӮҶӢӘІҢҮҰӨҺ]\.) (?=[A-ZА-ЯЁҚҒҲӮҶӢӘІҢҮҰӨҺ])"), "\\1\xa0"),
)
_BODY = "<mj-body"
_TEXT = re.compile(r">([^<>]*[^<>\s][^<>]*)<")
_SPAN = '<span style="white-space:nowrap">{}</span>'


def keep_together(source: str) -> str:
    """The MJML document with what belongs together on one line, in all texts of its body."""
    head, body, rest = source.partition(_BODY)
    return head + body + _TEXT.sub(lambda found: f">{_kept(found[1])}<", rest)


@lru_cache(maxsize=4_096)
def _kept(text: str) -> str:
    for pattern, replacement in _SPACES:
        text = pattern.sub(replacement, text)
    return _TOGETHER.sub(_in_span, text)


def _in_span(found: re.Match[str]) -> str:
    return found[0] if _PLAIN_NUMBER.fullmatch(found[0]) else _SPAN.format(found[0])

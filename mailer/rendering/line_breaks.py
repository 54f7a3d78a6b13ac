"""Where a line of a message may not end: inside a range of numbers.

Browsers break "2014–2019" after its dash. A span keeps it together: a word joiner or a no-break hyphen is an
empty box where a font lacks it. Applied to the MJML document, so that the texts of stories, blocks and
catalogues all have it. All other texts stay as they were written, so that they can be searched and copied.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = r"\d+(?:[.,:]\d+)*"
# "2014–2019", "18:30–20:00", "2022–2024-ро". Longer words than this may break.
_RANGE = re.compile(rf"(?<![\w#]){_NUMBER}(?:[-–—−]{_NUMBER})+(?:-[^\W\d_]{{1,20}})?")
_BODY = "<mj-body"
_TEXT = re.compile(r">([^<>]*\d[-–—−]\d[^<>]*)<")
_SPAN = r'<span style="white-space:nowrap">\g<0></span>'


def keep_together(source: str) -> str:
    """The MJML document whose ranges of numbers stay on one line, in all texts of its body."""
    head, body, rest = source.partition(_BODY)
    return head + body + _TEXT.sub(lambda found: f">{_kept(found[1])}<", rest)


@lru_cache(maxsize=4_096)
def _kept(text: str) -> str:
    return _RANGE.sub(_SPAN, text)

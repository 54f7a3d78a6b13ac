"""Whether a figure is what a newsletter is used to: beside the median of its last editions, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from mailer.reports.labels import percent

# Editions that make what is usual, at most and at least.
LOOKED_AT = 6
_ENOUGH = 2
# A difference below this share is nobody's concern, however sure it is.
_SLIGHT = 0.002


def compared(part: int, whole: int, earlier: Sequence[float], *, final: bool = True) -> str:
    """ "as usual", "more than usual (0.8 %)" or "less than usual (0.8 %)"; "" without enough to compare with.

    `earlier` are the shares of earlier editions, 0 to 1. A difference counts when chance alone would rarely
    make it among `whole` readers: one of fifteen is no trend. What is not `final` can only be more already.
    """
    if not whole or len(earlier) < _ENOUGH:
        return ""
    share, usual = part / whole, median(earlier[:LOOKED_AT])
    # Two standard errors; one reader more or less never makes the difference.
    doubt = 2 * math.sqrt(max(usual * (1 - usual), 0.0) / whole) + 1 / whole
    differs = abs(share - usual) > max(doubt, _SLIGHT)
    if differs and share > usual:
        return f"more than usual ({percent(usual)})"
    if not final:
        return ""
    return f"less than usual ({percent(usual)})" if differs else "as usual"

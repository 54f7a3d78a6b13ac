"""Numbers, shares and lists as staff read them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.formats import get_format
from django.utils.translation import gettext


def format_number(count: int) -> str:
    """A count with narrow spaces between thousands: 12 345."""
    return f"{count:,}".replace(",", "\u202f")


def format_percent(share: float) -> str:
    """A share (0 to 1) in per cent, never rounded to nothing or to all."""
    if 0 < share < 0.0001:
        return gettext("less than %(share)s") % {"share": _percent("0.01")}
    if 0.999 < share < 1:
        return gettext("over %(share)s") % {"share": _percent("99.9")}
    # Among complaints, a tenth of a per cent is much.
    digits = f"{share * 100:.2f}" if share < 0.01 else f"{share * 100:.1f}"
    return _percent(digits.rstrip("0").rstrip("."))


def _percent(digits: str) -> str:
    """The number in the active language, with a per cent sign."""
    return f"{digits.replace('.', get_format('DECIMAL_SEPARATOR'))} %"


def join_list(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return gettext("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}

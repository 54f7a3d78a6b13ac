"""What is counted of what readers open, and how far that goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

# In the order of what they tell: nothing; how often, by nobody's name; who, where the reader agreed to it.
Mode = Literal["off", "anonymous", "consent"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Tracking:
    # How often links are opened. Under a reader's name only in "consent", and only if the reader agreed.
    clicks: Mode = "anonymous"
    # Openings, told by an invisible picture. Mail programs load it by themselves, or never: a poor figure.
    opens: Mode = "off"
    # Minutes until a click counts: what machines do is recognised by what else they did just then.
    settle_minutes: float = 10
    # Days that single clicks and openings are kept; their sums stay.
    keep_days: int = 90

    @property
    def by_consent(self) -> bool:
        """Whether readers are asked if they agree."""
        return "consent" in (self.clicks, self.opens)


def lesser(one: Mode, other: Mode) -> Mode:
    """Of two modes the one that tells less."""
    return min(one, other, key=MODES.index)

"""Horizontal bars, one a row, each with its words and its number above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from mailer.reports.charts.drawing import Fill, box, framed, text
from mailer.reports.labels import number, percent
from mailer.reports.totals import Account

# Heights in pixels: one row with its words above its bar, and the bar in it.
_ROW = 42
_BAR = 14
# Rows of a ranking, besides the one with all others.
_RANKED = 8


@dataclass(frozen=True)
class Bar:
    label: str
    count: int
    # How long it is, 0 to 1.
    share: float
    # Tells the row apart without colour.
    mark: str = ""
    fill: Fill = "full"

    @property
    def told(self) -> str:
        """The number at its end: "1 000 (83.3 %)"."""
        return f"{number(self.count)} ({percent(self.share)})"


# (field of Account, label, mark, fill), in the order of a delivery's life
_STATES: tuple[tuple[str, str, str, Fill], ...] = (
    ("accepted", "Accepted", "●", "full"),
    ("planned", "Not yet sent", "○", "hollow"),
    ("claimed", "Being sent", "▶", "light"),
    ("deferred", "To be sent later", "◆", "dots"),
    ("in_doubt", "In doubt", "?", "dots"),
    ("refused", "Refused", "✕", "lines"),
)


def account_bars(account: Account) -> tuple[Bar, ...]:
    """The account's terms, which sum up to the audience; states without readers are left out.

    Nothing was sent yet: only "Accepted", with zero.
    """
    counted = [(label, getattr(account, name), mark, fill) for name, label, mark, fill in _STATES]
    counted.append(("Left out", sum(account.excluded.values()), "–", "lines"))
    shown = [row for row in counted if row[1]] or counted[:1]
    whole = account.audience or 1
    return tuple(Bar(label, readers, readers / whole, mark, fill) for label, readers, mark, fill in shown)


def account_chart(account: Account, identifier: str = "account") -> SafeString:
    """The account as bars with their numbers on them."""
    title = f"Where {number(account.audience)} readers stand"
    return bars(account_bars(account), title, identifier)


def ranked(counted: Iterable[tuple[str, int]], whole: int, title: str, identifier: str) -> SafeString:
    """The largest of what was counted, each as a share of `whole`; the rest in a last bar."""
    ordered = sorted(counted, key=lambda pair: -pair[1])
    shown = [Bar(label, count, count / whole) for label, count in ordered[:_RANKED]]
    if rest := ordered[_RANKED:]:
        count = sum(count for _, count in rest)
        shown.append(Bar(f"{number(len(rest))} others", count, count / whole, fill="light"))
    return bars(shown, title, identifier)


def bars(rows: Sequence[Bar], title: str, identifier: str) -> SafeString:
    """Bars whose lengths are their shares."""
    drawn = [part for place, row in enumerate(rows) for part in _drawn(row, place * _ROW, identifier)]
    words = ", ".join(f"{row.label[:1].lower()}{row.label[1:]} {number(row.count)}" for row in rows)
    return framed(drawn, len(rows) * _ROW, title, f"{words}.", identifier)


def _drawn(row: Bar, top: int, identifier: str) -> Iterable[SafeString]:
    yield text(f"{row.mark} {row.label}".strip(), 0, top + 14)
    yield text(row.told, 100, top + 14, "end")
    yield box(0.1, top + 20, 99.7, _BAR, "hollow", identifier)
    if row.count:
        # A bar for somebody is always seen.
        yield box(0.1, top + 20, max(row.share * 99.7, 0.4), _BAR, row.fill, identifier)

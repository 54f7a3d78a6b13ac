"""The account as a chart: inline SVG that needs no script, no colour and no wide screen to be understood."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mailer.reports.account import Account

# Heights in pixels: one row with its words above its bar, and the bar in it.
_ROW = 42
_BAR = 14


class Row(NamedTuple):
    """One line of the account: what the chart draws and the table beside it prints."""

    label: str
    readers: int
    # Of the audience, 0 to 1.
    share: float
    # A mark that tells the row apart without colour.
    mark: str
    # How its bar is filled: full, dense, light, lines, dots, hollow.
    fill: str


# (field of Account, label, mark, fill), in the order of a delivery's life
_STATES = (
    ("accepted", "Accepted", "●", "full"),
    ("planned", "Not yet sent", "○", "hollow"),
    ("claimed", "Being sent", "▶", "light"),
    ("deferred", "To be sent later", "◆", "dots"),
    ("in_doubt", "In doubt", "?", "dots"),
    ("refused", "Refused", "✕", "lines"),
)
_FILLS = {
    "full": "var(--chart-accent, currentColor)",
    "light": "var(--chart-accent, currentColor)",
    "dense": "var(--chart-signal, currentColor)",
    "lines": "url(#{id}-lines)",
    "dots": "url(#{id}-dots)",
    "hollow": "none",
}


def rows(account: Account) -> tuple[Row, ...]:
    """The account's terms, which sum up to the audience; states without readers are left out.

    Nothing was sent yet: only "Accepted", with zero.
    """
    counted = [(label, getattr(account, name), mark, fill) for name, label, mark, fill in _STATES]
    counted.append(("Left out", sum(account.excluded.values()), "–", "lines"))
    shown = [row for row in counted if row[1]] or counted[:1]
    return tuple(
        Row(label, readers, _share(readers, account.audience), mark, fill)
        for label, readers, mark, fill in shown
    )


def returned_rows(account: Account) -> tuple[Row, ...]:
    """Marks on the accepted: what came back and what was complained about, as shares of the accepted."""
    return (
        Row("Came back", account.bounced, _share(account.bounced, account.accepted), "↩", "dense"),
        Row("Complaints", account.complained, _share(account.complained, account.accepted), "▲", "dense"),
    )


def account_chart(account: Account, identifier: str = "account") -> SafeString:
    """The account as bars with their numbers on them; `identifier` is unique on the page."""
    terms = rows(account)
    words = ", ".join(f"{row.label.lower()} {row.readers}" for row in terms)
    return bars(terms, f"Where {account.audience} readers stand", f"{words}.", identifier)


def bars(terms: Iterable[Row], title: str, description: str, identifier: str) -> SafeString:
    """Horizontal bars, one a row, each with its words above it.

    Widths are shares in per cent, so that letters keep their size on a phone.
    """
    listed = list(terms)
    drawn = format_html_join(
        "", "{}", ((_bar(row, position * _ROW, identifier),) for position, row in enumerate(listed))
    )
    return format_html(
        '<svg class="chart" role="img" aria-labelledby="{id}-title {id}-desc" width="100%" height="{height}"'
        ' xmlns="http://www.w3.org/2000/svg"><title id="{id}-title">{title}</title>'
        '<desc id="{id}-desc">{description}</desc>{patterns}{drawn}</svg>',
        id=identifier,
        height=len(listed) * _ROW,
        title=title,
        description=description,
        patterns=_patterns(identifier),
        drawn=drawn,
    )


def percent(share: float) -> str:
    """A share in words: what exists is never rounded to nothing, what is missing never to all."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{share * 100:.1f} %".replace(".0 %", " %")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _bar(row: Row, top: int, identifier: str) -> SafeString:
    return format_html(
        '<text x="0" y="{words}" font-size="14" fill="currentColor">{mark} {label}</text>'
        '<text x="100%" y="{words}" font-size="14" text-anchor="end" fill="currentColor">'
        "{readers} ({share})</text>"
        '<rect x="0.5" y="{bar}" width="99.8%" height="{height}" rx="2" fill="none" stroke="currentColor"'
        ' stroke-opacity="0.25"/>'
        '<rect x="0.5" y="{bar}" width="{width}%" height="{height}" rx="2" fill="{fill}"'
        ' fill-opacity="{opacity}" stroke="currentColor" stroke-opacity="0.7"/>',
        words=top + 14,
        mark=row.mark,
        label=row.label,
        readers=f"{row.readers:,}".replace(",", "\u202f"),
        share=percent(row.share),
        bar=top + 20,
        height=_BAR,
        # A bar for somebody is always seen.
        width=f"{max(row.share * 99.8, 0.4 if row.readers else 0):.2f}",
        fill=_FILLS[row.fill].format(id=identifier),
        opacity="0.45" if row.fill == "light" else "1",
    )


def _patterns(identifier: str) -> SafeString:
    return format_html(
        '<defs><pattern id="{id}-lines" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect width="3" height="6" fill="var(--chart-signal, currentColor)"/>'
        "</pattern>"
        '<pattern id="{id}-dots" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<circle cx="3" cy="3" r="1.8" fill="var(--chart-accent, currentColor)"/></pattern></defs>',
        id=identifier,
    )

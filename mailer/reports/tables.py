"""The tables of a report, in plain cells: the page, the exports and the command show the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mailer.reports.labels import CLASSES, reason_words
from mailer.reports.stats import OTHERS, Counts, Failure, Fate, total
from mailer.reports.table import Cell, Column, Table
from mailer.reports.timeline import Spread, spread
from mailer.reports.totals import Account
from subscribers import iso_codes

_STATES = (
    ("accepted", "Accepted"),
    ("planned", "Not yet sent"),
    ("claimed", "Being sent"),
    ("deferred", "To be sent later"),
    ("in_doubt", "In doubt"),
    ("refused", "Refused"),
)
_READERS = Column("readers", "Readers")
_SHARE = Column("share", "Share", "share")
_FATES = (
    _READERS,
    Column("accepted", "Accepted"),
    Column("refused", "Refused"),
    Column("bounced", "Came back"),
    Column("complained", "Unwanted"),
    Column("waiting", "Waiting"),
    Column("left_out", "Left out"),
)
_PROVIDERS = {"": "Erased readers", OTHERS: "All others"}
_SEVERAL = "A reader who chose several countries stands in several lines; the last line counts each once."
_WIDTHS = {1: "minute", 5: "5 minutes", 15: "quarter of an hour", 60: "hour", 180: "3 hours", 720: "half day"}


def tables(counts: Counts, zone: str) -> dict[str, Table]:
    """The report's tables by key, in the order in which they are asked about."""
    made = (
        account_table(counts.account),
        left_out_table(counts.account),
        arrival_table(spread(counts.minutes, zone), zone),
        failure_table(counts),
        trouble_table(counts),
        provider_table(counts),
        departure_table(counts.left),
        language_table(counts),
        country_table(counts),
        unreached_table(counts),
    )
    return {table.key: table for table in made}


def account_table(account: Account) -> Table:
    """Where every reader stands."""
    counted = [(label, getattr(account, name)) for name, label in _STATES]
    counted.append(("Left out", sum(account.excluded.values())))
    rows = tuple((label, readers, _share(readers, account.audience)) for label, readers in counted)
    columns = (Column("state", "State", "text"), _READERS, _SHARE)
    return Table("account", "The account", columns, rows, ("Audience", account.audience, None))


def left_out_table(account: Account) -> Table:
    """Who was left out, and why."""
    ordered = sorted(account.excluded.items(), key=lambda item: (-item[1], item[0]))
    return _reasons("left_out", "Left out, and why", ordered)


def unreached_table(counts: Counts) -> Table:
    """Everybody who did not get it, by why."""
    ordered = sorted(counts.unreached.items(), key=lambda item: (-item[1], item[0]))
    return _reasons("unreached", "Who did not get it, and why", ordered)


def departure_table(left: Mapping[str, int]) -> Table:
    """Who unsubscribed, by the reason that they gave."""
    rows = tuple((_sentence(reason_words(why)) or "No reason given", count) for why, count in left.items())
    columns = (Column("reason", "Reason given", "text"), _READERS)
    return Table("departures", "Who unsubscribed", columns, rows, ("All", sum(left.values())))


def arrival_table(spread_: Spread, zone: str) -> Table:
    """When it was accepted."""
    rows: list[tuple[Cell, ...]] = [(f"{step.begins:%Y-%m-%d %H:%M}", step.count) for step in spread_.steps]
    if spread_.untimed:
        rows.append(("at an unknown time", spread_.untimed))
    each = {1440: "day", 10080: "week"} | _WIDTHS
    columns = (Column("from", f"Each {each[spread_.width]} from", "text"), Column("accepted", "Accepted"))
    note = f"Times of {zone}. Accepted means that the next server took it."
    return Table("arrival", "When it arrived", columns, tuple(rows), ("All", spread_.total), note)


def failure_table(counts: Counts) -> Table:
    """What was refused and what came back, by reason; the worst for the list first."""
    order = list(CLASSES)
    found = sorted(counts.failures, key=lambda one: (order.index(one.bounce_class), -one.readers, one.reason))
    rows = tuple(
        (_sentence(reason_words(one.reason)), CLASSES[one.bounce_class][0], *_told(one)) for one in found
    )
    columns = (
        Column("reason", "Reason", "text"),
        Column("class", "Kind", "text"),
        Column("refused", "At once"),
        Column("bounced", "Later"),
        _READERS,
    )
    both = counts.account.refused, counts.account.bounced
    return Table("failures", "Refused and came back", columns, rows, ("All", None, *both, sum(both)))


def _told(failure: Failure) -> tuple[int, int, int]:
    return failure.refused, failure.bounced, failure.readers


def trouble_table(counts: Counts) -> Table:
    """Whose mail systems refuse it or send it back, by kind; the most first."""
    columns = (
        Column("provider", "Provider", "text"),
        *(Column(one, label) for one, (label, _) in CLASSES.items()),
        _READERS,
    )
    whole = Counter[str]()
    for failure in counts.failures:
        whole[failure.bounce_class] += failure.readers
    rows = tuple(_trouble(_PROVIDERS.get(name, name), found) for name, found in counts.troubles.items())
    title = "Whose mail systems refuse it or send it back"
    return Table("troubles", title, columns, rows, _trouble("All", whole))


def _trouble(label: str, found: Mapping[str, int]) -> tuple[Cell, ...]:
    return label, *(found.get(one, 0) for one in CLASSES), sum(found.values())


def provider_table(counts: Counts) -> Table:
    """By who runs the readers' mail."""
    rows = ((_PROVIDERS.get(name, name), fate) for name, fate in counts.providers.items())
    return _fates("providers", "By mail provider", "Provider", rows, total(counts.providers))


def language_table(counts: Counts) -> Table:
    """By the language in which readers got it."""
    rows = (
        (iso_codes.language_name(code, "en") if code else "No copy was made", fate)
        for code, fate in counts.languages.items()
    )
    return _fates("languages", "By language", "Language", rows, total(counts.languages))


def country_table(counts: Counts) -> Table:
    """By the countries that readers chose."""
    rows: dict[str, Fate] = {}
    for choice, fate in counts.countries.items():
        for code in choice.split(","):
            rows[code] = rows.get(code, Fate()) + fate
    ordered = sorted(rows.items(), key=lambda item: (not item[0], -item[1].readers, item[0]))
    named = (
        (iso_codes.country_name(code, "en") if code else "Every country", fate) for code, fate in ordered
    )
    several = any("," in choice for choice in counts.countries)
    note = _SEVERAL if several else ""
    return _fates("countries", "By country chosen", "Country", named, total(counts.countries), note)


def _fates(
    key: str, title: str, heading: str, rows: Iterable[tuple[str, Fate]], whole: Fate, note: str = ""
) -> Table:
    columns = (Column(heading.lower(), heading, "text"), *_FATES)
    cells = tuple((label, *_cells(fate)) for label, fate in rows)
    return Table(key, title, columns, cells, ("All", *_cells(whole)), note)


def _cells(fate: Fate) -> list[Cell]:
    return [getattr(fate, column.key) for column in _FATES]


def _reasons(key: str, title: str, counted: Sequence[tuple[str, int]]) -> Table:
    rows = tuple((_sentence(reason_words(reason)), readers) for reason, readers in counted)
    columns = (Column("reason", "Why", "text"), _READERS)
    return Table(key, title, columns, rows, ("All", sum(readers for _, readers in counted)))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

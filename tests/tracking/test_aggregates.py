from __future__ import annotations

import pytest

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.tracking import aggregates
from mailer.tracking.aggregates import Cell, Slice, shown
from mailer.tracking.models import HitCount, Readership
from mailer.tracking.records import Kind
from tests.cast import NOW

pytestmark = pytest.mark.both_databases


def _count(
    variant: SnapshotVariant, number: int, times: int, kind: Kind = Kind.CLICK, machine: bool = False
) -> None:
    HitCount.objects.create(
        variant=variant, kind=kind, number=number, day=NOW.date(), machine=machine, count=times
    )


def _readers(variants: dict[str, SnapshotVariant]) -> None:
    for name, readers in (("KZ en", 8), ("KZ ru", 6), ("TJ ru", 2)):
        Readership.objects.create(variant=variants[name], readers=readers, countries=name[:2])


def test_every_link_of_the_edition_has_its_figure_by_language_and_countries(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    _readers(variants)
    _count(variants["KZ en"], 1, 9)
    _count(variants["KZ ru"], 1, 7)
    _count(variants["KZ ru"], 1, 40, machine=True)
    clicks = aggregates.clicks_of(mailing)
    first, *others = clicks.links
    assert (first.url, first.story_key, first.label) == (
        "https://example.org/ring",
        "ring",
        "Headline ring en",
    )
    assert (first.people, first.machines) == (16, 40)
    assert (clicks.people, clicks.machines) == (16, 40)
    # Two readers of Tajikistan: whether they clicked is theirs, and not to be found by subtracting.
    assert first.slices == (
        Slice("en", ("KZ",), 9),
        Slice("ru", ("KZ",), None),
        Slice("ru", ("TJ",), None),
    )
    assert clicks.by_language == (Slice("en", None, 9), Slice("ru", None, 7))
    assert [link.people for link in others] == [0] * len(others)


def test_fewer_than_five_clicks_are_not_told(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    _readers(variants)
    _count(variants["KZ en"], 1, 4)
    clicks = aggregates.clicks_of(mailing)
    assert (clicks.people, clicks.links[0].people) == (None, None)
    assert clicks.links[1].people == 0


def test_a_mailing_to_fewer_than_five_readers_has_no_figures(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    Readership.objects.create(variant=variants["TJ ru"], readers=2, countries="TJ")
    _count(variants["TJ ru"], 1, 30)
    clicks = aggregates.clicks_of(mailing)
    assert (clicks.people, clicks.links[0].people, clicks.links[1].people) == (None, None, None)


def test_openings_are_told_apart_from_clicks(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    _readers(variants)
    _count(variants["KZ en"], 1, 9)
    _count(variants["KZ en"], 0, 12, Kind.OPEN)
    _count(variants["KZ en"], 0, 3, Kind.OPEN, machine=True)
    opens = aggregates.opens_of(mailing)
    assert (opens.people, opens.machines) == (12, 3)
    assert opens.by_language == (Slice("en", None, 12), Slice("ru", None, 0))
    assert opens.by_countries == (Slice("", ("KZ",), None), Slice("", ("TJ",), None))


def test_the_only_hidden_count_is_not_what_is_missing_from_the_sum() -> None:
    assert shown({"a": Cell(3, 20), "b": Cell(9, 20), "c": Cell(30, 20)}) == {"a": None, "b": None, "c": 30}
    assert shown({"a": Cell(3, 20), "b": Cell(2, 20), "c": Cell(30, 20)}) == {"a": None, "b": None, "c": 30}
    assert shown({"a": Cell(3, 20), "b": Cell(0, 20)}) == {"a": None, "b": 0}

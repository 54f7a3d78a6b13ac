from __future__ import annotations

import pytest

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.tracking import click_and_open_counts
from mailer.tracking.bot_detection import EventKind
from mailer.tracking.click_and_open_counts import Breakdown, GroupCount, hide_small_counts
from mailer.tracking.models import DailyEventCount, VariantAudience
from tests.cast import NOW

pytestmark = pytest.mark.both_databases


def _store_count(
    variant: SnapshotVariant, number: int, times: int, kind: EventKind = EventKind.CLICK, bot: bool = False
) -> None:
    DailyEventCount.objects.create(
        variant=variant, kind=kind, link_number=number, day=NOW.date(), is_bot=bot, count=times
    )


def _audiences(variants: dict[str, SnapshotVariant]) -> None:
    for name, recipients in (("KZ en", 8), ("KZ ru", 6), ("TJ ru", 2)):
        VariantAudience.objects.create(variant=variants[name], recipients=recipients, countries=name[:2])


def test_click_stats_have_every_link_by_language_and_countries(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    _audiences(variants)
    _store_count(variants["KZ en"], 1, 9)
    _store_count(variants["KZ ru"], 1, 7)
    _store_count(variants["KZ ru"], 1, 40, bot=True)
    clicks = click_and_open_counts.click_stats(mailing)
    first, *others = clicks.links
    assert (first.url, first.story_key, first.label) == (
        "https://example.org/ring",
        "ring",
        "Headline ring en",
    )
    assert (first.human_count, first.bot_count) == (16, 40)
    assert (clicks.human_count, clicks.bot_count) == (16, 40)
    # Two recipients in Tajikistan: their clicks are hidden, and cannot be found by subtracting.
    assert first.breakdown == (
        Breakdown("en", ("KZ",), 9),
        Breakdown("ru", ("KZ",), None),
        Breakdown("ru", ("TJ",), None),
    )
    assert clicks.by_language == (Breakdown("en", None, 9), Breakdown("ru", None, 7))
    assert [link.human_count for link in others] == [0] * len(others)


def test_fewer_than_five_clicks_are_hidden(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    _audiences(variants)
    _store_count(variants["KZ en"], 1, 4)
    clicks = click_and_open_counts.click_stats(mailing)
    assert (clicks.human_count, clicks.links[0].human_count) == (None, None)
    assert clicks.links[1].human_count == 0


def test_a_mailing_to_fewer_than_five_recipients_has_no_counts(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    VariantAudience.objects.create(variant=variants["TJ ru"], recipients=2, countries="TJ")
    _store_count(variants["TJ ru"], 1, 30)
    clicks = click_and_open_counts.click_stats(mailing)
    assert (clicks.human_count, clicks.links[0].human_count, clicks.links[1].human_count) == (
        None,
        None,
        None,
    )


def test_opens_are_counted_apart_from_clicks(mailing: Mailing, variants: dict[str, SnapshotVariant]) -> None:
    _audiences(variants)
    _store_count(variants["KZ en"], 1, 9)
    _store_count(variants["KZ en"], 0, 12, EventKind.OPEN)
    _store_count(variants["KZ en"], 0, 3, EventKind.OPEN, bot=True)
    opens = click_and_open_counts.open_stats(mailing)
    assert (opens.human_count, opens.bot_count) == (12, 3)
    assert opens.by_language == (Breakdown("en", None, 12), Breakdown("ru", None, 0))
    assert opens.by_countries == (Breakdown("", ("KZ",), None), Breakdown("", ("TJ",), None))


def test_a_single_hidden_count_cannot_be_found_by_subtracting() -> None:
    assert hide_small_counts({"a": GroupCount(3, 20), "b": GroupCount(9, 20), "c": GroupCount(30, 20)}) == {
        "a": None,
        "b": None,
        "c": 30,
    }
    assert hide_small_counts({"a": GroupCount(3, 20), "b": GroupCount(2, 20), "c": GroupCount(30, 20)}) == {
        "a": None,
        "b": None,
        "c": 30,
    }
    assert hide_small_counts({"a": GroupCount(3, 20), "b": GroupCount(0, 20)}) == {"a": None, "b": 0}
    # Nine clicks by two recipients: the sum of nine is shown, so the zero beside them is not.
    assert hide_small_counts({"a": GroupCount(9, 2), "b": GroupCount(0, 20)}) == {"a": None, "b": None}


def test_the_single_hidden_link_cannot_be_found_by_subtracting_the_others_from_all_clicks(
    mailing: Mailing, variants: dict[str, SnapshotVariant]
) -> None:
    _audiences(variants)
    for number, times in ((1, 3), (2, 9), (3, 12)):
        _store_count(variants["KZ en"], number, times)
    clicks = click_and_open_counts.click_stats(mailing)
    assert clicks.human_count == 24
    assert [link.human_count for link in clicks.links[:3]] == [None, None, 12]
    assert [{one.human_count for one in link.breakdown} for link in clicks.links[:2]] == [{None}, {None}]

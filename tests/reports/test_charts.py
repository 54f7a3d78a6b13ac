"""Charts: their words, numbers and marks say all that they draw."""

from __future__ import annotations

from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest

from mailer.reports.charts import (
    Bar,
    Point,
    bar_chart,
    column_chart,
    line_chart,
    ranking_chart,
    totals_bars,
    totals_chart,
)
from mailer.reports.number_formats import format_percent
from mailer.reports.stats import Interval, Timeline, Totals

TOTALS = Totals(
    audience=1200, accepted=1000, refused=3, deferred=1, bounced=7, complained=1, excluded={"suppressed": 196}
)
SVG = "{http://www.w3.org/2000/svg}"
NOON = datetime(2021, 12, 3, 12)  # noqa: DTZ001  (local time)


def parsed(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def texts(chart: str) -> list[str]:
    return [one.text or "" for one in parsed(chart).iter(f"{SVG}text")]


def title_and_description(chart: str) -> tuple[str, str]:
    tree = parsed(chart)
    return tree.findtext(f"{SVG}title", ""), tree.findtext(f"{SVG}desc", "")


def test_the_bars_of_the_totals_sum_up_to_the_audience() -> None:
    assert sum(bar.count for bar in totals_bars(TOTALS)) == TOTALS.audience
    assert [bar.label for bar in totals_bars(TOTALS)] == [
        "Accepted",
        "Deferred",
        "Refused",
        "Excluded",
    ]


def test_bars_differ_without_colour() -> None:
    marks = [bar.style.mark for bar in totals_bars(TOTALS)]
    assert len(set(marks)) == len(marks)


def test_a_chart_is_one_image_with_title_and_description() -> None:
    chart = totals_chart(TOTALS)
    assert title_and_description(chart) == (
        "Delivery status, audience: 1\u202f200",
        "accepted 1\u202f000, deferred 1, refused 3, excluded 196.",
    )
    tree = parsed(chart)
    assert tree.get("role") == "img"
    names = [tree.find(f"{SVG}{part}") for part in ("title", "desc")]
    assert tree.get("aria-labelledby") == " ".join(str(name.get("id")) for name in names if name is not None)
    assert texts(chart)[:2] == ["● Accepted", "1\u202f000 (83.3 %)"]


def test_one_recipient_in_a_million_is_visible() -> None:
    chart = parsed(totals_chart(Totals(audience=1_000_000, accepted=999_999, refused=1)))
    widths = [float((bar.get("width") or "").rstrip("%")) for bar in chart.iter(f"{SVG}rect")]
    assert min(width for width in widths if width > 0) > 0.3


def test_percentages_are_never_rounded_to_none_or_all() -> None:
    shares = [
        format_percent(share) for share in (0, 0.000001, 0.0005, 0.001, 0.0034, 0.25, 0.8333, 0.999999, 1)
    ]
    assert shares == [
        *("0 %", "less than 0.01 %", "0.05 %", "0.1 %", "0.34 %", "25 %", "83.3 %", "over 99.9 %", "100 %"),
    ]


def test_totals_of_zero_are_one_empty_bar() -> None:
    assert [(bar.label, bar.count) for bar in totals_bars(Totals())] == [("Accepted", 0)]
    assert len(texts(totals_chart(Totals()))) == 2


def test_text_in_a_chart_is_escaped() -> None:
    svg = bar_chart([Bar("<b>", 1, 1.0)], "<script>", "x")
    assert "<script>" not in svg and "<b>" not in svg


def test_a_ranking_puts_the_smallest_together() -> None:
    chart = ranking_chart([("c", 1), ("a", 5), ("b", 3), ("d", 1)], 10, "Providers", "x", rows=2)
    assert texts(chart)[::2] == ["a", "b", "Sum of the other rows (2)"]
    assert texts(chart)[1::2] == ["5 (50 %)", "3 (30 %)", "2 (20 %)"]


def hours(*counts: int) -> Timeline:
    return Timeline(60, tuple(Interval(NOON + timedelta(hours=n), count) for n, count in enumerate(counts)))


def test_columns_show_the_peak_and_the_first_and_last_time() -> None:
    chart = column_chart(hours(3, 0, 1200, 7), "When it arrived", "x")
    assert texts(chart) == ["1\u202f200", "12:00", "15:00"]
    assert "1\u202f200, is 14:00" in title_and_description(chart)[1]
    # A column for each hour in which something arrived, and none for the others.
    assert len(list(parsed(chart).iter(f"{SVG}rect"))) - patterns(chart) == 3


def patterns(chart: str) -> int:
    """Boxes inside the definitions of patterns."""
    return len(list(parsed(chart).iterfind(f"{SVG}defs/{SVG}pattern/{SVG}rect")))


def test_columns_over_days_show_dates() -> None:
    assert texts(column_chart(hours(*[1] * 14), "When", "x"))[1:] == ["3 Dec, 12:00", "4 Dec, 01:00"]


def test_an_empty_timeline_has_no_chart() -> None:
    assert column_chart(Timeline(1), "When", "x") == ""


@pytest.mark.parametrize("counts", [(1,), (5, 5), tuple(range(36))])
def test_columns_stay_inside_the_image(counts: tuple[int, ...]) -> None:
    boxes = parsed(column_chart(hours(*counts), "When", "x")).findall(f"{SVG}rect")
    assert len(boxes) >= sum(count > 0 for count in counts)
    for box in boxes:
        x, width = (float((box.get(name) or "").rstrip("%")) for name in ("x", "width"))
        assert x >= 0 and x + width <= 100
        assert float(box.get("y") or "") >= 0


def test_a_line_shows_its_last_highest_and_lowest_value() -> None:
    points = [
        Point("May", 10),
        Point("June", 90),
        Point("July", 40),
        Point("August", 50),
        Point("September", 60),
    ]
    chart = line_chart(points, "Readers", "x", lambda value: f"{value:.0f}")
    assert set(texts(chart)) == {"60", "90", "10", "May", "September"}
    assert title_and_description(chart)[1] == "May 10, June 90, July 40, August 50, September 60."


def heights(*values: float) -> list[float]:
    chart = parsed(line_chart([Point(str(n), value) for n, value in enumerate(values)], "x", "x", str))
    return [float(one.get("cy") or "") for one in chart.findall(f"{SVG}circle")]


def test_a_small_change_is_drawn_small_and_a_large_one_fills_the_height() -> None:
    small, large = heights(0.020, 0.021), heights(0.01, 0.03)
    assert small[0] - small[1] < 10
    assert large[0] - large[1] == 70
    assert heights(5, 5) == heights(0, 0) == [59, 59]


def test_an_unknown_value_leaves_a_gap() -> None:
    known = [Point("1", 1), Point("2", None), Point("3", 3), Point("4", 4)]
    chart = parsed(line_chart(known, "Readers", "x", str))
    assert len(list(chart.iter(f"{SVG}circle"))) == 3 + 1  # and the dots of the pattern
    # One line between the two neighbours, and the one below all.
    assert len(list(chart.iter(f"{SVG}line"))) == 2


def test_a_single_value_is_a_point() -> None:
    assert texts(line_chart([Point("May", 7)], "Readers", "x", lambda value: f"{value:.0f}")) == ["7", "May"]
    assert line_chart([Point("May", None)], "Readers", "x", str) == ""

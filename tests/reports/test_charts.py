from __future__ import annotations

from xml.etree import ElementTree

from mailer.reports import charts
from mailer.reports.account import Account

ACCOUNT = Account(
    audience=1200, accepted=1000, refused=3, deferred=1, bounced=7, complained=1, excluded={"suppressed": 196}
)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(account: Account) -> ElementTree.Element:
    return ElementTree.fromstring(charts.account_chart(account))


def test_the_rows_of_chart_and_table_sum_up_to_the_audience() -> None:
    assert sum(row.readers for row in charts.rows(ACCOUNT)) == ACCOUNT.audience
    assert [row.label for row in charts.rows(ACCOUNT)] == [
        "Accepted",
        "To be sent later",
        "Refused",
        "Left out",
    ]


def test_rows_are_told_apart_without_colour() -> None:
    marks = [row.mark for row in charts.rows(ACCOUNT)]
    assert len(set(marks)) == len(marks)


def test_the_chart_says_in_words_what_it_draws() -> None:
    chart = drawn(ACCOUNT)
    title, words = chart.find(f"{SVG}title"), chart.find(f"{SVG}desc")
    assert title is not None and title.text == "Where 1200 readers stand"
    assert words is not None and words.text == "accepted 1000, to be sent later 1, refused 3, left out 196."
    assert chart.get("role") == "img"
    assert chart.get("aria-labelledby") == f"{title.get('id')} {words.get('id')}"
    assert [text.text for text in chart.iter(f"{SVG}text")][:2] == ["● Accepted", "1\u202f000 (83.3 %)"]


def test_one_reader_in_a_million_is_still_seen() -> None:
    chart = drawn(Account(audience=1_000_000, accepted=999_999, refused=1))
    widths = [float((bar.get("width") or "").rstrip("%")) for bar in chart.iter(f"{SVG}rect")]
    assert min(width for width in widths) > 0.3
    assert charts.percent(1 / 1_000_000) == "under 0.1 %"
    assert charts.percent(999_999 / 1_000_000) == "over 99.9 %"


def test_an_account_of_zeros_draws_one_empty_bar() -> None:
    assert [(row.label, row.readers) for row in charts.rows(Account())] == [("Accepted", 0)]
    assert len(list(drawn(Account()).iter(f"{SVG}text"))) == 2


def test_what_came_back_is_a_share_of_the_accepted() -> None:
    assert [(row.readers, row.share) for row in charts.returned_rows(ACCOUNT)] == [(7, 0.007), (1, 0.001)]


def test_words_in_a_chart_are_escaped() -> None:
    svg = charts.bars([charts.Row("<b>", 1, 1.0, "●", "full")], "<script>", "&", "x")
    assert "<script>" not in svg and "<b>" not in svg

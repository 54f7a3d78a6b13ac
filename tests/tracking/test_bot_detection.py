from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.tracking import bot_detection
from mailer.tracking.bot_detection import Mail, Seen, judge
from mailer.tracking.records import Kind, Why

pytestmark = pytest.mark.both_databases

SENT = 1_000_000.0
LATER = SENT + 3600
MAILS = {1: Mail(links=6, since=SENT), 2: Mail(links=3, since=SENT)}


def _click(after: float, number: int = 1, client: str | None = "a", variant: int = 1, why: str = "") -> Seen:
    return Seen(LATER + after, client, variant, Kind.CLICK, number, why)


def _open(after: float, client: str | None = "a", why: str = "") -> Seen:
    return Seen(LATER + after, client, 1, Kind.OPEN, 0, why)


def test_a_person_who_follows_three_links_within_a_minute_counts_three_times() -> None:
    assert judge([_click(0, 1), _click(9, 2), _click(25, 3), _open(-5)], MAILS) == [Why.NONE] * 4


def test_several_links_of_a_mail_in_two_seconds_are_a_machines_and_so_is_what_it_did_beside() -> None:
    seen = [_open(-20), _click(0, 1), _click(0.7, 2), _click(1.9, 3), _click(40, 5)]
    assert judge(seen, MAILS) == [Why.BURST] * 5


def test_the_same_from_three_readers_is_nobodys_burst() -> None:
    seen = [_click(0, 1, "a"), _click(0.7, 2, "b"), _click(1.9, 3, "c")]
    assert judge(seen, MAILS) == [Why.NONE] * 3


def test_every_link_of_a_mail_in_one_visit_is_a_machines() -> None:
    assert judge([_click(5 * n, n) for n in range(1, 7)], MAILS) == [Why.EVERYTHING] * 6


def test_somebody_may_follow_all_three_links_of_a_short_mail() -> None:
    assert judge([_click(9 * n, n, variant=2) for n in range(1, 4)], MAILS) == [Why.NONE] * 3


@pytest.mark.parametrize(
    ("telling", "why"), [(_click(30, 0), Why.TRAP), (_click(30, 4, why=Why.HEAD), Why.HEAD)]
)
def test_one_deed_that_no_person_does_tells_about_the_whole_visit(telling: Seen, why: Why) -> None:
    before, after, another_day = _click(0, 1), _click(70, 2), _click(10_000, 2)
    assert judge([before, telling, after, another_day], MAILS) == [why, why, why, Why.NONE]


def test_a_gateway_that_follows_one_link_for_many_readers_is_a_machine() -> None:
    assert judge([_click(n, 1) for n in range(8)], MAILS) == [Why.FLOOD] * 8


def test_a_click_within_seconds_of_the_sending_is_a_machines() -> None:
    seen = [Seen(SENT + 4, "a", 1, Kind.CLICK, 1, ""), Seen(SENT + 40, "b", 1, Kind.CLICK, 1, "")]
    assert judge(seen, MAILS) == [Why.SOON, Why.NONE]


def test_the_same_link_twice_in_a_moment_is_one_click() -> None:
    assert judge([_click(0), _click(3), _click(300)], MAILS) == [Why.NONE, Why.AGAIN, Why.NONE]


def test_a_mail_programs_server_that_shows_a_mail_to_many_readers_counts_each_of_them() -> None:
    assert judge([_open(n / 10, "proxy") for n in range(30)], MAILS) == [Why.NONE] * 30


def test_what_was_found_before_tells_about_what_comes_after() -> None:
    assert judge([_click(0, 1, why=Why.BURST), _click(20, 2)], MAILS) == [Why.BURST, Why.BURST]


_ANY = st.builds(
    Seen,
    at=st.floats(SENT, SENT + 300),
    client=st.sampled_from(["a", "b", None]),
    variant=st.sampled_from([1, 2]),
    kind=st.sampled_from(list(Kind)),
    number=st.integers(0, 6),
    why=st.sampled_from([Why.NONE, Why.AGENT, Why.HEAD]),
)


@given(st.lists(_ANY, max_size=40), st.randoms())
def test_the_order_in_which_rows_come_changes_no_verdict(seen: list[Seen], chance: object) -> None:
    seen = list({(one.at, one.client): one for one in seen}.values())
    shuffled = seen.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    verdicts = dict(zip(shuffled, judge(shuffled, MAILS), strict=True))
    assert [verdicts[one] for one in seen] == judge(seen, MAILS)


@given(st.lists(_ANY, max_size=40))
def test_nothing_that_called_itself_a_machine_ever_counts_as_a_persons(seen: list[Seen]) -> None:
    for one, why in zip(seen, judge(seen, MAILS), strict=True):
        assert why != Why.NONE or (one.why == Why.NONE and one.at >= SENT + bot_detection.SOON)

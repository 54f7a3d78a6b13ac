"""The rules, sentence by sentence, and what holds for any history whatever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.feedback.decisions.policy import NOTHING, History, Sign, judge

pytestmark = pytest.mark.both_databases

NOW = datetime(2022, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)
LONG_AGO = NOW - timedelta(days=800)


def bounce(
    days_ago: float, bounce_class: str = "soft", *, proved: bool = True, delivery: int | None = None
) -> Sign:
    """A bounce of a copy of its own, unless it says of which."""
    number = next(_numbers)
    snapshot = (delivery or number) if proved else None
    return Sign(number, "bounce", bounce_class, proved, NOW - timedelta(days=days_ago), snapshot)


def complaint(days_ago: float = 0, *, proved: bool = True) -> Sign:
    return Sign(next(_numbers), "complaint", "", proved, NOW - timedelta(days=days_ago))


def effect(*signs: Sign, **known: object) -> str:
    return judge(History(signs, **known)).effect  # type: ignore[arg-type]


def days(*ago: float) -> list[Sign]:
    return [bounce(one) for one in ago]


def test_a_proved_hard_bounce_ends_the_address_at_once_and_names_its_event() -> None:
    hard = bounce(0, "hard")
    judgement = judge(History((hard,)))
    assert (judgement.effect, judgement.rule, judgement.counted) == ("suppress", "hard_bounce", (hard.event,))


def test_a_hard_bounce_that_anybody_could_have_written_does_nothing() -> None:
    assert effect(bounce(0, "hard", proved=False)) == "none"


def test_two_of_them_on_different_days_make_us_ask_and_never_more() -> None:
    forged = [bounce(days_ago, "hard", proved=False) for days_ago in range(200)]
    assert effect(*forged[:2]) == effect(*forged) == "probe"
    assert effect(*(bounce(0.001 * n, "hard", proved=False) for n in range(100))) == "none"


def test_whoever_was_asked_lately_is_not_asked_again_for_what_anybody_could_have_written() -> None:
    forged = [bounce(1, "hard", proved=False), bounce(0, "hard", proved=False)]
    assert effect(*forged, asked_at=NOW - timedelta(days=30)) == "none"
    assert effect(*forged, asked_at=NOW - timedelta(days=91)) == "probe"


def test_five_soft_bounces_over_two_weeks_end_the_address_and_four_do_not() -> None:
    assert effect(*days(20, 15, 10, 5, 0)) == "suppress"
    assert effect(*days(15, 10, 5, 0)) == "none"


def test_five_soft_bounces_within_a_week_do_not() -> None:
    assert effect(*days(6, 5, 4, 2, 0)) == "none"


def test_a_sign_of_life_starts_anew_also_after_a_hard_bounce() -> None:
    alive = NOW - timedelta(days=7)
    assert effect(*days(20, 15, 10, 5, 0), alive_at=alive) == "none"
    assert effect(bounce(8, "hard"), alive_at=alive) == "none"
    assert effect(bounce(6, "hard"), alive_at=alive) == "suppress"


def test_several_reports_about_one_copy_are_one_bounce() -> None:
    assert effect(*(bounce(ago, delivery=9) for ago in (20, 15, 10, 5, 0))) == "none"


def test_what_nobody_understands_counts_half() -> None:
    assert effect(*(bounce(ago, "unknown") for ago in range(36, -1, -4))) == "suppress"
    assert effect(*(bounce(ago, "unknown") for ago in range(32, -1, -4))) == "none"


def test_bounces_fade_after_a_year_and_are_forgotten_after_a_year_and_a_half() -> None:
    assert effect(*days(360, 270, 180, 90, 0)) == "suppress"
    assert effect(*days(400, 390, 380, 370, 0)) == "none"
    assert effect(*days(570, 560, 550, 545, 0)) == "none"


def test_a_long_standing_reader_is_asked_first_and_once() -> None:
    known = {"since": LONG_AGO, "snapshots": 12}
    assert effect(*days(20, 15, 10, 5, 0), **known) == "probe"
    assert effect(*days(20, 15, 10, 5, 0), **known, asked_at=NOW - timedelta(days=40)) == "suppress"
    assert effect(*days(20, 15, 10, 5, 0), since=LONG_AGO, snapshots=9) == "suppress"
    assert effect(bounce(0, "hard"), **known) == "suppress"


def test_having_been_asked_is_no_reason_to_stop_whoever_was_asked() -> None:
    history = History(tuple(days(20, 15, 10, 5, 0)), since=LONG_AGO, snapshots=12, asked_at=NOW)
    assert judge(history).effect == "probe"


def test_soft_bounces_that_are_not_all_proved_make_us_ask() -> None:
    forged = [bounce(ago, proved=False) for ago in (20, 15)]
    assert effect(*forged, *days(10, 5, 0)) == "probe"


def test_a_complaint_is_final_and_an_unproved_one_is_for_a_person() -> None:
    assert effect(complaint(), alive_at=NOW + timedelta(days=9)) == "end"
    assert effect(complaint(proved=False)) == "hold"


def test_what_was_taken_back_never_counts_again_and_what_left_later_does() -> None:
    old = [*days(20, 15, 10, 5, 1), bounce(1, "hard"), complaint(1)]
    assert effect(*old, pardoned_at=NOW) == "none"
    assert effect(*old, bounce(-1, "hard"), pardoned_at=NOW) == "suppress"


_moments = st.integers(0, 700).map(lambda hours: NOW - timedelta(hours=hours * 12))
_maybe = st.none() | _moments
_known = {"alive_at": _maybe, "pardoned_at": _maybe, "since": _maybe, "snapshots": st.integers(0, 20)}


@st.composite
def signs(draw: st.DrawFn, classes: tuple[str, ...], proofs: tuple[bool, ...] = (True, False)) -> Sign:
    """Any sign; copies are few, so that several reports meet in one."""
    kind = draw(st.sampled_from(["bounce"] * 9 + ["complaint"]))
    proved = draw(st.sampled_from(proofs))
    snapshot = draw(st.integers(1, 12)) if proved and kind == "bounce" else None
    # A copy left at one moment, however often it comes back.
    at = NOW - timedelta(days=snapshot * 9) if snapshot else draw(_moments)
    # Only a bounce has a class.
    bounce_class = draw(st.sampled_from(classes)) if kind == "bounce" else ""
    return Sign(next(_numbers), kind, bounce_class, proved, at, snapshot)


def many(*classes: str, proofs: tuple[bool, ...] = (True, False)) -> st.SearchStrategy[tuple[Sign, ...]]:
    return st.lists(signs(classes, proofs), max_size=25).map(tuple)


histories = st.builds(
    History, many("hard", "soft", "soft", "soft", "unknown", "block"), asked_at=_maybe, **_known
)
STRENGTH = ("none", "hold", "probe", "suppress", "end")


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(history: History, random: object) -> None:
    shuffled = list(history.signs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(replace(history, signs=tuple(shuffled))) == judge(history)


@given(histories, st.data())
def test_telling_a_thing_twice_adds_nothing(history: History, data: st.DataObject) -> None:
    if not history.signs:
        return
    told = data.draw(st.sampled_from(history.signs))
    again = replace(told, event=next(_numbers))
    assert judge(replace(history, signs=(*history.signs, again))) == judge(history)


@given(histories, many("block"))
def test_blocks_change_nothing_whatever_else_is_known(history: History, blocks: tuple[Sign, ...]) -> None:
    blocks = tuple(replace(one, kind="bounce", bounce_class="block") for one in blocks)
    assert judge(replace(history, signs=history.signs + blocks)) == judge(history)


@given(histories, many("hard", "soft", "unknown", proofs=(False,)))
def test_whatever_anybody_writes_silences_nobody_and_hides_nothing(
    history: History, forged: tuple[Sign, ...]
) -> None:
    before, after = judge(history), judge(replace(history, signs=history.signs + forged))
    if before.effect in ("suppress", "end"):
        assert after == before
    else:
        assert after.effect in ("none", "hold", "probe")


@given(histories, st.data())
def test_a_verdict_on_part_of_the_story_holds_for_the_whole(history: History, data: st.DataObject) -> None:
    """So the end is the same whichever part became known first."""
    history = replace(history, asked_at=None)
    part = tuple(one for one in history.signs if data.draw(st.booleans()))
    whole = judge(history).effect
    assert STRENGTH.index(judge(replace(history, signs=part)).effect) <= STRENGTH.index(whole)


@given(histories)
def test_a_verdict_rests_on_events_of_the_history_that_left_after_the_last_pardon(history: History) -> None:
    known = {one.event: one for one in history.signs}
    judgement = judge(history)
    assert bool(judgement.counted) == (judgement.effect != "none") == bool(judgement.because)
    for event in judgement.counted:
        assert known[event].bounce_class != "block"
        assert history.pardoned_at is None or known[event].at > history.pardoned_at


@given(histories)
def test_a_pardon_after_everything_leaves_nothing(history: History) -> None:
    assert judge(replace(history, pardoned_at=NOW)) == NOTHING

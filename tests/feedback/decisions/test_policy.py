"""The rules of the policy one by one, and properties of any history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from mailer.feedback.decisions.policy import NO_DECISION, History, HistoryEvent, decide

NOW = datetime(2022, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)
LONG_AGO = NOW - timedelta(days=800)


def bounce(
    days_ago: float, bounce_class: str = "soft", *, proved: bool = True, delivery: int | None = None
) -> HistoryEvent:
    """A bounce of a copy of its own, unless it says of which."""
    number = next(_numbers)
    copy = (delivery or number) if proved else None
    return HistoryEvent(number, "bounce", bounce_class, proved, NOW - timedelta(days=days_ago), copy)


def complaint(days_ago: float = 0, *, proved: bool = True) -> HistoryEvent:
    return HistoryEvent(next(_numbers), "complaint", "", proved, NOW - timedelta(days=days_ago))


def effect(*signs: HistoryEvent, **known: object) -> str:
    return decide(History(signs, **known)).effect  # type: ignore[arg-type]


def days(*ago: float) -> list[HistoryEvent]:
    return [bounce(one) for one in ago]


def test_an_authenticated_hard_bounce_suppresses_at_once() -> None:
    hard = bounce(0, "hard")
    judgement = decide(History((hard,)))
    assert (judgement.effect, judgement.rule, judgement.event_ids) == ("suppress", "hard_bounce", (hard.id,))


def test_an_unauthenticated_hard_bounce_does_nothing() -> None:
    assert effect(bounce(0, "hard", proved=False)) == "none"


def test_unauthenticated_hard_bounces_on_two_days_lead_to_a_probe_at_most() -> None:
    forged = [bounce(days_ago, "hard", proved=False) for days_ago in range(200)]
    assert effect(*forged[:2]) == effect(*forged) == "probe"
    assert effect(*(bounce(0.001 * n, "hard", proved=False) for n in range(100))) == "none"


def test_a_recent_probe_prevents_another_for_unauthenticated_bounces() -> None:
    forged = [bounce(1, "hard", proved=False), bounce(0, "hard", proved=False)]
    assert effect(*forged, probed_at=NOW - timedelta(days=30)) == "none"
    assert effect(*forged, probed_at=NOW - timedelta(days=91)) == "probe"


def test_five_soft_bounces_over_two_weeks_suppress_and_four_do_not() -> None:
    assert effect(*days(20, 15, 10, 5, 0)) == "suppress"
    assert effect(*days(15, 10, 5, 0)) == "none"


def test_five_soft_bounces_within_a_week_do_not() -> None:
    assert effect(*days(6, 5, 4, 2, 0)) == "none"


def test_engagement_resets_the_score_also_after_a_hard_bounce() -> None:
    alive = NOW - timedelta(days=7)
    assert effect(*days(20, 15, 10, 5, 0), last_engaged_at=alive) == "none"
    assert effect(bounce(8, "hard"), last_engaged_at=alive) == "none"
    assert effect(bounce(6, "hard"), last_engaged_at=alive) == "suppress"


def test_several_reports_about_one_delivery_are_one_bounce() -> None:
    assert effect(*(bounce(ago, delivery=9) for ago in (20, 15, 10, 5, 0))) == "none"


def test_unknown_bounces_count_half() -> None:
    assert effect(*(bounce(ago, "unknown") for ago in range(36, -1, -4))) == "suppress"
    assert effect(*(bounce(ago, "unknown") for ago in range(32, -1, -4))) == "none"


def test_bounces_lose_weight_after_a_year_and_are_forgotten_after_540_days() -> None:
    assert effect(*days(360, 270, 180, 90, 0)) == "suppress"
    assert effect(*days(400, 390, 380, 370, 0)) == "none"
    assert effect(*days(570, 560, 550, 545, 0)) == "none"


def test_a_long_standing_subscriber_gets_one_probe_first() -> None:
    known = {"subscriber_since": LONG_AGO, "deliveries": 12}
    assert effect(*days(20, 15, 10, 5, 0), **known) == "probe"
    assert effect(*days(20, 15, 10, 5, 0), **known, probed_at=NOW - timedelta(days=40)) == "suppress"
    assert effect(*days(20, 15, 10, 5, 0), subscriber_since=LONG_AGO, deliveries=9) == "suppress"
    assert effect(bounce(0, "hard"), **known) == "suppress"


def test_the_probe_itself_is_no_reason_to_suppress() -> None:
    history = History(tuple(days(20, 15, 10, 5, 0)), subscriber_since=LONG_AGO, deliveries=12, probed_at=NOW)
    assert decide(history).effect == "probe"


def test_partly_authenticated_soft_bounces_lead_to_a_probe() -> None:
    forged = [bounce(ago, proved=False) for ago in (20, 15)]
    assert effect(*forged, *days(10, 5, 0)) == "probe"


def test_a_complaint_is_final_and_an_unauthenticated_one_is_reviewed() -> None:
    assert effect(complaint(), last_engaged_at=NOW + timedelta(days=9)) == "unsubscribe_all"
    assert effect(complaint(proved=False)) == "review"


def test_events_before_a_reset_never_count_again() -> None:
    old = [*days(20, 15, 10, 5, 1), bounce(1, "hard"), complaint(1)]
    assert effect(*old, reset_at=NOW) == "none"
    assert effect(*old, bounce(-1, "hard"), reset_at=NOW) == "suppress"


_moments = st.integers(0, 700).map(lambda hours: NOW - timedelta(hours=hours * 12))
_maybe = st.none() | _moments
_known = {
    "last_engaged_at": _maybe,
    "reset_at": _maybe,
    "subscriber_since": _maybe,
    "deliveries": st.integers(0, 20),
}


@st.composite
def signs(
    draw: st.DrawFn, classes: tuple[str, ...], proofs: tuple[bool, ...] = (True, False)
) -> HistoryEvent:
    """Any sign; copies are few, so that several reports meet in one."""
    kind = draw(st.sampled_from(["bounce"] * 9 + ["complaint"]))
    proved = draw(st.sampled_from(proofs))
    copy = draw(st.integers(1, 12)) if proved and kind == "bounce" else None
    # A copy left at one moment, however often it comes back.
    at = NOW - timedelta(days=copy * 9) if copy else draw(_moments)
    # Only a bounce has a class.
    bounce_class = draw(st.sampled_from(classes)) if kind == "bounce" else ""
    return HistoryEvent(next(_numbers), kind, bounce_class, proved, at, copy)


def many(
    *classes: str, proofs: tuple[bool, ...] = (True, False)
) -> st.SearchStrategy[tuple[HistoryEvent, ...]]:
    return st.lists(signs(classes, proofs), max_size=25).map(tuple)


histories = st.builds(
    History, many("hard", "soft", "soft", "soft", "unknown", "block"), probed_at=_maybe, **_known
)
STRENGTH = ("none", "review", "probe", "suppress", "unsubscribe_all")


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(history: History, random: object) -> None:
    shuffled = list(history.events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(replace(history, events=tuple(shuffled))) == decide(history)


@given(histories, st.data())
def test_an_event_reported_twice_adds_nothing(history: History, data: st.DataObject) -> None:
    if not history.events:
        return
    event = data.draw(st.sampled_from(history.events))
    again = replace(event, id=next(_numbers))
    assert decide(replace(history, events=(*history.events, again))) == decide(history)


@given(histories, many("block"))
def test_blocks_change_nothing_whatever_else_is_known(
    history: History, blocks: tuple[HistoryEvent, ...]
) -> None:
    blocks = tuple(replace(one, kind="bounce", bounce_class="block") for one in blocks)
    assert decide(replace(history, events=history.events + blocks)) == decide(history)


@given(histories, many("hard", "soft", "unknown", proofs=(False,)))
def test_forged_events_never_suppress_and_hide_nothing(
    history: History, forged: tuple[HistoryEvent, ...]
) -> None:
    before, after = decide(history), decide(replace(history, events=history.events + forged))
    if before.effect in ("suppress", "unsubscribe_all"):
        assert after == before
    else:
        assert after.effect in ("none", "review", "probe")


@given(histories, st.data())
def test_more_events_never_weaken_a_decision(history: History, data: st.DataObject) -> None:
    """So the end is the same whichever part became known first."""
    history = replace(history, probed_at=None)
    part = tuple(one for one in history.events if data.draw(st.booleans()))
    whole = decide(history).effect
    assert STRENGTH.index(decide(replace(history, events=part)).effect) <= STRENGTH.index(whole)


@given(histories)
def test_a_decision_names_events_after_the_last_reset(history: History) -> None:
    known = {one.id: one for one in history.events}
    judgement = decide(history)
    assert bool(judgement.event_ids) == (judgement.effect != "none") == bool(judgement.reason)
    for event in judgement.event_ids:
        assert known[event].bounce_class != "block"
        assert history.reset_at is None or known[event].at > history.reset_at


@given(histories)
def test_a_reset_after_every_event_gives_no_decision(history: History) -> None:
    assert decide(replace(history, reset_at=NOW)) == NO_DECISION

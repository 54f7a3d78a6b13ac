from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.engine.send_loop import AdaptiveBatch


def test_more_are_held_where_they_leave_quickly_and_fewer_again_where_they_do_not():
    holding = AdaptiveBatch(100)
    assert holding.room(0) == 100
    for turn in range(5):
        holding.on_claimed(1_000 + turn * 0.02)
    assert holding.room(0) == 1_200
    holding.on_claimed(1_000.3)
    assert holding.room(0) == 1_200
    for late in range(1, 5):
        holding.on_claimed(1_000.3 + late)
    assert holding.room(0) == 100


def test_no_claim_is_made_for_a_handful():
    holding = AdaptiveBatch(100)
    assert holding.room(76) == 0
    assert holding.room(75) == 25


@given(st.lists(st.tuples(st.integers(0, 6_000), st.floats(0, 5)), max_size=30))
def test_what_is_held_and_what_is_claimed_beside_it_never_pass_twelve_times_the_least(steps):
    holding, clock = AdaptiveBatch(500), 50.0
    for held, seconds in steps:
        clock += seconds
        holding.on_claimed(clock)
        room = holding.room(held)
        assert 500 <= holding.size <= 6_000
        assert room == 0 or 0 < room + held <= 6_000

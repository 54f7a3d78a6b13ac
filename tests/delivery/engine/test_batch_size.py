from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.engine.send_loop import AdaptiveBatch, HeldUnderLimits


def test_more_are_held_where_they_leave_quickly_and_fewer_again_where_they_do_not():
    batch_size = AdaptiveBatch(100)
    assert batch_size.claim_count(0) == 100
    for turn in range(5):
        batch_size.on_claimed(1_000 + turn * 0.02)
    assert batch_size.claim_count(0) == 1_200
    batch_size.on_claimed(1_000.3)
    assert batch_size.claim_count(0) == 1_200
    for late in range(1, 5):
        batch_size.on_claimed(1_000.3 + late)
    assert batch_size.claim_count(0) == 100


def test_no_claim_is_made_for_a_handful():
    batch_size = AdaptiveBatch(100)
    assert batch_size.claim_count(51) == 0
    assert batch_size.claim_count(50) == 50
    for turn in range(5):
        batch_size.on_claimed(1_000 + turn * 0.02)
    assert batch_size.claim_count(601) == 0
    assert batch_size.claim_count(600) == 600


@given(st.lists(st.tuples(st.integers(0, 6_000), st.floats(0, 5)), max_size=30))
def test_what_is_held_and_what_is_claimed_beside_it_never_pass_twelve_times_the_least(steps):
    batch_size, clock = AdaptiveBatch(500), 50.0
    for held, seconds in steps:
        clock += seconds
        batch_size.on_claimed(clock)
        allowance = batch_size.claim_count(held)
        assert 500 <= batch_size.size <= 6_000
        assert allowance == 0 or 0 < allowance + held <= 6_000


def test_under_a_limit_a_worker_holds_what_it_sends_in_time():
    held = HeldUnderLimits(500)
    assert held.claim_count(0) == 500 and held.claim_count(251) == 0
    for _ in range(10):
        held.on_recorded(finished=20, returned=30)
    assert held.size == 10
    for _ in range(10):
        held.on_recorded(finished=40, returned=0)
    assert held.size == 60 and held.claim_count(30) == 30
    for _ in range(200):
        held.on_recorded(finished=40, returned=0)
    assert held.size == 500

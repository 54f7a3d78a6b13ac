from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailer.delivery.retry import next_try

NOW = datetime(2021, 12, 3, 8, 0, tzinfo=UTC)


def test_the_waits_grow_and_then_stay_at_four_hours():
    waits = [(next_try(attempt, NOW, None) - NOW).total_seconds() / 60 for attempt in range(1, 9)]
    assert waits == [5, 15, 30, 60, 120, 240, 240, 240]


def test_what_could_be_tried_only_after_expiry_is_given_up():
    assert next_try(1, NOW, NOW + timedelta(minutes=6)) == NOW + timedelta(minutes=5)
    assert next_try(1, NOW, NOW + timedelta(minutes=5)) is None

"""Steps that have nothing to do with each other."""

from __future__ import annotations

import pytest

from mailer.one_by_one import each_alone


def test_a_step_that_fails_stops_no_other_and_is_raised_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    with pytest.raises(ZeroDivisionError), each_alone() as alone:
        for number in (1, 0, 2):
            with alone():
                done.append(4 // number)
        with alone():
            raise KeyError
    assert done == [4, 2]
    assert [one.getMessage() for one in caplog.records] == ["action=step_failed error=KeyError"]


def test_what_ends_the_process_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt), each_alone() as alone:
        with alone():
            raise ValueError
        with alone():
            raise KeyboardInterrupt

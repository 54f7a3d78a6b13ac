from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailer.delivery.esp.ambiguous import ENOUGH, Suspects
from mailer.delivery.esp.errors import Busy, Fault, Lost, Unclear, discreet, refuse, seconds

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((status, Busy) for status in (429, 500, 501, 503, 520)),
        *((status, Lost) for status in (408, 502, 504)),
        *((status, Unclear) for status in (400, 409, 413, 422)),
        *((status, Fault) for status in (301, 307, 401, 402, 403, 404, 405)),
    ],
)
def test_what_a_status_says_about_a_call(status, said):
    with pytest.raises(said, match=f"Postmark answered {status}"):
        refuse("Postmark", status, "", None, NOW)


def test_a_good_status_says_nothing():
    refuse("Postmark", 200, "", None, NOW)
    refuse("Postmark", 202, "", None, NOW)


@pytest.mark.parametrize(
    ("written", "wait"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("-1", 0),
        ("Tue, 24 Nov 2026 04:00:10 GMT", 10),
        ("Tue, 24 Nov 2026 03:59:00 GMT", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_when_to_come_again_is_a_number_or_a_date(written, wait):
    assert seconds(written, NOW) == wait


def test_words_carry_no_address_and_no_secret():
    said = discreet("key k3y: <aida@example.net>,\n'b.c+d@sub.example.org' is unknown", ["k3y", ""])
    assert said == "key …: <(address)>, '(address)' is unknown"


def test_refusals_without_a_reason_are_the_readers_own_once_somebody_got_through():
    suspects = Suspects[str]()
    assert suspects.add(1, "a") == []
    assert suspects.accepted(2) == []
    assert suspects.accepted(1) == ["a"]
    assert suspects.add(1, "b") == ["b"] and suspects.ours(idle=True) == []


def test_refusals_without_a_reason_are_ours_when_there_are_enough_or_nobody_is_left():
    suspects = Suspects[int]()
    for number in range(ENOUGH - 1):
        suspects.add(1, number)
    assert suspects.ours(idle=False) == []
    suspects.add(2, 9)
    suspects.add(1, ENOUGH)
    assert suspects.ours(idle=False) == [(1, [*range(ENOUGH - 1), ENOUGH])]
    assert suspects.ours(idle=True) == [(2, [9])]

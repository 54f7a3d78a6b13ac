from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailer.feedback.policy import NOTHING, Past, on_bounce, on_complaint

NOW = datetime(2022, 3, 1, 12, tzinfo=UTC)


def bounce(
    days_ago: float, bounce_class: str = "soft", *, proved: bool = False, delivery: int | None = None
) -> Past:
    return Past(NOW - timedelta(days=days_ago), bounce_class, proved, delivery)


def test_a_signed_hard_bounce_ends_the_address_at_once() -> None:
    verdict = on_bounce(bounce(0, "hard", proved=True, delivery=1), [], [])
    assert (verdict.effect, verdict.reason) == ("suppress", "hard_bounce")


def test_a_hard_bounce_that_anybody_could_have_written_only_counts_as_soft() -> None:
    forged = bounce(0, "hard")
    assert on_bounce(forged, [], []) == NOTHING
    weekly = [bounce(days, "hard") for days in (28, 21, 14, 7)]
    assert on_bounce(forged, weekly, []).reason == "soft_bounces"


def test_a_flood_of_forged_bounces_in_one_day_does_nothing() -> None:
    assert on_bounce(bounce(0, "hard"), [bounce(0.01 * n, "hard") for n in range(100)], []) == NOTHING


def test_five_soft_bounces_over_two_weeks_end_the_address_and_four_do_not() -> None:
    before = [bounce(days) for days in (20, 15, 10, 5)]
    assert on_bounce(bounce(0), before, []).reason == "soft_bounces"
    assert on_bounce(bounce(0), before[1:], []) == NOTHING


def test_five_soft_bounces_within_a_week_do_not() -> None:
    assert on_bounce(bounce(0), [bounce(days) for days in (6, 5, 4, 2)], []) == NOTHING


def test_a_sign_of_life_in_between_starts_anew() -> None:
    before = [bounce(days) for days in (20, 15, 10, 5)]
    assert on_bounce(bounce(0), before, [NOW - timedelta(days=7)]) == NOTHING


def test_several_reports_about_one_copy_are_one_bounce() -> None:
    before = [bounce(days, delivery=9, proved=True) for days in (20, 15, 10, 5)]
    assert on_bounce(bounce(0, delivery=9, proved=True), before, []) == NOTHING


def test_blocks_never_count() -> None:
    before = [bounce(days, "block") for days in range(30, 0, -1)]
    assert on_bounce(bounce(0, "block", proved=True, delivery=1), before, []) == NOTHING
    assert on_bounce(bounce(0), before, []) == NOTHING


def test_what_nobody_understands_counts_half() -> None:
    before = [bounce(days, "unknown") for days in range(36, 0, -4)]
    assert on_bounce(bounce(0, "unknown"), before, []).reason == "soft_bounces"
    assert on_bounce(bounce(0, "unknown"), before[1:], []) == NOTHING


def test_a_year_later_a_bounce_is_forgotten() -> None:
    assert on_bounce(bounce(0), [bounce(days) for days in (400, 390, 380, 370)], []) == NOTHING


def test_a_complaint_is_final_when_it_is_proved() -> None:
    assert (on_complaint(proved=True).effect, on_complaint(proved=True).reason) == ("end", "complaint")
    assert on_complaint(proved=False) == NOTHING

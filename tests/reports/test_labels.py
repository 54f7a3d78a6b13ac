"""Figures in words: plain, right in number, and honest about what is too little to tell."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from mailer.reports.benchmark import compared
from mailer.reports.labels import CLASSES, listed, reason_words
from mailer.reports.stats import Counts, Failure
from mailer.reports.summary import summary
from mailer.reports.timeline import spread
from mailer.reports.totals import Account

pytestmark = pytest.mark.both_databases


def test_every_reason_and_class_of_the_rules_has_words() -> None:
    rules = tomllib.loads(
        (resources.files("mailer.feedback.parsing") / "rules.toml").read_text(encoding="utf-8")
    )
    assert set(rules["reasons"].values()) == set(CLASSES)
    for reason in rules["reasons"]:
        assert " " in reason_words(reason), reason


def test_the_summary_says_who_was_reached_and_what_kept_it_from_the_others() -> None:
    counts = Counts(
        account=Account(audience=15, accepted=11, refused=1, bounced=1, excluded={"suppressed": 3}),
        failures=(Failure("hard", "unknown_user", refused=1, bounced=1),),
    )
    assert summary(counts) == (
        "Reached 10 of 15 readers (66.7 %); 2 addresses do not exist and 3 were left out.",
        "Nobody marked it as unwanted or unsubscribed.",
    )


def test_the_summary_says_who_complained_and_who_left() -> None:
    account = Account(audience=2000, accepted=2000, complained=2)
    assert summary(Counts(account, left={"": 3}), "12 clicks") == (
        "Reached all 2\u202f000 readers.",
        "12 clicks; 2 marked it as unwanted (0.1 %), and 3 unsubscribed.",
    )


def test_failures_of_one_sort_are_told_together() -> None:
    failures = (
        Failure("block", "policy", refused=2),
        Failure("block", "spam_content", bounced=3),
        Failure("soft", "mailbox_full", bounced=1),
        Failure("unknown", "unknown", refused=1),
    )
    counts = Counts(Account(audience=7, refused=3, accepted=4, bounced=4), failures=failures)
    assert summary(counts)[0] == (
        "Reached 0 of 7 readers (0 %); 1 mailbox is full, 5 were blocked and 1 failed for another reason."
    )


def test_while_it_leaves_the_summary_says_how_many_still_wait() -> None:
    counts = Counts(Account(audience=10, accepted=4, planned=5, claimed=1))
    assert summary(counts)[0] == "4 of 10 readers have it so far; 6 wait."


def test_nobody_can_react_to_what_nobody_got() -> None:
    assert summary(Counts()) == ("Nobody was in the audience.",)
    assert len(summary(Counts(Account(audience=3, excluded={"suppressed": 3})))) == 1


def test_lists_read_as_english() -> None:
    assert [listed(part) for part in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


@pytest.mark.parametrize(
    ("part", "whole", "earlier", "words"),
    [
        (20, 1000, [0.02, 0.021, 0.019], "as usual"),
        (80, 1000, [0.02, 0.021, 0.019], "more than usual (2 %)"),
        (5, 1000, [0.04, 0.05], "less than usual (4.5 %)"),
        # One of fifteen says nothing about a trend.
        (1, 15, [0.0, 0.0], "as usual"),
        # Too little to compare with.
        (80, 1000, [0.02], ""),
        (0, 0, [0.02, 0.02], ""),
    ],
)
def test_a_figure_is_compared_with_what_the_newsletter_is_used_to(
    part: int, whole: int, earlier: list[float], words: str
) -> None:
    assert compared(part, whole, earlier) == words


def test_what_may_still_come_back_is_not_called_less_or_as_usual() -> None:
    assert compared(0, 1000, [0.04, 0.05], final=False) == ""
    assert compared(45, 1000, [0.04, 0.05], final=False) == ""
    assert compared(99, 1000, [0.04, 0.05], final=False) == "more than usual (4.5 %)"


def test_a_short_sending_is_told_by_the_minute_on_the_newsletters_own_clock() -> None:
    found = spread({"2021-12-03 04:05": 3, "2021-12-03 04:07": 1}, "Asia/Almaty")
    assert found.width == 1
    assert [(f"{step.begins:%H:%M}", step.count) for step in found.steps] == [
        ("10:05", 3),
        ("10:06", 0),
        ("10:07", 1),
    ]


@pytest.mark.parametrize(
    ("last", "width"),
    [
        ("2021-12-03 06:00", 5),
        ("2021-12-03 22:00", 60),
        ("2021-12-09 04:00", 720),
        ("2022-12-03 04:00", 10080),
    ],
)
def test_a_long_sending_is_told_in_steps_that_a_chart_can_show(last: str, width: int) -> None:
    found = spread({"2021-12-03 04:05": 2, last: 5}, "Asia/Almaty")
    assert found.width == width
    assert found.total == 7
    assert len(found.steps) <= 54


def test_days_begin_at_the_newsletters_own_midnight() -> None:
    found = spread({"2021-12-03 04:05": 1, "2021-12-30 04:05": 1}, "Asia/Almaty")
    assert {f"{step.begins:%H:%M}" for step in found.steps} == {"00:00"}


def test_what_happened_at_an_unknown_time_is_not_lost() -> None:
    assert spread({"": 2}, "UTC").total == 2

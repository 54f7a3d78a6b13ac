"""The stop rules as pure functions of counts."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config.sections import StopMetric, StopRules
from mailer.delivery.rollout.stop_rules import (
    Level,
    ReachedLimit,
    evaluate,
    level_and_reached_limit,
    wilson_lower_bound,
)
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, sum_counts

HOUR = datetime(2021, 12, 3, 9, tzinfo=UTC)
STOPS = StopRules()
PROVIDERS = ("mail.ru", "gmail.com", "ministry.example")


def copies(good: int, bounced: int = 0, blocked: int = 0, complained: int = 0) -> ProviderCounts:
    """`good` were accepted; bounces and blocks were refused beside them."""
    return ProviderCounts(good + bounced + blocked, good, bounced, blocked, complained)


def found(**hours: ProviderCounts) -> list[ReachedLimit]:
    """Of a mailing with these providers, in one hour; "_" stands for the dot."""
    return evaluate({(name.replace("_", "."), HOUR): counts for name, counts in hours.items()}, STOPS)


@pytest.mark.parametrize(
    "counts, said",
    [
        (copies(10, complained=1), Level.NONE),
        (copies(10, complained=2), Level.NONE),
        (copies(3000, complained=2), Level.NONE),
        (copies(1021, complained=3), Level.NONE),
        (copies(1020, complained=3), Level.WARN),
        (copies(341, complained=3), Level.WARN),
        (copies(340, complained=3), Level.PAUSE),
        (copies(30, bounced=4), Level.NONE),
        (copies(103, bounced=5), Level.NONE),
        (copies(102, bounced=5), Level.WARN),
        # Of the first 47, in a mailing of which few addresses are dead.
        (copies(42, bounced=5), Level.WARN),
        (copies(38, bounced=5), Level.PAUSE),
        (copies(102, blocked=5), Level.WARN),
        (copies(38, blocked=5), Level.PAUSE),
        (copies(0, bounced=4, blocked=4), Level.NONE),
    ],
)
def test_limits_apply_from_a_minimum_of_cases(counts: ProviderCounts, said: Level) -> None:
    assert max(level_and_reached_limit(sign, counts, STOPS, whole=True)[0] for sign in StopMetric) is said


def test_bounces_and_blocks_at_a_provider_slow_it_down_and_complaints_pause() -> None:
    healthy = copies(10_000)
    (one,) = found(mail_ru=copies(90, blocked=10), gmail_com=healthy)
    assert (one.level, one.metric, one.provider) == (Level.SLOW, StopMetric.BLOCKED, "mail.ru")
    (one,) = found(mail_ru=copies(90, bounced=10), gmail_com=healthy)
    assert (one.level, one.metric, one.provider) == (Level.SLOW, StopMetric.BOUNCED, "mail.ru")
    (one,) = found(mail_ru=copies(900, complained=7), gmail_com=healthy)
    assert (one.level, one.metric, one.provider) == (Level.PAUSE, StopMetric.COMPLAINED, "mail.ru")


def test_a_limit_of_the_whole_mailing_is_not_repeated_for_providers() -> None:
    (one,) = found(mail_ru=copies(90, bounced=10), gmail_com=copies(90, bounced=10))
    assert (one.level, one.provider, one.cases, one.total, one.main_provider) == (
        Level.PAUSE,
        "",
        20,
        200,
        "",
    )
    (one,) = found(mail_ru=copies(90, bounced=20), gmail_com=copies(90, bounced=2))
    assert (one.level, one.provider, one.main_provider) == (Level.PAUSE, "", "mail.ru")


def test_cases_without_a_provider_count_for_the_mailing_only() -> None:
    unknown = ProviderCounts(bounced=12)
    assert evaluate({("", HOUR): unknown, ("mail.ru", HOUR): copies(10_000)}, STOPS) == []
    (one,) = evaluate({("", HOUR): unknown, ("mail.ru", HOUR): copies(90)}, STOPS)
    assert (one.level, one.provider, one.main_provider, one.total) == (Level.PAUSE, "", "", 90)


def test_one_bad_hour_counts_on_a_good_day() -> None:
    day = {("mail.ru", HOUR + timedelta(hours=n)): copies(10_000) for n in range(24)}
    bad = HOUR + timedelta(hours=24)
    (one,) = evaluate({**day, ("mail.ru", bad): copies(90, blocked=10)}, STOPS)
    assert (one.level, one.provider, one.hour, one.cases, one.total) == (Level.PAUSE, "", bad, 10, 100)


def test_few_cases_an_hour_add_up_over_a_day() -> None:
    day = {("mail.ru", HOUR + timedelta(hours=n)): copies(9, bounced=1) for n in range(24)}
    (one,) = evaluate(day, STOPS)
    assert (one.level, one.hour, one.cases, one.total) == (Level.PAUSE, None, 24, 240)


def test_a_limit_of_zero_is_off() -> None:
    stops = StopRules(complained_warn=0, complained_stop=0, bounced_stop=0, blocked_warn=0)
    assert (
        level_and_reached_limit(StopMetric.COMPLAINED, copies(10, complained=10), stops, whole=True)[0]
        is Level.NONE
    )
    assert (
        level_and_reached_limit(StopMetric.BOUNCED, copies(0, bounced=10), stops, whole=True)[0] is Level.WARN
    )
    assert (
        level_and_reached_limit(StopMetric.BLOCKED, copies(0, blocked=10), stops, whole=True)[0]
        is Level.PAUSE
    )


def test_there_are_never_more_cases_than_deliveries() -> None:
    (one,) = found(mail_ru=ProviderCounts(attempted=2, accepted=2, complained=5))
    assert (one.cases, one.total, one.share) == (5, 5, 100)


@given(st.integers(1, 5000), st.data())
def test_the_lower_share_is_below_the_share_and_comes_closer_with_more_messages(total, data) -> None:
    cases = data.draw(st.integers(0, total))
    lower = wilson_lower_bound(cases, total)
    assert 0 <= lower <= cases / total
    assert lower <= wilson_lower_bound(10 * cases, 10 * total) + 1e-9
    # A share of which it is the lower end: the difference is 1.96 standard errors of that share.
    error = 1.96 * math.sqrt(lower * (1 - lower) / total)
    assert math.isclose(cases / total - lower, error, abs_tol=1e-9)


@given(st.integers(1, 5000))
def test_without_a_case_the_lower_share_is_none(total: int) -> None:
    assert wilson_lower_bound(0, total) == 0


def stopped_after(audience: int, dead: float, chance: random.Random) -> int | None:
    """After how many deliveries a mailing is paused for this share of dead addresses, which come in any
    order; None: it is sent to the end. It is judged after every delivery."""
    place = cases = 0
    # By then it is paused, or its share is known so well that it is not.
    while cases < 400:
        place += 1 + int(math.log(1 - chance.random()) / math.log(1 - dead))
        cases += 1
        if place > audience:
            return None
        if (
            level_and_reached_limit(StopMetric.BOUNCED, copies(place - cases, cases), STOPS, whole=True)[0]
            is Level.PAUSE
        ):
            return place
    return None


# Deliveries, share of dead addresses, the share of 300 such mailings that are paused (at least, at the most),
# and the deliveries after which half of those are.
SIMULATED = [
    (50, 0.018, (0, 0.01), None),
    (273, 0.018, (0, 0.01), None),
    (1_000, 0.018, (0, 0.01), None),
    (10_000, 0.018, (0, 0.01), None),
    (1_000_000, 0.018, (0, 0.01), None),
    (1_000_000, 0.03, (0, 0.10), None),
    (50, 0.12, (0.3, 1), 50),
    (273, 0.12, (0.95, 1), 100),
    (1_000, 0.12, (0.99, 1), 100),
    (1_000_000, 0.12, (0.99, 1), 100),
    (1_000_000, 0.08, (0.99, 1), 400),
]


@pytest.mark.parametrize("audience, dead, paused, half_after", SIMULATED)
def test_good_lists_are_hardly_ever_paused_and_bad_ones_early(audience, dead, paused, half_after) -> None:
    chance = random.Random(f"{audience} {dead}")
    places = [stopped_after(audience, dead, chance) for _ in range(300)]
    found = sorted(place for place in places if place is not None)
    assert paused[0] <= len(found) / len(places) <= paused[1]
    assert half_after is None or found[len(found) // 2] <= half_after


cells = st.builds(copies, st.integers(0, 2000), st.integers(0, 40), st.integers(0, 40), st.integers(0, 12))
slots = st.tuples(st.sampled_from(PROVIDERS), st.integers(0, 3).map(lambda n: HOUR + timedelta(hours=n)))
mailings = st.dictionaries(slots, cells, min_size=1)


def worst(hours: dict[tuple[str, datetime], ProviderCounts], sign: StopMetric) -> Level:
    return max((one.level for one in evaluate(hours, STOPS) if one.metric is sign), default=Level.NONE)


# Of each metric: about an accepted message, or in the session.
HARM = [
    (StopMetric.COMPLAINED, ProviderCounts(complained=1)),
    (StopMetric.BOUNCED, ProviderCounts(bounced=1)),
    (StopMetric.BOUNCED, copies(0, bounced=1)),
    (StopMetric.BLOCKED, ProviderCounts(blocked=1)),
    (StopMetric.BLOCKED, copies(0, blocked=1)),
]


@given(mailings, st.sampled_from(HARM), st.data())
def test_more_cases_are_never_less_severe_and_more_accepted_never_more(
    hours: dict[tuple[str, datetime], ProviderCounts],
    harm: tuple[StopMetric, ProviderCounts],
    data: st.DataObject,
) -> None:
    slot = data.draw(st.sampled_from(sorted(hours)))
    sign, case = harm
    before = worst(hours, sign)
    assert worst({**hours, slot: sum_counts([hours[slot], case])}, sign) >= before
    assert worst({**hours, slot: sum_counts([hours[slot], copies(1)])}, sign) <= before


@given(mailings)
def test_no_limit_is_reached_below_its_minimum_or_share(
    hours: dict[tuple[str, datetime], ProviderCounts],
) -> None:
    for one in evaluate(hours, STOPS):
        assert one.cases >= getattr(STOPS, f"min_{one.metric}")
        assert one.share >= 100 * wilson_lower_bound(one.cases, one.total) >= one.limit
        assert one.cases <= one.total and one.cases <= one.total_cases
        # Each provider and metric is named once.
    keys = [(one.metric, one.provider) for one in evaluate(hours, STOPS)]
    assert len(keys) == len(set(keys))

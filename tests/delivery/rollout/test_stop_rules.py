"""The stop rules as pure functions of counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config.sections import StopMetric, StopRules
from mailer.delivery.rollout.stop_rules import Level, ReachedLimit, evaluate, level_of
from mailer.delivery.throttle.provider_stats import ProviderCounts, sum_counts

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
        (copies(3001, complained=3), Level.NONE),
        (copies(3000, complained=3), Level.WARN),
        (copies(1001, complained=3), Level.WARN),
        (copies(1000, complained=3), Level.PAUSE),
        (copies(95, bounced=4), Level.NONE),
        (copies(96, bounced=5), Level.WARN),
        (copies(95, bounced=5), Level.PAUSE),
        (copies(245, blocked=5), Level.WARN),
        (copies(95, blocked=5), Level.PAUSE),
        (copies(0, bounced=4, blocked=4), Level.NONE),
    ],
)
def test_limits_apply_from_a_minimum_of_cases(counts: ProviderCounts, said: Level) -> None:
    assert max(level_of(sign, counts, STOPS, whole=True)[0] for sign in StopMetric) is said


def test_bounces_and_blocks_at_a_provider_slow_it_down_and_complaints_pause() -> None:
    healthy = copies(10_000)
    (one,) = found(mail_ru=copies(90, blocked=10), gmail_com=healthy)
    assert (one.level, one.metric, one.provider) == (Level.SLOW, StopMetric.BLOCKED, "mail.ru")
    (one,) = found(mail_ru=copies(90, bounced=10), gmail_com=healthy)
    assert (one.level, one.metric, one.provider) == (Level.SLOW, StopMetric.BOUNCED, "mail.ru")
    (one,) = found(mail_ru=copies(900, complained=3), gmail_com=healthy)
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
    (one,) = found(mail_ru=copies(90, bounced=10), gmail_com=copies(90, bounced=2))
    assert (one.level, one.provider, one.main_provider) == (Level.PAUSE, "", "mail.ru")


def test_cases_without_a_provider_count_for_the_mailing_only() -> None:
    unknown = ProviderCounts(bounced=5)
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
    assert level_of(StopMetric.COMPLAINED, copies(10, complained=10), stops, whole=True)[0] is Level.NONE
    assert level_of(StopMetric.BOUNCED, copies(0, bounced=10), stops, whole=True)[0] is Level.WARN
    assert level_of(StopMetric.BLOCKED, copies(0, blocked=10), stops, whole=True)[0] is Level.PAUSE


def test_there_are_never_more_cases_than_deliveries() -> None:
    (one,) = found(mail_ru=ProviderCounts(attempted=2, accepted=2, complained=5))
    assert (one.cases, one.total, one.share) == (5, 5, 100)


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
        assert one.share >= one.limit
        assert one.cases <= one.total and one.cases <= one.total_cases
        # Each provider and metric is named once.
    keys = [(one.metric, one.provider) for one in evaluate(hours, STOPS)]
    assert len(keys) == len(set(keys))

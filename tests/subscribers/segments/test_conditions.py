"""Conditions of segments that depend on the time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from subscribers.models import Subscriber
from subscribers.segments.rule_format import Condition, Group
from subscribers.segments.segments import matching_subscribers
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("staff_zone", ["Asia/Almaty", "America/New_York"])
@pytest.mark.parametrize(("operator", "found"), [("since", ["second"]), ("before", ["first"])])
def test_a_day_begins_at_midnight_of_the_sites_time_zone(
    db: None, settings: Any, staff_zone: str, operator: str, found: list[str]
) -> None:
    settings.TIME_ZONE = "Asia/Almaty"
    for name, hour in (("first", 18), ("second", 20)):
        at = datetime(2026, 2, 1, hour, tzinfo=UTC)
        Subscriber.objects.create(email=f"{name}@example.org", name=name, created_at=at)
    rule = Group("all", (Condition("known_since", operator, ("2026-02-02",)),))
    with timezone.override(ZoneInfo(staff_zone)):
        assert [one.name for one in matching_subscribers(rule, NOW)] == found

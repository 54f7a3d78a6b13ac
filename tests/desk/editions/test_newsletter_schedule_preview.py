"""The next dates beside the form of a newsletter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailer.desk.editions.newsletter_schedule_preview import (
    long_wait_days_before_sending,
    newsletter_with_schedule_from_form,
)
from mailer.editions.models import Newsletter
from mailer.editions.planned_dates import next_planned

NOW = datetime(2022, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("send_on", "is_long"),
    [("monthly first monday 10:00", True), ("monthly first wednesday 10:00", False), ("", False)],
)
def test_a_sending_about_a_month_after_its_assembly_is_pointed_out(send_on: str, is_long: bool) -> None:
    newsletter = newsletter_with_schedule_from_form({"zone": "Asia/Almaty"})
    assert isinstance(newsletter, Newsletter)
    newsletter.assemble_on, newsletter.send_on = "monthly first tuesday 09:00", send_on
    dates = list(next_planned(newsletter, NOW, 5))
    assert len(dates) == 5
    assert bool(long_wait_days_before_sending(dates)) is is_long

"""The fixture that page times are measured with: every measured page must render with it."""

from __future__ import annotations

from typing import Any

import pytest

from mailer.bench import actions, fixture
from mailer.reports.collect import refresh_due
from mailer.reports.stats import mailing_totals


@pytest.mark.django_db(transaction=True)
def test_the_totals_of_the_page_benchmark_balance_and_each_page_is_measured() -> None:
    mailings = fixture.fill(readers=250, mailings=2)
    assert refresh_due(fixture.NOW) == sorted(mailing.pk for mailing in mailings)
    told = mailing_totals(mailings[0])
    assert told.balances and told.audience == 250
    assert told.refused and told.bounced and told.excluded
    measured: list[dict[str, Any]] = actions.time_pages(rounds=2)
    assert "report" in [page["what"] for page in measured]
    assert all(page["queries"] and page["kilobytes"] for page in measured)

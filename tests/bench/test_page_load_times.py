"""The fixture that page times are measured with: every measured page must render with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from mailer.bench import fixtures, webhook_page_and_feed_operations
from mailer.bench.desk_history import FEW
from mailer.reports.collect_stats import refresh_due
from mailer.reports.stats import mailing_totals


@pytest.mark.django_db(transaction=True)
def test_the_totals_of_the_page_benchmark_balance_and_each_page_is_measured(
    configure: Callable[..., None],
) -> None:
    # As the benchmark's own configuration has it.
    configure(accounts={"require_second_factor": True})
    mailings = fixtures.fill(readers=120, mailings=2, amounts=FEW)
    assert refresh_due(timezone.now()) == sorted(mailing.pk for mailing in mailings)
    totals = mailing_totals(mailings[0])
    assert totals.balances and totals.audience == 120
    assert totals.refused and totals.bounced and totals.excluded
    measured: list[dict[str, Any]] = webhook_page_and_feed_operations.time_pages(rounds=0)
    assert "report" in [page["what"] for page in measured]
    assert all(page["queries"] and page["kilobytes"] for page in measured)

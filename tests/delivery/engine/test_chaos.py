"""Four workers send one mailing while they and their database fail. tests.delivery.chaos has a longer run."""

from __future__ import annotations

import pytest

from tests.delivery import chaos

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.xdist_group("postgres")]


def test_four_workers_lose_no_reader_and_keep_the_pace_through_kills_stops_cuts_and_a_failover(
    postgres, tmp_path
):
    postgres.database("chaos")
    plan = chaos.Plan(deliveries=800, incidents=5, rate=200, seed=2021, restarts=1)
    result = chaos.run(plan, postgres, "chaos", tmp_path)
    chaos.check(result)
    assert sum(result.incidents.values()) == 7

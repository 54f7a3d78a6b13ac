from __future__ import annotations

from typing import Any

import pytest

from mailer.reports import stats as reports
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_every_recipient_is_in_the_totals_once(django_assert_num_queries: Any) -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=20)
    for state, readers in [("planned", 2), ("claimed", 1), ("accepted", 6), ("deferred", 3), ("in_doubt", 1)]:
        cast.deliver(mailing, state, readers)
    cast.deliver(mailing, "refused", 2, reason="unknown_user")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    cast.deliver(mailing, "excluded", 1, reason="no_stories")
    with django_assert_num_queries(1):
        account = reports.mailing_totals(mailing)
    assert account.balances
    assert account.as_dict() == {
        "audience": 20,
        "planned": 2,
        "claimed": 1,
        "accepted": 6,
        "deferred": 3,
        "refused": 2,
        "in_doubt": 1,
        "bounced": 0,
        "complained": 0,
        "excluded": {"no_stories": 1, "suppressed": 4},
    }


def test_a_bounced_delivery_stays_accepted() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=3)
    cast.deliver(mailing, "accepted", 1)
    cast.deliver(mailing, "accepted", 1, bounced_at=cast.NOW)
    cast.deliver(mailing, "accepted", 1, complained_at=cast.NOW)
    account = reports.mailing_totals(mailing)
    assert (account.accepted, account.bounced, account.complained) == (3, 1, 1)
    assert account.balances


def test_totals_with_a_missing_delivery_do_not_balance() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=2)
    cast.deliver(mailing, "accepted", 1)
    assert not reports.mailing_totals(mailing).balances


def test_totals_balance_while_the_mailing_is_planned() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "planning")
    cast.deliver(mailing, "planned", 2)
    assert reports.mailing_totals(mailing).audience == 2
    assert reports.mailing_totals(mailing).balances


def test_an_edition_without_a_mailing_has_totals_of_zero() -> None:
    account = reports.edition_totals(cast.edition())
    assert account == reports.Totals()
    assert account.balances

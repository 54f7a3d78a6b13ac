from __future__ import annotations

from typing import Any

import pytest

from mailer.reports import totals as reports
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_every_reader_of_the_audience_stands_in_the_account_once(django_assert_num_queries: Any) -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), audience=20)
    for state, readers in [("planned", 2), ("claimed", 1), ("accepted", 6), ("deferred", 3), ("in_doubt", 1)]:
        cast.deliver(mailing, state, readers)
    cast.deliver(mailing, "refused", 2, reason="unknown_user")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    cast.deliver(mailing, "excluded", 1, reason="no_stories")
    with django_assert_num_queries(1):
        account = reports.account(mailing)
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


def test_a_bounced_reader_stays_counted_as_accepted() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), audience=3)
    cast.deliver(mailing, "accepted", 1)
    cast.deliver(mailing, "accepted", 1, bounced_at=cast.NOW)
    cast.deliver(mailing, "accepted", 1, complained_at=cast.NOW)
    account = reports.account(mailing)
    assert (account.accepted, account.bounced, account.complained) == (3, 1, 1)
    assert account.balances


def test_an_account_with_a_reader_too_few_says_that_it_does_not_balance() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), audience=2)
    cast.deliver(mailing, "accepted", 1)
    assert not reports.account(mailing).balances


def test_a_mailing_that_is_still_being_planned_balances_with_what_is_counted_so_far() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), "planning")
    cast.deliver(mailing, "planned", 2)
    assert reports.account(mailing).audience == 2
    assert reports.account(mailing).balances


def test_an_edition_without_a_mailing_has_an_account_of_zeros() -> None:
    account = reports.account_of(cast.edition())
    assert account == reports.Account()
    assert account.balances

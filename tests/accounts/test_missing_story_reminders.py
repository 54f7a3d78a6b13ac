"""Reminders to the offices that sent no story: who gets one, when, and that it is one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail

from mailer.accounts.missing_story_reminders import remind_offices_of_due_newsletters, silent_countries
from mailer.accounts.models import ContributorCountries
from mailer.approval.models import Notification
from mailer.editions.assemble import assemble_due, create_edition_unless_exists
from mailer.editions.models import EditionPlan, Newsletter
from mailer.editions.planned_dates import next_planned
from mailer.stories.models import Story
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# 09:00 on 3 December in Almaty, a day before it, and five days before that.
ASSEMBLED = datetime(2021, 12, 3, 3, tzinfo=UTC)
CUTOFF = ASSEMBLED - timedelta(hours=24)
REMINDED = CUTOFF - timedelta(days=5)
MINUTE = timedelta(minutes=1)


def newsletter(**changes: Any) -> Newsletter:
    values = {"countries": ("KZ", "KG", "UZ"), "cutoff_hours": 24, "office_reminder_days": 5}
    return cast.newsletter(**{**values, **changes})


def account(name: str, *codes: str, countries: tuple[str, ...] = ()) -> User:
    user = User.objects.create_user(name, f"{name}@office.example.org")
    user.user_permissions.set(Permission.objects.filter(codename__in=("access_admin", *codes)))
    if countries:
        ContributorCountries.objects.create(user=user, countries=countries)
    return user


def reminded() -> dict[str, str]:
    return dict(Notification.objects.filter(event="office_reminder").values_list("user__username", "text"))


def test_the_contributors_of_silent_countries_are_reminded_once_and_writers_for_the_others() -> None:
    newsletter()
    account("aida", "add_story", countries=("KZ",))
    account("erlan", "add_story", countries=("KG", "UZ"))
    account("dana", "add_story", "submit_edition")
    account("left", "add_story", countries=("KG",))
    User.objects.filter(username="left").update(is_active=False)
    cast.story("almaty", countries=("KZ",), day=date(2021, 11, 20))
    assert remind_offices_of_due_newsletters(REMINDED - MINUTE) == 0
    assert (
        remind_offices_of_due_newsletters(REMINDED),
        remind_offices_of_due_newsletters(REMINDED + MINUTE),
    ) == (1, 0)
    texts = reminded()
    assert set(texts) == {"erlan"}
    assert "Kyrgyzstan" in texts["erlan"] and "Uzbekistan" in texts["erlan"]
    assert "Kazakhstan" not in texts["erlan"]
    (message,) = [one for one in mail.outbox if one.to == ["erlan@office.example.org"]]
    assert "2021-12-02 09:00" in message.body and "/desk/stories/add/" in message.body


def test_a_country_without_contributors_is_the_writers_concern() -> None:
    newsletter(countries=("KZ", "UZ"))
    account("aida", "add_story", countries=("KZ",))
    account("dana", "add_story", "submit_edition")
    assert remind_offices_of_due_newsletters(REMINDED) == 1
    texts = reminded()
    assert set(texts) == {"aida", "dana"}
    assert "Uzbekistan" in texts["dana"] and "Kazakhstan" not in texts["dana"]


def test_a_draft_counts_and_a_story_of_an_earlier_edition_does_not() -> None:
    made = newsletter()
    cast.story("october", countries=("KZ",), day=date(2021, 10, 20))
    create_edition_unless_exists(made, "2021-11", datetime(2021, 11, 3, 4, tzinfo=UTC))
    Story.objects.create(key="draft", countries=("KG",), date=date(2021, 11, 25), live=False)
    (found,) = next_planned(made, REMINDED, 1)
    assert silent_countries(made, found) == ["KZ", "UZ"]


def test_nobody_is_reminded_behind_the_cut_off_nor_without_a_rule_nor_of_an_assembled_edition() -> None:
    made = newsletter()
    account("dana", "add_story", "submit_edition")
    assert remind_offices_of_due_newsletters(CUTOFF) == 0
    Newsletter.objects.update(office_reminder_days=None)
    assert remind_offices_of_due_newsletters(REMINDED) == 0
    Newsletter.objects.update(office_reminder_days=5)
    # A person assembled it early.
    create_edition_unless_exists(made, "2021-12", REMINDED - MINUTE)
    assert remind_offices_of_due_newsletters(REMINDED) == 0
    assert reminded() == {}


def test_each_period_has_a_reminder_of_its_own() -> None:
    newsletter()
    account("dana", "add_story", "submit_edition")
    assert remind_offices_of_due_newsletters(REMINDED) == 1
    cast.story("almaty", countries=("KZ",), day=date(2021, 11, 20))
    Story.objects.update(first_published_at=REMINDED)
    assert len(assemble_due(ASSEMBLED)) == 1
    assert remind_offices_of_due_newsletters(REMINDED + timedelta(days=31)) == 1
    assert EditionPlan.objects.exclude(offices_reminded_at=None).count() == 2

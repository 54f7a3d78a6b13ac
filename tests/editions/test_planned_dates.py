"""The cut-off of an edition, and editions outside of the schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mailer.editions.assemble import (
    InvalidPeriod,
    assemble_due,
    create_edition_unless_exists,
    create_unscheduled_edition,
    upcoming_edition,
)
from mailer.editions.models import EditionPlan, story_ids
from mailer.editions.planned_dates import next_planned
from mailer.stories.models import Story
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# 09:00 on 3 December in Almaty.
ASSEMBLED = datetime(2021, 12, 3, 3, tzinfo=UTC)
CUTOFF = ASSEMBLED - timedelta(hours=48)


def test_the_times_that_lead_to_an_edition_follow_from_its_assembly() -> None:
    made = cast.newsletter(cutoff_hours=48, office_reminder_days=3, send_on="monthly first tuesday 10:00")
    (found,) = next_planned(made, ASSEMBLED - timedelta(days=20), 1)
    assert (str(found.period), found.assemble_at, found.cutoff_at) == ("2021-12", ASSEMBLED, CUTOFF)
    assert found.remind_offices_at == CUTOFF - timedelta(days=3)
    # The first Tuesday behind the assembly: 7 December.
    assert found.send_at == datetime(2021, 12, 7, 4, tzinfo=UTC)
    assert upcoming_edition(made, ASSEMBLED - timedelta(hours=1)).ready_by == CUTOFF


def test_a_story_that_is_ready_behind_the_cut_off_is_in_the_next_edition() -> None:
    made = cast.newsletter(cutoff_hours=48)
    early, late = (cast.story(name, countries=("KZ",), day=date(2021, 11, 20)) for name in ("early", "late"))
    Story.objects.filter(pk=early.pk).update(first_published_at=CUTOFF)
    Story.objects.filter(pk=late.pk).update(first_published_at=CUTOFF + timedelta(seconds=1))
    (december,) = assemble_due(ASSEMBLED)
    assert story_ids(december) == [early.pk]
    (january,) = assemble_due(datetime(2022, 1, 3, 3, tzinfo=UTC))
    assert story_ids(january) == [late.pk]
    assert [plan.stories for plan in EditionPlan.objects.filter(newsletter=made).order_by("period")] == [1, 1]


def test_a_person_who_assembles_it_takes_what_is_ready_now() -> None:
    made = cast.newsletter(cutoff_hours=48)
    story = cast.story("late", countries=("KZ",), day=date(2021, 11, 20))
    Story.objects.filter(pk=story.pk).update(first_published_at=CUTOFF + timedelta(hours=1))
    assert story_ids(create_edition_unless_exists(made, "2021-12", ASSEMBLED)) == [story.pk]


def test_editions_outside_of_the_schedule_have_names_and_take_no_period() -> None:
    made = cast.newsletter()
    story = cast.story("almaty", countries=("KZ",), day=date(2021, 11, 20))
    first, second = (create_unscheduled_edition(made, "Floods  in the south", ASSEMBLED) for _ in range(2))
    assert [one.period for one in (first, second)] == ["2021-12-03-n1", "2021-12-03-n2"]
    assert first.name == "Floods in the south" and first.slug != second.slug
    assert story_ids(first) == [] and not EditionPlan.objects.exists()
    # What it announced is not in the month's edition again; the month has its own.
    first.body = [("lead", story)]
    first.save()
    other = cast.story("bishkek", countries=("KG",), day=date(2021, 11, 20))
    (december,) = assemble_due(ASSEMBLED)
    assert (december.period, december.number, story_ids(december)) == ("2021-12", 3, [other.pk])


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_name_that_no_edition_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidPeriod):
        create_unscheduled_edition(cast.newsletter(), name, ASSEMBLED)

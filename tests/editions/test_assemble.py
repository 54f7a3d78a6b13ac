"""Assembling: which stories an edition takes, and in which order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest

from mailer.editions.assemble import (
    EditionExists,
    InvalidPeriod,
    assemble_due,
    create_edition_unless_exists,
    create_unscheduled_edition,
    parse_period,
    upcoming_edition,
)
from mailer.editions.models import Edition, Newsletter, story_ids
from mailer.editions.rendering_input import content_of
from mailer.rendering.data_types import from_json, to_json
from mailer.rendering.edition_period import Period
from mailer.stories.models import Story
from tests import cast

pytestmark = pytest.mark.django_db


def keys(edition: Edition) -> list[str]:
    known = dict(Story.objects.values_list("pk", "key"))
    return [known[pk] for pk in story_ids(edition)]


def kinds(edition: Edition) -> list[str]:
    return [block.block_type for block in edition.body]


def test_the_first_order_is_lead_regional_countries_dates_titles_and_the_social_call() -> None:
    newsletter = cast.newsletter()
    cast.december_stories()
    cast.story("everywhere", countries=(), day=date(2021, 11, 2), picture=cast.picture())
    cast.story("nowhere-in-particular", countries=())
    edition = create_edition_unless_exists(newsletter, "2021-12", cast.NOW)
    assert keys(edition) == [
        *("everywhere", "nowhere-in-particular", "kz-news", "tj-news", "ring", "film", "profile", "follow")
    ]
    assert kinds(edition)[0] == "lead"
    assert kinds(edition)[-3:] == ["date", "titles", "social"]


def test_stories_of_a_country_are_listed_under_its_name() -> None:
    newsletter = cast.newsletter()
    for number in range(3):
        cast.story(f"kz-{number}", countries=("KZ",), day=date(2021, 11, 10 + number))
    edition = create_edition_unless_exists(newsletter, "2021-12", cast.NOW)
    assert kinds(edition) == ["lead", "heading", "story", "story"]
    assert edition.body[1].value["country"] == "KZ"


def test_a_story_finished_late_is_in_the_next_edition_and_in_no_third() -> None:
    newsletter = cast.newsletter()
    cast.story("october", countries=("KZ",), day=date(2021, 10, 20))
    november = create_edition_unless_exists(newsletter, "2021-11", datetime(2021, 11, 3, tzinfo=UTC))
    assert keys(november) == ["october"]
    cast.story("late", countries=("KZ",), day=date(2021, 10, 30))
    december = create_edition_unless_exists(newsletter, "2021-12", cast.NOW)
    assert keys(december) == ["late"]


def test_a_story_of_an_edition_out_of_turn_behind_the_period_is_not_repeated() -> None:
    newsletter = cast.newsletter(period_offset=-1)
    flood = cast.story("flood", countries=("KZ",), day=date(2021, 12, 20))
    cast.story("other", countries=("KZ",), day=date(2021, 12, 21))
    named = create_unscheduled_edition(newsletter, "Floods", datetime(2022, 1, 2, tzinfo=UTC))
    named.body = [("story", flood)]
    named.save()
    december = create_edition_unless_exists(newsletter, "2021-12", datetime(2022, 1, 3, tzinfo=UTC))
    assert keys(december) == ["other"]


def test_what_is_older_than_62_days_stays_out() -> None:
    newsletter = cast.newsletter()
    cast.story("old", day=Period.parse("2021-12").first_day - timedelta(days=63))
    cast.story("just", day=Period.parse("2021-12").first_day - timedelta(days=62))
    assert keys(create_edition_unless_exists(newsletter, "2021-12", cast.NOW)) == ["just"]


def test_a_past_event_is_no_date_to_save() -> None:
    newsletter = cast.newsletter()
    cast.story("past", "event", day=date(2021, 12, 2))
    cast.story("today", "event", day=date(2021, 12, 3))
    assert keys(create_edition_unless_exists(newsletter, "2021-12", cast.NOW)) == ["today"]


def test_drafts_and_stories_of_other_regions_stay_out() -> None:
    newsletter = cast.newsletter()
    cast.story("ready", countries=("KZ",))
    cast.story("elsewhere", countries=("FR",))
    Story.objects.filter(key="ready").update(live=True)
    cast.story("draft", countries=("KZ",)).unpublish()
    assert keys(create_edition_unless_exists(newsletter, "2021-12", cast.NOW)) == ["ready"]


@pytest.mark.both_databases
def test_a_period_has_one_edition() -> None:
    cast.december()
    newsletter = Edition.objects.get().newsletter
    with pytest.raises(EditionExists, match="silk-road-monthly-2021-12"):
        create_edition_unless_exists(newsletter, "2021-12", cast.NOW)


@pytest.mark.parametrize("text", ["2021", "2021-13", "2021-00", "december", "2021-12-07", "20211-1", ""])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeriod):
        parse_period(text)


@pytest.mark.both_databases
def test_each_edition_has_the_next_number() -> None:
    newsletter = cast.newsletter()
    cast.story("one", day=date(2021, 11, 2))
    first = create_edition_unless_exists(newsletter, "2021-11", datetime(2021, 11, 3, tzinfo=UTC))
    second = create_edition_unless_exists(newsletter, "2021-12", cast.NOW)
    assert (first.number, second.number) == (1, 2)


@pytest.mark.both_databases
def test_the_schedule_assembles_once_and_also_when_the_moment_was_slept_through() -> None:
    cast.newsletter()
    cast.december_stories()
    before = datetime(2021, 12, 3, 2, 59, tzinfo=UTC)  # 08:59 in Almaty, which was at +06:00
    assert assemble_due(before) == []
    assert len(assemble_due(before + timedelta(hours=11))) == 1
    assert assemble_due(before + timedelta(hours=12)) == []


def test_a_newsletter_that_cannot_be_assembled_holds_up_no_other() -> None:
    other = cast.newsletter(slug="another", name="Another")
    cast.newsletter()
    # A zone that the system's data have no longer.
    Newsletter.objects.filter(pk=other.pk).update(zone="Asia/Nowhere")
    cast.december_stories()
    with pytest.raises(ZoneInfoNotFoundError):
        assemble_due(datetime(2021, 12, 3, 4, tzinfo=UTC))
    assert [edition.newsletter.slug for edition in Edition.objects.all()] == ["silk-road-monthly"]


def test_a_newsletter_with_the_former_slug_of_another_has_editions_of_the_same_period() -> None:
    renamed = cast.newsletter()
    cast.december_stories()
    first = create_edition_unless_exists(renamed, "2021-12", cast.NOW)
    Newsletter.objects.filter(pk=renamed.pk).update(slug="silk-road-archive", assemble_on="")
    cast.newsletter(name="Another")
    (second,) = assemble_due(datetime(2021, 12, 3, 4, tzinfo=UTC))
    first.refresh_from_db()
    # The address of what was sent stays.
    assert (first.slug, second.slug) == ("silk-road-monthly-2021-12", "silk-road-monthly-2021-12-2")


def test_the_schedule_makes_no_empty_edition() -> None:
    cast.newsletter()
    assert assemble_due(cast.NOW + timedelta(days=5)) == []


@pytest.mark.both_databases
def test_content_survives_the_way_through_json() -> None:
    edition = cast.december()
    content = content_of(edition)
    assert from_json(to_json(content)) == content
    assert {story.key for story in content.stories} >= {"ring", "film", "follow"}


def test_a_deleted_or_withdrawn_story_keeps_the_others() -> None:
    edition = cast.december()
    Story.objects.get(key="ring").unpublish()
    assert "ring" not in {story.key for story in content_of(edition).stories}


def test_replacing_a_picture_changes_its_address() -> None:
    image = cast.picture(colour="#0A6E7A")
    one = cast.story("one", picture=image)
    edition = create_edition_unless_exists(cast.newsletter(), "2021-12", cast.NOW)
    first = content_of(edition).stories[0].picture
    other = cast.picture(colour="#E9A724")
    one.picture = other
    one.save()
    second = content_of(Edition.objects.get(pk=edition.pk)).stories[0].picture
    assert first is not None and second is not None
    assert first.url != second.url
    assert (first.width, first.height) == (1200, 600)


def test_a_month_without_a_story_on_its_day_is_left_to_the_writers() -> None:
    newsletter = cast.newsletter()
    due = datetime(2021, 12, 3, 3, 1, tzinfo=UTC)
    assert assemble_due(due) == []
    cast.december_stories()
    assert assemble_due(due + timedelta(hours=2)) == []
    newsletter.refresh_from_db()
    coming = upcoming_edition(newsletter, due + timedelta(hours=2))
    assert (str(coming.period), coming.skipped) == ("2021-12", True)
    assert coming.stories

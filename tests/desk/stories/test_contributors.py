"""Contributors: stories of their own countries, as drafts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from mailer.accounts.models import ContributorCountries
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.stories import draft_editing
from mailer.stories.models import Story, StorySource, StorySourceItem
from tests import cast as everyone
from tests.approval.test_ways_round import show_picture
from tests.desk.cast import Desk, as_user


@pytest.fixture
def contributor(desk: Desk) -> User:
    """Writes about Kazakhstan only."""
    user = User.objects.create_user("aida", "aida@office.example.org", "a long password")
    user.groups.add(set_up_role_groups()["Contributors"])
    ContributorCountries.objects.create(user=user, countries=("KZ",))
    return user


def test_a_contributor_writes_drafts_of_their_own_countries_only(desk: Desk, contributor: User) -> None:
    browser = as_user(contributor)
    add = reverse("desk_stories:add")
    new_key = browser.get(add).context["new_key"]
    posted = {"kind": "news", "date": "2021-12-01", "new_key": new_key, "headline-en": "A bridge"}
    browser.post(add, {**posted, "countries": ["KZ"], "action": "draft"})
    story = Story.objects.get(key=new_key)
    latest = draft_editing.latest_draft(story)
    assert (latest.countries, story.live) == (("KZ",), False)
    edit = reverse("desk_stories:edit", args=[story.pk])
    answer = browser.post(edit, {**posted, "countries": ["UZ"], "action": "draft"})
    assert "countries" in answer.context["form"].errors
    assert draft_editing.latest_draft(Story.objects.get(pk=story.pk)).countries == ("KZ",)
    browser.post(edit, {**posted, "countries": ["KZ"], "action": "ready"})
    assert not Story.objects.get(pk=story.pk).live


def test_a_contributor_does_not_open_the_editor_of_other_countries(desk: Desk, contributor: User) -> None:
    other = next(one for one in Story.objects.all() if set(one.countries) - {"KZ"} or not one.countries)
    # Wagtail leads who lacks a permission to the home page.
    refused = as_user(contributor).get(reverse("desk_stories:edit", args=[other.pk]))
    assert refused.url == reverse("wagtailadmin_home")  # type: ignore[attr-defined]
    assert as_user(desk.writer).get(reverse("desk_stories:edit", args=[other.pk])).status_code == 200


def test_a_contributor_separates_no_story_of_another_country(desk: Desk, contributor: User) -> None:
    everyone.story("ours", countries=("KZ",), by=desk.writer)
    story = Story.objects.get(key="ours")
    item = StorySourceItem.objects.create(
        source=StorySource.objects.create(name="Site", kind="feed", url="https://example.org/feed"),
        story=story,
        item_id="2",
        role=StorySourceItem.Role.DUPLICATE,
        first_seen_at=timezone.now(),
        seen_at=timezone.now(),
        content={"countries": "UZ", "kind": "news", "date": "2026-12-01"},
    )
    count, path = Story.objects.count(), f"/desk/stories/{story.pk}/source/{item.pk}/"
    as_user(contributor).post(path, {"action": "separate"})
    assert Story.objects.count() == count
    StorySourceItem.objects.update(content={**item.content, "countries": "KZ"})
    as_user(contributor).post(path, {"action": "separate"})
    assert Story.objects.count() == count + 1


def test_a_contributor_copies_and_restores_nothing_of_other_countries(desk: Desk, contributor: User) -> None:
    other = next(one for one in Story.objects.all() if set(one.countries) - {"KZ"} or not one.countries)
    browser, count = as_user(contributor), Story.objects.count()
    browser.post(reverse("desk_story:duplicate", args=[other.pk]))
    assert Story.objects.count() == count
    earlier = draft_editing.latest_draft(other).save_revision(user=desk.writer)
    draft_editing.save(other, {"countries": "KZ"}, {}, desk.writer, timezone.now() + timedelta(hours=1))
    Story.objects.filter(pk=other.pk).update(countries=("KZ",))
    restore = reverse("desk_stories:revisions_revert", args=[other.pk, earlier.pk])
    browser.post(restore)
    assert draft_editing.latest_draft(Story.objects.get(pk=other.pk)).countries == ("KZ",)
    assert as_user(desk.writer).get(restore).status_code == 200


def test_a_contributor_changes_own_pictures_that_no_other_country_uses(desk: Desk, contributor: User) -> None:
    browser, story = as_user(contributor), Story.objects.get(key="kz-news")
    theirs, own, used = (everyone.picture() for _ in range(3))
    own.uploaded_by_user = used.uploaded_by_user = contributor
    own.save()
    used.save()
    Story.objects.filter(pk=story.pk).update(countries=("KZ",), picture=own)
    Story.objects.filter(key="tj-news").update(picture=used)
    pages = {one.pk: reverse("wagtailimages:edit", args=[one.pk]) for one in (theirs, own, used)}
    assert {pk: browser.get(page).status_code for pk, page in pages.items()} == {
        theirs.pk: 302,
        own.pk: 200,
        used.pk: 302,
    }
    listed = browser.get(reverse("wagtailimages:index")).context["page_obj"]
    assert [one.pk for one in listed] == [own.pk]
    browser.post(reverse("wagtailimages:delete", args=[used.pk]))
    used.refresh_from_db()
    # What is not saved yet counts too.
    draft_editing.save(
        Story.objects.get(key="tj-news"), {"picture": str(own.pk)}, {}, desk.writer, timezone.now()
    )
    assert browser.get(pages[own.pk]).status_code == 302


@pytest.mark.parametrize("place", ["block", "override", "logo"])
def test_a_contributor_changes_no_picture_that_an_edition_or_newsletter_shows(
    desk: Desk, contributor: User, place: str
) -> None:
    own = everyone.picture()
    own.uploaded_by_user = contributor
    own.save()
    show_picture(desk.edition, own, place, desk.writer)
    browser, file = as_user(contributor), own.file.name
    assert browser.get(reverse("wagtailimages:edit", args=[own.pk])).status_code == 302
    browser.post(reverse("wagtailimages:delete", args=[own.pk]))
    own.refresh_from_db()
    assert own.file.name == file
    assert as_user(desk.writer).get(reverse("wagtailimages:edit", args=[own.pk])).status_code == 200

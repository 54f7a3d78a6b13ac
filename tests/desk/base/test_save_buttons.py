"""Save buttons of stories and editions, which cannot be mistaken for sending."""

from __future__ import annotations

from django.urls import reverse

from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def test_a_ready_story_goes_back_to_draft_after_a_confirmation(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    address = reverse("desk_stories:unpublish", args=[story.pk])
    browser = as_user(desk.writer)
    browser.get(address)
    story.refresh_from_db()
    assert story.live
    assert Page(browser.post(address, follow=True)).messages == ["success"]
    story.refresh_from_db()
    assert not story.live


def test_the_search_box_finds_stories_by_the_beginning_of_a_word(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    start = story.headline("en").split()[0][:4]
    page = as_user(desk.writer).get(reverse("desk_stories:list"), {"q": start}).content.decode()
    assert story.headline("en") in page


def test_every_variant_of_a_snapshot_has_countries_even_without_subscribers(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    unused = [choice for choice, _ in page.context["variants"] if not choice.subscribers]
    assert unused
    assert all(choice.countries for choice in unused)

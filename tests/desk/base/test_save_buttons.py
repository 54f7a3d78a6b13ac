"""The words under the forms: no button of the desk's that saves can be taken for one that sends."""

from __future__ import annotations

from django.urls import reverse

from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user


def test_an_edition_is_saved_and_nothing_on_its_form_speaks_of_publishing(desk: Desk) -> None:
    page = as_user(desk.writer).get(reverse("desk_editions:edit", args=[desk.edition.pk])).content.decode()
    assert "action-publish" not in page
    assert "ublish" not in page


def test_a_story_is_saved_as_ready_or_as_a_draft(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    page = as_user(desk.writer).get(reverse("desk_stories:edit", args=[story.pk])).content.decode()
    for words in ("Save draft", "Save as ready", "Back to draft"):
        assert words in page
    assert "Unpublish" not in page


def test_a_ready_story_goes_back_to_draft_when_somebody_says_so_twice(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    address = reverse("desk_stories:unpublish", args=[story.pk])
    browser = as_user(desk.writer)
    assert "a draft again?" in browser.get(address).content.decode()
    assert "is a draft again" in browser.post(address, follow=True).content.decode()
    story.refresh_from_db()
    assert not story.live


def test_a_frozen_edition_warns_whoever_would_change_it(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.writer).get(reverse("desk_editions:edit", args=[desk.edition.pk])).content.decode()
    assert "breaks its seal" in page


def test_the_search_box_finds_stories_by_the_beginning_of_a_word(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    start = story.headline("en").split()[0][:4]
    page = as_user(desk.writer).get(reverse("desk_stories:list"), {"q": start}).content.decode()
    assert story.headline("en") in page


def test_every_frozen_variant_is_named_by_its_countries_also_when_nobody_gets_it_now(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    unread = [choice for choice, _ in page.context["variants"] if not choice.readers]
    assert unread
    assert all(choice.countries for choice in unread)
    assert "none now" in page.content.decode()

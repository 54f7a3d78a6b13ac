"""Stories that came in from sources: their suggestions, updates and likenesses, as staff decide on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from wagtail.models import ModelLogEntry

from mailer.accounts.models import ContributorCountries
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.desk.stories.imported_story_review import mark_differences
from mailer.stories import draft_editing
from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.record_source_items import make_and_update_drafts
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.stories.conftest import NOW
from tests.stories.test_record_source_items import KAZAKH, RUSSIAN, png_file


@pytest.fixture
def source(desk: Desk) -> StorySource:
    return StorySource.objects.create(name="The Almaty office", url="https://kz.example.org/feed")


def came_in(source: StorySource, *items: Any) -> Story:
    return make_and_update_drafts(source, items or (RUSSIAN,), NOW).added[0]


def decide(user: User, story: Story, action: str, **data: Any) -> Any:
    address = reverse("desk_story:source", args=[story.pk, story.source_items.order_by("pk")[0].pk])
    return as_user(user).post(address, {"action": action, **data})


def countries_of(story: Story) -> tuple[str, ...]:
    return tuple(draft_editing.latest_draft(Story.objects.get(pk=story.pk)).countries)


def test_suggestions_are_shown_with_reasons_and_accepted_or_corrected(
    desk: Desk, source: StorySource
) -> None:
    story = came_in(source)
    browser = as_user(desk.writer)
    edit = reverse("desk_stories:edit", args=[story.pk])
    shown = browser.get(edit)
    assert "“Алматы”" in Page(shown).text
    assert [line.waits for line in shown.context["source_lines"]] == [True]
    assert reverse("desk_story_suggestions") in Page(browser.get(reverse("wagtailadmin_home"))).links
    decide(desk.writer, story, "correct", countries=["UZ", "KZ", "XX"])
    row = story.source_items.get()
    assert (countries_of(story), row.reviewed_by) == (("UZ", "KZ"), desk.writer)
    assert not browser.get(edit).context["source_lines"][0].waits
    assert ModelLogEntry.objects.filter(action="desk.source_correct", object_id=str(story.pk)).exists()


def test_several_suggestions_are_accepted_at_once_and_the_list_filters_them(
    desk: Desk, source: StorySource
) -> None:
    other = replace(RUSSIAN, id="2", title="Бишкекте театр ачылды", html="", link="")
    make_and_update_drafts(source, [RUSSIAN, other], NOW)
    browser, page = as_user(desk.writer), reverse("desk_story_suggestions")
    rows = browser.get(page).context["rows"]
    assert {row["headline"] for row in rows} == {RUSSIAN.title, other.title}
    stories = reverse("desk_stories:list")
    found = browser.get(stories, {"source": "review"}).context["object_list"]
    assert {story.pk for story in found} == {row["item"].story_id for row in rows}
    browser.post(page, {"items": [row["item"].pk for row in rows]})
    assert not StorySourceItem.objects.filter(reviewed_at=None).exists()
    assert not browser.get(stories, {"source": "review"}).context["object_list"]
    assert len(browser.get(stories, {"source": str(source.pk)}).context["object_list"]) == 2


def test_a_changed_source_is_shown_beside_the_story_field_by_field(desk: Desk, source: StorySource) -> None:
    story = came_in(source)
    draft_editing.save(story, {"headline-ru": "Мост открыт"}, {}, desk.writer, NOW)
    make_and_update_drafts(source, [replace(RUSSIAN, title="Мост закрыли", html="<p>Ремонт.</p>")], NOW)
    edit = reverse("desk_stories:edit", args=[story.pk])
    shown = as_user(desk.writer).get(edit).context["source_lines"][0].changes
    assert {one.field for one in shown} == {"headline-ru", "summary-ru", "body-ru"}
    assert "<del" in shown[0].ours and "<ins" in shown[0].theirs
    decide(desk.writer, story, "take_over:body-ru")
    decide(desk.writer, story, "ignore")
    text = draft_editing.latest_draft(Story.objects.get(pk=story.pk)).texts.get()
    assert (text.headline, text.body) == ("Мост открыт", "<p>Ремонт.</p>")
    assert not as_user(desk.writer).get(edit).context["source_lines"][0].changes


def test_another_picture_at_the_source_is_shown_beside_that_of_the_story(
    desk: Desk, source: StorySource
) -> None:
    story = came_in(source, replace(RUSSIAN, picture=png_file()))
    draft_editing.save(story, {"headline-ru": "Мост открыт"}, {}, desk.writer, NOW)
    make_and_update_drafts(source, [replace(RUSSIAN, picture=png_file("#E9A724"))], NOW)
    shown = as_user(desk.writer).get(reverse("desk_stories:edit", args=[story.pk]))
    (change,) = shown.context["source_lines"][0].changes
    assert change.field == "picture" and "<img" in change.ours and "<img" in change.theirs
    assert change.ours != change.theirs
    decide(desk.writer, story, "take_over:picture")
    draft = draft_editing.latest_draft(Story.objects.get(pk=story.pk))
    assert draft.picture_id != story.picture_id and draft.headline("ru") == "Мост открыт"


def test_a_likely_translation_is_merged_or_kept_apart(desk: Desk, source: StorySource) -> None:
    png = png_file()
    make_and_update_drafts(source, [replace(RUSSIAN, picture=png)], NOW)
    (own,) = make_and_update_drafts(source, [replace(KAZAKH, picture=png)], NOW).added
    target = Story.objects.get(texts__language="ru", texts__headline=RUSSIAN.title)
    shown = as_user(desk.writer).get(reverse("desk_stories:edit", args=[target.pk]))
    assert [one.story for one, _sign in shown.context["source_similar"]] == [own]
    answer = decide(desk.writer, own, "merge")
    assert answer.url == reverse("desk_stories:edit", args=[target.pk])
    assert not Story.objects.filter(pk=own.pk).exists()
    draft = draft_editing.latest_draft(Story.objects.get(pk=target.pk))
    assert {text.language for text in draft.texts.all()} == {"ru", "kk"}


def test_a_draft_that_its_source_has_no_longer_is_marked_and_kept_or_deleted_by_staff(
    desk: Desk, source: StorySource
) -> None:
    other = replace(RUSSIAN, id="2", title="Бишкекте театр ачылды", html="", link="")
    touched, story = make_and_update_drafts(source, [RUSSIAN, other], NOW).added
    draft_editing.save(touched, {f"headline-{touched.texts.get().language}": "Ours"}, {}, desk.writer, NOW)
    StorySourceItem.objects.update(missing_since=NOW, removed_at=NOW)
    browser, edit = as_user(desk.writer), reverse("desk_stories:edit", args=[story.pk])
    rows = browser.get(reverse("desk_story_suggestions")).context["rows"]
    assert [row["is_deleted"] for row in rows] == [True, True]
    shown = browser.get(edit)
    assert shown.context["source_lines"][0].asks_to_keep
    assert reverse("desk_stories:delete", args=[story.pk]) in Page(shown).links
    # What an editor wrote stays without a question.
    theirs = browser.get(reverse("desk_stories:edit", args=[touched.pk])).context["source_lines"][0]
    assert theirs.item.removed_at and not theirs.asks_to_keep
    decide(desk.writer, story, "keep")
    assert not browser.get(edit).context["source_lines"][0].asks_to_keep
    listed = browser.get(reverse("desk_stories:list"), {"source": "deleted"}).context["object_list"]
    assert [one.pk for one in listed] == [touched.pk]
    assert ModelLogEntry.objects.filter(action="desk.source_keep", object_id=str(story.pk)).exists()


def test_a_contributor_decides_about_own_countries_only(desk: Desk, source: StorySource) -> None:
    contributor = User.objects.create_user("aida", "aida@office.example.org", "a long password")
    contributor.groups.add(set_up_role_groups()["Contributors"])
    ContributorCountries.objects.create(user=contributor, countries=("KZ",))
    other = replace(RUSSIAN, id="2", title="Бишкекте театр ачылды", html="", link="")
    make_and_update_drafts(source, [RUSSIAN, other], NOW)
    mine, theirs = (Story.objects.get(texts__headline=title) for title in (RUSSIAN.title, other.title))
    rows = as_user(contributor).get(reverse("desk_story_suggestions")).context["rows"]
    assert [row["item"].story for row in rows] == [mine]
    decide(contributor, theirs, "accept")
    decide(contributor, mine, "correct", countries=["UZ"])
    assert not StorySourceItem.objects.exclude(reviewed_at=None).exists()
    decide(contributor, mine, "accept")
    assert mine.source_items.get().reviewed_by == contributor


def test_differences_are_marked_and_markup_is_text() -> None:
    ours, theirs = mark_differences("the <b>old</b> bridge", "the <b>new</b> bridge")
    assert '<del class="desk-change">old</del>' in ours and '<ins class="desk-change">new</ins>' in theirs
    assert "&lt;b&gt;" in ours

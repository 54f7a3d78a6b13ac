"""Writing a story: saved from the first key, merged with what others write, ready when complete."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from wagtail.test.utils.form_data import rich_text
from wagtail.users.models import UserProfile

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Authorship
from mailer.desk.stories import duplicate_and_restore
from mailer.desk.stories.story_list import StoryFilters
from mailer.editions.assemble import stories_for
from mailer.editions.models import Newsletter
from mailer.rendering.edition_period import Period
from mailer.reports.edition_state import edition_state
from mailer.stories import draft_editing
from mailer.stories.models import Story
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

SCRIPT = {"X-Requested-With": "fetch"}
NEW = "2026-11-0123abcd"


def fields(*languages: str, **changes: Any) -> dict[str, Any]:
    """The editor's form with a text in each of the languages."""
    form: dict[str, Any] = {
        "kind": "news",
        "date": "2021-11-20",
        "countries-first": "UZ",
        "countries": ["KZ", "UZ"],
        "picture": "",
        "link": "https://example.org/bridge",
        "source": languages[0],
        "language": languages[1] if len(languages) > 1 else "-",
        "new_key": NEW,
        "base": "{}",
    }
    for language in languages:
        form |= {
            f"headline-{language}": f"Bridge opened ({language})",
            f"summary-{language}": "A bridge was opened.",
            f"body-{language}": rich_text("<p>It is long.</p>"),
            f"link_label-{language}": "",
            f"picture_alt-{language}": "",
        }
    return form | changes


def add(desk: Desk, form: dict[str, Any], **kwargs: Any) -> Any:
    return as_user(desk.writer).post(reverse("desk_stories:add"), form, **kwargs)


def edit(desk: Desk, story: Story, form: dict[str, Any], user: Any = None, **kwargs: Any) -> Any:
    address = reverse("desk_stories:edit", args=[story.pk])
    return as_user(user or desk.writer).post(address, form, **kwargs)


def base_of(desk: Desk, story: Story, *languages: str) -> str:
    """What the form sends back of the values that it was made with."""
    address = reverse("desk_stories:edit", args=[story.pk])
    query = {"source": languages[0], "language": languages[1] if len(languages) > 1 else "-"}
    return str(as_user(desk.writer).get(address, query).context["base"])


def draft(story: Story) -> dict[str, str]:
    return draft_editing.values_of(
        draft_editing.latest_draft(Story.objects.get(pk=story.pk)), ("en", "ru", "kk")
    )


def test_a_bilingual_story_is_ready_with_one_form(desk: Desk) -> None:
    answer = add(desk, fields("en", "ru", action="ready"))
    story = Story.objects.get(key=NEW)
    assert answer.status_code == 302 and answer["Location"].startswith(
        reverse("desk_stories:edit", args=[story.pk])
    )
    assert (story.countries, story.live) == (("UZ", "KZ"), True)
    assert {text.language: text.headline for text in story.texts.all()} == {
        "en": "Bridge opened (en)",
        "ru": "Bridge opened (ru)",
    }
    assert Authorship.objects.filter(story=story, user=desk.writer).exists()


def test_a_ready_story_leads_on_to_the_edition_that_takes_it(desk: Desk) -> None:
    def answer(number: int, **changes: Any) -> Page:
        form = fields("en", action="ready", new_key=f"2026-11-0123abc{number}", **changes)
        return Page(add(desk, form, follow=True))

    def buttons(page: Page) -> list[str]:
        (message,) = page.response.context["messages"]
        return [one.partition('"')[0] for one in str(message).split('href="')[1:]]

    another = reverse("desk_stories:add")
    edit_page = reverse("desk_editions:edit", args=[desk.edition.pk])
    assert buttons(answer(1, date="2021-12-02")) == [edit_page, another]
    newsletter = desk.edition.newsletter
    desk.edition.delete()
    Newsletter.objects.update(assemble_on="")
    today = f"{timezone.localdate()}"
    assert buttons(answer(2, date=today)) == [reverse("desk_assemble", args=[newsletter.pk]), another]


@pytest.mark.parametrize("how", ["autosave", "draft"])
def test_a_draft_of_a_story_leaves_the_schedule_of_its_edition(desk: Desk, how: str) -> None:
    snapshot, story = cast.scheduled(desk), Story.objects.get(key="kz-news")
    script = SCRIPT if how == "autosave" else {}
    edit(desk, story, fields("en", base=base_of(desk, story, "en"), action=how), headers=script)
    assert draft(story)["headline-en"] == "Bridge opened (en)"
    assert edition_state(desk.edition) == "scheduled"
    snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)
    # And the form says what saving it as ready will do.
    page = as_user(desk.writer).get(reverse("desk_stories:edit", args=[story.pk]))
    assert [one.state for one in page.context["open_editions"]] == ["scheduled"]
    assert b'data-open-edition="scheduled"' in page.content
    back = as_user(desk.admin).get(reverse("desk_stories:unpublish", args=[story.pk]))
    assert b'data-open-edition="scheduled"' in back.content


def test_a_story_saved_as_ready_withdraws_the_schedule_and_leads_to_the_edition(desk: Desk) -> None:
    snapshot, story = cast.scheduled(desk), Story.objects.get(key="kz-news")
    form = fields("en", base=base_of(desk, story, "en"), action="ready")
    page = Page(edit(desk, story, form, follow=True))
    snapshot.refresh_from_db()
    assert edition_state(desk.edition) == "draft"
    assert snapshot.invalidated_at is not None and snapshot.send_at is not None
    (message,) = page.response.context["messages"]
    assert reverse("desk_editions:edit", args=[desk.edition.pk]) in str(message)
    (one,) = [one for one in page.response.context["destinations"] if one.announced]
    assert str(desk.edition) in one.text
    assert page.response.context["open_editions"] == []


def test_a_headline_is_one_line(desk: Desk) -> None:
    add(desk, fields("en", **{"headline-en": "A bridge\r\nopened"}))
    assert draft(Story.objects.get(key=NEW))["headline-en"] == "A bridge opened"


def test_an_event_has_times_in_a_zone_and_a_place(desk: Desk) -> None:
    times = {"kind": "event", "starts": "18:30", "ends": "20:00", "venue-en": "House of Cinema"}
    refused = add(desk, fields("en", **times, zone="Asia/Nowhere"))
    assert "zone" in refused.context["form"].errors
    add(desk, fields("en", **times, zone="Asia/Almaty"))
    story = draft_editing.latest_draft(Story.objects.get(key=NEW))
    assert draft(story)["venue-en"] == "House of Cinema"
    assert (f"{story.starts:%H:%M}", f"{story.ends:%H:%M}", story.zone) == ("18:30", "20:00", "Asia/Almaty")
    early = edit(desk, story, fields("en", **times | {"ends": "17:00"}, zone="Asia/Almaty"))
    assert "ends" in early.context["form"].errors


def test_the_country_where_it_happened_is_not_ticked_among_the_others(desk: Desk) -> None:
    add(desk, fields("en"))
    story = Story.objects.get(key=NEW)
    page = as_user(desk.writer).get(reverse("desk_stories:edit", args=[story.pk])).content.decode()
    ticked = re.findall(r'name="countries" value="(\w+)"[^>]* checked', page)
    assert ticked == ["KZ"] and re.search(r'<option value="UZ" selected', page)
    # Another place takes the place of the first; the others stay.
    edit(
        desk,
        story,
        fields("en", **{"countries-first": "KG", "countries": ["KZ"]}, base=base_of(desk, story, "en")),
    )
    assert draft(story)["countries"] == "KG,KZ"


@pytest.mark.both_databases
def test_the_first_key_makes_one_story_however_often_it_is_sent(desk: Desk) -> None:
    first = add(desk, fields("en", **{"headline-en": "B", "summary-en": ""}), headers=SCRIPT).json()
    again = add(desk, fields("en", **{"headline-en": "Br", "summary-en": ""}), headers=SCRIPT).json()
    story = Story.objects.get(key=NEW)
    assert first["url"] == again["url"] and not story.live
    assert draft(story)["headline-en"] in ("B", "Br")
    assert story.revisions.count() == 1


def test_the_key_of_anothers_new_story_opens_nothing(desk: Desk) -> None:
    add(desk, fields("en"), headers=SCRIPT)
    other = as_user(desk.admin).post(reverse("desk_stories:add"), fields("en"), headers=SCRIPT).json()
    assert Story.objects.filter(link="https://example.org/bridge").count() == 2
    assert other["url"] != reverse("desk_stories:edit", args=[Story.objects.get(key=NEW).pk])


def test_an_editor_that_nobody_has_touched_sends_null(desk: Desk) -> None:
    answer = add(desk, fields("en", **{"body-en": "null"}), headers=SCRIPT)
    assert (answer.status_code, answer.json()["errors"]) == (200, {})


def test_an_empty_draft_is_named_by_its_day(desk: Desk) -> None:
    add(desk, fields("en", **{"headline-en": "", "summary-en": "", "body-en": rich_text("")}), headers=SCRIPT)
    story = Story.objects.get(key=NEW)
    assert not story.texts.exists()
    assert story.key not in str(story) and str(story.created_at.day) in str(story)


@pytest.mark.both_databases
def test_two_people_write_two_languages_and_lose_nothing(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    base = base_of(desk, story, "en", "ru")
    mine = {**draft(story), "headline-en": "Mine", "base": base, "source": "en", "language": "ru"}
    theirs = {**draft(story), "headline-ru": "Theirs", "base": base, "source": "en", "language": "ru"}
    for form in (mine, theirs):
        form |= {"countries": ["KZ"], "body-en": rich_text(""), "body-ru": rich_text("")}
    assert edit(desk, story, mine, headers=SCRIPT).json()["conflicts"] == []
    assert edit(desk, story, theirs, desk.admin, headers=SCRIPT).json()["conflicts"] == []
    now = draft(story)
    assert (now["headline-en"], now["headline-ru"]) == ("Mine", "Theirs")


def test_an_open_form_does_not_undo_later_what_another_person_changed(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    form = {**fields("en"), "base": base_of(desk, story, "en")}
    edit(desk, story, {**form, "link": "https://example.org/theirs"}, desk.admin, headers=SCRIPT)
    form["base"] = base_of(desk, story, "en")
    edit(desk, story, {**form, "link": "https://example.org/newer"}, desk.admin, headers=SCRIPT)
    # The form of the writer still holds the link that it was loaded with, and is saved twice.
    form["link"] = "https://example.org/theirs"
    for headline in ("Br", "Bridge"):
        answer = edit(desk, story, {**form, "headline-en": headline}, headers=SCRIPT).json()
        form["base"] = json.dumps(answer["base"])
    now = draft(story)
    assert (now["headline-en"], now["link"]) == ("Bridge", "https://example.org/newer")


def test_the_same_field_keeps_the_first_text_until_the_second_insists(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    base = base_of(desk, story, "en")
    form = {**fields("en"), "kind": "news", "base": base}
    edit(desk, story, {**form, "headline-en": "First"}, desk.admin, headers=SCRIPT)
    answer = edit(desk, story, {**form, "headline-en": "Second"}, headers=SCRIPT).json()
    assert [one["field"] for one in answer["conflicts"]] == ["headline-en"]
    assert draft(story)["headline-en"] == "First"
    insisting = {**form, "headline-en": "Second", "base": json.dumps(answer["base"])}
    assert edit(desk, story, insisting, headers=SCRIPT).json()["conflicts"] == []
    assert draft(story)["headline-en"] == "Second"


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "[]",
        "no JSON",
        json.dumps(
            {"blocks": [{"type": "unordered-list-item", "text": "a", "depth": 10**9}], "entityMap": {}}
        ),
        json.dumps({"blocks": [{"text": "a", "entityRanges": [{"key": 7, "offset": 0, "length": 1}]}]}),
    ],
    ids=["deep", "list", "text", "deep list", "unknown entity"],
)
def test_what_no_editor_sends_is_a_broken_request(desk: Desk, content: str) -> None:
    story = Story.objects.get(key="kz-news")
    before = draft(story)
    assert edit(desk, story, {**fields("en"), "body-en": content}, headers=SCRIPT).status_code == 400
    assert draft(story) == before


def test_a_field_with_an_error_does_not_keep_the_others_from_being_saved(desk: Desk) -> None:
    answer = add(desk, fields("en", link="not a link"), headers=SCRIPT).json()
    assert set(answer["errors"]) == {"link"}
    assert draft(Story.objects.get(key=NEW))["headline-en"] == "Bridge opened (en)"


def test_a_picture_without_description_is_saved_and_only_not_ready(desk: Desk) -> None:
    picture = everyone.picture()
    form = fields("en", "ru", picture=str(picture.pk), **{"picture_alt-en": "A bridge"})
    assert add(desk, form, headers=SCRIPT).json()["errors"] == {}
    story = Story.objects.get(key=NEW)
    base = base_of(desk, story, "en", "ru")
    answer = edit(desk, story, {**form, "base": base, "action": "ready"})
    assert set(answer.context["form"].errors) == {"picture_alt-ru"}
    story.refresh_from_db()
    assert story.picture == picture and not story.live


def test_the_form_of_a_picture_explains_each_field_at_the_field(desk: Desk) -> None:
    answer = as_user(desk.writer).get(reverse("wagtailimages_chooser:choose")).json()
    title = answer["html"].partition('name="image-chooser-upload-title"')[0].rpartition("<label")[2]
    assert "find the picture" in title and "find the picture" not in answer["html"].replace(title, "")
    assert 'name="image-chooser-upload-tags"' not in answer["html"], "no picture has a tag"
    # What chooser_focus.js looks for, to open the form while there are no pictures.
    assert 'id="tab-label-upload"' in answer["html"] and "upload-one-now" in answer["html"]


def test_tags_of_pictures_are_offered_once_a_picture_has_one(desk: Desk) -> None:
    everyone.picture().tags.add("steppe")
    html = as_user(desk.writer).get(reverse("wagtailimages_chooser:choose")).json()["html"]
    assert 'name="image-chooser-upload-tags"' in html and "double quotes" not in html


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_the_form_of_a_picture_is_in_the_language_of_the_desk(desk: Desk, language: str) -> None:
    UserProfile.objects.update_or_create(user=desk.writer, defaults={"preferred_language": language})
    html = as_user(desk.writer).get(reverse("wagtailimages_chooser:choose")).json()["html"]
    form = html.partition('id="tab-upload"')[2]
    assert "Choose an image" not in html and not re.search(r">\s*Search\s*<", html)
    assert "JPEG" in form and not re.search(r">\s*(?:Title|File|Description|A JPEG)", form)


def test_a_new_story_that_is_not_ready_yet_is_not_made_twice(desk: Desk) -> None:
    answer = add(desk, fields("en", **{"summary-en": "", "action": "ready"}))
    story = Story.objects.get(key=NEW)
    assert set(answer.context["form"].errors) == {"summary-en"}
    assert reverse("desk_stories:edit", args=[story.pk]) in {
        action.partition("?")[0] for action in Page(answer).form_actions
    }


def test_what_is_missing_in_a_language_beside_the_form_is_named(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    text = story.texts.get(language="ru")
    text.summary = ""
    text.save()
    story.refresh_from_db()
    story.save_revision()
    answer = edit(desk, story, {**fields("en"), "base": base_of(desk, story, "en"), "action": "ready"})
    assert answer.context["form"].non_field_errors()


def test_an_approver_writes_no_story(desk: Desk) -> None:
    as_user(desk.approver).post(reverse("desk_stories:add"), fields("en"))
    assert not Story.objects.filter(key=NEW).exists()


def test_the_preview_shows_the_story_in_its_block_in_one_language(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    address = reverse("desk_story:preview", args=[story.pk])
    page = as_user(desk.approver).get(address, {"language": "ru"})
    assert "Headline kz-news ru" in page.context["html"] and "Headline kz-news en" not in page.context["html"]
    # No masthead and no footer.
    assert desk.edition.newsletter.postal_address not in page.context["html"]


def test_a_copy_is_a_draft_of_its_own(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    answer = as_user(desk.writer).post(reverse("desk_story:duplicate", args=[story.pk]))
    copy = Story.objects.latest("pk")
    assert answer["Location"] == reverse("desk_stories:edit", args=[copy.pk])
    assert not copy.live and copy.key != story.key and copy.headline("ru") == story.headline("ru")


def test_a_story_that_is_carried_over_comes_into_the_next_edition_again(desk: Desk) -> None:
    story, newsletter = Story.objects.get(key="kz-news"), desk.edition.newsletter
    december, january = Period.parse("2021-12"), Period.parse("2022-01")
    assert "kz-news" not in {one.key for one in stories_for(newsletter, january, everyone.NOW)}
    draft_editing.set_earliest_period(story, "2022-01", desk.writer, everyone.NOW)
    assert "kz-news" in {one.key for one in stories_for(newsletter, january, everyone.NOW)}
    assert "kz-news" not in {one.key for one in stories_for(newsletter, december, everyone.NOW)}
    as_user(desk.writer).post(reverse("desk_story:carry_over", args=[story.pk]))
    story.refresh_from_db()
    assert story.from_period and story.live
    as_user(desk.writer).post(reverse("desk_story:carry_over", args=[story.pk]), {"undo": "1"})
    story.refresh_from_db()
    assert story.from_period == ""
    assert "kz-news" in {one.key for one in stories_for(newsletter, december, everyone.NOW)}


def test_a_story_of_a_weekly_newsletter_is_carried_over_by_a_week(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicate_and_restore, "now_or_demo_time", lambda now: everyone.NOW)
    newsletter = desk.edition.newsletter
    newsletter.assemble_on, newsletter.period_kind = "weekly monday 09:00", "week"
    newsletter.save()
    story = Story.objects.get(key="kz-news")
    as_user(desk.writer).post(reverse("desk_story:carry_over", args=[story.pk]))
    story.refresh_from_db()
    assert story.from_period == "2021-12-06"
    assert story in StoryFilters({"period": "2021-12"}, queryset=Story.objects.all()).qs


def test_carrying_over_changes_nothing_that_was_approved(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    before = Authorship.objects.filter(story=story).count()
    as_user(desk.admin).post(reverse("desk_story:carry_over", args=[story.pk]))
    assert Authorship.objects.filter(story=story).count() == before


def test_colleagues_comment_and_mark_comments_as_done(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    as_user(desk.approver).post(
        reverse("desk_story:comment", args=[story.pk]), {"text": " Who is on the photo? "}
    )
    comment = story.comments.get()
    assert (comment.author, comment.text, comment.resolved_at) == (
        desk.approver,
        "Who is on the photo?",
        None,
    )
    as_user(desk.writer).post(reverse("desk_story:comment_done", args=[story.pk, comment.pk]))
    comment.refresh_from_db()
    assert comment.resolved_by == desk.writer


def test_a_comment_is_added_once_however_often_the_button_is_pressed(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    browser, page = as_user(desk.writer), reverse("desk_story:comment", args=[story.pk])
    for text in ("Who?", "Who?", "When?"):
        browser.post(page, {"text": text})
    assert [one.text for one in story.comments.all()] == ["Who?", "When?"]


def test_who_may_not_edit_a_story_marks_no_comment_of_another_person_as_done(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    viewer = User.objects.create_user("vera", "vera@office.example.org", "a long password")
    viewer.groups.add(Group.objects.get(name="Viewers"))
    theirs = story.comments.create(author=desk.writer, text="Who?")
    own = story.comments.create(author=viewer, text="When?")
    preview = as_user(viewer).get(reverse("desk_story:preview", args=[story.pk]))
    assert preview.context["comments"] == [(theirs, False), (own, True)]
    for comment in (theirs, own):
        as_user(viewer).post(reverse("desk_story:comment_done", args=[story.pk, comment.pk]))
    assert list(story.comments.filter(resolved_at=None)) == [theirs]


def test_the_editor_says_who_wrote_which_language(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    form = {**fields("ru"), "base": base_of(desk, story, "ru"), "headline-ru": "Новый мост"}
    edit(desk, story, form, desk.admin, headers=SCRIPT)
    latest = draft_editing.changes_of(story, 5)[0]
    assert (latest.user, latest.languages) == (desk.admin, ("ru",))


def test_an_earlier_version_is_restored_as_a_draft(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    earlier = story.latest_revision
    edit(desk, story, {**fields("en"), "base": base_of(desk, story, "en")}, headers=SCRIPT)
    assert draft(story)["headline-en"] == "Bridge opened (en)"
    address = reverse("desk_stories:revisions_revert", args=[story.pk, earlier.pk])
    browser = as_user(desk.writer)
    assert browser.get(address).status_code == 200
    browser.post(address)
    assert draft(story)["headline-en"] == "Headline kz-news en"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "included", "excluded"),
    [
        ({"country": "UZ"}, "Headline ring", "Headline tj-news"),
        ({"kind": "event"}, "Headline film", "Headline ring"),
        ({"ready": "no"}, "Headline tj-news", "Headline ring"),
        ({"period": "2021-12"}, "Headline film", "Headline ring"),
        ({"translation": "missing:kk"}, "Headline ring", "Headline film"),
        ({"translation": "complete:kk"}, "Headline film", "Headline ring"),
        ({"used": "no"}, "Headline new", "Headline ring"),
        ({"used": "yes"}, "Headline ring", "Headline new"),
    ],
)
def test_stories_are_filtered(desk: Desk, query: dict[str, str], included: str, excluded: str) -> None:
    Story.objects.get(key="tj-news").unpublish()
    film = Story.objects.get(key="film").texts.get(language="ru")
    film.pk, film.language = None, "kk"
    film.save()
    everyone.story("new", countries=("KG",))
    page = as_user(desk.writer).get(reverse("desk_stories:list"), query).content.decode()
    assert included in page and excluded not in page


def test_a_story_whose_draft_names_a_deleted_picture_opens_in_every_version(desk: Desk) -> None:
    story, image, browser = Story.objects.get(key="kz-news"), everyone.picture(), as_user(desk.writer)
    draft_editing.save(story, {"picture": str(image.pk)}, {}, desk.writer, timezone.now())
    drawn = Story.objects.get(pk=story.pk).latest_revision
    as_user(desk.admin).post(reverse("wagtailimages:delete", args=[image.pk]))
    assert browser.get(reverse("desk_stories:edit", args=[story.pk])).status_code == 200
    later = draft_editing.latest_draft(Story.objects.get(pk=story.pk)).save_revision(user=desk.writer)
    for name, versions in (("revisions_compare", [drawn.pk, later.pk]), ("revisions_revert", [drawn.pk])):
        assert browser.get(reverse(f"desk_stories:{name}", args=[story.pk, *versions])).status_code == 200

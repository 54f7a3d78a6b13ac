"""The workbench: order, stories that come in or stay out, subjects, and what only this edition shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.test.utils.form_data import nested_form_data, rich_text

from mailer.approval import review
from mailer.approval.models import Snapshot
from mailer.approval.preflight import subjects_that_promise_too_much
from mailer.editions import draft_blocks
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of, story_ids
from mailer.rendering.data_types import Content
from mailer.stories.models import Story
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases
PARTIAL = {"X-Requested-With": "fetch"}


def address(desk: Desk) -> str:
    return reverse("desk_editions:edit", args=[desk.edition.pk])


def draft(desk: Desk) -> Edition:
    return draft_blocks.latest_draft(Edition.objects.get(pk=desk.edition.pk))


def blocks(desk: Desk) -> list[tuple[str, str]]:
    """(type, id) of the blocks, in order."""
    return [(block["type"], block["id"]) for block in draft_blocks.raw_blocks(draft(desk))]


def keys(desk: Desk) -> list[str]:
    known = dict(Story.objects.values_list("pk", "key"))
    return [known[pk] for pk in story_ids(draft(desk))]


def block_of(desk: Desk, key: str) -> str:
    wanted = Story.objects.get(key=key).pk
    return next(b["id"] for b in draft_blocks.raw_blocks(draft(desk)) if b["value"] == wanted)


def press(desk: Desk, action: str, **data: Any) -> Any:
    """What workbench.js sends when the writer presses a button."""
    return as_user(desk.writer).post(address(desk), {"action": action, **data}, headers=PARTIAL)


def test_a_block_moves_and_keeps_the_focus_and_is_announced(desk: Desk) -> None:
    order = blocks(desk)
    last = order[-1][1]
    answer = press(desk, "move", block=last, before=order[0][1])
    assert [one for _, one in blocks(desk)] == [last, *(one for _, one in order[:-1])]
    assert answer.context["focus"] == f"handle-{last}"
    assert f"number 1 of {len(order)}" in answer.context["announcement"]
    answer = press(desk, "down", block=last)
    assert answer.context["focus"] == f"down-{last}" and blocks(desk)[1][1] == last


def test_two_windows_change_different_blocks_and_lose_nothing(desk: Desk) -> None:
    first, second = block_of(desk, "kz-news"), block_of(desk, "follow")
    press(desk, "remove", block=first)
    press(desk, "move", block=second, before=blocks(desk)[0][1])
    assert "kz-news" not in keys(desk) and keys(desk)[0] == "follow"
    gone = press(desk, "up", block=first)
    assert gone.context["refused"] and "kz-news" not in keys(desk)


def test_a_block_that_is_no_list_of_titles_loses_nothing(desk: Desk) -> None:
    before = draft_blocks.raw_blocks(draft(desk))
    for _, block in blocks(desk):
        press(desk, "remove_title", block=block, story=0)
    assert draft_blocks.raw_blocks(draft(desk)) == before


def test_what_a_writer_took_out_comes_back_only_when_it_is_added(desk: Desk) -> None:
    before = keys(desk)
    press(desk, "remove", block=block_of(desk, "tj-news"))
    everyone.story("new", countries=("KG",), by=desk.writer)
    page = as_user(desk.writer).get(address(desk))
    assert [line.headline for line in page.context["newly_ready"]] == ["Headline new en"]
    assert [line.headline for line in page.context["left_out"]] == ["Headline tj-news en"]
    press(desk, "take_in")
    assert set(keys(desk)) == {*before, "new"} - {"tj-news"}
    press(desk, "add", story=Story.objects.get(key="tj-news").pk)
    assert "tj-news" in keys(desk) and draft(desk).left_out == []


def test_an_added_story_comes_to_the_place_of_its_country_and_kind(desk: Desk) -> None:
    everyone.story("kg-news", countries=("KG",), by=desk.writer)
    everyone.story("paper", "publication", ("KG",), by=desk.writer)
    press(desk, "take_in")
    # An event that is past is in no pool, but a writer can find it and add it.
    early = everyone.story("early", "event", ("KG",), day=everyone.NOW.date(), by=desk.writer)
    press(desk, "add", story=early.pk)
    order = keys(desk)
    assert order.index("kg-news") < order.index("kz-news") < order.index("tj-news")
    assert order.index("tj-news") < order.index("early") < order.index("film")
    assert order.index("paper") == order.index("profile") + 1
    assert [kind for kind, _ in blocks(desk)].count("titles") == 1


def test_a_submitted_edition_changes_only_when_the_writer_unlocks_it(desk: Desk) -> None:
    cast.submitted(desk)
    order = blocks(desk)
    assert press(desk, "down", block=order[0][1]).context["refused"] and blocks(desk) == order
    assert Snapshot.objects.filter(state="submitted").exists()
    press(desk, "down", block=order[0][1], unlocked="1")
    assert blocks(desk) != order and not Snapshot.objects.filter(state="submitted").exists()


def test_an_edition_that_is_being_sent_does_not_change(desk: Desk) -> None:
    cast.sending(desk)
    order = blocks(desk)
    assert press(desk, "down", block=order[0][1], unlocked="1").context["refused"]
    assert blocks(desk) == order


def test_an_approver_cannot_change_an_edition(desk: Desk) -> None:
    order = blocks(desk)
    as_user(desk.approver).post(address(desk), {"action": "down", "block": order[0][1]})
    assert blocks(desk) == order


def test_without_javascript_the_page_comes_back_with_a_message_at_the_block(desk: Desk) -> None:
    block = blocks(desk)[0][1]
    answer = as_user(desk.writer).post(address(desk), {"action": "down", "block": block})
    assert answer.status_code == 302 and answer["Location"].endswith(f"#down-{block}")


def edit_block(desk: Desk, block: str, **data: Any) -> Any:
    page = reverse("desk_edition:block_edit", args=[desk.edition.pk, block])
    return as_user(desk.writer).post(page, data)


def shown(desk: Desk) -> Content:
    return content_of(draft(desk))


def test_headline_size_and_picture_change_in_this_edition_only(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    picture = everyone.picture()
    block = block_of(desk, "kz-news")
    answer = edit_block(
        desk, block, size="lead", headline_en="Here", picture=picture.pk, alt_en="A", alt_ru="Б"
    )
    assert answer.status_code == 302
    record = next(one for one in shown(desk).stories if one.key == "kz-news")
    texts = {text.language: text for text in record.texts}
    assert (texts["en"].headline, texts["ru"].headline) == ("Here", "Headline kz-news ru")
    assert record.picture is not None and texts["ru"].picture_alt == "Б"
    assert [kind for kind, one in blocks(desk) if one == block] == ["lead"]
    assert [kind for kind, _ in blocks(desk)].count("lead") == 1
    story.refresh_from_db()
    assert story.headline("en") == "Headline kz-news en" and story.picture is None
    edit_block(desk, block, size="")
    assert not draft(desk).overrides.all()


def test_another_picture_needs_a_description_in_every_language(desk: Desk) -> None:
    block = block_of(desk, "kz-news")
    answer = edit_block(desk, block, size="", picture=everyone.picture().pk, alt_en="A drawing")
    assert set(answer.context["form"].errors) == {"alt_ru"}


def test_who_changes_a_headline_here_is_an_author(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    block = block_of(desk, "kz-news")
    page = reverse("desk_edition:block_edit", args=[desk.edition.pk, block])
    as_user(desk.admin).post(page, {"size": "", "headline_en": "Mine", "unlocked": "1"})
    snapshot.refresh_from_db()
    assert snapshot.state == "invalidated"
    again = cast.submitted(desk)
    assert again.authors.filter(user=desk.admin).exists()


def test_a_text_for_some_countries_is_written_and_changed(desk: Desk) -> None:
    browser = as_user(desk.writer)
    page = reverse("desk_edition:block_add", args=[desk.edition.pk]) + "?kind=text"
    form = {f"text_{code}": rich_text("") for code in desk.edition.newsletter.languages}
    first = blocks(desk)[0][1]
    filled = {**form, "text_en": rich_text("<p>Good morning</p>"), "before": first, "countries": ["KZ"]}
    browser.post(page, filled)
    kind, block = blocks(desk)[0]
    text = shown(desk).blocks[0]
    assert (kind, text.countries) == ("text", ("KZ",)) and "Good morning" in text.texts[0].text
    change = reverse("desk_edition:block_edit", args=[desk.edition.pk, block])
    assert browser.get(change).context["form"].initial["countries"] == ["KZ"]
    assert browser.post(change, form).context["form"].errors
    heading = reverse("desk_edition:block_add", args=[desk.edition.pk]) + "?kind=heading"
    browser.post(heading, {"country": "TJ", "before": ""})
    assert shown(desk).blocks[-1].countries == ("TJ",)


def test_a_subject_that_names_a_story_some_readers_lack_is_a_warning(desk: Desk) -> None:
    story = Story.objects.get(key="tj-news")
    for text in story.texts.all():
        text.headline = "Mountain villages gather snowmelt"
        text.save()
    press(desk, "subjects", **{"subject-en": "Snowmelt in mountain villages", "preheader-en": " two\nlines "})
    text = draft(desk).texts.get(language="en")
    assert (text.subject, text.preheader) == ("Snowmelt in mountain villages", "two lines")
    (promise,) = subjects_that_promise_too_much(shown(desk))
    assert promise.language == "en" and promise.countries == ("KG", "KZ", "TM", "UZ")
    press(desk, "subjects", **{"subject-en": "Silk Road Monthly: December 2021"})
    assert subjects_that_promise_too_much(shown(desk)) == []


def test_subjects_of_two_people_are_both_kept(desk: Desk) -> None:
    was = {f"subject-{text.language}": text.subject for text in draft(desk).texts.all()}
    form = {**was, **{f"was-{name}": value for name, value in was.items()}}
    press(desk, "subjects", **{**form, "subject-en": "Mine"})
    press(desk, "subjects", **{**form, "subject-ru": "Theirs"})
    now = {text.language: text.subject for text in draft(desk).texts.all()}
    assert (now["en"], now["ru"], now["kk"]) == ("Mine", "Theirs", was["subject-kk"])


def test_the_workbench_counts_what_readers_get_and_what_is_not_translated(desk: Desk) -> None:
    page = as_user(desk.writer).get(address(desk), {"reach": "KZ.kk"})
    cells = {(cell.country, cell.language): cell for _, row in page.context["reach"] for cell in row}
    assert cells["KZ", "en"].stories > cells["TM", "en"].stories
    assert (cells["KZ", "en"].missing, cells["KZ", "kk"].missing) == (0, cells["KZ", "kk"].stories)
    assert len(page.context["reach_list"]) == cells["KZ", "kk"].stories


def test_the_checks_are_those_of_the_preview(desk: Desk) -> None:
    browser = as_user(desk.writer)
    checks = browser.get(reverse("desk_edition:checks", args=[desk.edition.pk])).context["findings"]
    preview = browser.get(reverse("desk_edition:variants", args=[desk.edition.pk])).context["findings"]
    assert checks == preview and checks


def test_a_writer_sees_and_settles_what_a_reviewer_said_about_a_story(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    comment = review.comment(snapshot, desk.approver, "kz-news", "Which year?", timezone.now())
    page = as_user(desk.writer).get(address(desk))
    (row,) = [row for row in page.context["rows"] if row.comments]
    assert row.id == block_of(desk, "kz-news") and row.comments == (comment,)
    answer = press(desk, "comment_done", comment=comment.pk)
    comment.refresh_from_db()
    assert comment.done_by == desk.writer and not any(row.comments for row in answer.context["rows"])
    # Nothing of the edition changed.
    assert Snapshot.objects.filter(state="submitted").exists()


def test_an_earlier_version_is_restored(desk: Desk) -> None:
    order = blocks(desk)
    earlier = Edition.objects.get(pk=desk.edition.pk).latest_revision
    press(desk, "remove", block=order[0][1])
    page = reverse("desk_editions:revisions_revert", args=[desk.edition.pk, earlier.pk])
    browser = as_user(desk.writer)
    assert browser.get(page).status_code == 200 and blocks(desk) != order
    compared = reverse("desk_editions:revisions_compare", args=[desk.edition.pk, "earliest", "latest"])
    assert "Headline" in browser.get(compared).content.decode()
    browser.post(page)
    assert blocks(desk) == order


def test_an_empty_edition_is_made_and_its_audience_set(desk: Desk) -> None:
    browser = as_user(desk.writer)
    form = {"newsletter": desk.edition.newsletter_id, "period": "2022-01", "number": "7"}
    answer = browser.post(reverse("desk_editions:add"), nested_form_data(form))
    made = Edition.objects.get(period="2022-01")
    assert answer["Location"] == reverse("desk_editions:edit", args=[made.pk])
    browser.post(reverse("desk_edition:settings", args=[made.pk]), {"number": "8"})
    assert made.get_latest_revision_as_object().number == 8


def test_the_list_says_when_the_next_edition_is_assembled(desk: Desk) -> None:
    everyone.story("soon", countries=("KZ",), day=timezone.localdate(), by=desk.writer)
    (coming,) = as_user(desk.writer).get(reverse("desk_editions:list")).context["upcoming"]
    assert coming["stories"] == 1 and "Almaty" in coming["at"] and not coming["skipped"]

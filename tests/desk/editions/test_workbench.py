"""The workbench: order, stories that come in or stay out, subjects, and what only this edition shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.test.utils.form_data import nested_form_data, rich_text

from mailer.approval import review_comments_and_checked_variants
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import LinkCheck, Snapshot
from mailer.approval.preflight.link_crawler import LinkProgress
from mailer.desk.editions import workbench
from mailer.desk.editions.workbench import ADDED_KINDS, readers_by_country_or_elsewhere
from mailer.editions import draft_blocks
from mailer.editions.audience import Combination
from mailer.editions.models import Edition, EditionPlan, story_ids
from mailer.editions.rendering_input import content_of
from mailer.rendering import variants
from mailer.rendering.data_types import Content
from mailer.rendering.view_model import shorten_for_warning
from mailer.stories.models import Story
from subscribers.models import Segment
from subscribers.segments.rule_format import Group
from subscribers.segments.segments import save
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

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
    assert f"1 of {len(order)}" in answer.context["announcement"]
    answer = press(desk, "down", block=last)
    assert answer.context["focus"] == f"down-{last}" and blocks(desk)[1][1] == last


@pytest.mark.both_databases
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


def test_a_long_pool_is_shown_in_part_until_all_is_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "_POOL_SHOWN", 2)
    for number in range(3):
        everyone.story(f"new-{number}", countries=("KG",), by=desk.writer)
    page = as_user(desk.writer).get(address(desk))
    assert len(page.context["newly_ready"]) == 2 and page.context["newly_ready_count"] == 3
    assert "?stories=all#workbench-pool" in page.text
    page = as_user(desk.writer).get(address(desk), {"stories": "all"})
    assert len(page.context["newly_ready"]) == 3 and "?stories=all" not in page.text
    press(desk, "take_in")
    assert {"new-0", "new-1", "new-2"} <= set(keys(desk))


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


@pytest.mark.parametrize("step", [cast.submitted, cast.approved, cast.scheduled])
def test_until_it_is_unlocked_an_edition_shows_its_state_and_has_nothing_to_fill_in(
    desk: Desk, step: Callable[[Desk], Snapshot]
) -> None:
    snapshot = step(desk)
    answer = as_user(desk.writer).get(address(desk))
    shown, page = Page(answer), answer.content.decode()
    assert f'data-withdraws="{snapshot.state}"' in page
    assert not [name for name in shown.names if name.startswith(("subject-", "preheader-"))]
    # Without the handle, the row has a column less.
    assert page.count("wb-row--fixed") == len(blocks(desk)) and "data-handle" not in page
    # No story can be added, so none is offered.
    assert "workbench-pool" not in shown.ids
    if snapshot.send_at:
        local = snapshot.send_at.astimezone(ZoneInfo(desk.edition.newsletter.zone))
        assert page.count(f"{local:%H:%M}") >= 2
    unlocked = as_user(desk.writer).get(f"{address(desk)}?change=1")
    assert {"workbench-pool", "workbench-rows"} <= Page(unlocked).ids
    assert "subject-en" in Page(unlocked).names and "wb-row--fixed" not in unlocked.content.decode()


def _submitted_at_the_last_moment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edition is submitted while the next request waits for the edition."""
    change = draft_blocks.change_draft

    def late(*args: Any) -> Any:
        monkeypatch.setattr(draft_blocks, "change_draft", change)
        cast.submitted(desk)
        return change(*args)

    monkeypatch.setattr(draft_blocks, "change_draft", late)


def test_a_submission_in_between_is_not_withdrawn_without_the_warning(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, row = block_of(desk, "kz-news"), Edition.objects.get(pk=desk.edition.pk)
    restore = reverse("desk_editions:revisions_revert", args=[row.pk, row.latest_revision_id])
    pages = {
        address(desk): {"action": "down", "block": block},
        reverse("desk_edition:block_edit", args=[row.pk, block]): {"headline_en": "Mine"},
        reverse("desk_edition:settings", args=[row.pk]): {"number": "7"},
        restore: {},
    }
    for page, data in pages.items():
        _submitted_at_the_last_moment(desk, monkeypatch)
        answer = as_user(desk.writer).post(page, data)
        assert Snapshot.objects.get(state="submitted"), page
        # A form comes back with what was written in it, and can be sent again with the warning.
        assert (answer.status_code == 200) == (b'name="unlocked"' in answer.content), page
        if answer.status_code == 200:
            as_user(desk.writer).post(page, {**data, "unlocked": "1"})
            assert not Snapshot.objects.filter(state="submitted").exists(), page


def test_an_edition_that_is_being_sent_does_not_change(desk: Desk) -> None:
    cast.sending(desk)
    shown = Page(as_user(desk.writer).get(address(desk)))
    assert reverse("desk_edition:settings", args=[desk.edition.pk]) not in shown.links
    assert "workbench-pool" not in shown.ids and 'aria-current="page"' in shown.html
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


def open_block(desk: Desk, block: str) -> dict[str, Any]:
    """The form of a block as a browser sends it back unchanged."""
    page = reverse("desk_edition:block_edit", args=[desk.edition.pk, block])
    context = as_user(desk.writer).get(page).context
    given = {name: value for name, value in context["form"].initial.items() if value is not None}
    return {**given, "base": context["base"]}


def test_two_people_change_different_fields_of_a_block(desk: Desk) -> None:
    block = block_of(desk, "kz-news")
    loaded = open_block(desk, block)
    edit_block(desk, block, **loaded | {"headline_en": "Theirs"})
    assert edit_block(desk, block, **loaded | {"headline_ru": "Mine"}).status_code == 302
    assert draft(desk).overrides.get().headlines == {"en": "Theirs", "ru": "Mine"}


def test_two_people_change_the_same_headline_and_the_second_chooses(desk: Desk) -> None:
    block = block_of(desk, "kz-news")
    loaded = open_block(desk, block)
    edit_block(desk, block, **loaded | {"headline_en": "Theirs", "headline_ru": "Also theirs"})
    answer = edit_block(desk, block, **loaded | {"headline_en": "Mine"})
    shown = [(one["name"], one["mine"], one["theirs"]) for one in answer.context["conflicts"]]
    assert shown == [("version-headline_en", "Mine", "Theirs")]
    assert user_or_system_name(desk.writer) in answer.context["last_change"]
    assert draft(desk).overrides.get().headlines["en"] == "Theirs"
    again = {**answer.context["form"].initial, "picture": "", "base": answer.context["base"]}
    assert (again["headline_en"], again["headline_ru"]) == ("Mine", "Also theirs")
    edit_block(desk, block, **again | {"version-headline_en": "theirs"})
    assert draft(desk).overrides.get().headlines["en"] == "Theirs"
    edit_block(desk, block, **again | {"version-headline_en": "mine"})
    assert draft(desk).overrides.get().headlines == {"en": "Mine", "ru": "Also theirs"}


def test_a_description_is_not_kept_for_the_picture_of_another_person(desk: Desk) -> None:
    block = block_of(desk, "kz-news")
    one, two = everyone.picture().pk, everyone.picture().pk
    edit_block(desk, block, size="", picture=one, alt_en="One", alt_ru="Один")
    loaded = open_block(desk, block)
    edit_block(desk, block, **loaded | {"picture": two})
    answer = edit_block(desk, block, **loaded | {"alt_en": "A better one"})
    assert {one["name"] for one in answer.context["conflicts"]} == {"version-picture", "version-alt_en"}
    assert draft(desk).overrides.get().picture_alts["en"] == "One"


def test_two_people_write_the_same_text_or_heading(desk: Desk) -> None:
    add = reverse("desk_edition:block_add", args=[desk.edition.pk])
    empty = {f"text_{code}": rich_text("") for code in desk.edition.newsletter.languages}
    as_user(desk.writer).post(add + "?kind=text", empty | {"text_en": rich_text("<p>Good</p>")})
    as_user(desk.writer).post(add + "?kind=heading", {"text_en": "News"})
    (_, text), (_, heading) = blocks(desk)[-2:]
    loaded = empty | {"base": open_block(desk, text)["base"]}
    edit_block(desk, text, **loaded | {"text_en": rich_text("<p>Theirs</p>")})
    answer = edit_block(desk, text, **loaded | {"text_en": rich_text("<p>Mine</p>")})
    assert [one["theirs"] for one in answer.context["conflicts"]] == ["Theirs"]
    # A country's name takes the place of the text, so both decide about the same thing.
    loaded = open_block(desk, heading)
    edit_block(desk, heading, **loaded | {"text_ru": "Новости"})
    answer = edit_block(desk, heading, **loaded | {"country": "KZ"})
    assert "version-country" in {one["name"] for one in answer.context["conflicts"]}
    kept = draft_blocks.raw_block(draft(desk), heading)["value"]
    assert draft_blocks.texts_by_language(kept) == {"en": "News", "ru": "Новости"}


def test_two_people_change_number_and_audience(desk: Desk) -> None:
    page = reverse("desk_edition:settings", args=[desk.edition.pk])
    segment = Segment.objects.create(name="Some", rule={"all": []}, changed_at=timezone.now())
    base = as_user(desk.writer).get(page).context["base"]
    as_user(desk.admin).post(page, {"number": "5", "segment": segment.pk, "base": base})
    answer = as_user(desk.writer).post(page, {"number": "6", "base": base})
    assert set(answer.context["form"].errors) == {"number"}
    assert (draft(desk).number, draft(desk).segment) == (5, segment)
    as_user(desk.writer).post(page, {"number": "6", "base": answer.context["base"]})
    assert (draft(desk).number, draft(desk).segment) == (6, segment)


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


@pytest.mark.parametrize("kind", ADDED_KINDS)
def test_every_other_block_is_added_shown_to_readers_and_changed(desk: Desk, kind: str) -> None:
    browser, image = as_user(desk.writer), everyone.picture()
    page = reverse("desk_edition:block_add", args=[desk.edition.pk]) + f"?kind={kind}"
    empty = browser.get(page).context["form"]
    if kind != "divider":
        assert browser.post(page, {"countries": [], "before": ""}).context["form"].errors
    given = {
        "link": "https://example.org/film",
        "picture": image.pk,
        "alt_en": "A <yurt>",
        "detail_en": "A. B",
    }
    text = "<p>7 | <b>services</b></p>" if kind == "note" else "7 | services"
    given["text_en"] = rich_text(text) if kind == "note" else text
    form = {
        "before": "",
        "countries": ["KZ"],
        **{name: given[name] for name in given if name in empty.fields},
    }
    assert browser.post(page, form).status_code == 302
    shown_block = shown(desk).blocks[-1]
    assert (shown_block.kind, shown_block.countries) == (kind, ("KZ",))
    assert bool(shown_block.picture) is ("picture" in empty.fields)
    rendered = variants.render(shown(desk), ("KZ",), "en")
    assert kind == "divider" or "services" in rendered.html
    row = browser.get(address(desk)).context["rows"][-1]
    assert (row.kind, row.countries) == (kind, "Kazakhstan")
    change = reverse("desk_edition:block_edit", args=[desk.edition.pk, blocks(desk)[-1][1]])
    assert browser.get(change).context["form"].initial["countries"] == ["KZ"]
    base = browser.get(change).context["base"]
    assert browser.post(change, {**form, "countries": [], "base": base}).status_code == 302
    assert shown(desk).blocks[-1].countries == ()


def test_subject_and_preview_text_are_one_line(desk: Desk) -> None:
    press(desk, "subjects", **{"subject-en": "Snowmelt in mountain villages", "preheader-en": " two\nlines "})
    text = draft(desk).texts.get(language="en")
    assert (text.subject, text.preheader) == ("Snowmelt in mountain villages", "two lines")


def test_findings_name_stories_in_the_language_of_the_desk(desk: Desk) -> None:
    """And in the newsletter's first language, where the story has no text in it."""
    story = Story.objects.get(key="tj-news")
    story.texts.exclude(language__in=("ru", "en")).delete()
    named = {text.language: text.headline for text in story.texts.all()}
    path = reverse("desk_edition:checks", args=[desk.edition.pk])
    for reads in ("en", "ru", "kk"):
        found = as_user(desk.writer).get(path, headers={"accept-language": reads}).context["findings"]
        texts = [place.label for line in found for place in line.places if not place.language]
        first = next(code for code in (reads, *desk.edition.newsletter.languages) if code in named)
        other = next(code for code in named if code != first)
        assert shorten_for_warning(named[first]) in texts and shorten_for_warning(named[other]) not in texts


@pytest.mark.both_databases
def test_subjects_of_two_people_are_both_kept(desk: Desk) -> None:
    was = {f"subject-{code}": f"News, {code}" for code in ("en", "ru", "kk")}
    press(desk, "subjects", **was)
    form = {**was, **{f"was-{name}": value for name, value in was.items()}}
    press(desk, "subjects", **{**form, "subject-en": "Mine"})
    press(desk, "subjects", **{**form, "subject-ru": "Theirs"})
    now = {text.language: text.subject for text in draft(desk).texts.all()}
    assert (now["en"], now["ru"], now["kk"]) == ("Mine", "Theirs", was["subject-kk"])


def test_the_same_subject_of_two_people_keeps_the_first_until_the_second_insists(desk: Desk) -> None:
    was = {f"subject-{code}": f"News, {code}" for code in ("en", "ru", "kk")}
    press(desk, "subjects", **was)
    form = {**was, **{f"was-{name}": value for name, value in was.items()}}
    press(desk, "subjects", **{**form, "subject-en": "First"})
    answer = press(desk, "subjects", **{**form, "subject-en": "Second", "subject-ru": "Мой"})
    assert answer.context["conflict"] and "“Second”" in answer.context["announcement"]
    now = {text.language: text.subject for text in draft(desk).texts.all()}
    assert (now["en"], now["ru"]) == ("First", "Мой")
    press(desk, "subjects", **{"was-subject-en": "First", "subject-en": "Second"})
    assert draft(desk).texts.get(language="en").subject == "Second"


def test_the_workbench_counts_what_readers_get_and_what_is_not_translated(desk: Desk) -> None:
    page = as_user(desk.writer).get(address(desk), {"reach": "KZ.kk"})
    cells = {(cell.country, cell.language): cell for _, row in page.context["reach"] for cell in row}
    assert cells["KZ", "en"].stories > cells["TM", "en"].stories
    assert (cells["KZ", "en"].missing, cells["KZ", "kk"].missing) == (0, cells["KZ", "kk"].stories)
    assert len(page.context["reach_list"]) == cells["KZ", "kk"].stories


def test_what_readers_without_a_country_get_comes_first(desk: Desk) -> None:
    edition = draft(desk)
    edition.newsletter.countries = [*edition.newsletter.countries, "AF", "MN"]
    edition.newsletter.save()
    page = as_user(desk.writer).get(address(desk), {"reach": ".en"})
    table = page.context["reach"]
    everyone = table[0][1][0]
    assert (everyone.country, everyone.chosen) == ("", True)
    assert everyone.stories == max(row[0].stories for _label, row in table) > 0
    assert len(page.context["reach_list"]) == everyone.stories
    # Countries whose readers get no email share one row for each reason.
    reasons = [row[0].skipped for _label, row in table if row[0].skipped]
    assert len(set(reasons)) == len(reasons)
    assert page.context["reach_email"] == "language=en"


def test_the_checks_count_the_subscribers_of_each_row(desk: Desk) -> None:
    chosen = [
        Combination((), "en", 3),
        Combination(("KZ", "UZ"), "ru", 2),
        Combination(("KZ", "DE"), "ru", 4),
        Combination(("DE",), "en", 1),
    ]
    assert readers_by_country_or_elsewhere(chosen, ("KZ", "UZ", "TM")) == {
        "": 3,
        "KZ": 6,
        "UZ": 2,
        "TM": 0,
        "ZZ": 1,
    }
    browser = as_user(desk.writer)
    checks = browser.get(reverse("desk_edition:checks", args=[desk.edition.pk]))
    board = Page(browser.get(address(desk)))
    counted = {f"readers-{country}" for country in checks.context["readers"]}
    rows = {one for one in board.ids if one.startswith("readers-")}
    assert "readers-" in rows and rows <= counted and 'data-readers=""' in Page(checks).html


def test_the_note_on_the_assembly_names_the_day_once(desk: Desk) -> None:
    assert " on on " not in as_user(desk.writer).get(address(desk)).context["assembly"]


def test_the_checks_are_those_of_the_preview(desk: Desk) -> None:
    browser = as_user(desk.writer)
    checks = browser.get(reverse("desk_edition:checks", args=[desk.edition.pk])).context["findings"]
    preview = browser.get(reverse("desk_edition:variants", args=[desk.edition.pk])).context["findings"]
    assert checks == preview and checks


def test_a_writer_sees_and_settles_what_a_reviewer_said_about_a_story(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    comment = review_comments_and_checked_variants.add_comment(
        snapshot, desk.approver, "kz-news", "Which year?", timezone.now()
    )
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


def test_an_empty_edition_has_the_planned_time_of_its_period(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    newsletter.send_on = "monthly 10 10:00"
    newsletter.save()
    year = timezone.localdate().year + 1
    form = {"newsletter": newsletter.pk, "period": f"{year}-01", "number": "7"}
    as_user(desk.writer).post(reverse("desk_editions:add"), nested_form_data(form))
    plan = EditionPlan.objects.get(edition__period=f"{year}-01")
    assert plan.state == EditionPlan.State.ASSEMBLED and plan.send_at is not None
    assert f"{plan.send_at.astimezone(ZoneInfo(newsletter.zone)):%Y-%m-%d %H:%M}" == f"{year}-01-10 10:00"


@pytest.mark.parametrize("period", ["2022-01-04", "2022-02-31", "0000-12", "2022-01-03-n1"])
def test_an_edition_is_made_for_a_period_that_exists_only(desk: Desk, period: str) -> None:
    browser, newsletter = as_user(desk.writer), desk.edition.newsletter_id
    form = nested_form_data({"newsletter": newsletter, "period": period, "number": "7"})
    for address in (reverse("desk_editions:add"), reverse("desk_assemble", args=[newsletter])):
        answer = browser.post(address, form)
        assert answer.status_code == 200 and answer.context["form"].errors["period"]
    assert not Edition.objects.filter(number=7).exists()


def test_the_list_says_when_the_next_edition_is_assembled(desk: Desk) -> None:
    everyone.story("soon", countries=("KZ",), day=timezone.localdate(), by=desk.writer)
    (coming,) = as_user(desk.writer).get(reverse("desk_editions:list")).context["upcoming"]
    assert coming["stories"] == 1 and "Almaty" in coming["at"] and not coming["left_to_staff"]


def test_staff_have_the_links_of_a_draft_checked_again_and_see_how_far_it_is(desk: Desk) -> None:
    Story.objects.filter(key="ring").update(link="https://www.office.int/ring")
    page = reverse("desk_edition:checks", args=[desk.edition.pk])
    browser = as_user(desk.writer)
    total = browser.get(page).context["links"].total
    assert browser.get(page).context["links"].waiting == total > 0
    as_user(desk.approver).post(page)
    assert not LinkCheck.objects.exists()
    assert browser.post(page).headers["Location"] == page
    assert LinkCheck.objects.count() == total
    now = timezone.now()
    # The worker has looked at them just now: sites are not asked twice a minute.
    LinkCheck.objects.update(state="ok", checked_at=now, due_at=now + timedelta(days=1))
    browser.post(page)
    assert browser.get(page).context["links"] == LinkProgress(total, 0, now)
    LinkCheck.objects.update(checked_at=now - timedelta(minutes=2))
    browser.post(page)
    assert browser.get(page).context["links"].waiting == total
    assert b"data-refresh" in browser.get(page).content


def test_the_card_at_the_top_leads_to_the_findings(desk: Desk) -> None:
    browser, pk = as_user(desk.writer), desk.edition.pk
    for name, place, counted in (
        ("desk_editions:edit", "workbench-checks", False),
        ("desk_edition:variants", "desk-checks", True),
        ("desk_edition:submit", "desk-checks", True),
    ):
        answer = browser.get(reverse(name, args=[pk]))
        page = Page(answer)
        link = page.html.partition(f'href="#{place}" data-checks-link>')[2].partition("</a>")[0]
        assert place in page.ids and link
        # The workbench looks for findings once it is shown.
        found = [line.finding for line in answer.context["findings"]] if counted else []
        number = str(sum(one.blocks for one in found) or len(found)) if counted else ""
        assert number in link and any(letter.isdigit() for letter in link) == counted


def test_an_earlier_version_with_a_deleted_segment_opens_and_does_not_widen_the_audience(desk: Desk) -> None:
    gone, kept = (save(Segment(), name, Group("all"), "lola", everyone.NOW) for name in ("Gone", "Kept"))
    draft = desk.edition.get_latest_revision_as_object()
    draft.segment = gone
    earlier = draft.save_revision(user=desk.writer)
    draft.segment = kept
    later = draft.save_revision(user=desk.writer)
    gone.delete()
    browser, pk = as_user(desk.writer), desk.edition.pk
    compared = reverse("desk_editions:revisions_compare", args=[pk, earlier.pk, later.pk])
    assert browser.get(compared).status_code == 200
    page = reverse("desk_editions:revisions_revert", args=[pk, earlier.pk])
    assert browser.get(page).status_code == 200
    browser.post(page)
    assert Edition.objects.get(pk=pk).get_latest_revision_as_object().segment == kept

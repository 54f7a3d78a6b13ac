"""How complete an edition is in each language, and the rule that holds incomplete editions back."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mailer.approval.snapshot_state_changes import PreflightFailed
from mailer.approval.submit import submit
from mailer.editions import draft_blocks, translation_docx, translation_xliff
from mailer.editions.models import Edition, EditionText
from mailer.editions.translation_units_and_returned_files import units_of
from mailer.stories import draft_editing
from mailer.stories.models import Story, StoryText
from subscribers.models import Subscriber
from tests.delivery.cast import NOW
from tests.desk.cast import Desk, as_user, submitted

pytestmark = pytest.mark.django_db


def write(desk: Desk, key: str, **parts: str) -> None:
    """Change parts of a story, such as headline_ru, and publish it."""
    story = Story.objects.get(key=key)
    written = {name.replace("_", "-"): value for name, value in parts.items()}
    draft = draft_editing.latest_draft(story)
    base = draft_editing.value_hashes(draft_editing.values_of(draft, ("en", "ru", "kk")))
    saved = draft_editing.save(story, written, base, desk.writer, NOW)
    saved.story.get_latest_revision().publish()


def states(desk: Desk, key: str) -> dict[str, str]:
    page = as_user(desk.writer).get(reverse("desk_edition:translations", args=[desk.edition.pk]))
    pk = Story.objects.get(key=key).pk
    (row,) = (row for row in page.context["rows"] if row.story == pk)
    return {cell.language: cell.tone for cell in row.cells if cell.language in ("en", "ru", "kk")}


def test_what_is_missing_in_a_language_that_nobody_reads_is_no_problem(desk: Desk) -> None:
    Subscriber.objects.filter(language="kk").update(language="en")
    assert states(desk, "kz-news") == {"en": "done", "ru": "done", "kk": "draft"}
    pages = {
        name: as_user(desk.writer).get(reverse(f"desk_edition:{name}", args=[desk.edition.pk]))
        for name in ("translations", "checks")
    }
    assert "Kazakh" in pages["translations"].context["unread"]
    assert "kk" in pages["checks"].context["unread"] and "en" not in pages["checks"].context["unread"]
    assert b'data-unread="kk"' in pages["checks"].content


def test_a_translation_is_there_missing_incomplete_or_older_than_its_source(desk: Desk) -> None:
    assert states(desk, "kz-news") == {"en": "done", "ru": "done", "kk": "problem"}
    write(desk, "kz-news", headline_kk="Тақырып")
    assert states(desk, "kz-news")["kk"] == "draft"
    write(desk, "kz-news", summary_kk="Мәтін.")
    assert states(desk, "kz-news")["kk"] == "done"
    write(desk, "kz-news", summary_en="Another summary.")
    assert states(desk, "kz-news") == {"en": "done", "ru": "busy", "kk": "busy"}
    # The translator follows in one language; in the other, the difference does not matter.
    write(desk, "kz-news", summary_ru="Другое.")
    story = Story.objects.get(key="kz-news")
    address = reverse("desk_edition:translations", args=[desk.edition.pk])
    posted = {"story": story.pk, "language": "kk"}
    as_user(desk.approver).post(address, posted)
    assert states(desk, "kz-news")["kk"] == "busy"
    as_user(desk.writer).post(address, posted)
    assert states(desk, "kz-news") == {"en": "done", "ru": "done", "kk": "done"}
    story.refresh_from_db()
    assert not story.has_unpublished_changes


def test_an_edition_with_incomplete_languages_is_submitted_only_where_the_newsletter_allows_it(
    desk: Desk,
) -> None:
    newsletter = desk.edition.newsletter
    newsletter.languages, newsletter.translation_rule = ("en", "ru"), "block"
    newsletter.save()
    write(desk, "kz-news", summary_en="Another summary.")
    with pytest.raises(PreflightFailed, match="Russian"):
        submit(desk.edition, desk.writer, NOW)
    write(desk, "kz-news", summary_ru="Другое.")
    submit(desk.edition, desk.writer, NOW)
    newsletter.translation_rule = ""
    newsletter.save()
    write(desk, "kz-news", summary_en="A third summary.")
    findings = submit(desk.edition, desk.writer, NOW).findings
    (warning,) = (one for one in findings if one["code"] == "text.translation_old")
    assert warning["level"] == "warning"


@pytest.mark.parametrize("kind", ["xliff", "docx"])
def test_a_translated_file_is_shown_before_it_is_taken_over(desk: Desk, kind: str) -> None:
    browser = as_user(desk.writer)
    base = reverse("desk_edition:translations", args=[desk.edition.pk])
    draft_blocks.change_draft(desk.edition, desk.writer, NOW, _write_subject)
    exported = browser.get(f"{base}export/", {"format": kind, "source": "en", "target": "kk"}).content
    module = import_module(f"mailer.editions.translation_{kind}")
    draft = draft_blocks.latest_draft(Edition.objects.get(pk=desk.edition.pk))
    # The translator gives back every text with a word before it.
    units = units_of(draft, "en", "kk")
    assert [unit.mark for unit in module.read(exported).units] == [unit.mark for unit in units]
    write(desk, "ring", summary_en="Another summary.")
    back = [
        replace(unit, target=f"<p>Жаңа</p>{unit.source}" if unit.rich else f"Жаңа {unit.source}")
        for unit in units
    ]
    more = ("December",) if kind == "docx" else ()
    data = module.write(desk.edition.slug, "en", "kk", back, [(unit.id,) for unit in back], *more)
    marks = {unit.mark: old.mark for unit, old in zip(back, units, strict=True)}
    page = browser.post(f"{base}import/", {"file": SimpleUploadedFile(f"back.{kind}", _marked(data, marks))})
    tones = {(one.about, one.part): one.tone for one in page.context["changes"]}
    assert tones["Headline ring en", "headline"] == "waiting"
    assert tones["Headline ring en", "summary"] == "problem"
    story = Story.objects.get(key="kz-news")
    assert {text.language for text in story.texts.all()} == {"en", "ru"}
    browser.post(f"{base}import/", {"units": page.context["units"], "publish": "on"})
    assert states(desk, "kz-news")["kk"] == "done"
    assert story.texts.get(language="kk").headline.startswith("Жаңа ")
    ring = Story.objects.get(key="ring")
    # Without its summary the story could not be ready; what was taken over is in its draft.
    assert {text.language for text in ring.texts.all()} == {"en", "ru"}
    texts = {text.language: text for text in draft_editing.latest_draft(ring).texts.all()}
    assert texts["kk"].headline.startswith("Жаңа ") and not texts["kk"].summary
    draft = draft_blocks.latest_draft(Edition.objects.get(pk=desk.edition.pk))
    assert next(text for text in draft.texts.all() if text.language == "kk").subject.startswith("Жаңа ")


def test_an_import_waits_when_the_edition_was_submitted_since_the_preview(desk: Desk) -> None:
    browser = as_user(desk.writer)
    address = f"{reverse('desk_edition:translations', args=[desk.edition.pk])}import/"
    units = [one for one in units_of(draft_blocks.latest_draft(desk.edition), "en", "kk") if not one.rich]
    back = [replace(unit, target=f"Жаңа {unit.source}") for unit in units]
    marks = {unit.mark: old.mark for unit, old in zip(back, units, strict=True)}
    data = translation_xliff.write(desk.edition.slug, "en", "kk", back, [(unit.id,) for unit in back])
    page = browser.post(address, {"file": SimpleUploadedFile("back.xlf", _marked(data, marks))})
    assert b'name="unlocked"' not in page.content
    snapshot = submitted(desk)
    again = browser.post(address, {"units": page.context["units"], "publish": "on"})
    assert again.context["withdraws"] and b'name="unlocked"' in again.content
    assert not StoryText.objects.filter(language="kk", headline__startswith="Жаңа").exists()
    snapshot.refresh_from_db()
    assert snapshot.state == snapshot.State.SUBMITTED
    browser.post(address, {"units": again.context["units"], "publish": "on", "unlocked": "1"})
    assert StoryText.objects.filter(language="kk", headline__startswith="Жаңа").exists()


def _write_subject(draft: Edition) -> None:
    draft.texts = [EditionText(language="en", subject="News", preheader="More news")]


def _marked(data: bytes, marks: dict[str, str]) -> bytes:
    """A file in which each unit has the mark of its export again."""
    if not data.startswith(b"PK"):
        for new, old in marks.items():
            data = data.replace(new.encode(), old.encode())
        return data
    changed = BytesIO()
    with ZipFile(BytesIO(data)) as old_file, ZipFile(changed, "w") as new_file:
        for part in old_file.infolist():
            content = old_file.read(part)
            for new, old in marks.items():
                content = content.replace(new.encode(), old.encode())
            new_file.writestr(part, content)
    return changed.getvalue()


def test_a_document_that_names_no_edition_is_for_this_one_if_its_texts_are(desk: Desk) -> None:
    browser = as_user(desk.writer)
    base = reverse("desk_edition:translations", args=[desk.edition.pk])
    units = units_of(draft_blocks.latest_draft(desk.edition), "en", "kk")
    back = [replace(unit, target=f"Жаңа {unit.source}") for unit in units if not unit.rich]
    data = translation_docx.write("", "en", "kk", back, [(unit.id,) for unit in back], "December")
    own = {unit.mark: next(one.mark for one in units if one.id == unit.id) for unit in back}
    file = SimpleUploadedFile("back.docx", _marked(data, own))
    page = browser.post(f"{base}import/", {"file": file})
    assert {change.tone for change in page.context["changes"]} == {"waiting"}
    browser.post(f"{base}import/", {"units": page.context["units"]})
    assert Story.objects.get(key="kz-news").get_latest_revision_as_object().headline("kk").startswith("Жаңа")
    # The texts of another edition are not taken for those of this one.
    other = {unit.mark: "0" * 12 for unit in back}
    file = SimpleUploadedFile("back.docx", _marked(data, other))
    answer = browser.post(f"{base}import/", {"file": file}, follow=True)
    # Behind the message of the import above.
    assert [message.level_tag for message in answer.context["messages"]][1:] == ["error"]


def test_a_file_of_another_edition_or_no_file_of_ours_is_refused(desk: Desk) -> None:
    browser = as_user(desk.writer)
    base = reverse("desk_edition:translations", args=[desk.edition.pk])
    units = units_of(draft_blocks.latest_draft(desk.edition), "en", "kk")
    foreign = translation_xliff.write("other-2021-12", "en", "kk", units, [(unit.id,) for unit in units])
    for data in (foreign, b"<html/>", b"PK nothing"):
        answer = browser.post(f"{base}import/", {"file": SimpleUploadedFile("back.xlf", data)}, follow=True)
        assert answer.redirect_chain[-1][0] == base
        assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    assert browser.post(f"{base}import/", {"units": "[1"}).status_code == 302
    assert as_user(desk.approver).post(f"{base}import/", {"units": "[]"}).headers["Location"] != base

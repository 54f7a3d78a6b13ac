"""The glossary of names: kept in the desk, checked in preflight, shown to writers and sent to translators."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mailer.editions import draft_blocks, translation_glossary
from mailer.editions.glossary_matching import Term
from mailer.editions.models import GlossaryTerm, Newsletter
from mailer.rendering.data_types import Subject
from mailer.stories.models import Story
from tests.approval.preflight_edition import CLEAN, check, with_content, with_text, with_written
from tests.delivery.cast import NOW
from tests.desk.cast import Desk, as_user

PARTNERS = Term(
    (("en", ("workshop",)), ("kk", ("семинар",)), ("ru", ("мастерская", "семинар"))),
    (("ru", ("воркшоп",)),),
)
WITH_NAMES = replace(CLEAN, glossary=(PARTNERS,))


def places(description, code: str) -> list[tuple[str, str, str]]:
    found = check(description).get(code)
    return [(one.place.kind, one.place.key, one.place.language) for one in found.found] if found else []


def test_translations_that_leave_a_name_out_are_one_line() -> None:
    # The English body names the workshop; neither translation does.
    assert places(WITH_NAMES, "text.name_left_out") == [("story", "map", "ru"), ("story", "map", "kk")]
    found = check(WITH_NAMES)["text.name_left_out"]
    assert found.level == "warning" and found.found[0].place.kind == "story"
    kept = with_text(WITH_NAMES, "map", "ru", body="<p>Отчёт о мастерских можно прочитать на сайте.</p>")
    assert places(kept, "text.name_left_out") == [("story", "map", "kk")]
    # A description of a picture need not name anybody, and the source decides.
    from_russian = replace(WITH_NAMES, source_languages=(("map", "ru"),))
    assert places(from_russian, "text.name_left_out") == []
    assert check(CLEAN) == {}


def test_blocks_and_subjects_are_checked_too_and_forbidden_forms_anywhere() -> None:
    quiet = with_text(WITH_NAMES, "map", "en", body="")
    note = with_written(quiet, "note", "en", text="<p>Next month we write about the workshop.</p>")
    at = str(len(note.content.blocks) - 1)
    assert places(note, "text.name_left_out") == [("block", at, "ru"), ("block", at, "kk")]
    subject = with_content(quiet, subjects=(Subject("ru", "О воркшопах и о мастерских", "Ещё новости."),))
    assert places(subject, "text.name_forbidden") == [("subject", "", "ru")]


@pytest.mark.django_db
def test_a_writer_keeps_the_names_and_a_change_by_another_person_is_not_lost(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    browser = as_user(desk.writer)
    table = reverse("desk_glossary", args=[newsletter.pk])
    given = {"names_en": "Regional Office\nRO", "names_ru": "Региональное бюро", "forbidden_ru": "Регбюро"}
    assert browser.post(reverse("desk_glossary_add", args=[newsletter.pk]), given)["Location"] == table
    term = GlossaryTerm.objects.get()
    assert (term.newsletter, term.names["en"]) == (newsletter, ["Regional Office", "RO"])
    form = reverse("desk_glossary_term", args=[newsletter.pk, term.pk])
    base = browser.get(form).context["form"].initial["base"]
    GlossaryTerm.objects.update(note="Changed meanwhile")
    answer = browser.post(form, {**given, "base": base, "everywhere": "on"})
    assert answer.status_code == 200 and answer.context["form"].non_field_errors()
    term.refresh_from_db()
    assert term.newsletter == newsletter
    base = answer.context["form"]["base"].value()
    assert browser.post(form, {**given, "base": base, "everywhere": "on"}).status_code == 302
    term.refresh_from_db()
    assert term.newsletter is None
    assert browser.post(form, {"base": "", "names_en": ""}).context["form"].errors
    assert as_user(desk.approver).post(form, {"delete": "1"})["Location"] != table
    assert browser.get(table).context["lines"][0]["label"] == "Regional Office"
    browser.post(form, {"delete": "1"})
    assert not GlossaryTerm.objects.exists()


@pytest.mark.django_db
def test_the_file_that_is_exported_is_taken_back_and_hostile_cells_are_text(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    browser = as_user(desk.writer)
    table = reverse("desk_glossary", args=[newsletter.pk])
    GlossaryTerm.objects.create(
        names={"en": ["=1+1", "RO"], "ru": ["Региональное, «бюро»"]},
        forbidden={"ru": ["Регбюро"]},
        note="Ours",
    )
    exported = browser.get(reverse("desk_glossary_export", args=[newsletter.pk])).content
    (row,) = csv.DictReader(io.StringIO(exported.decode("utf-8-sig")))
    assert (row["en"], row["newsletter"]) == ("'=1+1 | RO", "*")

    def upload(data: bytes) -> None:
        browser.post(table, {"file": SimpleUploadedFile("names.csv", data)})

    before = translation_glossary.glossary_terms_of_one_or_all(newsletter)
    upload(exported)
    assert translation_glossary.glossary_terms_of_one_or_all(newsletter) == before
    upload("en;kk;note\nRO;Өңірлік кеңсе;\nBridges;Көпірлер;a project\n".encode())
    # "RO" is no preferred name of the one that is there.
    assert GlossaryTerm.objects.count() == 3
    upload("en,kk\nBridges,Көпір\nValleys,\n,\n".encode())
    assert GlossaryTerm.objects.get(names__en=["Bridges"]).names["kk"] == ["Көпір"]
    number = GlossaryTerm.objects.count()
    for bad in (b"\xff\xfe", b"a,b\n1,2\n", b"en,newsletter\nX,other\n", b"en,note\n,Only a note\n", b""):
        upload(bad)
    assert GlossaryTerm.objects.count() == number


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["xliff", "docx"])
def test_writers_see_the_names_at_the_text_and_translators_in_their_file(desk: Desk, kind: str) -> None:
    newsletter: Newsletter = desk.edition.newsletter
    GlossaryTerm.objects.create(
        newsletter=newsletter,
        names={"en": ["Headline ring"], "kk": ["Сақина тақырыбы"]},
        forbidden={"kk": ["Жүзік"]},
    )
    story = Story.objects.get(key="ring")
    browser = as_user(desk.writer)
    page = browser.get(reverse("desk_stories:edit", args=[story.pk]), {"source": "en", "language": "kk"})
    ((_term, names),) = page.context["glossary_names"]
    assert [(code, forms) for code, _name, forms, _forbidden in names] == [
        ("en", ("Headline ring",)),
        ("kk", ("Сақина тақырыбы",)),
    ]
    other = browser.get(reverse("desk_stories:edit", args=[Story.objects.get(key="kz-news").pk]))
    assert other.context["glossary_names"] == []
    base = reverse("desk_edition:translations", args=[desk.edition.pk])
    data = browser.get(f"{base}export/", {"format": kind, "source": "en", "target": "kk"}).content
    if kind == "xliff":
        assert data.decode().count("Сақина тақырыбы") == 1
    else:
        import docx

        cells = docx.Document(io.BytesIO(data)).tables[0].column_cells(0)
        assert sum("Сақина тақырыбы" in cell.text for cell in cells) == 1
    draft_blocks.change_draft(
        desk.edition,
        desk.writer,
        NOW,
        lambda draft: draft_blocks.add_block(
            draft, "button", {"texts": draft_blocks.written_texts({"en": {"text": "Headline ring"}})}, None
        ),
    )
    desk.edition.refresh_from_db()
    block = draft_blocks.raw_blocks(draft_blocks.latest_draft(desk.edition))[-1]["id"]
    form = browser.get(reverse("desk_edition:block_edit", args=[desk.edition.pk, block]))
    assert len(form.context["glossary_names"]) == 1

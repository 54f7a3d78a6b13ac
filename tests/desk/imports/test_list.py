"""Imports in the desk: a file is brought, its columns are named, its effect is seen, applied and undone."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from subscribers.imports import uploads_job
from subscribers.imports.models import ImportRun
from subscribers.imports.records import Figures
from subscribers.models import MailingList, Subscriber
from subscribers.suppression.suppression import in_force, suppress
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases

FILE = (
    "E-mail;Имя;Country;Shoe size\r\nnew@example.org;Новая;KZ|UZ;38\r\nslip@gmial.com;;;\r\n"
    "stopped@example.org;;;\r\nnonsense;;;\r\n"
)


@pytest.fixture
def lola(desk: Desk) -> Client:
    """The admin’s browser."""
    return as_user(desk.admin)


def told(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def bring(browser: Client, file: bytes = FILE.encode("cp1251")) -> ImportRun:
    """A file that was brought and waits for its columns."""
    form = {
        "file": SimpleUploadedFile("forum.csv", file),
        "mailing_list": MailingList.objects.values_list("pk", flat=True)[0],
        "source": "Paper forms at the forum",
        "language": "en",
    }
    assert browser.post(reverse("desk_imports:add"), form).status_code == 302
    return ImportRun.objects.latest("pk")


def name_columns(browser: Client, run: ImportRun, **changed: str) -> str:
    page = browser.get(reverse("desk_import_columns", args=[run.pk]))
    form = {field.html_name: field.value() for field in page.context["form"]} | changed
    return told(browser.post(reverse("desk_import_columns", args=[run.pk]), form, follow=True))


def work() -> None:
    uploads_job.attend(timezone.now, lambda: False)


def page(browser: Client, run: ImportRun) -> str:
    return told(browser.get(reverse("desk_import", args=[run.pk])))


def do(browser: Client, run: ImportRun, deed: str, **more: Any) -> str:
    return told(browser.post(reverse("desk_import", args=[run.pk]), {"deed": deed, **more}, follow=True))


def test_a_file_goes_from_the_upload_to_people_and_back(lola: Client, desk: Desk) -> None:
    suppress("stopped@example.org", "manual", "", timezone.now())
    before = Subscriber.objects.count()
    run = bring(lola)
    columns = told(lola.get(reverse("desk_import_columns", args=[run.pk])))
    assert "Новая" in columns and "Shoe size" in columns and "cp1251" in columns
    assert "Being read" in name_columns(lola, run)
    work()
    ready = page(lola, run)
    assert "Kazakhstan, Uzbekistan" in ready and "slip@gmial.com (gmail.com?)" in ready
    assert "has no @" in ready and "stopped@example.org" in ready
    assert Subscriber.objects.count() == before
    do(lola, run, "apply", leave_out=["typo"])
    work()
    done = page(lola, run)
    assert "What it did" in done and "Undo the import" in done
    assert set(Subscriber.objects.values_list("email", flat=True)) >= {"new@example.org"}
    assert Subscriber.objects.count() == before + 1
    refused = b"".join(lola.post(reverse("desk_import_refused", args=[run.pk])).streaming_content).decode()  # type: ignore[attr-defined]
    assert "slip@gmial.com" in refused and "nonsense" in refused
    do(lola, run, "undo")
    work()
    assert "1 were taken off" in page(lola, run)
    assert Subscriber.objects.count() == before
    actions = ModelLogEntry.objects.filter(action__startswith="desk.import").order_by("pk")
    assert [(entry.action.removeprefix("desk.import_"), entry.user) for entry in actions] == [
        (deed, desk.admin) for deed in ("bring", "apply", "refused", "undo")
    ]


def test_columns_must_hold_one_address_and_nothing_twice(lola: Client) -> None:
    run = bring(lola)
    assert "which column holds the address" in name_columns(lola, run, column_1="ignore")
    assert "Two columns are about Name" in name_columns(lola, run, column_2="name", column_4="name")
    assert ImportRun.objects.get().state == "mapping"


def test_columns_that_are_named_twice_by_two_presses_are_named_once(lola: Client) -> None:
    run = bring(lola)
    columns = reverse("desk_import_columns", args=[run.pk])
    form = {field.html_name: field.value() for field in lola.get(columns).context["form"]}
    for _ in range(2):
        assert lola.post(columns, form)["Location"] == reverse("desk_import", args=[run.pk])
        work()
    assert ImportRun.objects.get().state == ImportRun.State.READY


def test_another_encoding_can_be_tried(lola: Client) -> None:
    run = bring(lola)
    where = reverse("desk_import_columns", args=[run.pk])
    assert "is not UTF-8" in told(lola.get(where, {"encoding": "utf-8"}))
    assert "оНБЮЪ" not in told(lola.get(where)) and "мНБЮЪ" in told(lola.get(where, {"encoding": "koi8-r"}))


def test_a_file_that_cannot_be_read_says_so_and_can_be_discarded(lola: Client) -> None:
    run = bring(lola, b"email\n" + b"a@example.org\n" * 8 + b'"open\n')
    name_columns(lola, run)
    work()
    assert "Line 10" in page(lola, run) and "Could not be read" in page(lola, run)
    empty = bring(lola, b"\n\n")
    assert "empty" in told(lola.get(reverse("desk_import_columns", args=[empty.pk])))
    assert "nobody was added" in do(lola, empty, "discard")


def test_without_consent_in_words_no_file_is_taken(lola: Client) -> None:
    form = {
        "file": SimpleUploadedFile("x.csv", b"email\n"),
        "mailing_list": 1,
        "source": " ",
        "language": "en",
    }
    assert lola.post(reverse("desk_imports:add"), form).status_code == 200
    assert not ImportRun.objects.exists()


def test_only_admins_see_and_apply_imports(lola: Client, desk: Desk) -> None:
    run = bring(lola)
    for person in (desk.writer, desk.approver):
        browser = as_user(person)
        assert browser.get(reverse("desk_imports:add")).status_code != 200
        assert browser.get(reverse("desk_import", args=[run.pk])).status_code != 200
        assert browser.post(reverse("desk_import", args=[run.pk]), {"deed": "discard"}).status_code != 200
        assert browser.post(reverse("desk_import_refused", args=[run.pk])).status_code != 200
    assert ImportRun.objects.get().state == "mapping"
    assert not ModelLogEntry.objects.filter(action="desk.import_refused").exists()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_people_are_taken_away_by_admins_alone_and_the_log_knows(lola: Client, desk: Desk, kind: str) -> None:
    where = reverse("desk_export")
    assert as_user(desk.approver).post(where, {"kind": kind}).status_code != 200
    answer = lola.post(where, {"kind": kind})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert body.startswith(b"PK") if kind == "xlsx" else desk.reader.email.encode() in body
    assert "attachment" in answer["Content-Disposition"]
    entries = ModelLogEntry.objects.filter(action="desk.export_people")
    assert {entry.user for entry in entries} == {desk.admin}


def test_mail_to_those_whom_the_file_calls_gone_is_stopped_where_the_box_is_ticked(lola: Client) -> None:
    run = bring(lola, b"email;status\nleft@example.org;unsubscribed\nnew@example.org;\n")
    name_columns(lola, run)
    work()
    ready = page(lola, run)
    assert "Gone, as the file says: 1" in ready and 'name="stop_gone"' in ready
    do(lola, run, "apply", stop_gone="yes")
    work()
    assert "mail to 1 of them was stopped" in page(lola, run) and in_force("left@example.org")
    entry = ModelLogEntry.objects.get(action="desk.import_apply")
    assert "stopped mail" in entry.message
    do(lola, run, "undo")
    work()
    assert "Mail to 1 is no longer stopped" in page(lola, run) and not in_force("left@example.org")


def test_an_import_that_stopped_says_so_in_the_list_and_why_on_its_page(lola: Client) -> None:
    run = bring(lola)
    ImportRun.objects.update(state="applying", applied_at=timezone.now(), done=Figures(read=2).as_dict())
    assert "Undo it" not in page(lola, run)
    ImportRun.objects.update(error="It stopped at an error.")
    assert "Stopped for now" in told(lola.get(reverse("desk_imports:index")))
    assert "It stopped at an error." in page(lola, run) and "Undo it" in page(lola, run)


def test_on_a_phone_the_title_of_the_imports_has_room_beside_one_button(lola: Client, desk: Desk) -> None:
    *buttons, menu = lola.get(reverse("desk_imports:index")).context["header_buttons"]
    assert [one.label for one in buttons] == ["Import people"]
    assert [one.label for one in menu.dropdown_buttons] == ["Export people"]


def test_the_list_names_every_import_and_says_what_to_do_where_there_is_none(lola: Client) -> None:
    assert "Nobody was imported yet" in told(lola.get(reverse("desk_imports:index")))
    bring(lola)
    shown = told(lola.get(reverse("desk_imports:index")))
    assert "forum.csv" in shown and "Name its columns" in shown

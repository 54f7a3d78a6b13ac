"""Imports: uploading a file, mapping its columns, the dry run, importing and undoing."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry
from wagtail.users.models import UserProfile

from subscribers.imports import job_lifecycle, uploads_and_staging
from subscribers.imports.models import ImportJob
from subscribers.imports.row_types import ImportStats
from subscribers.models import MailingList, Subscriber
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.suppression import active_suppression, suppress
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.subscribers.imports.test_other_systems_formats import MAILCHIMP, pack

FILE = (
    "E-mail;Имя;Country;Shoe size\r\nnew@example.org;Новая;KZ|UZ;38\r\nslip@gmial.com;;;\r\n"
    "stopped@example.org;;;\r\nnonsense;;;\r\n"
)


@pytest.fixture
def lola(desk: Desk) -> Client:
    """The admin’s browser."""
    return as_user(desk.admin)


def upload(browser: Client, file: bytes = FILE.encode("cp1251")) -> ImportJob:
    """An uploaded file that waits for its column mapping."""
    form = {
        "file": SimpleUploadedFile("forum.csv", file),
        "mailing_list": MailingList.objects.values_list("pk", flat=True)[0],
        "source": "Paper forms at the forum",
        "language": "en",
    }
    assert browser.post(reverse("desk_imports:add"), form).status_code == 302
    return ImportJob.objects.latest("pk")


def map_columns(browser: Client, job: ImportJob, **changed: str) -> Any:
    page = browser.get(reverse("desk_import_columns", args=[job.pk]))
    form = {field.html_name: field.value() for field in page.context["form"]} | changed
    return browser.post(reverse("desk_import_columns", args=[job.pk]), form, follow=True)


def work() -> None:
    job_lifecycle.RUNNER.read_and_run_due(timezone.now, lambda: False)


def page(browser: Client, job: ImportJob) -> Page:
    return Page(browser.get(reverse("desk_import", args=[job.pk])))


def do(browser: Client, job: ImportJob, action: str, **more: Any) -> Page:
    address = reverse("desk_import", args=[job.pk])
    return Page(browser.post(address, {"action": action, **more}, follow=True))


def test_a_file_is_uploaded_imported_and_undone(lola: Client, desk: Desk) -> None:
    suppress("stopped@example.org", "manual", "", timezone.now())
    before = Subscriber.objects.count()
    job = upload(lola)
    columns = lola.get(reverse("desk_import_columns", args=[job.pk]))
    assert columns.context["preview"].encoding == "cp1251"
    assert "Новая" in Page(columns).text and "Shoe size" in Page(columns).text
    assert map_columns(lola, job).context["in_progress"]
    work()
    ready = page(lola, job)
    shown = page_context(lola, job)
    assert {line.is_zero for line in shown["totals"]} == {True, False}
    assert all(line.count == "0" for line in shown["zeros"])
    assert "Kazakhstan, Uzbekistan" in ready.text and "English" in ready.text
    assert "slip@gmial.com (gmail.com?)" in ready.text
    assert {"desk-invalid", "desk-suppressed"} <= ready.ids and "stopped@example.org" in ready.text
    assert Subscriber.objects.count() == before
    do(lola, job, "apply", skip=["typo"])
    work()
    assert ("action", "undo") in page(lola, job).controls
    assert set(Subscriber.objects.values_list("email", flat=True)) >= {"new@example.org"}
    assert Subscriber.objects.count() == before + 1
    answer: Any = lola.post(reverse("desk_import_rejected", args=[job.pk]))
    rejected = b"".join(answer.streaming_content).decode()
    assert "slip@gmial.com" in rejected and "nonsense" in rejected
    do(lola, job, "undo")
    work()
    job.refresh_from_db()
    assert job.state == "undone" and job.undo_result["removed"] == 1
    assert Subscriber.objects.count() == before
    actions = ModelLogEntry.objects.filter(action__startswith="desk.import").order_by("pk")
    assert [(entry.action.removeprefix("desk.import_"), entry.user) for entry in actions] == [
        (action, desk.admin) for action in ("upload", "apply", "export_rejected", "undo")
    ]


@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_the_example_file_is_imported_whole_and_without_a_question(
    lola: Client, desk: Desk, language: str
) -> None:
    UserProfile.objects.update_or_create(user=desk.admin, defaults={"preferred_language": language})
    links = Page(lola.get(reverse("desk_imports:add"))).links
    assert reverse("desk_imports:example") in links
    job = upload(lola, lola.get(reverse("desk_imports:example")).content)
    preview = lola.get(reverse("desk_import_columns", args=[job.pk])).context["preview"]
    assert preview.columns.fields == ("email", "first_name", "last_name", "language", "countries")
    assert preview.columns.headed and not preview.questions
    map_columns(lola, job)
    work()
    do(lola, job, "apply")
    work()
    job.refresh_from_db()
    assert (job.result["added"], job.result["refused"]) == (3, 0)
    assert not job.options.get("unknown") and not job.expected.get("warnings")
    known = settings.CONFIG.site
    added = Subscriber.objects.filter(
        email__in=["aigul@example.org", "timur@example.org", "elena@example.org"]
    )
    assert [one.language for one in added.order_by("pk")] == list(known.languages[:3])
    assert sorted(len(one.countries) for one in added) == [0, 1, 2]


@pytest.mark.parametrize("mapping", [{"column_1": "ignore"}, {"column_2": "name", "column_4": "name"}])
def test_one_column_is_the_address_and_no_field_is_mapped_twice(
    lola: Client, mapping: dict[str, str]
) -> None:
    answer = map_columns(lola, upload(lola), **mapping)
    assert answer.context["form"].non_field_errors()
    assert ImportJob.objects.get().state == "mapping"


def test_a_mapping_that_is_submitted_twice_is_saved_once(lola: Client) -> None:
    job = upload(lola)
    columns = reverse("desk_import_columns", args=[job.pk])
    form = {field.html_name: field.value() for field in lola.get(columns).context["form"]}
    for _ in range(2):
        assert lola.post(columns, form)["Location"] == reverse("desk_import", args=[job.pk])
        work()
    assert ImportJob.objects.get().state == ImportJob.State.READY


def test_a_column_with_one_country_in_each_cell_is_explained_until_it_is_mapped(lola: Client) -> None:
    file = "email,country,Home Country,region\na@example.org,Kazakhstan,KZ,KZ\nb@example.org,Uzbekistan,,UZ\n"
    job = upload(lola, file.encode())
    shown = lola.get(reverse("desk_import_columns", args=[job.pk])).context["cells"]
    assert [one.heading for one in shown if one.residence] == ["country", "Home Country"]
    assert [one.field.value() for one in shown] == ["email", "ignore", "ignore", "ignore"]
    map_columns(lola, job, column_2="countries")
    job.refresh_from_db()
    assert job.options["columns"]["2"] == "countries"
    several = upload(lola, file.replace("Kazakhstan", "KZ; UZ").encode())
    shown = lola.get(reverse("desk_import_columns", args=[several.pk])).context["cells"]
    assert [one.heading for one in shown if one.residence] == ["Home Country"]


def test_another_encoding_can_be_chosen(lola: Client) -> None:
    columns = reverse("desk_import_columns", args=[upload(lola).pk])
    assert lola.get(columns, {"encoding": "utf-8"}).context["file_error"]
    assert "Новая" in Page(lola.get(columns)).text
    assert "мНБЮЪ" in Page(lola.get(columns, {"encoding": "koi8-r"})).text


def test_an_unreadable_file_shows_the_error_and_can_be_discarded(lola: Client) -> None:
    job = upload(lola, b"email\n" + b"a@example.org\n" * 8 + b'"open\n')
    map_columns(lola, job)
    work()
    job.refresh_from_db()
    assert job.state == "failed" and job.error and job.error in page(lola, job).text
    empty = upload(lola, b"\n\n")
    assert lola.get(reverse("desk_import_columns", args=[empty.pk])).context["file_error"]
    assert do(lola, empty, "discard").messages == ["success"]


def test_a_file_without_a_source_of_consent_is_refused(lola: Client) -> None:
    form = {
        "file": SimpleUploadedFile("x.csv", b"email\n"),
        "mailing_list": MailingList.objects.values_list("pk", flat=True)[0],
        "source": " ",
        "language": "en",
    }
    answer = lola.post(reverse("desk_imports:add"), form)
    assert "source" in answer.context["form"].errors
    assert not ImportJob.objects.exists()


def test_only_admins_see_and_run_imports(lola: Client, desk: Desk) -> None:
    job = upload(lola)
    for user in (desk.writer, desk.approver):
        browser = as_user(user)
        assert browser.get(reverse("desk_imports:add")).status_code != 200
        assert browser.get(reverse("desk_import", args=[job.pk])).status_code != 200
        assert browser.post(reverse("desk_import", args=[job.pk]), {"action": "discard"}).status_code != 200
        assert browser.post(reverse("desk_import_rejected", args=[job.pk])).status_code != 200
    assert ImportJob.objects.get().state == "mapping"
    assert not ModelLogEntry.objects.filter(action="desk.import_export_rejected").exists()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_only_admins_export_subscribers_and_the_log_records_it(lola: Client, desk: Desk, kind: str) -> None:
    where = reverse("desk_export")
    assert as_user(desk.approver).post(where, {"kind": kind}).status_code != 200
    answer: Any = lola.post(where, {"kind": kind})
    body = b"".join(answer.streaming_content)
    assert body.startswith(b"PK") if kind == "xlsx" else desk.reader.email.encode() in body
    assert "attachment" in answer["Content-Disposition"]
    entries = ModelLogEntry.objects.filter(action="desk.export_subscribers")
    assert {entry.user for entry in entries} == {desk.admin}


def test_addresses_that_the_file_marks_as_unsubscribed_are_suppressed_if_chosen(lola: Client) -> None:
    job = upload(lola, b"email;status\nleft@example.org;unsubscribed\nnew@example.org;\n")
    map_columns(lola, job)
    work()
    ready = page(lola, job)
    assert ready.response.context["opted_out"] == 1 and "suppress" in ready.names
    assert b'name="suppress" value="yes" checked' in ready.response.content
    do(lola, job, "apply", suppress="yes")
    work()
    job.refresh_from_db()
    assert job.result["newly_suppressed"] == 1 and active_suppression("left@example.org")
    assert ModelLogEntry.objects.get(action="desk.import_apply").data["because"]
    do(lola, job, "undo")
    work()
    job.refresh_from_db()
    assert job.undo_result["unsuppressed"] == 1 and not active_suppression("left@example.org")


ASKS = (
    "email;Notes;Status;Shoe size\r\n"
    + "".join(f"p{number}@example.org;;active;38\r\n" for number in range(2_500))
    + "left@example.org;asked to be unsubscribed;active;\r\nodd@example.org;;zombie;\r\n"
)


def test_an_import_that_learns_more_far_below_asks_and_is_read_again(lola: Client) -> None:
    job = upload(lola, ASKS.encode())
    assert not lola.get(reverse("desk_import_columns", args=[job.pk])).context["form"].asked
    map_columns(lola, job)
    work()
    job.refresh_from_db()
    assert job.state == "mapping"
    shown = lola.get(reverse("desk_import_columns", args=[job.pk]))
    form = shown.context["form"]
    assert form.asked == {2: ["asked to be unsubscribed"]} and list(form.words_of) == [3]
    assert form["column_2"].value() == "mentions" and form[form.words_of[3][0]].value() == "unsubscribed"
    assert "asked to be unsubscribed" in Page(shown).text and "zombie" in Page(shown).text
    map_columns(lola, job)
    work()
    job.refresh_from_db()
    assert (job.state, job.expected["added"], job.expected["do_not_mail"]) == ("ready", 2_500, 2)
    assert job.options["unused"] == [["Shoe size", "38"]]
    text = page(lola, job).text
    assert all(shown in text for shown in ("Shoe size", "38", "Notes", "Status"))


def test_what_was_chosen_is_kept_when_an_import_asks(lola: Client) -> None:
    job = upload(lola, ASKS.encode("utf-16"))
    map_columns(lola, job, column_4="tags", encoding="utf-16")
    work()
    job.refresh_from_db()
    form = lola.get(reverse("desk_import_columns", args=[job.pk])).context["form"]
    assert job.state == "mapping" and form["column_4"].value() == "tags"
    map_columns(lola, job, column_2="ignore", encoding="utf-16")
    work()
    job.refresh_from_db()
    assert (job.state, job.options["fields"]) == ("ready", ["email", "ignore", "status", "tags"])
    assert job.options["encoding"] == "utf-16" and "questions" not in job.options


def test_a_question_can_be_answered_with_no(lola: Client) -> None:
    job = upload(lola, b"email;Notes;Status\na@example.org;bounced a cheque;zombie\n")
    map_columns(lola, job, column_2="ignore", word_3_0="subscribed")
    work()
    job.refresh_from_db()
    assert (job.state, job.expected["added"], job.expected["refused"]) == ("ready", 1, 0)


def test_an_archive_of_another_product_is_imported(lola: Client) -> None:
    job = upload(lola, pack(MAILCHIMP))
    shown = Page(lola.get(reverse("desk_import_columns", args=[job.pk])))
    assert "Mailchimp" in shown.text and "status by file name" in shown.text
    map_columns(lola, job)
    work()
    do(lola, job, "apply", suppress="yes")
    work()
    job.refresh_from_db()
    assert (job.state, job.result["added"], job.result["newly_suppressed"]) == ("applied", 1, 3)
    reasons = {one: active_suppression(f"{one}@example.org") for one in ("left", "byadmin", "gone", "buyer")}
    assert [found and found.reason for found in reasons.values()] == [
        *("unsubscribed", "unsubscribed", "hard_bounce"),
        None,
    ]


def test_keys_of_json_are_columns_that_can_be_chosen(lola: Client) -> None:
    file = 'email,attributes\na@example.org,"{""city"": ""Osh"", ""countries"": [""KG""]}"\n'
    job = upload(lola, file.encode())
    form = lola.get(reverse("desk_import_columns", args=[job.pk])).context["form"]
    assert [form[f"column_{number}"].value() for number in (1, 3, 4)] == ["email", "ignore", "countries"]
    assert "column_2" not in form.fields
    map_columns(lola, job, column_3="tags")
    work()
    job.refresh_from_db()
    assert job.state == "ready" and job.options["fields"] == ["email", "ignore", "tags", "countries"]


def test_an_interrupted_import_shows_its_error_and_can_be_undone(lola: Client) -> None:
    job = upload(lola)
    ImportJob.objects.update(
        state="applying", applied_at=timezone.now(), result=ImportStats(read=2).as_dict()
    )
    assert ("action", "undo") not in page(lola, job).controls
    ImportJob.objects.update(error="It stopped at an error.")
    shown = page(lola, job)
    assert shown.response.context["state"][0] == "problem" and ("action", "undo") in shown.controls
    assert "It stopped at an error." in shown.text
    assert "desk-state--problem" in Page(lola.get(reverse("desk_imports:index"))).classes


def test_the_list_has_one_button_and_a_menu_so_that_its_title_fits_on_a_phone(
    lola: Client, desk: Desk
) -> None:
    *buttons, menu = lola.get(reverse("desk_imports:index")).context["header_buttons"]
    assert [one.url for one in buttons] == [reverse("desk_imports:add")]
    assert [one.url for one in menu.dropdown_buttons] == [reverse("desk_export")]


def test_the_list_shows_every_import_and_an_empty_list_links_to_the_upload(lola: Client) -> None:
    empty = Page(lola.get(reverse("desk_imports:index")))
    assert "desk-empty" in empty.classes and reverse("desk_imports:add") in empty.links
    job = upload(lola)
    listed = Page(lola.get(reverse("desk_imports:index")))
    assert reverse("desk_import", args=[job.pk]) in listed.links and "forum.csv" in listed.text


VALUES = (
    "email,countries,language\na@example.org,Kazahstan,Rusian\nb@example.org,kazahstan / UZ,ru\n"
    "c@example.org,the moon,ru\nd@example.org,Mars & KZ,ru\n"
)


def choose(browser: Client, job: ImportJob, **more: str) -> Page:
    """Map the misspelt country to KZ and the planet to nothing; the rest stays as it is offered."""
    form = page_context(browser, job)["values_form"]
    meant = {"Kazahstan": "KZ", "Mars": "empty"}
    values = {
        one.field.html_name: next(
            (meant[word] for word in meant if word in one.field.label), one.field.value()
        )
        for one in form.shown
    }
    return do(browser, job, "map_values", **values, **more)


def page_context(browser: Client, job: ImportJob) -> Any:
    return browser.get(reverse("desk_import", args=[job.pk])).context


def countries_of(addresses: str) -> dict[str, tuple[str, ...]]:
    found = Subscriber.objects.filter(email__regex=f"^[{addresses}]@")
    return {person.email[0]: person.countries for person in found}


def test_unknown_values_are_mapped_on_the_page_and_offered_for_the_next_file(lola: Client) -> None:
    job = upload(lola, VALUES.encode())
    map_columns(lola, job)
    work()
    job.refresh_from_db()
    asked = [(kind, value, rows) for kind, value, rows in job.options["unknown"]]
    assert asked == [
        ("countries", "Kazahstan", 2),
        ("countries", "the moon", 1),
        ("countries", "Mars", 1),
        ("language", "Rusian", 1),
    ]
    assert job.expected["refused"] == 4
    choose(lola, job)
    work()
    job.refresh_from_db()
    # The first row has a language that is skipped.
    assert (job.state, job.expected["added"], job.expected["refused"]) == ("ready", 2, 2)
    assert [one.note != "" for one in page_context(lola, job)["values_form"].shown] == [True] * 4
    do(lola, job, "apply")
    work()
    assert countries_of("abcd") == {"b": ("KZ", "UZ"), "d": ("KZ",)}
    assert not uploads_and_staging.is_stored(job.upload)
    again = upload(lola, VALUES.encode())
    map_columns(lola, again)
    work()
    offered = {one.field.value() for one in page_context(lola, again)["values_form"].shown}
    assert offered == {"KZ", "empty", "skip"}
    again.refresh_from_db()
    # Nothing that was only offered is used.
    assert again.expected["refused"] == 4
    assert ModelLogEntry.objects.filter(action="desk.import_map_values").count() == 1


def test_choices_for_values_are_removed_and_come_too_late_once_it_is_applied(lola: Client) -> None:
    job = upload(lola, VALUES.encode())
    map_columns(lola, job)
    work()
    choose(lola, job)
    work()
    do(lola, job, "map_values", reset="yes")
    work()
    job.refresh_from_db()
    assert (job.options["values"], job.expected["refused"]) == ({}, 4)
    form = {one.field.html_name: one.field.value() for one in page_context(lola, job)["values_form"].shown}
    do(lola, job, "apply")
    do(lola, job, "map_values", **form)
    job.refresh_from_db()
    assert job.state == "applying" and job.options["values"] == {}


def test_a_value_of_one_row_is_not_shown_after_an_erasure(lola: Client) -> None:
    job = upload(lola, VALUES.encode())
    map_columns(lola, job)
    work()
    Subscriber.objects.create(email="olga@example.org")
    erase_and_suppress("olga@example.org", timezone.now())
    shown = page_context(lola, job)["values_form"].shown
    assert len(shown) == 1 and "Kazahstan" in shown[0].field.label

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from openpyxl import load_workbook
from typer.testing import CliRunner
from wagtail.models import ModelLogEntry

from mailer.cli.subscribers import app
from subscribers.models import ImportJob, ImportRow, MailingList, Subscriber, Subscription, Suppression
from subscribers.suppression import may_sign_up, suppress


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def _file(folder: Path, text: str) -> str:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_an_import_prints_its_refusals_and_its_figures_as_json_lines(
    tmp_path: Path, monthly: MailingList
) -> None:
    file = _file(tmp_path, "email,countries\na@example.org,KZ\nnonsense,\n")
    done = run("import", file, "--list", "monthly", "--source", "a conference", "--json")
    refusal, figures = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 0
    assert refusal["line"] == 3
    assert (figures["read"], figures["added"], figures["refused"]) == (2, 1, 1)


def test_a_dry_run_says_that_nothing_was_changed(tmp_path: Path, monthly: MailingList) -> None:
    file = _file(tmp_path, "email\na@example.org\n")
    done = run("import", file, "--list", "monthly", "--source", "x", "--dry-run")
    assert "Nothing was changed" in done.stdout
    assert not Subscriber.objects.exists()
    assert run("imports", "apply", "0").exit_code == 1
    number = str(ImportJob.objects.get().pk)
    assert number in done.stdout and number in run("imports").stdout
    applied = json.loads(run("imports", "apply", number, "--json").stdout)
    assert (applied["added"], Subscriber.objects.count()) == (1, 1)
    assert json.loads(run("imports", "undo", number, "--json").stdout)["removed"] == 1
    assert not Subscriber.objects.exists()


def test_the_list_of_imports_shows_why_one_has_stopped(tmp_path: Path, monthly: MailingList) -> None:
    run("import", _file(tmp_path, "email\na@example.org\n"), "--list", "monthly", "--source", "x")
    ImportJob.objects.update(state="applying", error="It stopped at an error.")
    assert "It stopped at an error." in run("imports").stdout
    assert json.loads(run("imports", "--json").stdout)["error"] == "It stopped at an error."


def test_an_import_stops_at_a_column_that_may_say_who_left(tmp_path: Path, monthly: MailingList) -> None:
    file = _file(tmp_path, "email,Notes,Standing\na@example.org,,active\nb@example.org,bounced in May,odd\n")
    done = run("import", file, "--list", "monthly", "--source", "x")
    assert done.exit_code == 1 and not ImportJob.objects.exists() and not Subscriber.objects.exists()
    for word in ("Notes", "bounced in May", '--map "Notes=mentions"'):
        assert word in done.stderr
    answered = ("--map", "Notes=mentions", "--map", "Standing=status")
    asked = run("import", file, "--list", "monthly", "--source", "x", *answered)
    assert asked.exit_code == 1 and '--status "odd=unsubscribed"' in asked.stderr
    assert run("import", file, "--list", "monthly", "--source", "x", "--status", "odd=fine").exit_code == 1
    answered += ("--status", "odd=subscribed", "--json")
    figures = json.loads(
        run("import", file, "--list", "monthly", "--source", "x", *answered).stdout.splitlines()[-1]
    )
    assert (figures["added"], figures["do_not_mail"], figures["newly_suppressed"]) == (1, 1, 1)
    assert figures["deciding_columns"] == ["Notes", "Standing"]
    assert Suppression.objects.get().reason == Suppression.Reason.HARD_BOUNCE


def test_columns_that_are_not_imported_are_named_with_a_cell(tmp_path: Path, monthly: MailingList) -> None:
    file = _file(tmp_path, "email,Shoe size,Empty\na@example.org,38,\n")
    done = run("import", file, "--list", "monthly", "--source", "x", "--dry-run")
    assert "Shoe size" in done.stdout and "38" in done.stdout and "Empty" not in done.stdout
    done = run("import", file, "--list", "monthly", "--source", "x", "--dry-run", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["unused_columns"] == {"Shoe size": "38"}


def test_do_not_mail_addresses_are_suppressed_unless_an_option_says_no(
    tmp_path: Path, monthly: MailingList
) -> None:
    file = _file(tmp_path, "email,status\nleft@example.org,unsubscribed\n")
    shown = run("import", file, "--list", "monthly", "--source", "x", "--dry-run")
    assert "1 of the rejected rows" in shown.stdout and "line 2" in shown.stderr
    number = str(ImportJob.objects.get().pk)
    assert (
        json.loads(
            run("imports", "apply", number, "--no-suppress-do-not-mail", "--json").stdout.splitlines()[-1]
        )["newly_suppressed"]
        == 0
    )
    assert not Suppression.objects.exists()
    run("import", file, "--list", "monthly", "--source", "x")
    found = Suppression.objects.get()
    assert (found.email, found.reason) == ("left@example.org", "unsubscribed")
    assert may_sign_up("left@example.org")


def test_an_unreadable_file_stores_nothing(tmp_path: Path, monthly: MailingList) -> None:
    file = _file(tmp_path, 'email\na@example.org\n"open\n')
    done = run("import", file, "--list", "monthly", "--source", "x", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Line 3" in done.stderr
    assert not any(model._default_manager.exists() for model in (Subscriber, ImportJob, ImportRow))


def test_columns_can_be_mapped_and_rejected_rows_written_to_a_file(
    tmp_path: Path, monthly: MailingList
) -> None:
    file = _file(tmp_path, "Who;Where\nAnn;a@example.org\nBob;nonsense\n")
    told = ("--map", "Where=email", "--map", "1=name")
    done = run("import", file, "--list", "monthly", "--source", "x", *told, "--dry-run", "--json")
    number = json.loads(done.stdout.splitlines()[-1])["import"]
    out = tmp_path / "rejects.csv"
    assert run("imports", "rejects", str(number), "--out", str(out)).exit_code == 0
    assert out.read_text(encoding="utf-8").splitlines()[1].startswith("3,")
    assert run("imports", "discard", str(number)).exit_code == 0
    assert run("imports", "apply", str(number)).exit_code == 1


def test_an_unknown_list_or_unreadable_file_is_an_error(tmp_path: Path, monthly: MailingList) -> None:
    good = _file(tmp_path, "email\na@example.org\n")
    unknown = run("import", good, "--list", "weekly", "--source", "x")
    assert (unknown.exit_code, "monthly" in unknown.stderr) == (1, True)
    assert run("import", str(tmp_path / "none.csv"), "--list", "monthly", "--source", "x").exit_code == 1
    broken = _file(tmp_path, "who\nAnn\n")
    assert "no column" in run("import", broken, "--list", "monthly", "--source", "x").stderr


@pytest.mark.both_databases
def test_a_person_is_shown_exported_and_erased(tmp_path: Path, monthly: MailingList) -> None:
    run("import", _file(tmp_path, "email,name\na@example.org,=Ann\n"), "--list", "monthly", "--source", "x")
    shown = json.loads(run("show", "A@Example.org", "--json").stdout)
    assert shown["subscriptions"][0]["list"] == "monthly"
    assert "a@example.org,'=Ann,en" in run("export", "--list", "monthly").stdout
    assert run("erase", "a@example.org").exit_code == 0
    assert json.loads(run("show", "a@example.org", "--json").stdout)["suppressed"] == "erased"
    assert Suppression.objects.get().email == ""
    assert run("erase", "nobody@example.org").exit_code == 1


@pytest.mark.both_databases
def test_the_end_of_a_files_name_says_its_format_in_capitals_too(
    tmp_path: Path, monthly: MailingList
) -> None:
    assert run("export", "--out", str(tmp_path / "PEOPLE.XLSX")).exit_code == 0
    assert load_workbook(tmp_path / "PEOPLE.XLSX").active is not None
    assert run("export", "--out", str(tmp_path / "PEOPLE.JSON")).exit_code == 0
    assert not (tmp_path / "PEOPLE.JSON").read_text("utf-8")


def test_people_are_exported_in_three_formats_and_the_audit_log_knows(
    tmp_path: Path, monthly: MailingList
) -> None:
    file = _file(tmp_path, "email,name,countries\na@example.org,=Ann,KZ|UZ\nb@example.org,,\n")
    run("import", file, "--list", "monthly", "--source", "x")
    suppress("b@example.org", "complaint", "", timezone.now())
    first, second = map(json.loads, run("export", "--format", "json").stdout.splitlines())
    assert (first["name"], first["countries"], first["suppressed"]) == ("=Ann", ["KZ", "UZ"], "")
    assert second["suppressed"] == "complaint"
    book = tmp_path / "people.xlsx"
    assert run("export", "--out", str(book), "--list", "monthly").exit_code == 0
    cells = [[cell.value for cell in row] for row in load_workbook(book).active.iter_rows()]
    assert cells[0][:2] == ["email", "name"] and cells[1][:2] == ["a@example.org", "'=Ann"]
    again = run("import", str(book), "--list", "monthly", "--source", "x", "--json").stdout
    # The file says itself that mail to the second is suppressed.
    last = json.loads(again.splitlines()[-1])
    assert (last["unchanged"], last["do_not_mail"], last["newly_suppressed"]) == (1, 1, 0)
    notes = ModelLogEntry.objects.filter(action="desk.export_subscribers")
    assert notes.count() == 2 and all("command line" in note.data["by"] for note in notes)
    assert run("export", "--format", "pdf").exit_code == 1
    assert run("export", "--format", "xlsx").exit_code == 1


def test_without_a_source_the_files_name_is_kept_with_each_subscription(
    tmp_path: Path, monthly: MailingList
) -> None:
    assert run("import", _file(tmp_path, "email\nb@example.org\n"), "--list", "monthly").exit_code == 0
    assert Subscription.objects.get(subscriber__email="b@example.org").source == "import: file people.csv"

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mailer.command.subscribers import app
from subscribers.models import MailingList, Subscriber, Subscription, Suppression


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


def test_an_unknown_list_or_file_or_an_unreadable_one_fails_in_words(
    tmp_path: Path, monthly: MailingList
) -> None:
    good = _file(tmp_path, "email\na@example.org\n")
    unknown = run("import", good, "--list", "weekly", "--source", "x")
    assert (unknown.exit_code, "monthly" in unknown.stderr) == (1, True)
    assert run("import", str(tmp_path / "none.csv"), "--list", "monthly", "--source", "x").exit_code == 1
    broken = _file(tmp_path, "mail\na@example.org\n")
    assert "no column" in run("import", broken, "--list", "monthly", "--source", "x").stderr


def test_a_person_is_shown_exported_and_erased(tmp_path: Path, monthly: MailingList) -> None:
    run("import", _file(tmp_path, "email,name\na@example.org,=Ann\n"), "--list", "monthly", "--source", "x")
    shown = json.loads(run("show", "A@Example.org", "--json").stdout)
    assert shown["subscriptions"][0]["list"] == "monthly"
    assert "a@example.org,'=Ann,en" in run("export", "--list", "monthly").stdout
    assert run("erase", "a@example.org").exit_code == 0
    assert json.loads(run("show", "a@example.org", "--json").stdout)["suppressed"] == "erased"
    assert Suppression.objects.get().email == ""
    assert run("erase", "nobody@example.org").exit_code == 1


def test_without_a_source_the_files_name_is_kept_with_each_subscription(
    tmp_path: Path, monthly: MailingList
) -> None:
    assert run("import", _file(tmp_path, "email\nb@example.org\n"), "--list", "monthly").exit_code == 0
    assert Subscription.objects.get(subscriber__email="b@example.org").source == "import: file people.csv"

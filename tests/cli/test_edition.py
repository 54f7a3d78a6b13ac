"""`mailer edition`: the whole life from the command line, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailer.approval.models import Snapshot
from mailer.cli.edition import app
from mailer.delivery.models import OutboxMessage
from mailer.stories.models import Story
from tests import cast

pytestmark = pytest.mark.django_db
SLUG = "silk-road-monthly-2021-12"


@pytest.fixture
def people() -> cast.Staff:
    staff = cast.staff()
    cast.reader("aigul", ("KZ",), "kk")
    cast.december(by=staff.writer)
    return staff


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def told(*words: str) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return dict(json.loads(line))


def test_from_draft_to_schedule(people: cast.Staff) -> None:
    draft = told("show", SLUG)
    assert draft == {
        "id": draft["id"],
        "slug": SLUG,
        "newsletter": "silk-road-monthly",
        "period": "2021-12",
        "state": "draft",
        "hash": None,
    }
    submitted = told("submit", SLUG, "--as", "writer")
    assert submitted["state"] == "submitted"
    assert len(submitted["hash"]) == 64
    assert (
        told("approve", str(draft["id"]), "--as", "approver", "--hash", submitted["hash"])["state"]
        == "approved"
    )
    assert told("schedule", SLUG, "--as", "approver")["state"] == "scheduled"
    assert Snapshot.objects.get().approval.by_command


def test_refusals_are_words_on_stderr_and_nothing_on_stdout(people: cast.Staff) -> None:
    sha256 = told("submit", SLUG, "--as", "admin")["hash"]
    for words, expected in (
        (("approve", SLUG, "--as", "admin", "--hash", sha256), "because you"),
        (("approve", SLUG, "--as", "approver", "--hash", "f" * 64), "hash"),
        (("approve", SLUG, "--as", "nobody", "--hash", sha256), "no active account “nobody”"),
        (("schedule", SLUG, "--as", "approver"), "no approval"),
        (("pause", SLUG), "not being sent"),
        (("show", "nothing"), f"known: {SLUG}"),
        (("assemble", "silk-road-monthly", "--period", "2021-12"), "already has an edition"),
        (("assemble", "silk-road-monthly", "--period", "december"), "write year and month"),
        (("schedule", SLUG, "--as", "approver", "--at", "tomorrow"), "is no moment"),
    ):
        done = run(*words, "--json")
        assert done.exit_code == 1, words
        assert expected in done.stderr
        assert done.stdout == ""


def test_acting_for_a_person_is_off_unless_it_is_configured(people: cast.Staff, settings: Any) -> None:
    import dataclasses

    off = dataclasses.replace(settings.CONFIG.approval, by_command=False)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, approval=off)
    done = run("submit", SLUG, "--as", "writer")
    assert done.exit_code == 1
    assert "by_command = true" in done.stderr


def test_check_tells_of_missing_translations_and_fails_only_on_errors(people: cast.Staff) -> None:
    found = told("check", SLUG)
    assert any("Kazakh" in finding["text"] for finding in found["findings"])
    Story.objects.update(live=False)
    done = run("check", SLUG)
    assert done.exit_code == 1
    assert "no story" in done.stdout


def test_preview_writes_what_such_a_reader_gets(people: cast.Staff, tmp_path: Path) -> None:
    done = told("preview", SLUG, "--countries", "tj", "--language", "ru", "--out", str(tmp_path))
    files = [Path(name) for name in done["files"]]
    assert {path.suffix for path in files} == {".html", ".txt"}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "Headline tj-news ru" in text
        assert "Headline kz-news" not in text
        assert "%%" not in text


def test_preview_refuses_a_country_that_is_none(people: cast.Staff, tmp_path: Path) -> None:
    done = run("preview", SLUG, "--countries", "XX", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "XX is no ISO 3166-1 country code" in done.stderr


def test_a_test_copy_is_marked_and_waits_in_the_outbox(people: cast.Staff) -> None:
    told("test-send", SLUG, "--to", "colleague@office.example.org", "--countries", "KZ")
    message = OutboxMessage.objects.get()
    assert message.recipient == "colleague@office.example.org"
    assert b"[Test]" in bytes(message.message)


def test_the_report_of_what_was_not_sent_is_all_zeros_and_balances(people: cast.Staff) -> None:
    report = told("report", SLUG)
    assert (report["audience"], report["accepted"], report["excluded"]) == (0, 0, {})


def test_every_edition_is_listed(people: cast.Staff) -> None:
    assert told("list")["slug"] == SLUG

"""`mailer edition`: an edition from assembly to schedule, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailer.approval.models import Snapshot
from mailer.delivery.models import OutboxMessage
from mailer.editions.models import Edition
from mailer.stories.models import Story
from tests import cast
from tests.cli import SLUG, run, run_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> cast.Staff:
    members = cast.staff()
    cast.reader("aigul", ("KZ",), "kk")
    cast.december(by=members.writer)
    return members


def test_from_draft_to_schedule(staff: cast.Staff) -> None:
    draft = run_json("show", SLUG)
    assert draft == {
        "id": draft["id"],
        "slug": SLUG,
        "newsletter": "silk-road-monthly",
        "period": "2021-12",
        "name": "",
        "state": "draft",
        "hash": None,
    }
    submitted = run_json("submit", SLUG, "--as", "writer")
    assert submitted["state"] == "submitted"
    assert len(submitted["hash"]) == 64
    assert (
        run_json("approve", str(draft["id"]), "--as", "approver", "--hash", submitted["hash"])["state"]
        == "approved"
    )
    assert run_json("schedule", SLUG, "--as", "approver")["state"] == "scheduled"
    assert Snapshot.objects.get().approvals.get().by_command


def test_errors_are_printed_on_stderr_and_nothing_on_stdout(staff: cast.Staff) -> None:
    sha256 = run_json("submit", SLUG, "--as", "admin")["hash"]
    for arguments, expected in (
        (("approve", SLUG, "--as", "admin", "--hash", sha256), "because you"),
        (("approve", SLUG, "--as", "approver", "--hash", "f" * 64), "hash"),
        (("approve", SLUG, "--as", "nobody", "--hash", sha256), "no active account “nobody”"),
        (("schedule", SLUG, "--as", "approver"), "all the approvals"),
        (("pause", SLUG), "not being sent"),
        (("show", "nothing"), f"known: {SLUG}"),
        (("assemble", "silk-road-monthly", "--period", "2021-12"), "already has an edition"),
        (("assemble", "silk-road-monthly", "--period", "december"), "write year and month"),
        (("assemble", "silk-road-monthly", "--name", "x" * 81), "80"),
        (("schedule", SLUG, "--as", "approver", "--at", "tomorrow"), "not a date and time"),
    ):
        done = run(*arguments, "--json")
        assert done.exit_code == 1, arguments
        assert expected in done.stderr
        assert done.stdout == ""


def test_an_edition_outside_of_the_schedule_has_a_name_instead_of_a_period(staff: cast.Staff) -> None:
    made = run_json("assemble", "silk-road-monthly", "--name", "Floods", "--as-of", "2021-12-10T09:00+06:00")
    assert made["period"] == "2021-12-10-n1"
    assert Edition.objects.get(pk=made["id"]).name == "Floods"
    for both_or_none in ((), ("--name", "Floods", "--period", "2022-01")):
        assert run("assemble", "silk-road-monthly", *both_or_none).exit_code != 0


def test_acting_for_an_account_must_be_configured(staff: cast.Staff, configure: Callable[..., None]) -> None:
    configure(approval={"by_command": False})
    done = run("submit", SLUG, "--as", "writer")
    assert done.exit_code == 1
    assert "by_command = true" in done.stderr


def test_check_reports_missing_translations_and_fails_only_on_errors(staff: cast.Staff) -> None:
    found = run_json("check", SLUG)
    (missing,) = [finding for finding in found["findings"] if finding["code"] == "text.missing"]
    assert any("Kazakh" in place["detail"] for place in missing["places"])
    Story.objects.update(live=False)
    done = run("check", SLUG)
    assert done.exit_code == 1
    assert "no story" in done.stdout


def test_preview_writes_the_variant_of_such_a_subscriber(staff: cast.Staff, tmp_path: Path) -> None:
    done = run_json("preview", SLUG, "--countries", "tj", "--language", "ru", "--out", str(tmp_path))
    files = [Path(name) for name in done["files"]]
    assert {path.suffix for path in files} == {".html", ".txt"}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "Headline tj-news ru" in text
        assert "Headline kz-news" not in text
        assert "%%" not in text


def test_a_preview_that_cannot_be_written_fails_without_a_traceback(
    staff: cast.Staff, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run("preview", SLUG, "--out", str(tmp_path / "file"))
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)


def test_preview_refuses_an_unknown_country(staff: cast.Staff, tmp_path: Path) -> None:
    done = run("preview", SLUG, "--countries", "XX", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "XX is no ISO 3166-1 country code" in done.stderr


def test_a_test_message_is_marked_and_in_the_outbox(staff: cast.Staff) -> None:
    run_json("test-send", SLUG, "--to", "colleague@office.example.org", "--countries", "KZ")
    message = OutboxMessage.objects.get()
    assert message.recipient == "colleague@office.example.org"
    assert b"[Test]" in bytes(message.message)


def test_the_report_of_an_unsent_edition_is_all_zeros(staff: cast.Staff) -> None:
    report = run_json("report", SLUG)
    assert (report["audience"], report["accepted"], report["excluded"]) == (0, 0, {})


def test_editions_are_listed(staff: cast.Staff) -> None:
    assert run_json("list")["slug"] == SLUG

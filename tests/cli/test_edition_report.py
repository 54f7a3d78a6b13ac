"""`mailer edition report` and `trend`: text for people, JSON for programs, files for spreadsheets."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from wagtail.models import ModelLogEntry

from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings, apply_stop_rules
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from tests.cli import SLUG, run, run_json
from tests.delivery.cast import NOW, approved_snapshot, readers

pytestmark = pytest.mark.django_db
DOCUMENTED = {
    *("id", "slug", "newsletter", "period", "name", "state", "hash"),
    *("audience", "planned", "claimed", "accepted", "deferred", "refused", "in_doubt", "bounced"),
    *("complained", "excluded"),
}


@pytest.fixture
def mailing() -> Mailing:
    """Sent to four readers, one of whom does not exist."""
    readers(4)
    approved_snapshot()
    (made,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    Delivery.objects.update(state="accepted", accepted_at=NOW)
    first = Delivery.objects.earliest("pk")
    Delivery.objects.filter(pk=first.pk).update(
        state="refused", reason="refused", reply="550 5.1.1 No such user", accepted_at=None
    )
    Mailing.objects.update(state="done", started_at=NOW, finished_at=NOW)
    return made


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_the_json_report_has_the_documented_keys_and_every_table(mailing: Mailing) -> None:
    report = run_json("report", SLUG)
    assert set(report) >= DOCUMENTED
    assert (report["audience"], report["accepted"], report["refused"]) == (4, 3, 1)
    assert report["summary"][0] == "Delivered to 3 of 4 recipients (75 %); 1 email address does not exist."
    (failure,) = report["tables"]["failures"]
    assert (failure["reason"], failure["refused"], failure["bounced"]) == ("The address does not exist", 1, 0)
    assert sum(row["recipients"] for row in report["tables"]["totals"]) == 4


def test_the_report_shows_what_the_stop_rules_did(mailing: Mailing) -> None:
    assert run_json("report", SLUG)["stop_rules"] == []
    hourly_outcomes_by_provider.add(
        [(StatsBucket(mailing.pk, "mail.ru", NOW), ProviderCounts(attempted=90, accepted=90, complained=4))]
    )
    Mailing.objects.update(state="sending", finished_at=None)
    apply_stop_rules.apply_stop_rules_to_mailings(NOW)
    (stop,) = run_json("report", SLUG)["stop_rules"]
    assert (stop["action"], stop["metric"]) == ("paused", "complained")
    assert f"paused: {stop['message']}" in unwrapped(run("report", SLUG).stdout)


def test_the_report_of_an_unsent_edition_is_all_zeros(mailing: Mailing) -> None:
    Mailing.objects.all().delete()
    report = run_json("report", SLUG)
    assert report["audience"] == 0
    assert len(report["summary"]) == 1


def test_the_report_begins_with_a_summary_and_names_its_tables(mailing: Mailing) -> None:
    shown = unwrapped(run("report", SLUG).stdout)
    assert "Delivered to 3 of 4" in shown
    assert "failures, provider_failures, providers" in shown


def test_one_table_is_printed_and_an_unknown_one_is_refused(mailing: Mailing) -> None:
    shown = unwrapped(run("report", SLUG, "--table", "failures").stdout)
    assert "Hard bounce" in shown
    refused = run("report", SLUG, "--table", "nonsense")
    assert refused.exit_code == 1
    assert "no table “nonsense”" in refused.stderr and "failures" in refused.stderr


def test_exports_to_a_workbook_and_to_csv_are_private_and_in_the_audit_log(
    mailing: Mailing, tmp_path: Path
) -> None:
    book, table = tmp_path / "report.xlsx", tmp_path / "failures.csv"
    assert run("report", SLUG, "--xlsx", str(book)).exit_code == 0
    assert "Refused and bounced emails" in load_workbook(book).sheetnames
    assert run("report", SLUG, "--table", "failures", "--csv", str(table)).exit_code == 0
    rows = list(csv.reader(table.open(encoding="utf-8", newline="")))
    assert rows[1][:4] == ["The address does not exist", "Hard bounce", "1", "0"]
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    assert ModelLogEntry.objects.filter(action="desk.export_report").count() == 2


def test_the_whole_report_as_csv_has_one_value_a_line(mailing: Mailing) -> None:
    lines = list(csv.reader(run("report", SLUG, "--csv", "-").stdout.splitlines()))
    assert lines[0] == ["Table", "Row", "Column", "Value"]
    assert ["totals", "Accepted", "recipients", "3"] in lines


def test_a_file_that_cannot_be_written_is_an_error(mailing: Mailing, tmp_path: Path) -> None:
    done = run("report", SLUG, "--xlsx", str(tmp_path / "no such folder" / "report.xlsx"))
    assert done.exit_code == 1
    assert "no such folder" in done.stderr


def test_the_trend_lists_sent_editions(mailing: Mailing) -> None:
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in run("trend", "silk-road-monthly", "--json").stdout.splitlines()
    ]
    assert [(one["period"], one["recipients"], one["accepted"]) for one in lines] == [("2021-12", 4, 0.75)]
    assert "75 %" in run("trend", "silk-road-monthly").stdout

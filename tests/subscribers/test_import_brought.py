from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from subscribers.imports import apply, diff, jobs, uploads, uploads_job
from subscribers.imports.models import ImportRow, ImportRun
from subscribers.models import MailingList, Subscriber
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.both_databases

LATER = NOW + jobs.LEASE * 2


def bring(file: bytes, mailing_list: MailingList) -> ImportRun:
    return uploads_job.bring("people.csv", [file], jobs.Wish(mailing_list, "a paper form", "lola"), NOW)


def work() -> None:
    uploads_job.attend(lambda: NOW, lambda: False)


def test_a_file_waits_until_its_columns_are_named_and_is_read_by_whoever_works(monthly: MailingList) -> None:
    run = bring("Кто;Куда\nAnn;a@example.org\n".encode("cp1251"), monthly)
    shown = uploads_job.preview(run)
    assert (shown.columns.headings, shown.columns.fields) == (("Кто", "Куда"), ("ignore", "ignore"))
    assert shown.encoding == "cp1251" and shown.rows == (("Ann", "a@example.org"),)
    work()
    assert not ImportRow.objects.exists()
    uploads_job.choose(run, {"1": "name", "2": "email"}, "", "")
    work()
    run.refresh_from_db()
    assert (run.state, run.foreseen["added"], ImportRow.objects.get().name) == ("ready", 1, "Ann")
    assert not uploads.path_of(run.stored).exists()


def test_a_file_that_cannot_be_read_says_why_and_is_not_kept(monthly: MailingList) -> None:
    run = bring(b'email\na@example.org\n"open\n', monthly)
    uploads_job.choose(run, {}, "", "")
    work()
    run.refresh_from_db()
    assert run.state == "failed" and "Line 3" in run.error
    assert not ImportRow.objects.exists() and not uploads.path_of(run.stored).exists()


def test_reading_is_begun_again_when_whoever_read_has_died(monthly: MailingList) -> None:
    run = bring(b"email\na@example.org\n", monthly)
    uploads_job.choose(run, {}, "", "")
    ImportRun.objects.update(worker="dead", lease_until=NOW + jobs.LEASE)
    ImportRow.objects.create(run=run, line=9, address_hash=b"x", email="x", name="", language="", flag="")
    work()
    assert ImportRun.objects.get().state == "reading"
    uploads_job.attend(lambda: LATER, lambda: False)
    assert ImportRun.objects.get().state == "ready" and ImportRow.objects.get().line == 2


def test_whoever_was_thought_dead_neither_keeps_nor_deletes_a_row(monthly: MailingList) -> None:
    run = bring(b"email\na@example.org\n", monthly)
    uploads_job.choose(run, {}, "", "")
    run.worker = "slow"
    ImportRun.objects.update(worker="other")
    ImportRow.objects.create(run=run, line=2, address_hash=b"x", email="x", name="", language="", flag="")
    with uploads.path_of(run.stored).open("rb") as stream, pytest.raises(jobs.NotNow):
        jobs.read(run, stream, lambda: NOW)
    assert ImportRow.objects.get().email == "x"


def test_discarding_deletes_the_file(monthly: MailingList) -> None:
    run = bring(b"email\na@example.org\n", monthly)
    jobs.discard(run, "lola", NOW)
    assert not uploads.path_of(run.stored).exists()
    other = bring(b"email\na@example.org\n", monthly)
    jobs.forget(NOW + timedelta(days=8))
    assert not uploads.path_of(other.stored).exists()


def one_behind_the_other(mailing_list: MailingList) -> list[ImportRun]:
    """Two imports of one person each, a@ and b@, that wait to be read."""
    both = [bring(f"email\n{name}@example.org\n".encode(), mailing_list) for name in "ab"]
    for run in both:
        uploads_job.choose(run, {}, "", "")
    return both


def stumbling_over(run: ImportRun, deed: Any) -> Any:
    """The deed, which breaks for this run in a way that nobody foresaw."""

    def stumbling(other: ImportRun, *rest: Any) -> Any:
        if other.pk == run.pk:
            raise RuntimeError("a@example.org")
        return deed(other, *rest)

    return stumbling


def test_a_file_that_breaks_the_reading_says_so_and_holds_up_none_behind_it(
    monthly: MailingList, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = one_behind_the_other(monthly)
    monkeypatch.setattr(diff, "foresee", stumbling_over(first, diff.foresee))
    work()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("failed", "ready")
    assert "RuntimeError" in first.error and "example.org" not in first.error
    assert [row.email for row in ImportRow.objects.all()] == ["b@example.org"]
    assert not uploads.path_of(first.stored).exists()


def test_an_import_that_breaks_says_so_rests_a_while_and_holds_up_none_behind_it(
    monthly: MailingList, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = one_behind_the_other(monthly)
    work()
    for run in (first, second):
        jobs.start_applying(run, "lola", NOW)
    with monkeypatch.context() as broken:
        broken.setattr(apply, "apply_stretch", stumbling_over(first, apply.apply_stretch))
        work()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("applying", "applied")
    assert "RuntimeError" in first.error and "example.org" not in first.error
    work()
    first.refresh_from_db()
    assert first.state == "applying"
    uploads_job.attend(lambda: LATER, lambda: False)
    first.refresh_from_db()
    assert (first.state, first.error, first.done["added"]) == ("applied", "", 1)


def test_an_import_that_keeps_breaking_is_undone_and_the_rest_of_its_rows_forgotten(
    monthly: MailingList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff, "STRETCH", 1)
    run = bring(b"email\na@example.org\nb@example.org\n", monthly)
    uploads_job.choose(run, {}, "", "")
    work()
    jobs.start_applying(run, "lola", NOW)
    with pytest.raises(jobs.NotNow):
        jobs.start_undoing(run, "dana", NOW)
    deed = apply.apply_stretch
    monkeypatch.setattr(
        apply, "apply_stretch", lambda run, lines, now: 1 // 0 if lines[1] > 2 else deed(run, lines, now)
    )
    work()
    run.refresh_from_db()
    assert run.error and Subscriber.objects.count() == 1
    jobs.start_undoing(run, "dana", NOW)
    work()
    run.refresh_from_db()
    assert (run.state, run.error, run.undone["removed"]) == ("undone", "", 1)
    assert not Subscriber.objects.exists() and not ImportRow.objects.exists()

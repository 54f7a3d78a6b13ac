"""Uploaded files: stored, previewed, read by the worker, and deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from subscribers.imports import job_lifecycle, uploads_and_staging
from subscribers.imports.job_lifecycle import ImportRunner
from subscribers.imports.models import ImportJob, ImportRow
from subscribers.models import MailingList, Subscriber
from subscribers.resumable_jobs import LEASE, WrongState
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.both_databases

LATER = NOW + LEASE * 2


def upload(file: bytes, mailing_list: MailingList) -> ImportJob:
    options = job_lifecycle.ImportOptions(mailing_list, "a paper form", "lola")
    return job_lifecycle.create_upload("people.csv", [file], options, NOW)


def ready_to_read(file: bytes, mailing_list: MailingList) -> ImportJob:
    job = upload(file, mailing_list)
    job_lifecycle.set_columns(job, {}, "", "")
    return job


def two_jobs(mailing_list: MailingList) -> list[ImportJob]:
    """Two imports of one person each, a@ and b@, that wait to be read."""
    return [ready_to_read(f"email\n{name}@example.org\n".encode(), mailing_list) for name in "ab"]


def row_of(job: ImportJob, line: int) -> ImportRow:
    return ImportRow.objects.create(
        job=job, line=line, address_hash=b"x", email="x", name="", language="", warning=""
    )


def work(runner: ImportRunner = job_lifecycle.RUNNER, at: Any = NOW) -> None:
    runner.read_and_run_due(lambda: at, lambda: False)


def test_a_file_waits_for_its_columns_and_is_read_by_the_worker(monthly: MailingList) -> None:
    job = upload("Кто;Куда\nAnn;a@example.org\n".encode("cp1251"), monthly)
    preview = uploads_and_staging.preview(job)
    assert (preview.columns.headings, preview.columns.fields) == (("Кто", "Куда"), ("ignore", "ignore"))
    assert preview.encoding == "cp1251" and preview.rows == (("Ann", "a@example.org"),)
    work()
    assert not ImportRow.objects.exists()
    job_lifecycle.set_columns(job, {"1": "name", "2": "email"}, "", "")
    work()
    job.refresh_from_db()
    assert (job.state, job.expected["added"], ImportRow.objects.get().name) == ("ready", 1, "Ann")
    assert not uploads_and_staging.is_stored(job.upload)


def test_an_unreadable_file_is_named_and_deleted(monthly: MailingList) -> None:
    job = ready_to_read(b'email\na@example.org\n"open\n', monthly)
    work()
    job.refresh_from_db()
    assert job.state == "failed" and "Line 3" in job.error
    assert not ImportRow.objects.exists() and not uploads_and_staging.is_stored(job.upload)


def test_reading_begins_again_when_its_worker_died(monthly: MailingList) -> None:
    job = ready_to_read(b"email\na@example.org\n", monthly)
    ImportJob.objects.update(worker="dead", lease_until=NOW + LEASE)
    row_of(job, 9)
    work()
    assert ImportJob.objects.get().state == "reading"
    work(at=LATER)
    assert ImportJob.objects.get().state == "ready" and ImportRow.objects.get().line == 2


def test_a_worker_that_lost_its_lease_neither_keeps_nor_deletes_a_row(monthly: MailingList) -> None:
    job = ready_to_read(b"email\na@example.org\n", monthly)
    job.worker = "slow"
    ImportJob.objects.update(worker="other")
    row_of(job, 2)
    with uploads_and_staging.open_upload(job) as stream, pytest.raises(WrongState):
        job_lifecycle.read_file(job, stream, lambda: NOW)
    assert ImportRow.objects.get().email == "x"


def test_discarding_deletes_the_file(monthly: MailingList) -> None:
    job = upload(b"email\na@example.org\n", monthly)
    job_lifecycle.discard(job, "lola", NOW)
    assert not uploads_and_staging.is_stored(job.upload)
    other = upload(b"email\na@example.org\n", monthly)
    job_lifecycle.discard_or_purge_expired(NOW + timedelta(days=8))
    assert not uploads_and_staging.is_stored(other.upload)


def test_an_unforeseen_error_while_reading_is_named_and_stops_no_other_import(monthly: MailingList) -> None:
    first, second = two_jobs(monthly)

    class Failing(ImportRunner):
        def read_upload(self, job: ImportJob, *arguments: Any) -> None:
            def fail(*progress: object) -> None:
                raise RuntimeError("a@example.org")

            super().read_upload(job, *arguments, *([fail] if job.pk == first.pk else []))

    work(Failing())
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("failed", "ready")
    assert "RuntimeError" in first.error and "example.org" not in first.error
    assert [row.email for row in ImportRow.objects.all()] == ["b@example.org"]
    assert not uploads_and_staging.is_stored(first.upload)


def test_a_failed_import_rests_until_its_lease_is_over(monthly: MailingList) -> None:
    first, second = two_jobs(monthly)
    work()
    for job in (first, second):
        job_lifecycle.start_apply(job, "lola", NOW)

    class Failing(ImportRunner):
        def apply_batch(self, job: ImportJob, *arguments: Any, **options: Any) -> ImportJob:
            if job.pk == first.pk:
                raise RuntimeError("a@example.org")
            return super().apply_batch(job, *arguments, **options)

    work(Failing())
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("applying", "applied")
    assert "RuntimeError" in first.error and "example.org" not in first.error
    work()
    first.refresh_from_db()
    assert first.state == "applying"
    work(at=LATER)
    first.refresh_from_db()
    assert (first.state, first.error, first.result["added"]) == ("applied", "", 1)


def test_undoing_a_failed_import_deletes_the_rows_that_were_not_applied(monthly: MailingList) -> None:
    job = ready_to_read(b"email\na@example.org\nb@example.org\n", monthly)
    work()
    job_lifecycle.start_apply(job, "lola", NOW)

    class Failing(ImportRunner):
        def apply_batch(self, job: ImportJob, *arguments: Any, **options: Any) -> ImportJob:
            if job.position == 2:
                raise RuntimeError
            return super().apply_batch(job, *arguments, **options)

    with pytest.raises(WrongState):
        job_lifecycle.start_undo(job, "dana", NOW)
    work(Failing(batch_size=1))
    job.refresh_from_db()
    assert job.error and Subscriber.objects.count() == 1
    job_lifecycle.start_undo(job, "dana", NOW)
    work()
    job.refresh_from_db()
    assert (job.state, job.error, job.undo_result["removed"]) == ("undone", "", 1)
    assert not Subscriber.objects.exists() and not ImportRow.objects.exists()

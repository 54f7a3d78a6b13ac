"""Erasure redacts what staff searched for and wrote, and what they imported."""

from __future__ import annotations

import io

import pytest

from subscribers.bulk import jobs
from subscribers.bulk.jobs import BulkRequest
from subscribers.bulk.models import BulkJob
from subscribers.imports import jobs as imports
from subscribers.imports.models import ImportJob, RejectedRow
from subscribers.models import MailingList
from subscribers.privacy.erasure import erase
from subscribers.search.search import Query
from subscribers.segments import attributes
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("text", ["Olga@example.org", "Olga@", "lga olga@exa"])
def test_erasure_removes_a_search_for_the_address_and_the_bulk_action_continues(
    join: Join, text: str
) -> None:
    join("olga")
    other = join("helga", name="olga@example.org.example")
    tag, other_tag = attributes.get_or_create_tag("donor"), attributes.get_or_create_tag("press")
    reason = "olga@example.org asked by telephone"
    job = jobs.create(BulkRequest("tag", query=Query(text), target=tag.pk, reason=reason), "lola", NOW)
    found = list(jobs.selected_subscribers(job))
    unrelated = jobs.create(BulkRequest("tag", query=Query("@example.org"), target=other_tag.pk), "lola", NOW)
    assert erase("olga@example.org", NOW)
    for one in (job, unrelated):
        one.refresh_from_db()
    assert "olga" not in str(job.selection).lower() and job.reason == "…@… asked by telephone"
    assert unrelated.selection["text"] == "@example.org"
    assert list(jobs.selected_subscribers(job)) == [one for one in found if one == other]
    jobs.run_due(NOW, lambda: False)
    job.refresh_from_db()
    assert (job.state, job.changed) == ("done", len(found) - 1)


def test_a_redacted_search_of_a_finished_bulk_action_finds_no_subscriber(join: Join) -> None:
    join("olga"), join("helga", name="olga@example.org.example")
    tag = attributes.get_or_create_tag("donor")
    jobs.create(BulkRequest("tag", query=Query("olga@example.org"), target=tag.pk), "lola", NOW)
    jobs.run_due(NOW, lambda: False)
    assert erase("olga@example.org", NOW)
    assert not jobs.selected_subscribers(BulkJob.objects.get()).exists()


def test_erasure_redacts_imports_with_unreadable_addresses_too(join: Join, monthly: MailingList) -> None:
    join("olga")
    file = b"email,name\nolga@example.org dana@example.org,Two\nkolga@example.org and,None\n"
    run = imports.create("olga@example.org.csv", imports.ImportOptions(monthly, "a fair"), NOW)
    imports.read_file(run, io.BytesIO(file), lambda: NOW)
    ImportJob.objects.update(error="There is no column “olga@example.org”.")
    assert RejectedRow.objects.filter(address_hash=None).count() == 2
    assert erase("olga@example.org", NOW)
    run.refresh_from_db()
    assert run.file_name == "…@….csv" and run.error == "There is no column “…@…”."
    assert [row.line for row in RejectedRow.objects.all()] == [3]

"""Whoever is erased is named no more by what staff searched for, typed, or brought in a file."""

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


@pytest.mark.parametrize("words", ["Olga@example.org", "Olga@", "lga olga@exa"])
def test_a_search_that_told_whom_it_meant_goes_with_them_and_the_change_goes_on_with_the_others(
    join: Join, words: str
) -> None:
    join("olga")
    other = join("helga", name="olga@example.org.example")
    tag, other_tag = attributes.get_or_create_tag("donor"), attributes.get_or_create_tag("press")
    wish = BulkRequest("tag", asked=Query(words), target=tag.pk, words="olga@example.org asked by telephone")
    run = jobs.create(wish, "lola", NOW)
    found = list(jobs.people_of(run))
    unrelated = jobs.create(BulkRequest("tag", asked=Query("@example.org"), target=other_tag.pk), "lola", NOW)
    assert erase("olga@example.org", NOW)
    for one in (run, unrelated):
        one.refresh_from_db()
    assert "olga" not in str(run.selection).lower() and run.words == "…@… asked by telephone"
    assert unrelated.who["text"] == "@example.org"
    assert list(jobs.people_of(run)) == [one for one in found if one == other]
    jobs.work(NOW, lambda: False)
    run.refresh_from_db()
    assert (run.state, run.changed) == ("done", len(found) - 1)


def test_a_search_that_is_done_with_finds_nobody_any_more(join: Join) -> None:
    join("olga"), join("helga", name="olga@example.org.example")
    wish = BulkRequest(
        "tag", asked=Query("olga@example.org"), target=attributes.get_or_create_tag("donor").pk
    )
    jobs.create(wish, "lola", NOW)
    jobs.work(NOW, lambda: False)
    assert erase("olga@example.org", NOW)
    assert not jobs.selected_subscribers(BulkJob.objects.get()).exists()


def test_nothing_of_an_import_names_them_where_no_address_could_be_read_either(
    join: Join, monthly: MailingList
) -> None:
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

"""Erasure redacts what staff searched for and wrote, and what they imported."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from subscribers import consent, former_addresses_and_merged_ids
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.bulk.apply_and_undo_bulk_actions import BulkRequest
from subscribers.bulk.models import BulkJob
from subscribers.consent import Channel, Event, Evidence
from subscribers.imports import job_lifecycle as imports
from subscribers.imports.models import ImportJob, RejectedRow
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy import retention
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.search.subscriber_search import Query
from subscribers.segments import subscriber_tags_and_fields
from subscribers.subscribe import subscribe
from subscribers.suppression import is_suppressed
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("text", ["Olga@example.org", "Olga@", "lga olga@exa"])
def test_erasure_removes_a_search_for_the_address_and_the_bulk_action_continues(
    join: Join, text: str
) -> None:
    join("olga")
    other = join("helga", name="olga@example.org.example")
    tag, other_tag = (
        subscriber_tags_and_fields.get_or_create_tag("donor"),
        subscriber_tags_and_fields.get_or_create_tag("press"),
    )
    reason = "olga@example.org asked by telephone"
    job = apply_and_undo_bulk_actions.create(
        BulkRequest("tag", query=Query(text), target=tag.pk, reason=reason), "lola", NOW
    )
    found = list(apply_and_undo_bulk_actions.selected_subscribers(job))
    unrelated = apply_and_undo_bulk_actions.create(
        BulkRequest("tag", query=Query("@example.org"), target=other_tag.pk), "lola", NOW
    )
    assert erase_and_suppress("olga@example.org", NOW)
    for one in (job, unrelated):
        one.refresh_from_db()
    assert "olga" not in str(job.selection).lower() and job.reason == "…@… asked by telephone"
    assert unrelated.selection["text"] == "@example.org"
    assert list(apply_and_undo_bulk_actions.selected_subscribers(job)) == [
        one for one in found if one == other
    ]
    apply_and_undo_bulk_actions.run_due_batches(NOW, lambda: False)
    job.refresh_from_db()
    assert (job.state, job.changed) == ("done", len(found) - 1)


def test_a_redacted_search_of_a_finished_bulk_action_finds_no_subscriber(join: Join) -> None:
    join("olga"), join("helga", name="olga@example.org.example")
    tag = subscriber_tags_and_fields.get_or_create_tag("donor")
    apply_and_undo_bulk_actions.create(
        BulkRequest("tag", query=Query("olga@example.org"), target=tag.pk), "lola", NOW
    )
    apply_and_undo_bulk_actions.run_due_batches(NOW, lambda: False)
    assert erase_and_suppress("olga@example.org", NOW)
    assert not apply_and_undo_bulk_actions.selected_subscribers(BulkJob.objects.get()).exists()


def test_erasure_redacts_imports_with_unreadable_addresses_too(join: Join, monthly: MailingList) -> None:
    join("olga")
    file = b"email,name\nolga@example.org dana@example.org,Two\nkolga@example.org and,None\n"
    run = imports.create("olga@example.org.csv", imports.ImportOptions(monthly, "a fair"), NOW)
    imports.read_file(run, io.BytesIO(file), lambda: NOW)
    ImportJob.objects.update(error="There is no column “olga@example.org”.")
    assert RejectedRow.objects.filter(address_hash=None).count() == 2
    assert erase_and_suppress("olga@example.org", NOW)
    run.refresh_from_db()
    assert run.file_name == "…@….csv" and run.error == "There is no column “…@…”."
    assert [row.line for row in RejectedRow.objects.all()] == [3]


def test_erasure_leaves_the_subscriber_alone_who_has_a_former_address_now(join: Join) -> None:
    person = join("office")
    before, person.email = bytes(person.address_hash), "private@example.org"
    person.save()
    former_addresses_and_merged_ids.record_address_change(person, before, NOW)
    successor = join("office")
    assert erase_and_suppress(person.email, NOW)
    assert list(Subscriber.objects.all()) == [successor]
    assert is_suppressed("private@example.org") and not is_suppressed(successor)


WEEK = timedelta(days=7)


def at(moment: timedelta) -> None:
    Subscription.objects.update(created_at=NOW + moment)


def test_an_unconfirmed_sign_up_is_deleted_after_a_week(join: Join) -> None:
    join("asked", state="pending")
    at(-WEEK)
    retention.apply_retention(NOW)
    assert Subscriber.objects.count() == 1
    retention.apply_retention(NOW + timedelta(seconds=1))
    assert not Subscriber.objects.exists()


def test_subscribers_with_another_or_an_ended_subscription_stay(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    reader = join("reader", events)
    Subscription.objects.create(subscriber=reader, mailing_list=monthly, state="pending")
    left = join("left", state="unsubscribed")
    # Asked to come back, and did not confirm: an import must still see that they left.
    left.subscriptions.update(state="pending")
    ended_at = left.subscriptions.get().ended_at
    at(-2 * WEEK)
    retention.apply_retention(NOW)
    assert set(Subscriber.objects.all()) == {reader, left}
    assert [(row.state, row.ended_at) for row in left.subscriptions.all()] == [("unsubscribed", ended_at)]
    assert list(reader.subscriptions.values_list("mailing_list", flat=True)) == [events.pk]


def test_a_sign_up_that_was_repeated_stays_as_long_as_the_link_in_its_last_email(join: Join) -> None:
    asked = join("asked", state="pending")
    at(-WEEK)
    Subscriber.objects.update(signup_email_at=NOW - timedelta(days=1))
    token = subscribe.confirm_token(asked, NOW - timedelta(days=1))
    later = NOW + timedelta(days=5)
    retention.apply_retention(later)
    assert subscribe.confirm_signup(subscribe.read_token(token, later), Evidence(Channel.EMAIL_LINK), later)


def test_a_sign_up_that_was_repeated_is_deleted_after_the_link_in_its_last_email(join: Join) -> None:
    join("asked", state="pending")
    at(-WEEK)
    Subscriber.objects.update(signup_email_at=NOW)
    retention.apply_retention(NOW + WEEK)
    assert Subscriber.objects.count() == 1
    retention.apply_retention(NOW + WEEK + timedelta(seconds=1))
    assert not Subscriber.objects.exists()


def test_an_unconfirmed_sign_up_deletes_no_subscriber_whom_staff_had_added(join: Join) -> None:
    added, tagged = join("added", state="pending", name="Aigul"), join("tagged", state="pending")
    join("imported", state="pending", name="Bolat", created_at=NOW - 2 * WEEK)
    subscriber_tags_and_fields.set_tags(tagged, ["press"])
    Subscriber.objects.filter(pk__in=[added.pk, tagged.pk]).update(created_at=NOW - 5 * WEEK)
    at(-2 * WEEK)
    retention.apply_retention(NOW)
    assert set(Subscriber.objects.all()) == {added, tagged}
    assert not Subscription.objects.exists()


def test_details_of_old_consent_records_are_cleared(join: Join) -> None:
    person = join("aida")
    word = Evidence(Channel.FORM, network="203.0.113.0/24", user_agent="A browser")
    consent.record(Event.REQUESTED, [person.pk], [None], word, NOW - timedelta(days=500))
    retention.apply_retention(NOW)
    assert person.consents.values_list("event", "network", "user_agent").get() == ("requested", "", "")

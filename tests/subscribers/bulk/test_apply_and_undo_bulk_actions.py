"""Bulk jobs and undoing them: no one is resubscribed, and what changed since stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers import suppression, unsubscribe
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.bulk.apply_and_undo_bulk_actions import BulkRequest
from subscribers.bulk.models import BulkChange, BulkJob
from subscribers.consent import Channel, Evidence
from subscribers.imports import job_lifecycle
from subscribers.imports.models import ImportJob
from subscribers.merge import merge
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from subscribers.resumable_jobs import UNDO_FOR, WrongState
from subscribers.search import subscriber_search
from subscribers.search.subscriber_search import Query
from subscribers.segments import subscriber_tags_and_fields
from subscribers.subscribe import subscribe
from tests.environment import examples
from tests.subscribers.conftest import NOW, Join
from tests.subscribers.imports.test_job_lifecycle import read_file, undo_job

pytestmark = pytest.mark.both_databases

LATER = NOW + timedelta(hours=1)


def done(request: BulkRequest) -> BulkJob:
    job = apply_and_undo_bulk_actions.create(request, "lola", NOW)
    apply_and_undo_bulk_actions.run_due_batches(NOW, lambda: False)
    job.refresh_from_db()
    assert job.state == BulkJob.State.DONE
    return job


def undone(job: BulkJob) -> BulkJob:
    apply_and_undo_bulk_actions.RUNNER.start_undo(job, "dana", LATER)
    apply_and_undo_bulk_actions.run_due_batches(LATER, lambda: False)
    job.refresh_from_db()
    assert job.state == BulkJob.State.UNDONE
    return job


def on(mailing_list: MailingList) -> dict[str, str]:
    rows = Subscription.objects.filter(mailing_list=mailing_list).select_related("subscriber")
    return {row.subscriber.email.partition("@")[0]: row.state for row in rows}


def test_unsubscribed_pending_and_suppressed_subscribers_are_added_to_no_list(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    join("fresh")
    join("waits", monthly)
    join("waits-there", events, state="pending")
    join("left", events, state="unsubscribed")
    suppression.suppress(join("stopped"), Suppression.Reason.HARD_BOUNCE, "", NOW)
    request = BulkRequest("add", target=events.pk, target_name="Events", reason="asked for it at the fair")
    job = done(request)
    assert on(events) == {
        "fresh": "confirmed",
        "waits": "confirmed",
        "waits-there": "pending",
        "left": "unsubscribed",
    }
    assert (job.changed, job.skipped) == (2, 3)
    word = ConsentRecord.objects.filter(event="added").first()
    assert word is not None and (word.attested_by, word.source) == ("lola", "asked for it at the fair")


def test_a_subscriber_who_left_one_list_is_added_to_no_other(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    gone = join("gone", monthly)
    unsubscribe.unsubscribe(gone.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), NOW)
    job = done(BulkRequest("add", target=events.pk, reason="asked for it at the fair"))
    assert on(events) == {} and (job.changed, job.skipped) == (0, 1)


def test_a_new_sign_up_at_an_address_that_was_merged_is_added_to_no_further_list(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    merge(join("kept"), join("gone", state="unsubscribed"), NOW)
    join("gone", events)
    job = done(BulkRequest("add", target=monthly.pk, reason="asked for it at the fair"))
    assert on(monthly) == {"kept": "unsubscribed"} and job.changed == 0


def test_undoing_confirms_no_one_who_unsubscribed_and_did_not_confirm_again(
    join: Join, monthly: MailingList
) -> None:
    person = join("gone")
    unsubscribe.unsubscribe(
        person.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), NOW - timedelta(days=1)
    )
    subscribe.request_signup(person.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
    undone(done(BulkRequest("remove", ids=(person.pk,), target=monthly.pk)))
    # Not pending, which an import would confirm.
    assert on(monthly) == {"gone": "unsubscribed"}
    subscribe.request_signup(person.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.DESK), LATER)
    unsubscribe.restore(person.pk, LATER, Evidence(Channel.DESK), LATER)
    assert on(monthly) == {"gone": "unsubscribed"}


def test_undoing_reverts_what_was_not_changed_since(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    stays, leaves, waits = join("stays"), join("leaves"), join("waits", state="pending")
    added = done(BulkRequest("add", target=events.pk, reason="asked"))
    unsubscribe.unsubscribe(leaves.pk, [events.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    undone(added)
    assert on(events) == {"leaves": "unsubscribed"}
    assert (added.reverted, added.kept) == (2, 1)
    removed = done(BulkRequest("remove", ids=(stays.pk, leaves.pk, waits.pk), target=monthly.pk))
    assert set(on(monthly).values()) == {"unsubscribed"}
    # The subscriber unsubscribes, after staff had removed them.
    unsubscribe.unsubscribe(leaves.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    undone(removed)
    assert on(monthly) == {"stays": "confirmed", "leaves": "unsubscribed", "waits": "pending"}


def test_tags_are_added_removed_and_restored(join: Join) -> None:
    had, fresh = join("had"), join("fresh")
    subscriber_tags_and_fields.set_tags(had, ["donor"])
    tag = subscriber_tags_and_fields.get_or_create_tag("donor")
    tagged = done(BulkRequest("tag", target=tag.pk))
    assert (tagged.changed, tagged.skipped) == (1, 1)
    undone(tagged)
    assert [one.subscriber for one in tag.taggings.all()] == [had]
    untagged = done(BulkRequest("untag", target=tag.pk))
    assert not tag.taggings.exists()
    subscriber_tags_and_fields.set_tags(fresh, ["donor"])
    undone(untagged)
    assert {one.subscriber for one in tag.taggings.all()} == {had, fresh}


def test_a_deleted_tag_or_list_stops_no_job(join: Join, events: MailingList) -> None:
    person = join("had")
    subscriber_tags_and_fields.set_tags(person, ["donor"])
    untagged = done(BulkRequest("untag", target=subscriber_tags_and_fields.get_or_create_tag("donor").pk))
    added = apply_and_undo_bulk_actions.create(
        BulkRequest("add", target=events.pk, reason="asked"), "lola", NOW
    )
    subscriber_tags_and_fields.get_or_create_tag("donor").delete()
    events.delete()
    undone(untagged)
    assert (untagged.reverted, untagged.kept) == (0, 1)
    added.refresh_from_db()
    assert (added.state, added.changed, added.skipped) == (BulkJob.State.DONE, 0, 1)


def test_a_complaint_since_then_stays_suppressed(join: Join) -> None:
    people = [join("a"), join("b")]
    job = done(BulkRequest("suppress", reason="the office closed"))
    assert all(suppression.is_suppressed(one) for one in people)
    suppression.suppress(people[1], Suppression.Reason.COMPLAINT, "", LATER)
    undone(job)
    assert [suppression.is_suppressed(one) for one in people] == [False, True]


def test_what_staff_said_of_one_since_then_stays_suppressed(join: Join) -> None:
    people = [join("a"), join("b")]
    job = done(BulkRequest("suppress", reason="the office closed"))
    suppression.suppress_manually("b@example.org", "She phoned and wants no mail.", LATER)
    undone(job)
    assert [suppression.is_suppressed(one) for one in people] == [False, True]


def import_unsubscribed(mailing_list: MailingList) -> ImportJob:
    job = read_file("email,status\na@example.org,unsubscribed\n", mailing_list)
    job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    return job


def test_what_an_import_said_since_then_stays_suppressed(monthly: MailingList, join: Join) -> None:
    people = [join("a"), join("b")]
    job = done(BulkRequest("suppress", reason="the office closed"))
    import_unsubscribed(monthly)
    undone(job)
    assert [suppression.is_suppressed(one) for one in people] == [True, False]


def test_undoing_an_import_keeps_what_a_bulk_action_suppressed_since(
    monthly: MailingList, join: Join
) -> None:
    person = join("a")
    imported = import_unsubscribed(monthly)
    job = done(BulkRequest("suppress", reason="the office closed"))
    assert undo_job(imported)["unsuppressed"] == 0 and suppression.is_suppressed(person)
    undone(job)
    assert not suppression.is_suppressed(person)


def test_a_job_handles_only_those_who_existed_when_it_was_created(join: Join) -> None:
    runner = apply_and_undo_bulk_actions.BulkRunner(batch_size=2)
    for number in range(5):
        join(f"reader-{number}")
    tag = subscriber_tags_and_fields.get_or_create_tag("donor")
    job = apply_and_undo_bulk_actions.create(
        BulkRequest("tag", query=Query("reader"), target=tag.pk), "lola", NOW
    )
    runner.run_batch(job, lambda: NOW)
    assert tag.taggings.count() == 2
    join("reader-late")
    runner.run_due(lambda: NOW, lambda: False)
    assert not runner.run_batch(job, lambda: NOW)
    assert (job.changed, tag.taggings.count(), job.state) == (5, 5, "done")
    undone(job)
    assert not tag.taggings.exists()


def test_after_thirty_days_the_changes_are_deleted(join: Join) -> None:
    join("a")
    job = done(BulkRequest("tag", target=subscriber_tags_and_fields.get_or_create_tag("x").pk))
    late = NOW + UNDO_FOR + timedelta(seconds=1)
    with pytest.raises(WrongState, match="30 days"):
        apply_and_undo_bulk_actions.RUNNER.start_undo(job, "lola", late)
    apply_and_undo_bulk_actions.delete_expired_changes(late)
    assert not BulkChange.objects.exists()


@pytest.mark.parametrize(
    "request_", [BulkRequest("add", target=1), BulkRequest("tag"), BulkRequest("suppress")]
)
def test_a_job_without_reason_or_target_is_refused(db: None, request_: BulkRequest) -> None:
    with pytest.raises(ValueError):
        apply_and_undo_bulk_actions.create(request_, "lola", NOW)
    assert not BulkJob.objects.exists()


STEPS = st.lists(
    st.sampled_from(["add", "remove", "suppress", "undo", "leave", "bounce", "complain"]), max_size=9
)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_no_bulk_job_resubscribes_who_unsubscribed(
    join: Join, monthly: MailingList, steps: list[str]
) -> None:
    Subscriber.objects.all().delete()
    Suppression.objects.all().delete()
    BulkJob.objects.all().delete()
    person = join("aigul")
    left = complained = False
    for place, step in enumerate(steps):
        now = NOW + timedelta(minutes=place)
        if step == "leave":
            unsubscribe.unsubscribe(person.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), now)
            left = True
        elif step in ("bounce", "complain"):
            reason = "hard_bounce" if step == "bounce" else "complaint"
            suppression.suppress(person, reason, "", now)
            complained = complained or step == "complain"
        elif step == "undo":
            last = BulkJob.objects.filter(state="done").first()
            if last is not None:
                apply_and_undo_bulk_actions.RUNNER.start_undo(last, "dana", now)
        else:
            apply_and_undo_bulk_actions.create(
                BulkRequest(step, target=monthly.pk, reason="because"), "lola", now
            )
        apply_and_undo_bulk_actions.run_due_batches(now, lambda: False)
        reached = on(monthly)["aigul"] == "confirmed" and not suppression.is_suppressed(person)
        assert not (reached and (left or complained)), steps[: place + 1]


def test_the_selection_is_stored_as_the_query(join: Join) -> None:
    join("aigul", language="kk")
    asked = Query("aig", state=subscriber_search.STATES[1], language="kk")
    job = apply_and_undo_bulk_actions.create(
        BulkRequest("tag", query=asked, target=subscriber_tags_and_fields.get_or_create_tag("x").pk),
        "lola",
        NOW,
    )
    assert apply_and_undo_bulk_actions.selected_subscribers(job).count() == 1
    assert apply_and_undo_bulk_actions.selected_subscribers(replace_asked(job)).count() == 0


def replace_asked(job: BulkJob) -> BulkJob:
    job.selection = {**job.selection, "language": replace(Query(), language="ru").language}
    return job

"""Segments of an edition: part of its snapshot, used when it is sent, and their authors are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from mailer.approval import snapshot_state_changes
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import Approval, Authorship, Snapshot
from mailer.approval.snapshot_state_changes import AuthorMayNotApprove, PreflightFailed, SnapshotChanged
from mailer.approval.submit import submit
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import advance_mailings
from mailer.delivery.rollout.plan_deliveries import plan_then_start_or_hold
from mailer.editions.audience import Audience
from mailer.editions.models import Edition
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import Segment, Tag
from subscribers.segments.rule_format import Condition, Group
from subscribers.segments.segments import save
from tests import cast
from tests.delivery.cast import balances, reasons

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
RUSSIAN = Group("all", (Condition("language", "one_of", ("ru",)),))


def segment(name: str, rule: Group, by: str = "lola") -> Segment:
    return save(Segment(), name, rule, by, NOW)


def tagged(name: str, tag: str) -> Tag:
    subscriber_tags_and_fields.set_tags(cast.reader(name), [tag])
    return subscriber_tags_and_fields.get_or_create_tag(tag)


@pytest.fixture
def chosen(edition: Edition) -> Edition:
    """Only Russian readers, and nobody of the press; one list more, so that somebody is on two."""
    press = tagged("bolat", "press")
    for name in ("olga", "ivan"):
        cast.reader(name, (), "ru")
    edition.segment = segment(
        "Russian or press", Group("any", (*RUSSIAN.parts, Condition("tag", "has", (press.pk,))))
    )
    edition.excluded = segment("Press", Group("all", (Condition("tag", "has", (press.pk,)),)))
    edition.save_revision().publish()
    return edition


def test_only_subscribers_in_the_segment_and_not_excluded_get_the_mailing(
    chosen: Edition, people: cast.Staff
) -> None:
    snapshot = submit(chosen, people.writer, NOW)
    assert snapshot.audience_count == 2
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, people.approver, None, NOW)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW + timedelta(minutes=1))
    assert reasons(mailing) == {"olga": "planned", "ivan": "planned"}
    assert balances(mailing)
    kept = Audience.from_dict(snapshot.audience, NOW)
    assert kept == Audience.of_edition(chosen, NOW) and kept.as_dict() == snapshot.audience


def test_changing_a_segment_invalidates_the_snapshot_and_renaming_it_does_not(
    chosen: Edition, people: cast.Staff
) -> None:
    snapshot = submit(chosen, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)
    assert chosen.excluded is not None
    save(chosen.excluded, "The press", Group("all", chosen_parts(chosen)), "lola", NOW)
    snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)
    save(chosen.excluded, "The press", Group("none", chosen_parts(chosen)), "lola", NOW)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED and "The press" in snapshot.invalidated_reason


def chosen_parts(edition: Edition) -> tuple[Condition, ...]:
    return (Condition("tag", "has", (Tag.objects.get(name="press").pk,)),)


def test_a_segment_changed_in_the_database_invalidates_the_snapshot(
    chosen: Edition, people: cast.Staff
) -> None:
    snapshot = submit(chosen, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)
    Segment.objects.filter(pk=chosen.segment_id).update(rule={"version": 1, "all": []})
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)


def test_an_author_of_a_segment_condition_may_not_approve(edition: Edition, people: cast.Staff) -> None:
    inner = segment("Russian", RUSSIAN, by=people.approver.username)
    edition.segment = segment("Outer", Group("all", (Condition("segment", "in", (inner.pk,)),)))
    edition.save_revision().publish()
    cast.reader("olga", (), "ru")
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(AuthorMayNotApprove, match="Russian"):
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def written_by_approver(edition: Edition, people: cast.Staff) -> Segment:
    """A segment of the approver's, which the edition uses."""
    edition.segment = segment("Russian", RUSSIAN, by=people.approver.username)
    edition.save_revision().publish()
    cast.reader("olga", (), "ru")
    return edition.segment


def test_a_segments_author_who_is_renamed_may_not_approve(edition: Edition, people: cast.Staff) -> None:
    written_by_approver(edition, people)
    people.approver.username = "renamed"
    people.approver.save()
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(AuthorMayNotApprove, match="Russian"):
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_the_author_of_a_segment_is_the_account_that_acts_whatever_name_is_stored(
    edition: Edition, people: cast.Staff
) -> None:
    with acting_as(people.approver):
        edition.segment = segment("Russian", RUSSIAN, by=people.writer.username)
    edition.save_revision().publish()
    cast.reader("olga", (), "ru")
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(AuthorMayNotApprove, match="Russian"):
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_a_change_by_another_admin_does_not_free_a_segments_author(
    edition: Edition, people: cast.Staff
) -> None:
    rule = written_by_approver(edition, people)
    save(rule, rule.name, RUSSIAN, people.admin.username, NOW)
    save(rule, rule.name, Group("any", RUSSIAN.parts), people.admin.username, NOW)
    save(rule, rule.name, RUSSIAN, people.admin.username, NOW)
    snapshot = submit(edition, people.writer, NOW)
    for author in (people.approver, people.admin):
        with pytest.raises(AuthorMayNotApprove, match="Russian"):
            snapshot_state_changes.approve(snapshot, author, snapshot.sha256, NOW)


def test_a_segment_that_is_renamed_or_saved_unchanged_makes_no_author(
    edition: Edition, people: cast.Staff
) -> None:
    rule = segment("Russian", RUSSIAN, by=people.writer.username)
    edition.segment = rule
    edition.save_revision().publish()
    cast.reader("olga", (), "ru")
    save(rule, "Readers of Russian", RUSSIAN, people.approver.username, NOW)
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_a_segment_that_was_approved_frees_its_author_next_time(edition: Edition, people: cast.Staff) -> None:
    written_by_approver(edition, people)
    first = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(first, people.admin, first.sha256, NOW)
    second = submit(edition, people.writer, NOW + timedelta(minutes=1))
    snapshot_state_changes.approve(second, people.approver, second.sha256, NOW)


def test_the_database_does_not_forget_who_changed_a_segment(edition: Edition, people: cast.Staff) -> None:
    rule = written_by_approver(edition, people)
    with pytest.raises(DatabaseError, match="authorship is never changed"), transaction.atomic():
        Authorship.objects.filter(segment=rule).update(user=None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE subscribers_segment SET changed_by = 'writer'")
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(DatabaseError, match="an author may not approve"), transaction.atomic():
        Approval.objects.create(snapshot=snapshot, sha256=snapshot.sha256, approver=people.approver, at=NOW)


def test_a_segment_with_a_deleted_reference_is_not_submitted(chosen: Edition, people: cast.Staff) -> None:
    Tag.objects.all().delete()
    with pytest.raises(PreflightFailed, match="deleted"):
        submit(chosen, people.writer, NOW)


def test_an_approved_edition_is_not_sent_when_its_exclusion_tag_was_deleted(
    chosen: Edition, people: cast.Staff
) -> None:
    chosen.segment = None
    chosen.save_revision().publish()
    snapshot = submit(chosen, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, people.approver, None, NOW)
    waiting = Mailing.objects.create(
        snapshot=snapshot, edition=snapshot.edition, dry_run_to="lola@example.org"
    )
    Tag.objects.all().delete()
    given_up = plan_then_start_or_hold(waiting, NOW)
    assert given_up.state == Mailing.State.CANCELLED and "a tag that was deleted" in given_up.reason
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW + timedelta(minutes=1)) == []
    snapshot.refresh_from_db()
    assert (
        snapshot.state == Snapshot.State.INVALIDATED
        and "a tag that was deleted" in snapshot.invalidated_reason
    )

"""Approval by a second person: an author of any part of an edition cannot approve it, in any way."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from wagtail.log_actions import log

from mailer.approval import content_changes_and_authors, snapshot_state_changes
from mailer.approval.content_changes_and_authors import authors_of_unapproved_changes
from mailer.approval.models import Approval, Authorship, Rejection, Snapshot, SnapshotAuthor, SnapshotVariant
from mailer.approval.snapshot_state_changes import (
    ApprovalError,
    AuthorMayNotApprove,
    NotPermitted,
    OutsideWindow,
    PreflightFailed,
    ReasonMissing,
    SnapshotChanged,
    WrongHash,
    WrongState,
)
from mailer.approval.submit import submit
from mailer.delivery.models import Mailing
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.models import Edition, Newsletter
from mailer.reports import edition_state
from mailer.stories.models import Story
from tests import cast
from tests.recorded import recorded

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
LATER = NOW + timedelta(hours=1)


def change_headline(story: Story, words: str, by: object, *, publish: bool = True) -> None:
    text = story.texts.first()
    text.headline = words
    story.texts = [text, *list(story.texts.all())[1:]]
    revision = story.save_revision(user=by)
    if publish:
        revision.publish()


def test_a_second_person_approves_exactly_the_hash_that_was_submitted(
    edition: Edition, people: cast.Staff
) -> None:
    snapshot = submit(edition, people.writer, NOW)
    (approval,) = snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
    assert approval.sha256 == snapshot.sha256
    assert snapshot.state == Snapshot.State.APPROVED
    snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)


def test_another_hash_is_refused(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(WrongHash):
        snapshot_state_changes.approve(snapshot, people.approver, "0" * 64, LATER)
    assert not Approval.objects.exists()


def test_the_submitter_may_not_approve(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.admin, NOW)
    with pytest.raises(AuthorMayNotApprove, match="submitted the edition"):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)


def test_an_author_may_not_approve_even_with_every_permission(edition: Edition, people: cast.Staff) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(AuthorMayNotApprove, match="wrote the story “By the admin”"):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)


def test_a_trivial_last_edit_by_a_colleague_does_not_free_the_author(
    edition: Edition, people: cast.Staff
) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
    change_headline(Story.objects.get(key="ring"), "By the admin.", people.writer)
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)


def test_saving_a_story_unchanged_makes_no_author(edition: Edition, people: cast.Staff) -> None:
    Story.objects.get(key="ring").save_revision(user=people.approver).publish()
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)


def test_authorship_survives_purged_revisions_and_lost_users(edition: Edition, people: cast.Staff) -> None:
    story = Story.objects.get(key="ring")
    change_headline(story, "By the approver", people.approver)
    story.revisions.update(user=None)
    assert people.approver in authors_of_unapproved_changes(edition)


def test_autosave_that_rewrites_the_last_revision_counts(edition: Edition, people: cast.Staff) -> None:
    story = Story.objects.get(key="ring")
    revision = story.save_revision(user=people.approver)
    text = story.texts.first()
    text.summary = "Typed while nobody looked."
    story.texts = [text]
    story.save_revision(user=people.approver, overwrite_revision=revision)
    assert people.approver in authors_of_unapproved_changes(edition)


def test_what_was_approved_once_frees_its_author_next_time(edition: Edition, people: cast.Staff) -> None:
    change_headline(Story.objects.get(key="film"), "By the approver", people.approver)
    first = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(first, people.admin, first.sha256, LATER)
    again = create_edition_unless_exists(edition.newsletter, "2022-01", NOW + timedelta(days=10))
    assert "film" in {story.key for story in Story.objects.all()}
    assert people.approver not in authors_of_unapproved_changes(again)


def test_a_draft_saved_before_an_approval_that_did_not_hold_it_still_counts(
    edition: Edition, people: cast.Staff
) -> None:
    first = submit(edition, people.writer, NOW)
    story = Story.objects.get(key="film")
    # An unpublished draft changes nothing that readers would get; the edition is submitted again without it.
    change_headline(story, "Unseen words", people.approver, publish=False)
    first.refresh_from_db()
    assert first.state == Snapshot.State.SUBMITTED
    second = submit(edition, people.writer, NOW + timedelta(minutes=1))
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(second, people.approver, second.sha256, LATER)
    snapshot_state_changes.approve(second, people.admin, second.sha256, LATER)
    story.get_latest_revision().publish()
    january = create_edition_unless_exists(edition.newsletter, "2022-01", NOW + timedelta(days=10))
    assert people.approver in authors_of_unapproved_changes(january)


def test_replacing_a_picture_makes_an_author(people: cast.Staff) -> None:
    newsletter = cast.newsletter()
    image = cast.picture()
    cast.story("pictured", picture=image, by=people.writer)
    edition = create_edition_unless_exists(newsletter, "2021-12", NOW)
    image.file_hash = "another file"
    image.save()
    log(image, "wagtail.edit", user=people.approver)
    assert people.approver in authors_of_unapproved_changes(edition)


def test_changing_the_sender_makes_an_author(edition: Edition, people: cast.Staff) -> None:
    newsletter = edition.newsletter
    newsletter.sender_name = "Somebody else"
    newsletter.save()
    log(newsletter, "wagtail.edit", user=people.approver)
    assert "changed the newsletter" in authors_of_unapproved_changes(Edition.objects.get())[people.approver]


def test_a_person_who_assembles_and_changes_nothing_more_is_still_an_author(people: cast.Staff) -> None:
    newsletter = cast.newsletter()
    cast.december_stories(people.writer)
    edition = create_edition_unless_exists(newsletter, "2021-12", NOW, people.approver)
    assert people.approver in authors_of_unapproved_changes(edition)


@pytest.mark.parametrize("who", ["writer", "approver"])
def test_each_step_needs_its_permission(edition: Edition, people: cast.Staff, who: str) -> None:
    user = getattr(people, who)
    if who == "approver":
        with pytest.raises(NotPermitted):
            submit(edition, user, NOW)
        return
    snapshot = submit(edition, people.admin, NOW)
    with pytest.raises(NotPermitted):
        snapshot_state_changes.approve(snapshot, user, snapshot.sha256, LATER)
    with pytest.raises(NotPermitted):
        snapshot_state_changes.schedule(snapshot, user, None, LATER)


def test_a_dismissed_colleague_approves_nothing(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    people.admin.is_active = False
    with pytest.raises(NotPermitted):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)


def test_editing_a_story_after_approval_invalidates_the_snapshot(
    edition: Edition, people: cast.Staff
) -> None:
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
    change_headline(Story.objects.get(key="ring"), "Other words", people.writer)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED
    assert "writer changed the story" in snapshot.invalidated_reason
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)
    with pytest.raises(ApprovalError):
        snapshot_state_changes.schedule(snapshot, people.approver, None, LATER)


@pytest.mark.parametrize("way", ["story", "sender", "order", "picture"])
def test_a_change_in_the_database_invalidates_the_snapshot(people: cast.Staff, way: str) -> None:
    newsletter = cast.newsletter()
    image = cast.picture()
    cast.december_stories(people.writer)
    cast.story("pictured", picture=image, by=people.writer)
    edition = create_edition_unless_exists(newsletter, "2021-12", NOW)
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
    if way == "story":
        Story.objects.filter(key="ring").update(link="https://example.org/elsewhere")
    elif way == "sender":
        Newsletter.objects.update(sender_email="other@example.org")
    elif way == "order":
        stored = Edition.objects.get()
        Edition.objects.update(body=list(reversed(stored.body.raw_data)))
    else:
        type(image).objects.update(file_hash="another file")
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.require_approved_and_invalidate_if_changed(snapshot)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED


def test_submitting_again_takes_the_earlier_copy_back(edition: Edition, people: cast.Staff) -> None:
    first = submit(edition, people.writer, NOW)
    second = submit(edition, people.writer, LATER)
    first.refresh_from_db()
    assert first.state == Snapshot.State.WITHDRAWN
    assert first.sha256 != second.sha256
    with pytest.raises(WrongState):
        snapshot_state_changes.approve(first, people.approver, first.sha256, LATER)


def test_an_approval_is_scheduled_only_inside_its_window(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
    with pytest.raises(OutsideWindow):
        snapshot_state_changes.schedule(snapshot, people.approver, NOW + timedelta(days=7, minutes=1), LATER)
    snapshot_state_changes.schedule(snapshot, people.approver, NOW + timedelta(days=6), LATER)
    assert snapshot.send_at == NOW + timedelta(days=6)
    snapshot_state_changes.unschedule(snapshot, people.approver)
    assert (snapshot.state, snapshot.send_at) == (Snapshot.State.APPROVED, None)


def test_nothing_is_scheduled_before_it_is_approved(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.schedule(snapshot, people.approver, None, LATER)


def test_an_edition_without_a_ready_story_is_not_submitted(people: cast.Staff) -> None:
    edition = Edition(newsletter=cast.newsletter(), period="2021-12", live=False)
    edition.save()
    with pytest.raises(PreflightFailed, match="no story"):
        submit(edition, people.writer, NOW)
    assert not Snapshot.objects.exists()


def test_all_variants_are_frozen_and_missing_texts_are_reported(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    languages = set(snapshot.variants.values_list("language", flat=True))
    assert languages == {"en", "ru", "kk", "ky", "tg", "uz", "tk"}
    assert snapshot.audience_count == 1
    (missing,) = [finding for finding in snapshot.findings if finding["code"] == "text.missing"]
    assert any("Kazakh" in place["detail"] for place in missing["places"])


def test_a_rejection_ends_the_submission_until_the_edition_is_submitted_again(
    edition: Edition, people: cast.Staff
) -> None:
    first = submit(edition, people.admin, NOW)
    for reason, sha256, error in ((" ", first.sha256, ReasonMissing), ("No.", "0" * 64, WrongHash)):
        with pytest.raises(error):
            snapshot_state_changes.reject(first, people.approver, sha256, reason, LATER)
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.reject(first, people.admin, first.sha256, "No.", LATER)
    rejection = snapshot_state_changes.reject(
        first, people.approver, first.sha256, "The dates are wrong.", LATER
    )
    assert (rejection.rejected_by, rejection.reason) == (people.approver, "The dates are wrong.")
    assert edition_state.edition_state(edition) == "rejected"
    for refused in (
        lambda: snapshot_state_changes.approve(first, people.approver, first.sha256, LATER),
        lambda: snapshot_state_changes.withdraw(first, people.approver),
        lambda: snapshot_state_changes.schedule(first, people.approver, None, LATER),
    ):
        with pytest.raises(ApprovalError):
            refused()
    second = submit(edition, people.writer, LATER)
    assert edition_state.edition_state(edition) == "submitted"
    snapshot_state_changes.approve(second, people.approver, second.sha256, LATER)


@recorded
def submitted(edition: Edition, people: cast.Staff) -> Snapshot:
    return submit(edition, people.writer, NOW)


class TestTheDatabaseItself:
    """Whatever code or shell writes to it."""

    @pytest.fixture
    def snapshot(self, edition: Edition, people: cast.Staff) -> Snapshot:
        return submitted(edition, people)

    @staticmethod
    def refused(words: str) -> AbstractContextManager[object]:
        return pytest.raises(DatabaseError, match=words)

    def test_refuses_an_author(self, snapshot: Snapshot, people: cast.Staff) -> None:
        with self.refused("an author may not approve"), transaction.atomic():
            Approval.objects.create(
                snapshot=snapshot, sha256=snapshot.sha256, approver=people.writer, at=LATER
            )

    def test_refuses_an_author_whose_row_was_struck_out(self, snapshot: Snapshot, people: cast.Staff) -> None:
        change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
        again = submit(snapshot.edition, people.writer, LATER)
        SnapshotAuthor.objects.all().delete()
        with self.refused("an author may not approve"), transaction.atomic():
            Approval.objects.create(snapshot=again, sha256=again.sha256, approver=people.admin, at=LATER)

    def test_refuses_a_hash_that_is_not_the_copys(self, snapshot: Snapshot, people: cast.Staff) -> None:
        with self.refused("must name the hash"), transaction.atomic():
            Approval.objects.create(snapshot=snapshot, sha256="0" * 64, approver=people.approver, at=LATER)

    def test_refuses_to_mark_a_copy_approved_without_an_approval(self, snapshot: Snapshot) -> None:
        with self.refused("without an approval"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(state="approved")

    def test_refuses_to_change_frozen_bytes(self, snapshot: Snapshot) -> None:
        with self.refused("snapshot variant"), transaction.atomic():
            SnapshotVariant.objects.filter(snapshot=snapshot).update(html="<p>Other words</p>")
        with self.refused("snapshot"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(content="{}")
        with self.refused("snapshot"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(
                audience={"lists": [99], "countries": [], "languages": []}
            )

    def test_refuses_to_rewrite_who_wrote(self, snapshot: Snapshot, people: cast.Staff) -> None:
        with self.refused("authorship is never changed"), transaction.atomic():
            Authorship.objects.update(user=people.approver)
        with self.refused("authors of a snapshot"), transaction.atomic():
            SnapshotAuthor.objects.update(user=people.admin)

    def test_refuses_a_mailing_of_what_is_not_sealed(self, snapshot: Snapshot) -> None:
        with self.refused("only an approved snapshot"), transaction.atomic():
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)

    def test_refuses_a_rejection_by_an_author_and_one_without_a_decision(
        self, snapshot: Snapshot, people: cast.Staff
    ) -> None:
        values = {"snapshot": snapshot, "sha256": snapshot.sha256, "reason": "No.", "at": LATER}
        with self.refused("an author may not reject"), transaction.atomic():
            Rejection.objects.create(**values, rejected_by=people.writer)
        with self.refused("must name the hash"), transaction.atomic():
            Rejection.objects.create(**{**values, "sha256": "0" * 64}, rejected_by=people.approver)
        with self.refused("rejected by a rejection"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(state="rejected")
        snapshot_state_changes.reject(snapshot, people.approver, snapshot.sha256, "No.", LATER)
        with self.refused("stays so"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(state="submitted")
        with self.refused("never changed"), transaction.atomic():
            Rejection.objects.update(reason="Another")

    def test_refuses_to_move_an_approval(self, snapshot: Snapshot, people: cast.Staff) -> None:
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
        with self.refused("never changed"), transaction.atomic():
            Approval.objects.update(approver=people.admin)


def test_one_fingerprint_for_a_row_and_for_its_revision(edition: Edition) -> None:
    for story in Story.objects.all():
        assert content_changes_and_authors.fingerprint(story) == content_changes_and_authors.fingerprint(
            story, story.get_latest_revision().content
        )
    assert content_changes_and_authors.fingerprint(edition) == content_changes_and_authors.fingerprint(
        edition, edition.get_latest_revision().content
    )

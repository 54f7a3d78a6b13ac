"""Ways round four eyes that change no word at the moment that they are used."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from wagtail.log_actions import log

from mailer.approval import snapshot_state_changes
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.content_changes_and_authors import authors_of_unapproved_changes
from mailer.approval.models import Approval, Authorship, Snapshot, SnapshotAuthor
from mailer.approval.snapshot_state_changes import AuthorMayNotApprove, SnapshotChanged
from mailer.approval.submit import submit
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.draft_blocks import written_texts
from mailer.editions.models import Edition, StoryOverride
from mailer.stories.models import Story, StoryText
from subscribers.models import MailingList
from tests import cast
from tests.approval.test_four_eyes import change_headline

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def pictured(people: cast.Staff) -> tuple[Edition, Any]:
    newsletter = cast.newsletter()
    image = cast.picture()
    cast.story("pictured", picture=image, by=people.writer)
    return create_edition_unless_exists(newsletter, "2021-12", NOW), image


def test_an_old_draft_put_in_force_behind_a_harmless_last_one_keeps_its_author(
    edition: Edition, people: cast.Staff
) -> None:
    first = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(first, people.approver, first.sha256, LATER)
    story = Story.objects.get(key="ring")
    sealed_words = story.texts.first().headline
    change_headline(story, "Never seen by a second person", people.admin, publish=False)
    draft = story.get_latest_revision()
    change_headline(story, sealed_words, people.admin, publish=False)
    draft.publish()
    assert people.admin in authors_of_unapproved_changes(edition)


def test_moving_the_focal_point_of_a_picture_makes_an_author(
    pictured: tuple[Edition, Any], people: cast.Staff
) -> None:
    edition, image = pictured
    snapshot = submit(edition, people.writer, NOW)
    image.focal_point_x, image.focal_point_y = 5, 5
    image.focal_point_width, image.focal_point_height = 10, 10
    image.save()
    log(image, "wagtail.edit", user=people.approver)
    assert people.approver in authors_of_unapproved_changes(edition)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED


def test_replacing_a_picture_that_only_a_draft_shows_makes_an_author(
    edition: Edition, people: cast.Staff
) -> None:
    story, image = Story.objects.get(key="ring"), cast.picture()
    story.picture = image
    story.save_revision(user=people.writer)
    image.file_hash = "another file"
    image.save()
    log(image, "wagtail.edit", user=people.approver)
    Story.objects.get(key="ring").get_latest_revision().publish()
    assert people.approver in authors_of_unapproved_changes(edition)


def show_picture(edition: Edition, image: Any, place: str, user: Any) -> None:
    """Let the edition show the picture in a block, in place of a story's own, or as a logo."""
    if place == "logo":
        edition.newsletter.logo_dark = image
        edition.newsletter.save()
        log(edition.newsletter, "wagtail.edit", user=user)
        return
    draft = edition.get_latest_revision_as_object()
    if place == "override":
        story = Story.objects.get(key="ring")
        draft.overrides = [
            StoryOverride(story=story, picture=image, picture_alts={"en": "A drawing", "ru": "A drawing"})
        ]
    else:
        texts = written_texts({"en": {"text": "A caption", "detail": "", "alt": "A drawing"}})
        value = {"countries": [], "texts": texts, "link": "", "picture": image.pk}
        draft.body = json.dumps([*draft.body.raw_data, {"type": "picture", "value": value, "id": "p"}])
    draft.save_revision(user=user)


@pytest.mark.parametrize("place", ["block", "override", "logo"])
@pytest.mark.parametrize("way", ["replaced", "deleted"])
@pytest.mark.parametrize("before", ["nothing", "an approval"])
def test_changing_any_picture_of_an_edition_makes_an_author(
    edition: Edition, people: cast.Staff, place: str, way: str, before: str
) -> None:
    image = cast.picture()
    show_picture(edition, image, place, people.writer)
    edition.refresh_from_db()
    if before == "an approval":
        first = submit(edition, people.writer, NOW)
        snapshot_state_changes.approve(first, people.approver, first.sha256, LATER)
    if way == "deleted":
        with acting_as(people.admin):
            image.delete()
    else:
        image.file, image.file_hash = cast.picture("Another", "#C00000").file, "another-hash"
        image.save()
        log(image, "wagtail.edit", user=people.admin)
    assert not Snapshot.objects.filter(state__in=Snapshot.OPEN).exists()
    second = submit(Edition.objects.get(pk=edition.pk), people.writer, LATER)
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(second, people.admin, second.sha256, LATER)
    snapshot_state_changes.approve(second, people.approver, second.sha256, LATER)


def test_deleting_the_picture_of_a_draft_makes_an_author(edition: Edition, people: cast.Staff) -> None:
    story, image = Story.objects.get(key="ring"), cast.picture()
    story.picture = image
    story.save_revision(user=people.writer)
    with acting_as(people.admin):
        image.delete()
    Story.objects.get(key="ring").get_latest_revision().publish()
    assert people.admin in authors_of_unapproved_changes(edition)


def test_a_picture_elsewhere_or_its_title_makes_no_author(edition: Edition, people: cast.Staff) -> None:
    image, elsewhere = cast.picture(), cast.picture("Elsewhere")
    show_picture(edition, image, "block", people.writer)
    image.title = "A better title"
    image.save()
    log(image, "wagtail.edit", user=people.admin)
    with acting_as(people.admin):
        elsewhere.delete()
    assert people.admin not in authors_of_unapproved_changes(Edition.objects.get(pk=edition.pk))


def test_choosing_other_lists_makes_an_author(edition: Edition, people: cast.Staff) -> None:
    log(edition.newsletter, "wagtail.edit", user=people.writer)
    snapshot = submit(edition, people.writer, NOW)
    edition.newsletter.lists.add(MailingList.objects.create(slug="everybody", name="Everybody"))
    log(edition.newsletter, "wagtail.edit", user=people.approver)
    assert people.approver in authors_of_unapproved_changes(edition)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED


def test_deleting_a_list_makes_an_author(edition: Edition, people: cast.Staff) -> None:
    others = MailingList.objects.create(slug="others", name="Others")
    edition.newsletter.lists.add(others)
    log(edition.newsletter, "wagtail.edit", user=people.writer)
    first = submit(edition, people.writer, NOW)
    with acting_as(people.admin):
        others.delete()
    first.refresh_from_db()
    assert first.state == Snapshot.State.INVALIDATED
    second = submit(edition, people.writer, LATER)
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(second, people.admin, second.sha256, LATER)
    snapshot_state_changes.approve(second, people.approver, second.sha256, LATER)


def test_unpublishing_a_story_invalidates_the_snapshot(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    Story.objects.get(key="ring").unpublish(user=people.admin)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED
    assert "admin unpublished the story" in snapshot.invalidated_reason


def test_publishing_an_earlier_draft_invalidates_the_snapshot(edition: Edition, people: cast.Staff) -> None:
    story = Story.objects.get(key="ring")
    change_headline(story, "Waiting words", people.writer, publish=False)
    snapshot = submit(edition, people.writer, NOW)
    story.get_latest_revision().publish(user=people.admin)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED


def test_publishing_unchanged_content_keeps_the_snapshot_valid(edition: Edition, people: cast.Staff) -> None:
    snapshot = submit(edition, people.writer, NOW)
    Story.objects.get(key="ring").get_latest_revision().publish(user=people.admin)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.SUBMITTED


@pytest.mark.parametrize("way", ["the record", "the story"])
def test_the_record_of_authorship_outlives_what_it_is_about(
    edition: Edition, people: cast.Staff, way: str
) -> None:
    before = Authorship.objects.filter(story__isnull=False).count()
    assert before
    if way == "the story":
        Story.objects.all().delete()
    else:
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            Authorship.objects.filter(user=people.writer).delete()
    assert Authorship.objects.filter(story__isnull=False).count() == before


def test_deleting_an_author_row_permits_no_approval(edition: Edition, people: cast.Staff) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
    snapshot = submit(edition, people.writer, NOW)
    SnapshotAuthor.objects.filter(snapshot=snapshot).delete()
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)


def test_unpublishing_a_story_makes_an_author_and_publishing_it_again_unchanged_frees_them(
    edition: Edition, people: cast.Staff
) -> None:
    first = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(first, people.approver, first.sha256, LATER)
    story = Story.objects.get(key="ring")
    story.unpublish(user=people.admin)
    assert authors_of_unapproved_changes(edition)[people.admin].startswith("unpublished")
    second = submit(edition, people.writer, LATER)
    with pytest.raises(AuthorMayNotApprove):
        snapshot_state_changes.approve(second, people.admin, second.sha256, LATER)
    story.refresh_from_db()
    story.get_latest_revision().publish(user=people.writer, skip_permission_checks=True)
    assert people.admin not in authors_of_unapproved_changes(edition)


def test_saving_an_unpublished_story_unchanged_makes_no_author(edition: Edition, people: cast.Staff) -> None:
    story = Story.objects.get(key="ring")
    story.unpublish(user=people.admin)
    story.refresh_from_db()
    story.save_revision(user=people.approver)
    assert people.approver not in authors_of_unapproved_changes(edition)


@pytest.mark.parametrize("before", ["nothing", "an approval"])
def test_deleting_a_story_makes_an_author(edition: Edition, people: cast.Staff, before: str) -> None:
    if before == "an approval":
        first = submit(edition, people.writer, NOW)
        snapshot_state_changes.approve(first, people.approver, first.sha256, LATER)
    with acting_as(people.admin):
        Story.objects.filter(key="ring").delete()
    snapshot = submit(edition, people.writer, LATER)
    with pytest.raises(AuthorMayNotApprove, match="deleted the story"):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)
    with pytest.raises(DatabaseError, match="an author may not approve"), transaction.atomic():
        Approval.objects.create(snapshot=snapshot, sha256=snapshot.sha256, approver=people.admin, at=LATER)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)


def test_deleting_a_story_of_a_submitted_edition_invalidates_the_snapshot(
    edition: Edition, people: cast.Staff
) -> None:
    snapshot = submit(edition, people.writer, NOW)
    with acting_as(people.admin):
        Story.objects.get(key="ring").delete()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED
    assert "admin deleted the story" in snapshot.invalidated_reason
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)


def test_a_story_deleted_in_the_database_invalidates_the_snapshot(
    edition: Edition, people: cast.Staff
) -> None:
    snapshot = submit(edition, people.writer, NOW)
    story = Story.objects.filter(key="ring")
    StoryText.objects.filter(story__in=story).delete()
    story._raw_delete(story.db)
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED

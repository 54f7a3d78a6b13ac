"""Approvals by language: an edition is approved once each language that needs one has its approval."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from mailer.approval import required_approvals, snapshot_state_changes
from mailer.approval.content_changes_and_authors import authors_of_unapproved_changes
from mailer.approval.models import Approval, Snapshot, VariantCheck
from mailer.approval.snapshot_state_changes import (
    AuthorMayNotApprove,
    NoLanguageChosen,
    SnapshotChanged,
    VariantsNotChecked,
    WrongState,
)
from mailer.approval.submit import submit
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story
from tests import cast
from tests.approval.test_four_eyes import change_headline

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def snapshot(edition: Edition, people: cast.Staff) -> Snapshot:
    """Kazakh and Russian need approvals of their own; the other five languages share one."""
    Newsletter.objects.update(approval_rule="chosen", approval_languages=("ru", "kk"))
    return submit(Edition.objects.get(), people.writer, NOW)


def refused(words: str) -> AbstractContextManager[object]:
    return pytest.raises(DatabaseError, match=words)


def test_one_approval_covers_all_languages_unless_the_newsletter_wants_more() -> None:
    newsletter = cast.newsletter()
    newsletter.languages = ("en", "ru", "kk")
    for rule, chosen, parts in (
        ("", ("kk",), [""]),
        ("all", (), ["en", "ru", "kk"]),
        ("chosen", ("kk", "tg"), ["kk", ""]),
        ("chosen", ("kk", "ru", "en"), ["en", "ru", "kk"]),
    ):
        newsletter.approval_rule, newsletter.approval_languages = rule, chosen
        assert required_approvals.required_parts(newsletter) == parts
    newsletter.approval_rule, newsletter.approval_languages = "chosen", ("tg",)
    with pytest.raises(ValidationError) as error:
        newsletter.clean()
    assert list(error.value.message_dict) == ["approval_languages"]


def test_the_edition_is_approved_with_the_last_of_its_approvals(
    snapshot: Snapshot, people: cast.Staff
) -> None:
    with pytest.raises(NoLanguageChosen):
        snapshot_state_changes.approve(
            snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["tg"]
        )
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["kk"])
    with pytest.raises(NoLanguageChosen):
        snapshot_state_changes.approve(
            snapshot, people.admin, snapshot.sha256, LATER, parts_to_approve=["kk"]
        )
    with pytest.raises(AuthorMayNotApprove):
        author = people.writer
        author.user_permissions.add(*people.approver.user_permissions.all())
        author.is_superuser = True
        snapshot_state_changes.approve(snapshot, author, snapshot.sha256, LATER, parts_to_approve=["ru"])
    assert (snapshot.state, snapshot.approved_at) == ("submitted", None)
    assert required_approvals.unapproved_parts(snapshot) == ["ru", ""]
    with pytest.raises(SnapshotChanged):
        snapshot_state_changes.schedule(snapshot, people.approver, None, LATER)
    # None: whatever is missing.
    snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)
    assert (snapshot.state, snapshot.approved_at) == ("approved", LATER)
    assert {one.language: one.approver for one in snapshot.approvals.all()} == {
        "kk": people.approver,
        "ru": people.admin,
        "": people.admin,
    }
    with pytest.raises(WrongState):
        snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, LATER)
    snapshot_state_changes.schedule(snapshot, people.approver, None, LATER)


def test_a_change_voids_every_approval_and_the_first_ones_free_no_author(
    snapshot: Snapshot, people: cast.Staff
) -> None:
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["kk"])
    assert people.writer in authors_of_unapproved_changes(snapshot.edition)
    change_headline(Story.objects.get(key="ring"), "Other words", people.writer)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED
    again = submit(snapshot.edition, people.writer, LATER)
    assert required_approvals.unapproved_parts(again) == ["ru", "kk", ""]
    # The newsletter's later wish changes nothing about what is submitted.
    Newsletter.objects.update(approval_rule="")
    snapshot_state_changes.approve(again, people.approver, again.sha256, LATER, parts_to_approve=["kk", "ru"])
    assert again.state == "submitted"
    snapshot_state_changes.approve(again, people.approver, again.sha256, LATER, parts_to_approve=[""])
    assert again.state == "approved"
    assert people.writer not in authors_of_unapproved_changes(again.edition)


def test_the_database_wants_every_approval_and_each_only_once(snapshot: Snapshot, people: cast.Staff) -> None:
    def approval(language: str) -> Approval:
        return Approval(
            snapshot=snapshot, sha256=snapshot.sha256, approver=people.approver, at=LATER, language=language
        )

    # Parts that the snapshot does not name; the third looks like two of its parts.
    for language in ("tg", "%", "ru><kk"):
        with refused("a part that the snapshot names"), transaction.atomic():
            approval(language).save()
    approval("kk").save()
    approval("ru").save()
    with pytest.raises(DatabaseError), transaction.atomic():
        approval("ru").save()
    mine = Snapshot.objects.filter(pk=snapshot.pk)
    for values in ({"state": "approved"}, {"approved_at": LATER}):
        with refused("without an approval"), transaction.atomic():
            mine.update(**values)
    with refused("a snapshot is never changed"), transaction.atomic():
        mine.update(approval_parts="<kk><ru>")
    with refused("only an approved snapshot"), transaction.atomic():
        Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)
    approval("").save()
    mine.update(state="approved", approved_at=LATER)
    Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition)


def test_variants_of_a_rule_are_checked_by_those_who_approve_their_language(
    edition: Edition, people: cast.Staff
) -> None:
    cast.reader("bek", ("KZ",), "ru")
    Newsletter.objects.update(approval_rule="all", review_rule="all")
    snapshot = submit(Edition.objects.get(), people.writer, NOW)
    languages = dict(snapshot.variants.values_list("key", "language"))
    (kazakh,) = (key for key in snapshot.must_check if languages[key] == "kk")
    assert snapshot_state_changes.parts_by_unchecked_variant(snapshot, people.approver)[kazakh] == "kk"
    # Nobody reads Turkmen, so no variant of it is named.
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["tk"])
    with pytest.raises(VariantsNotChecked):
        snapshot_state_changes.approve(
            snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["kk"]
        )
    VariantCheck.objects.create(snapshot=snapshot, user=people.approver, variant_key=kazakh, at=NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, LATER, parts_to_approve=["kk"])

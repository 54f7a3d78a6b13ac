"""Before the decision: the submitter's note, comments on stories, and variants that a rule wants checked."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from mailer.approval import snapshot_state_changes
from mailer.approval.models import ReviewComment, Snapshot, VariantCheck
from mailer.approval.snapshot_state_changes import VariantsNotChecked
from mailer.approval.submit import submit
from mailer.editions.models import Newsletter
from tests import cast
from tests.desk.cast import Desk, as_user, submitted

pytestmark = pytest.mark.django_db


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


@pytest.mark.both_databases
def test_the_note_of_the_submitter_reaches_the_approver_and_never_changes(desk: Desk) -> None:
    as_user(desk.writer).post(at(desk, "submit"), {"note": " Please look at the Kazakh texts. "})
    snapshot = Snapshot.objects.get()
    assert snapshot.note == "Please look at the Kazakh texts."
    assert (
        "Please look at the Kazakh texts." in as_user(desk.approver).get(at(desk, "review")).content.decode()
    )
    with pytest.raises(DatabaseError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(note="another")


def test_comments_are_pinned_to_stories_and_wait_for_the_writer(desk: Desk) -> None:
    snapshot = submitted(desk)
    approver, writer = as_user(desk.approver), as_user(desk.writer)
    approver.post(at(desk, "comment"), {"story": "ring", "text": "The date is wrong.\nIt was Monday."})
    approver.post(at(desk, "comment"), {"story": "", "text": "The order is good."})
    for refused in ({"story": "ring", "text": " "}, {"story": "no-such-story", "text": "x"}):
        approver.post(at(desk, "comment"), refused)
    assert [one.story_key for one in snapshot.comments.all()] == ["ring", ""]
    # Comments say what to change, so no further reason is needed.
    approver.post(at(desk, "request_changes"), {"reason": ""})
    snapshot.refresh_from_db()
    assert snapshot.state == "withdrawn"
    first, second = writer.get(at(desk, "variants")).context["overview"].comments
    assert (first.text, first.about) == ("The date is wrong.\nIt was Monday.", "Headline ring en")
    assert first.url and writer.get(first.url).status_code == 200
    writer.post(at(desk, "comment"), {"done": first.pk})
    assert [one.pk for one in writer.get(at(desk, "variants")).context["overview"].comments] == [second.pk]
    assert ReviewComment.objects.get(pk=first.pk).done_by == desk.writer


def test_what_a_reviewer_says_about_an_earlier_version_is_not_said_about_a_later_one(desk: Desk) -> None:
    Newsletter.objects.update(review_rule="all")
    desk.edition.refresh_from_db()
    seen, browser = submitted(desk).sha256, as_user(desk.approver)
    desk.edition.number = 7
    desk.edition.save_revision(user=desk.writer, changed=True)
    later = submit(desk.edition, desk.writer, timezone.now())
    assert later.sha256 != seen
    for page, data in {
        "check_variant": {"variant": later.must_check[0]},
        "request_changes": {"reason": "Wrong."},
        "comment": {"story": "ring", "text": "Wrong."},
    }.items():
        browser.post(at(desk, page), {**data, "sha256": seen})
    later.refresh_from_db()
    assert later.state == "submitted"
    assert not VariantCheck.objects.exists() and not ReviewComment.objects.exists()
    browser.post(at(desk, "check_variant"), {"variant": later.must_check[0], "sha256": later.sha256})
    assert VariantCheck.objects.get().snapshot == later


def test_a_comment_is_added_once_however_often_the_button_is_pressed(desk: Desk) -> None:
    submitted(desk)
    browser = as_user(desk.approver)
    nonce = browser.get(at(desk, "review")).context["form_nonce"]
    for _ in range(2):
        browser.post(at(desk, "comment"), {"text": "Wrong.", "form": nonce})
    assert ReviewComment.objects.count() == 1


def test_comments_need_a_submitted_version_and_a_role(desk: Desk) -> None:
    as_user(desk.approver).post(at(desk, "comment"), {"text": "Too early"})
    submitted(desk)
    as_user(desk.stranger).post(at(desk, "comment"), {"text": "Not mine to say"})
    assert not ReviewComment.objects.exists()


@pytest.mark.parametrize(("rule", "languages"), [("languages", ["ru", "kk"]), ("all", ["ru", "kk", "ru"])])
def test_the_rule_names_variants_that_must_be_checked_first(
    desk: Desk, rule: str, languages: list[str]
) -> None:
    for name in ("beka", "dina", "erik"):
        cast.reader(name, ("KG",), "ru")
    cast.reader("farida", ("TJ", "UZ"), "ru")
    Newsletter.objects.update(review_rule=rule)
    desk.edition.refresh_from_db()
    snapshot = submitted(desk)
    named = {one.key: one.language for one in snapshot.variants.filter(key__in=snapshot.must_check)}
    assert sorted(named[key] for key in snapshot.must_check) == sorted(languages)
    assert named[snapshot.must_check[0]] == "ru"
    with pytest.raises(VariantsNotChecked):
        snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, timezone.now())
    browser = as_user(desk.approver)
    for key in snapshot.must_check:
        assert browser.get(at(desk, "review")).context["unchecked"]
        browser.post(at(desk, "check_variant"), {"variant": key})
    # A later change of the rule changes nothing about this version; another person's checks do not count.
    Newsletter.objects.update(review_rule="")
    with pytest.raises(VariantsNotChecked):
        snapshot_state_changes.approve(snapshot, desk.admin, snapshot.sha256, timezone.now())
    snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, timezone.now())


def test_a_check_needs_a_variant_of_the_snapshot_and_the_permission(desk: Desk) -> None:
    snapshot = submitted(desk)
    variant = snapshot.variants.first()
    assert variant is not None
    as_user(desk.writer).post(at(desk, "check_variant"), {"variant": variant.key})
    as_user(desk.approver).post(at(desk, "check_variant"), {"variant": "0" * 16})
    assert not VariantCheck.objects.exists()
    for _ in range(2):
        as_user(desk.approver).post(at(desk, "check_variant"), {"variant": variant.key})
    assert VariantCheck.objects.get().user == desk.approver

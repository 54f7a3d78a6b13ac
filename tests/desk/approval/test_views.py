"""Submitting, approving, requesting changes and scheduling: permissions and refusals."""

from __future__ import annotations

from django.urls import reverse
from wagtail.models import ModelLogEntry

from mailer.approval.models import Approval, Snapshot
from mailer.reports.edition_state import edition_state
from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def test_the_submit_page_shows_the_size_of_the_audience_and_changes_nothing(desk: Desk) -> None:
    page = as_user(desk.writer).get(at(desk, "submit"))
    assert page.context["subscribers"] == 1
    assert not Snapshot.objects.exists()


def test_a_writer_submits_and_the_audit_log_records_it(desk: Desk) -> None:
    page = as_user(desk.writer).post(at(desk, "submit"), follow=True)
    assert edition_state(desk.edition) == "submitted"
    assert page.context["overview"].state == "submitted"
    assert ModelLogEntry.objects.filter(action="desk.submit", user=desk.writer).exists()


def test_an_approver_cannot_submit(desk: Desk) -> None:
    as_user(desk.approver).post(at(desk, "submit"))
    assert not Snapshot.objects.exists()


def test_an_author_sees_why_they_cannot_approve(desk: Desk) -> None:
    cast.submitted(desk)
    answer = as_user(desk.writer).get(at(desk, "review"))
    author = desk.edition.snapshots.get().authors.get(user=desk.writer.pk)
    assert author.reason in answer.context["approval_obstacle"]
    assert at(desk, "approve") not in Page(answer).form_actions


def test_an_admin_who_changed_a_story_cannot_approve(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.admin).publish()
    snapshot = cast.submitted(desk)
    page = as_user(desk.admin).post(at(desk, "approve"), {"sha256": snapshot.sha256}, follow=True)
    assert Page(page).messages == ["error"]
    assert not Approval.objects.exists()


def test_the_approver_sees_the_snapshot_and_approves_its_hash(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "review"))
    assert page.context["email"].subject in {variant.subject for variant in snapshot.variants.all()}
    assert ("sha256", snapshot.sha256) in Page(page).controls
    browser.post(at(desk, "approve"), {"sha256": snapshot.sha256})
    assert Approval.objects.get().approver == desk.approver


def test_the_approver_sees_the_tracking_policy(desk: Desk) -> None:
    cast.submitted(desk)
    answer = as_user(desk.approver).get(at(desk, "review"))
    assert answer.context["tracking"] == "Clicks: anonymous totals only. Opens: off."


def test_another_hash_is_refused(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).post(at(desk, "approve"), {"sha256": "0" * 64}, follow=True)
    assert Page(page).messages == ["error"]
    assert not Approval.objects.exists()


def test_no_action_runs_with_get(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert [
        browser.get(at(desk, page)).status_code for page in ("approve", "request_changes", "control")
    ] == [405] * 3
    assert edition_state(desk.edition) == "submitted"


def test_requesting_changes_needs_a_reason_that_the_writers_see(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert Page(browser.post(at(desk, "request_changes"), follow=True)).messages == ["error"]
    assert edition_state(desk.edition) == "submitted"
    browser.post(at(desk, "request_changes"), {"reason": "The date of the film is wrong"})
    assert "The date of the film is wrong" in as_user(desk.writer).get(at(desk, "variants")).content.decode()


def test_a_later_change_invalidates_the_approval_and_is_shown_as_the_reason(desk: Desk) -> None:
    cast.approved(desk)
    story = Story.objects.get(key="ring")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.writer).publish()
    answer = as_user(desk.approver).get(at(desk, "schedule"))
    assert edition_state(desk.edition) == "draft"
    assert answer.context["overview"].draft_reason in Page(answer).text != ""


def test_a_writer_cannot_schedule(desk: Desk) -> None:
    cast.approved(desk)
    as_user(desk.writer).post(at(desk, "schedule"), {"when": "now", "action": "schedule"})
    assert edition_state(desk.edition) == "approved"

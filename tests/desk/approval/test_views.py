"""From draft to schedule in the desk: who may, what is refused, and in which words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.approval.models import Approval, Snapshot
from mailer.reports.edition_state import edition_state
from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def test_opening_the_submit_page_changes_nothing_and_says_how_many_readers_there_are(desk: Desk) -> None:
    page = as_user(desk.writer).get(at(desk, "submit"))
    assert page.context["readers"] == 1
    assert not Snapshot.objects.exists()


def test_a_writer_submits_and_the_audit_log_says_so(desk: Desk) -> None:
    page = as_user(desk.writer).post(at(desk, "submit"), follow=True)
    assert edition_state(desk.edition) == "submitted"
    assert "Waiting for approval" in page.content.decode()
    assert ModelLogEntry.objects.filter(action="desk.submit", user=desk.writer).exists()


def test_an_approver_cannot_submit(desk: Desk) -> None:
    as_user(desk.approver).post(at(desk, "submit"))
    assert not Snapshot.objects.exists()


def test_a_writer_sees_why_they_may_not_approve_with_the_stories_they_wrote(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.writer).get(at(desk, "review")).content.decode()
    assert "You may not approve this edition, because you wrote the story" in page
    assert "Approve this copy" not in page


def test_an_admin_who_changed_a_story_is_named_and_refused(desk: Desk) -> None:
    story = Story.objects.get(key="kz-news")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.admin).publish()
    snapshot = cast.submitted(desk)
    page = as_user(desk.admin).post(at(desk, "approve"), {"sha256": snapshot.sha256}, follow=True)
    assert "because you wrote the story" in page.content.decode()
    assert not Approval.objects.exists()


def test_the_approver_sees_the_frozen_bytes_and_approves_exactly_their_hash(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    browser = as_user(desk.approver)
    page = browser.get(at(desk, "review"))
    assert page.context["shown"].subject in {variant.subject for variant in snapshot.variants.all()}
    assert f'value="{snapshot.sha256}"' in page.content.decode()
    browser.post(at(desk, "approve"), {"sha256": snapshot.sha256})
    assert Approval.objects.get().approver == desk.approver


def test_the_approver_is_told_what_will_be_counted(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).get(at(desk, "review")).content.decode()
    assert "Clicks: counted for many readers together, by nobody’s name. Openings: not counted." in page


def test_another_hash_is_refused_in_words(desk: Desk) -> None:
    cast.submitted(desk)
    page = as_user(desk.approver).post(at(desk, "approve"), {"sha256": "0" * 64}, follow=True)
    assert "The hash is not that of the submitted copy" in page.content.decode()
    assert not Approval.objects.exists()


def test_no_deed_is_done_by_get(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert [browser.get(at(desk, page)).status_code for page in ("approve", "send_back", "control")] == [
        405
    ] * 3
    assert edition_state(desk.edition) == "submitted"


def test_sending_back_needs_a_reason_and_shows_it_to_the_writers(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    assert "Write in a few words" in browser.post(at(desk, "send_back"), follow=True).content.decode()
    assert edition_state(desk.edition) == "submitted"
    browser.post(at(desk, "send_back"), {"reason": "The date of the film is wrong"})
    assert "The date of the film is wrong" in as_user(desk.writer).get(at(desk, "variants")).content.decode()


def test_a_later_change_is_told_as_the_reason_why_the_seal_broke(desk: Desk) -> None:
    cast.approved(desk)
    story = Story.objects.get(key="ring")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.writer).publish()
    page = as_user(desk.approver).get(at(desk, "schedule")).content.decode()
    assert edition_state(desk.edition) == "draft"
    assert "It came back to its writers" in page


def test_a_moment_is_read_in_the_newsletters_zone(desk: Desk) -> None:
    snapshot = cast.approved(desk)
    moment = (timezone.now() + timedelta(days=1)).replace(hour=9, minute=30, second=0, microsecond=0)
    form = {"when": "later", "at": f"{moment:%Y-%m-%dT%H:%M}", "deed": "schedule"}
    as_user(desk.approver).post(at(desk, "schedule"), form)
    snapshot.refresh_from_db()
    # Almaty is five hours ahead of UTC since March 2024.
    assert snapshot.send_at == moment - timedelta(hours=5)


def test_a_moment_outside_the_window_is_refused_in_words(desk: Desk) -> None:
    cast.approved(desk)
    late = timezone.now() + timedelta(days=30)
    form = {"when": "later", "at": f"{late:%Y-%m-%dT%H:%M}", "deed": "schedule"}
    page = as_user(desk.approver).post(at(desk, "schedule"), form, follow=True)
    assert "lies outside the approved window" in page.content.decode()
    assert edition_state(desk.edition) == "approved"


def test_choosing_no_moment_is_told_beside_the_form(desk: Desk) -> None:
    cast.approved(desk)
    page = as_user(desk.approver).post(at(desk, "schedule"), {"when": "later", "at": "", "deed": "schedule"})
    assert "Choose the day and the hour" in page.content.decode()


def test_a_scheduled_edition_can_be_taken_back(desk: Desk) -> None:
    cast.scheduled(desk)
    as_user(desk.approver).post(at(desk, "schedule"), {"deed": "take-back"})
    assert edition_state(desk.edition) == "approved"


def test_a_writer_cannot_schedule(desk: Desk) -> None:
    cast.approved(desk)
    as_user(desk.writer).post(at(desk, "schedule"), {"when": "now", "deed": "schedule"})
    assert edition_state(desk.edition) == "approved"

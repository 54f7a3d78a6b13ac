"""Two presses, old tabs, and sessions that ended: nothing is done twice, and what was typed comes back."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.reports.edition_state import edition_state
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def seen(browser: Client, desk: Desk) -> dict[str, str]:
    return {"seen": browser.get(at(desk, "submit")).context["seen"]}


@pytest.mark.both_databases
def test_submitting_twice_makes_one_submission(desk: Desk) -> None:
    mine, theirs = as_user(desk.writer), as_user(desk.admin)
    form = seen(mine, desk)
    assert Page(mine.post(at(desk, "submit"), form, follow=True)).messages == ["success"]
    for browser in (mine, theirs):
        assert Page(browser.post(at(desk, "submit"), form, follow=True)).messages[-1] == "info"
    assert Snapshot.objects.get().submitted_by == desk.writer


def test_an_old_page_does_not_withdraw_what_was_scheduled_meanwhile(desk: Desk) -> None:
    browser = as_user(desk.writer)
    old = seen(browser, desk)
    cast.scheduled(desk)
    assert Page(browser.post(at(desk, "submit"), old, follow=True)).messages == ["info"]
    assert edition_state(desk.edition) == "scheduled"
    # On purpose, from a page that shows what there is, it is possible.
    browser.post(at(desk, "submit"), seen(browser, desk))
    assert edition_state(desk.edition) == "submitted" and Snapshot.objects.count() == 2


def test_changes_requested_on_an_old_page_undo_no_approval(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    browser = as_user(desk.admin)
    old = {"sha256": snapshot.sha256, "state": "submitted", "reason": "The date is wrong"}
    assert ("state", "submitted") in Page(browser.get(at(desk, "review"))).controls
    snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, timezone.now())
    assert Page(browser.post(at(desk, "request_changes"), old, follow=True)).messages == ["warning"]
    assert edition_state(desk.edition) == "approved"
    # From a page that says so, it is possible.
    browser.post(at(desk, "request_changes"), {**old, "state": "approved"})
    assert edition_state(desk.edition) == "draft"


def test_a_form_sent_after_the_session_ended_is_filled_in_again_after_signing_in(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.approver)
    browser.session.flush()
    answer = browser.post(
        at(desk, "request_changes"),
        {"reason": "A long text"},
        headers={"referer": f"http://testserver{at(desk, 'review')}"},
    )
    # To the page of the form, which a script fills in again because of the cookie.
    assert answer.status_code == 302 and at(desk, "review") in answer["Location"].replace("%2F", "/")
    assert answer.cookies["desk_restore_form"]["path"] == "/desk/"
    assert edition_state(desk.edition) == "submitted"


def test_a_form_from_before_another_sign_in_comes_back_unsent(desk: Desk) -> None:
    cast.submitted(desk)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(desk.approver)
    browser.get(at(desk, "review"))
    form = {"reason": "A long text", "csrfmiddlewaretoken": "x" * 64}
    here = {"referer": f"http://testserver{at(desk, 'review')}"}
    answer = browser.post(at(desk, "request_changes"), form, headers=here)
    assert answer["Location"] == at(desk, "review") and "desk_restore_form" in answer.cookies
    assert Page(browser.get(answer["Location"])).messages == ["warning"]
    assert edition_state(desk.edition) == "submitted"
    # A form of another site is refused as ever.
    for other in ({"referer": "https://elsewhere.example/desk/"}, {}):
        refused = browser.post(at(desk, "request_changes"), form, headers=other)
        assert refused.status_code == 403 and "desk_restore_form" not in refused.cookies
    browser.logout()
    assert browser.post(at(desk, "request_changes"), form, headers=here).status_code in (302, 403)


@pytest.mark.both_databases
def test_a_dry_run_is_started_once_even_where_the_first_has_ended(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.writer)
    form = {"to": desk.writer.email, "subscribers": "all", "form": "a"}
    assert Page(browser.post(at(desk, "dry_run"), form, follow=True)).messages == ["success"]
    Mailing.objects.update(state="done")
    assert Page(browser.post(at(desk, "dry_run"), form, follow=True)).messages == ["error"]
    assert Mailing.objects.count() == 1
    browser.post(at(desk, "dry_run"), {**form, "form": "b"})
    assert Mailing.objects.count() == 2

"""Bulk actions on selected subscribers, or on all that the table shows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from subscribers.bulk.models import BulkJob
from subscribers.models import Subscriber, Suppression
from subscribers.segments.models import Tag, Tagging
from tests import cast as everyone
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def tagged() -> set[str]:
    people = Subscriber.objects.filter(taggings__tag__name="donor")
    return {one.email.partition("@")[0] for one in people}


def state_tone(page: Page) -> set[str]:
    """The tones of the state labels on the page."""
    return {name.rpartition("--")[2] for name in page.classes if name.startswith("desk-state--")}


def test_a_bulk_action_on_all_matching_subscribers_is_followed_and_undone(desk: Desk) -> None:
    for name in ("olga", "ivan"):
        everyone.reader(name, (), "ru")
    browser = as_user(desk.admin)
    query = {"language": "ru", "all": "yes"}
    table = Page(browser.get(reverse("desk_subscribers:index"), {"language": "ru"}))
    assert {("language", "ru"), ("all", "yes")} <= table.controls
    page = browser.get(reverse("desk_bulk_action"), query)
    assert page.context["selected"] == "2 subscribers" and not BulkJob.objects.exists()
    answer = browser.post(reverse("desk_bulk_action"), {**query, "action": "tag", "tag_name": "donor"})
    assert tagged() == {"olga", "ivan"}
    page = Page(browser.get(answer["Location"]))
    assert "undo" in page.names and "donor" in page.text
    browser.post(answer["Location"])
    assert tagged() == set() and BulkJob.objects.get().state == "undone"
    assert answer["Location"] in Page(browser.get(reverse("desk_bulk_jobs"))).links


def test_a_failed_bulk_action_shows_its_error_and_can_be_resumed(desk: Desk) -> None:
    selected = everyone.reader("olga", (), "ru")
    browser = as_user(desk.admin)
    fields = {"ids": [selected.pk], "action": "tag", "tag_name": "donor"}
    address = browser.post(reverse("desk_bulk_action"), fields)["Location"]
    Tagging.objects.all().delete()
    BulkJob.objects.update(state="running", position=0, changed=0, error="ValueError: <no> such tag")
    page = Page(browser.get(address))
    assert "ValueError: &lt;no&gt; such tag" in page.html
    assert state_tone(page) == {"problem"} and {"undo", "resume"} <= page.names
    browser.post(address, {"resume": "1"})
    assert tagged() == {"olga"} and BulkJob.objects.get().state == "done"


def test_only_selected_subscribers_are_changed(desk: Desk) -> None:
    selected = everyone.reader("olga", (), "ru")
    everyone.reader("ivan", (), "ru")
    fields = {"ids": [selected.pk], "action": "tag", "tag_name": "donor"}
    browser, page = as_user(desk.admin), reverse("desk_bulk_action")
    fields["form"] = browser.get(page, fields).context["form_nonce"]
    browser.post(page, fields)
    assert tagged() == {"olga"}
    # Pressed twice.
    assert browser.post(page, fields)["Location"] == reverse("desk_bulk_jobs")
    assert BulkJob.objects.count() == 1


def test_all_matching_wins_over_a_selection(desk: Desk) -> None:
    selected = everyone.reader("olga", (), "ru")
    everyone.reader("ivan", (), "ru")
    query = {"ids": [selected.pk], "language": "ru", "all": "yes"}
    browser = as_user(desk.admin)
    assert browser.get(reverse("desk_bulk_action"), query).context["selected"] == "2 subscribers"
    browser.post(reverse("desk_bulk_action"), {**query, "action": "tag", "tag_name": "donor"})
    assert tagged() == {"olga", "ivan"}


def test_an_invalid_filter_does_not_select_everyone(desk: Desk) -> None:
    browser = as_user(desk.admin)
    query = {"list": "4711", "all": "yes"}
    assert browser.get(reverse("desk_bulk_action"), query)["Location"] == reverse("desk_subscribers:index")
    browser.post(reverse("desk_bulk_action"), {**query, "action": "suppress", "note": "x"})
    assert not BulkJob.objects.exists()


def test_without_a_selection_nothing_is_changed(desk: Desk) -> None:
    browser = as_user(desk.admin)
    assert browser.get(reverse("desk_bulk_action"))["Location"] == reverse("desk_subscribers:index")
    browser.post(reverse("desk_bulk_action"), {"action": "suppress", "note": "x"})
    assert not BulkJob.objects.exists()


@pytest.mark.parametrize("action", ["suppress", "tag"])
def test_a_missing_field_is_an_error_of_the_form(desk: Desk, action: str) -> None:
    answer = as_user(desk.admin).post(reverse("desk_bulk_action"), {"all": "yes", "action": action})
    assert answer.context["form"].errors
    assert not BulkJob.objects.exists() and not Tag.objects.exists()


def test_an_approver_runs_no_bulk_action(desk: Desk) -> None:
    browser = as_user(desk.approver)
    assert (
        reverse("desk_bulk_action") not in Page(browser.get(reverse("desk_subscribers:index"))).form_actions
    )
    answer = browser.post(reverse("desk_bulk_action"), {"all": "yes", "action": "suppress", "note": "x"})
    assert answer.status_code in (302, 403)
    assert not BulkJob.objects.exists()


def test_suppressing_and_undoing_it_need_the_permissions_for_that(desk: Desk) -> None:
    fields = {"ids": [desk.reader.pk], "action": "suppress", "note": "Asked by phone"}
    admins, start = desk.admin.groups.get(), reverse("desk_bulk_action")
    codes = Permission.objects.filter(codename__in=("add_suppression", "change_suppression"))
    admins.permissions.remove(*codes)
    browser = as_user(desk.admin)
    assert ("action", "suppress") not in Page(browser.get(start, fields)).controls
    browser.post(start, fields)
    assert not BulkJob.objects.exists() and not Suppression.objects.exists()
    admins.permissions.add(*codes)
    address = as_user(desk.admin).post(start, fields)["Location"]
    assert Suppression.objects.filter(lifted_at=None).exists()
    admins.permissions.remove(*codes)
    browser = as_user(desk.admin)
    assert "undo" not in Page(browser.get(address)).names
    browser.post(address)
    assert Suppression.objects.filter(lifted_at=None).exists()
    admins.permissions.add(*codes)
    as_user(desk.admin).post(address)
    assert not Suppression.objects.filter(lifted_at=None).exists()

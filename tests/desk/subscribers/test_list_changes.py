"""The forms of lists and newsletters, where senders are concerned, and the page of the second person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from mailer.approval.models import ListChange
from subscribers.models import MailingList
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

FORM = {"name": "Events", "slug": "events", "public": "on", "opt_in": "double"}
EMAILS = {"sender_name": "Road", "sender_email": "road@example.org", "welcome_en": "Welcome!"}


@pytest.mark.both_databases
def test_a_new_lists_sender_and_texts_wait_for_a_second_person(desk: Desk) -> None:
    browser = as_user(desk.admin)
    browser.post(reverse("desk_lists:add"), {**FORM, **EMAILS})
    events, change = MailingList.objects.get(slug="events"), ListChange.objects.get()
    assert (events.sender_email, events.welcome_texts) == ("", {})
    page = reverse("desk_list_change", args=[change.pk])
    edit = reverse("desk_lists:edit", args=[events.pk])
    assert page in Page(browser.get(edit)).links
    # Its author cannot approve it; saving the form again unchanged proposes nothing.
    browser.post(page, {"action": "approve"})
    browser.post(edit, {**FORM, "name": "Meetings"})
    events.refresh_from_db()
    assert (events.name, events.sender_email) == ("Meetings", "")
    assert ListChange.objects.get().state == "proposed"
    assert ("action", "approve") not in Page(browser.get(page)).controls
    approver = as_user(desk.approver)
    home = reverse("wagtailadmin_home")
    assert page not in Page(browser.get(home)).links
    assert page in Page(approver.get(home)).links
    assert ("action", "approve") in Page(approver.get(page)).controls
    approver.post(page, {"action": "approve"})
    assert page not in Page(approver.get(home)).links
    events.refresh_from_db()
    assert (events.sender_name, events.sender_email, events.welcome_texts) == (
        "Road",
        "road@example.org",
        {"en": "Welcome!"},
    )


@pytest.mark.parametrize("who", ["writer", "stranger"])
def test_users_without_permission_neither_see_nor_decide_it(desk: Desk, who: str) -> None:
    as_user(desk.admin).post(reverse("desk_lists:add"), {**FORM, **EMAILS})
    browser, page = (
        as_user(getattr(desk, who)),
        reverse("desk_list_change", args=[ListChange.objects.get().pk]),
    )
    assert browser.get(page).status_code != 200
    for action in ("approve", "reject"):
        browser.post(page, {"action": action})
    assert ListChange.objects.get().state == "proposed"


def test_a_sender_of_another_domain_is_an_error_of_the_form(
    desk: Desk, configure: Callable[..., None]
) -> None:
    configure(site={"sender_domains": ("example.org",)})
    answer = as_user(desk.admin).post(
        reverse("desk_lists:add"), {**FORM, **EMAILS, "sender_email": "x@elsewhere.example"}
    )
    assert "sender_email" in answer.context["form"].errors
    newsletter = desk.edition.newsletter
    answer = as_user(desk.admin).post(
        reverse("desk_newsletters:edit", args=[newsletter.pk]), {"sender_email": "x@elsewhere.example"}
    )
    assert "sender_email" in answer.context["form"].errors

"""The audit log says what staff changed, from what to what, and which personal data they looked at.

That every page with an address is logged shows where all are opened (tests/project/test_access_table.py).
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from wagtail.log_actions import LogContext, log
from wagtail.models import ModelLogEntry

from mailer.audit_log import chain
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import ReturnedMessage
from subscribers.models import Tag
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.segments import subscriber_tags_and_fields
from tests import cast as everyone
from tests.desk.cast import Desk, as_user
from tests.desk.subscribers.test_subscriber_pages import form

pytestmark = pytest.mark.django_db


def changes(**about: object) -> dict[str, list[str]]:
    """The changes in the newest entry."""
    entry = ModelLogEntry.objects.filter(action="wagtail.edit", **about).latest("pk")
    found: dict[str, list[str]] = entry.data.get("changes", {})
    return found


def seen(user: User) -> list[tuple[str, str]]:
    """The views that are logged for a user: action and object or page."""
    entries = ModelLogEntry.objects.filter(user=user, action__startswith="desk.view_").order_by("pk")
    return [(entry.action, entry.data.get("page", entry.object_id)) for entry in entries]


@pytest.mark.both_databases
def test_an_edit_is_logged_with_the_values_before_and_after(desk: Desk) -> None:
    subscriber_tags_and_fields.set_tags(desk.reader, ["old"])
    url = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    as_user(desk.admin).post(url, form(desk.reader, name="Aigul <b>N", tags="new"))
    expected = {"name": [desk.reader.name, "Aigul <b>N"], "tags": ['["old"]', '["new"]']}
    assert expected.items() <= changes(object_id=str(desk.reader.pk)).items()
    pages = (
        reverse("desk_subscribers:history", args=[desk.reader.pk]),
        reverse("wagtailadmin_reports:site_history"),
    )
    for page in pages:
        shown = as_user(desk.admin).get(page).content.decode()
        assert "Aigul &lt;b&gt;N" in shown and "Aigul <b>N" not in shown
    erase_and_suppress(desk.reader.email, everyone.NOW)
    redacted = changes(object_id=str(desk.reader.pk))
    assert set(redacted) >= set(expected) and "Aigul" not in str(redacted)
    assert chain.verify().problems == []


def test_changes_of_accounts_and_groups_are_logged_without_passwords(desk: Desk) -> None:
    user, group = User.objects.get(pk=desk.writer.pk), Group.objects.get(name="Writers")
    permission = Permission.objects.get(codename="approve_edition")
    with LogContext(user=desk.admin):
        user.email = "new@office.example.org"
        user.set_password("another long password")
        user.save()
        user.groups.set(Group.objects.filter(name="Approvers"))
        log(instance=user, action="wagtail.edit")
        found = changes(object_id=str(user.pk))
        group.permissions.add(permission)
        log(instance=group, action="wagtail.edit")
    assert set(found) == {"email", "password", "groups"}
    assert found["email"] == [desk.writer.email, "new@office.example.org"]
    assert user.password not in str(found) and desk.writer.password not in str(found)
    assert "Writers" in found["groups"][0] and "Approvers" in found["groups"][1]
    before, after = changes(object_id=str(group.pk))["permissions"]
    assert before != after


def test_what_is_saved_outside_of_the_desk_has_no_changes(desk: Desk) -> None:
    tag = Tag.objects.create(name="one")
    tag.name = "two"
    tag.save()
    log(instance=tag, action="wagtail.edit", user=desk.admin)
    assert changes(object_id=str(tag.pk)) == {}


@pytest.mark.both_databases
def test_opening_personal_data_is_logged_once_in_a_while(desk: Desk) -> None:
    ingest_returned_mail.ingest_message(
        f"From: {desk.reader.email}\nSubject: Hi\n\nThanks.\n".encode(), everyone.NOW
    )
    message = ReturnedMessage.objects.get()
    pages = [
        reverse("desk_subscribers:index"),
        reverse("desk_subscribers:edit", args=[desk.reader.pk]),
        reverse("desk_reply", args=[message.pk]),
    ]
    for page in (*pages, *pages):
        assert as_user(desk.admin).get(page).status_code == 200
    assert seen(desk.admin) == [
        ("desk.view_personal_data", "Subscribers"),
        ("desk.view_subscriber", str(desk.reader.pk)),
        ("desk.view_returned_message", str(message.pk)),
    ]
    for page in pages:
        assert as_user(desk.writer).get(page).status_code != 200
    assert seen(desk.writer) == []
    assert not ModelLogEntry.objects.filter(label__contains="@", action__startswith="desk.view").exists()

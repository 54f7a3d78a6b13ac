"""Every deletion in the desk is in the audit log, whichever of Wagtail's screens makes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.editions.assemble import create_unscheduled_edition
from mailer.stories.models import Story
from tests import cast as everyone
from tests.desk.cast import Desk, as_user


def a_row(kind: str, desk: Desk) -> Any:
    if kind == "story":
        return Story.objects.get(key="kz-news")
    if kind == "edition":
        return create_unscheduled_edition(desk.edition.newsletter, "Extra", timezone.now(), desk.writer)
    return everyone.picture()


def deletions(row: Any) -> list[User | None]:
    """Who deleted the row, by the audit log."""
    return [one.user for one in ModelLogEntry.objects.for_instance(row).filter(action="wagtail.delete")]


@pytest.mark.parametrize("kind", ["story", "edition", "image"])
@pytest.mark.parametrize("way", ["alone", "bulk"])
def test_a_deletion_is_in_the_audit_log_once(desk: Desk, kind: str, way: str) -> None:
    row, browser = a_row(kind, desk), as_user(desk.admin)
    names = {"story": "desk_stories", "edition": "desk_editions", "image": "wagtailimages"}
    if way == "alone":
        browser.post(reverse(f"{names[kind]}:delete", args=[row.pk]))
    else:
        bulk = reverse("wagtail_bulk_action", args=[row._meta.app_label, kind, "delete"])
        browser.post(f"{bulk}?id={row.pk}")
    assert not type(row).objects.filter(pk=row.pk).exists()
    assert deletions(row) == [desk.admin]


def test_deleting_an_upload_is_in_the_audit_log_if_it_was_allowed(desk: Desk) -> None:
    image = everyone.picture()
    address = reverse("wagtailimages:delete_multiple", args=[image.pk])
    as_user(desk.approver).post(address)
    assert deletions(image) == []
    as_user(desk.admin).post(address)
    assert deletions(image) == [desk.admin]

"""Users of the desk, one of each group, and the December edition of the writer’s stories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from wagtail.admin.templatetags import wagtailadmin_tags

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.approval.submit import submit
from mailer.delivery.models import Delivery, Mailing
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions.models import Edition
from subscribers.models import Subscriber
from tests import cast
from tests.recorded import recorded


@dataclass(frozen=True)
class Desk:
    """Users, an edition in draft and a subscriber."""

    # Wrote every story; submits.
    writer: User
    # Wrote nothing; approves and schedules.
    approver: User
    # Manages lists, subscribers and settings.
    admin: User
    # Signed in, but without any permission.
    stranger: User
    edition: Edition
    # Confirmed; Kazakhstan, in Kazakh.
    reader: Subscriber


@recorded
def desk() -> Desk:
    groups = set_up_role_groups()
    people = {}
    for name, group in (("dana", "Writers"), ("timur", "Approvers"), ("lola", "Admins"), ("guest", None)):
        people[name] = User.objects.create_user(
            name, f"{name}@office.example.org", "a long password", first_name=name.title()
        )
        if group:
            people[name].groups.add(groups[group])
    reader = cast.reader("aigul", ("KZ",), "kk")
    edition = cast.december(by=people["dana"])
    return Desk(people["dana"], people["timur"], people["lola"], people["guest"], edition, reader)


def leave_out_menu(patch: pytest.MonkeyPatch) -> None:
    """For tests of many pages: half the work of a page is its menu, which is the same on all."""
    patch.setattr(wagtailadmin_tags.admin_menu, "render_component", lambda request: [])
    patch.setattr(wagtailadmin_tags.admin_search_areas, "search_items_for_request", lambda request: [])


def as_user(user: User) -> Client:
    """A browser in which `user` has signed in."""
    client = Client()
    client.force_login(user)
    return client


@recorded
def submitted(at: Desk) -> Snapshot:
    return submit(at.edition, at.writer, timezone.now())


@recorded
def approved(at: Desk) -> Snapshot:
    snapshot = submitted(at)
    snapshot_state_changes.approve(snapshot, at.approver, snapshot.sha256, timezone.now())
    return snapshot


@recorded
def scheduled(at: Desk, when: datetime | None = None) -> Snapshot:
    snapshot = approved(at)
    snapshot_state_changes.schedule(
        snapshot, at.approver, when or timezone.now() + timedelta(hours=2), timezone.now()
    )
    return snapshot


@recorded
def sending(at: Desk, state: str = "sending") -> Mailing:
    """A mailing with one delivery in each of four states, whose totals balance."""
    snapshot = scheduled(at)
    mailing = Mailing.objects.create(snapshot=snapshot, edition=at.edition, state=state, audience=4)
    for number, fate in enumerate(("accepted", "planned", "refused", "excluded"), start=at.reader.pk):
        Delivery.objects.create(
            mailing=mailing,
            subscriber=number,
            state=fate,
            reason={"excluded": "unconfirmed", "refused": "refused"}.get(fate, ""),
            reply="550 5.1.1 No such user" if fate == "refused" else "",
        )
    return mailing

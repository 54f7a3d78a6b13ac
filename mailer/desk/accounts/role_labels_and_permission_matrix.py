"""The roles of staff as the desk explains them, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.auth.models import Group, Permission
from django.db.models import Case, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# By the name of the group: what the role is called, and what it is for.
ROLES: dict[str, tuple[Promise, Promise]] = {
    "Viewers": (_("Viewers"), _("Read stories, editions and reports, and change nothing.")),
    "Contributors": (
        _("Contributors"),
        _(
            "Write stories, only about their own countries if these are set; an editor marks "
            "the stories as ready."
        ),
    ),
    "Writers": (_("Writers (editors)"), _("Write stories, build editions and submit them for approval.")),
    "Approvers": (
        _("Approvers"),
        _("Approve editions that others wrote, schedule them, pause and cancel sending."),
    ),
    "External approvers": (
        _("External approvers"),
        _("Approve editions by an emailed link and a code. They only get emails and do not sign in here."),
    ),
    "Admins": (
        _("Admins"),
        _(
            "Everything above, and also manage newsletters, lists, subscribers and accounts. "
            "They cannot approve their own work."
        ),
    ),
}
# The roles of those who approve what others wrote and set up, and where they do it.
APPROVING = {"Approvers": "desk", "External approvers": "link"}
# What the matrix asks, with the permission that decides.
_ABILITIES: tuple[tuple[Promise, str], ...] = (
    (_("Read stories, editions and reports"), "mailer.view_edition"),
    (_("Write stories"), "mailer.add_story"),
    (_("Mark stories as ready"), "mailer.publish_story"),
    (_("Build editions and submit them for approval"), "mailer.submit_edition"),
    (_("Approve editions written by others"), "mailer.approve_edition"),
    (_("Schedule, pause and cancel the sending of editions"), "mailer.schedule_edition"),
    (_("See subscribers and the messages sent to them"), "subscribers.view_subscriber"),
    (_("Answer messages from subscribers"), "mailer.add_replyanswer"),
    (_("Change lists, subscribers and imports"), "subscribers.change_subscriber"),
    (_("Set up newsletters"), "mailer.change_newsletter"),
    (_("Invite colleagues and change accounts"), "auth.change_user"),
)


class Matrix(NamedTuple):
    """Which role may do what."""

    roles: tuple[Promise | str, ...]
    # Each with a value per role.
    rows: tuple[tuple[Promise, tuple[bool, ...]], ...]


def role_label(name: str) -> str:
    """What a group is called in the desk."""
    return str(ROLES[name][0]) if name in ROLES else name


def role_labels(names: Iterable[str]) -> str:
    """The roles of an account, in the order of ROLES."""
    order = list(ROLES)
    listed = sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))
    return ", ".join(role_label(name) for name in listed)


def in_order(groups: QuerySet[Group]) -> QuerySet[Group]:
    """The groups in the order of ROLES, then the office's own ones by name."""
    places = [When(name=name, then=Value(place)) for place, name in enumerate(ROLES)]
    return groups.order_by(Case(*places, default=Value(len(places))), "name")


def explained_label(group: Group) -> str:
    """A group as a choice: its name and what it is for."""
    label, about = ROLES.get(group.name, (group.name, ""))
    return f"{label}: {about}" if about else str(label)


def permission_matrix() -> Matrix:
    """What each of the roles may do now, as their permissions say."""
    groups = {group.name: group.pk for group in Group.objects.filter(name__in=ROLES)}
    found = Permission.objects.filter(group__in=groups.values())
    held = set(found.values_list("group", "content_type__app_label", "codename"))
    names = [name for name in ROLES if name in groups]
    return Matrix(
        tuple(ROLES[name][0] for name in names),
        tuple(
            (label, tuple((groups[name], *permission.split(".", 1)) in held for name in names))
            for label, permission in _ABILITIES
        ),
    )

"""The three kinds of staff, and what each may do; making the groups again only adds."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from wagtail.models import Collection, GroupCollectionPermission

_ENTER = ("wagtailadmin.access_admin",)
_WRITE = (
    *(
        "mailer.view_story",
        "mailer.add_story",
        "mailer.change_story",
        "mailer.delete_story",
        "mailer.publish_story",
    ),
    *("mailer.view_edition", "mailer.add_edition", "mailer.change_edition", "mailer.publish_edition"),
    "mailer.submit_edition",
    "mailer.view_newsletter",
)
# Approvers change nothing that is sent: whoever changes a text may no longer approve it.
_APPROVE = (
    *("mailer.view_story", "mailer.view_edition", "mailer.view_newsletter"),
    *("mailer.approve_edition", "mailer.schedule_edition"),
    *("subscribers.view_subscriber", "subscribers.view_mailinglist", "subscribers.view_suppression"),
    *("mailer.view_returnedmessage", "mailer.view_verdict", "subscribers.view_savedsegment"),
)
_DEEDS = ("view", "add", "change", "delete")
_ADMINISTER = (
    *_WRITE,
    *_APPROVE,
    "mailer.delete_edition",
    *("mailer.add_newsletter", "mailer.change_newsletter", "mailer.delete_newsletter"),
    *("mailer.change_returnedmessage", "mailer.delete_returnedmessage", "mailer.change_verdict"),
    *("subscribers.add_mailinglist", "subscribers.change_mailinglist", "subscribers.delete_mailinglist"),
    *("subscribers.add_subscriber", "subscribers.change_subscriber", "subscribers.delete_subscriber"),
    *("subscribers.view_importrun", "subscribers.add_importrun", "subscribers.change_importrun"),
    *("subscribers.add_suppression", "subscribers.change_suppression"),
    *("subscribers.add_savedsegment", "subscribers.change_savedsegment", "subscribers.delete_savedsegment"),
    *(f"subscribers.{deed}_{what}" for what in ("tag", "customfield") for deed in _DEEDS),
    *("auth.add_user", "auth.change_user", "auth.delete_user", "auth.view_user"),
    *("auth.add_group", "auth.change_group", "auth.delete_group", "auth.view_group"),
)
_PICTURES_WRITE = ("wagtailimages.add_image", "wagtailimages.change_image", "wagtailimages.choose_image")
_PICTURES_SEE = ("wagtailimages.choose_image",)

# What each group may do, and what it may do with pictures.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Writers": ((*_ENTER, *_WRITE), _PICTURES_WRITE),
    "Approvers": ((*_ENTER, *_APPROVE), _PICTURES_SEE),
    "Admins": ((*_ENTER, *_ADMINISTER), (*_PICTURES_WRITE, "wagtailimages.delete_image")),
}


def ensure_groups() -> dict[str, Group]:
    """Make the groups that are missing and give each what it lacks; safe to repeat. Returns them by name."""
    groups = {}
    for name, (permissions, pictures) in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*_found(permissions))
        root = Collection.get_first_root_node()
        for permission in _found(pictures) if root else ():
            GroupCollectionPermission.objects.get_or_create(
                group=group, collection=root, permission=permission
            )
        groups[name] = group
    return groups


def _found(names: Iterable[str]) -> list[Permission]:
    """The permissions with these names; raises LookupError for one that does not exist."""
    wanted = Q()
    names = list(dict.fromkeys(names))
    for name in names:
        app, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = list(Permission.objects.filter(wanted).select_related("content_type"))
    missing = set(names) - {f"{one.content_type.app_label}.{one.codename}" for one in found}
    if missing:
        raise LookupError(
            f"These permissions do not exist yet: {', '.join(sorted(missing))}. Run migrations first."
        )
    return found

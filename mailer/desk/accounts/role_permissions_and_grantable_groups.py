"""Permissions of staff: the groups that are roles, and what an account may do to others.

No account can give more than it has itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from wagtail.models import Collection, GroupCollectionPermission, GroupPagePermission

from subscribers.translate_stored_texts import stored

_ACCESS = ("wagtailadmin.access_admin",)
_READ = ("mailer.view_story", "mailer.view_edition", "mailer.view_newsletter")
# Without publish_story: a writer marks their stories as ready.
_CONTRIBUTE = (*_READ, "mailer.add_story", "mailer.change_story")
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
    *("mailer.view_storysource", "mailer.add_storysource", "mailer.change_storysource"),
)
# Approvers have no permission to change content: its authors may not approve it.
_APPROVE = (
    *("mailer.view_story", "mailer.view_edition", "mailer.view_newsletter"),
    *("mailer.approve_edition", "mailer.schedule_edition"),
    *("subscribers.view_subscriber", "subscribers.view_mailinglist", "subscribers.view_suppression"),
    *("mailer.view_returnedmessage", "mailer.view_suppressiondecision", "subscribers.view_segment"),
    "mailer.add_replyanswer",
)
_ACTIONS = ("view", "add", "change", "delete")
_ADMINISTER = (
    *_WRITE,
    *_APPROVE,
    *("mailer.delete_edition", "mailer.delete_storysource"),
    *("mailer.view_webhookendpoint", "mailer.add_webhookendpoint", "mailer.change_webhookendpoint"),
    *("mailer.add_newsletter", "mailer.change_newsletter", "mailer.delete_newsletter"),
    *("mailer.change_returnedmessage", "mailer.delete_returnedmessage", "mailer.change_suppressiondecision"),
    *("subscribers.add_mailinglist", "subscribers.change_mailinglist", "subscribers.delete_mailinglist"),
    *("subscribers.add_subscriber", "subscribers.change_subscriber", "subscribers.delete_subscriber"),
    *("subscribers.view_importjob", "subscribers.add_importjob", "subscribers.change_importjob"),
    *("subscribers.add_suppression", "subscribers.change_suppression"),
    *("subscribers.add_segment", "subscribers.change_segment", "subscribers.delete_segment"),
    *(f"subscribers.{action}_{model}" for model in ("tag", "customfield") for action in _ACTIONS),
    *("auth.add_user", "auth.change_user", "auth.delete_user", "auth.view_user"),
    *("auth.add_group", "auth.change_group", "auth.delete_group", "auth.view_group"),
)
_IMAGES_WRITE = ("wagtailimages.add_image", "wagtailimages.change_image", "wagtailimages.choose_image")
# They change what they have uploaded, as long as no other country uses it.
_IMAGES_ADD = ("wagtailimages.add_image", "wagtailimages.choose_image")
_IMAGES_CHOOSE = ("wagtailimages.choose_image",)

_WAGTAILS_GROUPS = ("Editors", "Moderators")

# Each group's permissions, and its permissions for images.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    stored("Viewers"): ((*_ACCESS, *_READ), ()),
    stored("Contributors"): ((*_ACCESS, *_CONTRIBUTE), _IMAGES_ADD),
    stored("Writers"): ((*_ACCESS, *_WRITE), _IMAGES_WRITE),
    stored("Approvers"): ((*_ACCESS, *_APPROVE), _IMAGES_CHOOSE),
    # They cannot open the desk: they approve by a mailed link and a code (see approval/external_approval.py).
    stored("External approvers"): (("mailer.approve_edition",), ()),
    stored("Admins"): ((*_ACCESS, *_ADMINISTER), (*_IMAGES_WRITE, "wagtailimages.delete_image")),
}


def set_up_role_groups() -> dict[str, Group]:
    """Create missing groups and add missing permissions. Safe to repeat. Groups by name.

    Removes nothing but Wagtail's own groups, as long as they are as Wagtail made them.
    """
    _delete_wagtails_groups()
    groups = {}
    for name, (permissions, image_permissions) in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*_permissions(permissions))
        root = Collection.get_first_root_node()
        for permission in _permissions(image_permissions) if root else ():
            GroupCollectionPermission.objects.get_or_create(
                group=group, collection=root, permission=permission
            )
        groups[name] = group
    return groups


def _delete_wagtails_groups() -> None:
    """They admit their members to the desk, where these may do nothing but change pictures."""
    for group in Group.objects.filter(name__in=_WAGTAILS_GROUPS, user=None):
        if _is_wagtails(group):
            group.delete()


def _is_wagtails(group: Group) -> bool:
    """Whether the group is as Wagtail made it."""
    wagtails_own = Q(content_type__app_label__in=("wagtailadmin", "wagtailimages", "wagtaildocs"))
    return group.name in _WAGTAILS_GROUPS and not group.permissions.exclude(wagtails_own).exists()


def _permissions(names: Iterable[str]) -> list[Permission]:
    """The permissions with these names; raises LookupError for one that does not exist."""
    # Without a condition, a filter finds all permissions.
    wanted = Q(pk__in=())
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


def may_manage(editor: User, account: User) -> bool:
    """Whether `editor` may change the account: it can do nothing that the editor cannot do."""
    if editor.is_superuser:
        return True
    # Inactive accounts have no permissions; what they would have when active counts.
    return not account.is_superuser and _powers(account) <= _powers(editor)


def grantable_groups(editor: User) -> list[Group]:
    """The groups that `editor` may put accounts into: each allows only what the editor may do too."""
    groups = [group for group in Group.objects.order_by("name") if not _is_wagtails(group)]
    if editor.is_superuser:
        return groups
    own = _powers(editor)
    return [group for group in groups if _powers_of_groups([group.pk]) <= own]


def missing_permissions(editor: User, permissions: Iterable[Permission]) -> list[Permission]:
    """Which of the permissions `editor` does not have."""
    if editor.is_superuser:
        return []
    own = {pk for kind, pk, _ in _powers(editor) if kind == "model"}
    return [permission for permission in permissions if permission.pk not in own]


# ("model", permission, 0), ("collection", permission, collection) or ("page", permission, page).
_Power = tuple[str, int, int]


def _powers(account: User) -> set[_Power]:
    own = account.user_permissions.values_list("pk", flat=True)
    return {("model", pk, 0) for pk in own} | _powers_of_groups(account.groups.values_list("pk", flat=True))


def _powers_of_groups(groups: Iterable[int]) -> set[_Power]:
    inside = Q(group__in=list(groups))
    collections = GroupCollectionPermission.objects.filter(inside).values_list(
        "permission_id", "collection_id"
    )
    pages = GroupPagePermission.objects.filter(inside).values_list("permission_id", "page_id")
    models = Permission.objects.filter(inside).values_list("pk", flat=True)
    return (
        {("model", pk, 0) for pk in models}
        | {("collection", pk, collection) for pk, collection in collections}
        | {("page", pk, page) for pk, page in pages}
    )

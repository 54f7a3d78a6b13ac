"""What an account may do to other accounts and groups: never give more than it has itself."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from wagtail.models import GroupCollectionPermission, GroupPagePermission


def may_manage(editor: User, account: User) -> bool:
    """Whether `editor` may change the account: it can do nothing that the editor cannot do."""
    if editor.is_superuser:
        return True
    # Inactive accounts have no permissions; what they would have when active counts.
    return not account.is_superuser and _powers(account) <= _powers(editor)


def grantable_groups(editor: User) -> list[Group]:
    """The groups that `editor` may put accounts into: each allows only what the editor may do too."""
    groups = Group.objects.order_by("name")
    if editor.is_superuser:
        return list(groups)
    own = _powers(editor)
    return [group for group in groups if _powers_of_groups([group.pk]) <= own]


def lacks(editor: User, permissions: Collection[Permission]) -> list[Permission]:
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


def _powers_of_groups(groups: Collection[int]) -> set[_Power]:
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

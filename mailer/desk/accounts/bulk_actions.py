"""Removes Wagtail's bulk actions for accounts: they do not ask what the editor may give away."""

from __future__ import annotations

from importlib import import_module

from wagtail import hooks
from wagtail.users.views.bulk_actions.user_bulk_action import UserBulkAction

_HOOK = "register_bulk_action"


def remove_bulk_actions() -> None:
    """Take them out of the register; to be called before Wagtail reads it."""
    # It registers them when it is imported.
    import_module("wagtail.users.wagtail_hooks")
    registered = hooks._hooks[_HOOK]
    hooks._hooks[_HOOK] = [entry for entry in registered if not issubclass(entry[0], UserBulkAction)]

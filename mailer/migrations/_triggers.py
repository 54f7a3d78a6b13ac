"""Approval by a second person, kept by the database itself, whatever code or shell writes to it."""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from subscribers.migrations._triggers import Trigger, create, drop

_AUTHOR = (
    "EXISTS (SELECT 1 FROM mailer_frozenauthor a"
    " WHERE a.copy_id = NEW.copy_id AND a.user_id = NEW.approver_id)"
    " OR EXISTS (SELECT 1 FROM mailer_frozencopy c"
    " WHERE c.id = NEW.copy_id AND (c.submitted_by_id = NEW.approver_id"
    # The rows of authors can be deleted; the manifest names them too, and is never changed.
    " OR c.manifest LIKE '%<' || NEW.approver_id || '>%'))"
)
_NOT_WAITING = (
    "NOT EXISTS (SELECT 1 FROM mailer_frozencopy c"
    " WHERE c.id = NEW.copy_id AND c.sha256 = NEW.sha256 AND c.state = 'submitted')"
)
_COPY_CHANGED = (
    " OR ".join(
        f"NEW.{column} <> OLD.{column}"
        for column in (
            "edition_id",
            "sha256",
            "content",
            "manifest",
            "audience_count",
            "submitted_by_id",
            "window_from",
        )
    )
    + " OR NEW.window_until <> OLD.window_until OR CAST(NEW.audience AS TEXT) <> CAST(OLD.audience AS TEXT)"
)
_UNSEALED_MOVE = (
    "NEW.state IN ('approved', 'scheduled') AND NOT EXISTS"
    " (SELECT 1 FROM mailer_approval p WHERE p.copy_id = NEW.id AND p.sha256 = NEW.sha256)"
)
_UNSEALED_MAILING = (
    "NOT EXISTS (SELECT 1 FROM mailer_frozencopy c JOIN mailer_approval p"
    " ON p.copy_id = c.id AND p.sha256 = c.sha256"
    " WHERE c.id = NEW.copy_id AND c.edition_id = NEW.edition_id AND c.state IN ('approved', 'scheduled'))"
)
_VARIANT_CHANGED = " OR ".join(
    f"NEW.{column} <> OLD.{column}"
    for column in ("copy_id", "key", "language", "stories", "subject", "preheader", "html", "text", "sha256")
)
# A dry run needs an open copy; its recipient never changes, so no dry run becomes a mailing.
_NOT_OPEN = (
    "NOT EXISTS (SELECT 1 FROM mailer_frozencopy c WHERE c.id = NEW.copy_id"
    " AND c.edition_id = NEW.edition_id AND c.state IN ('submitted', 'approved', 'scheduled'))"
)
_UNFIT = f"((NEW.rehearsal_to = '' AND {_UNSEALED_MAILING}) OR (NEW.rehearsal_to <> '' AND {_NOT_OPEN}))"
_MOVED = "NEW.copy_id <> OLD.copy_id OR NEW.rehearsal_to <> OLD.rehearsal_to"
_ALWAYS = "1 = 1"

TRIGGERS = [
    Trigger("seal_author", "INSERT", "mailer_approval", _AUTHOR, "an author may not approve"),
    Trigger(
        "seal_hash",
        "INSERT",
        "mailer_approval",
        _NOT_WAITING,
        "an approval must name the hash of a waiting copy",
    ),
    Trigger("seal_final", "UPDATE", "mailer_approval", _ALWAYS, "an approval is never changed"),
    Trigger("seal_copy", "UPDATE", "mailer_frozencopy", _COPY_CHANGED, "a frozen copy is never changed"),
    Trigger(
        "seal_move",
        "UPDATE",
        "mailer_frozencopy",
        _UNSEALED_MOVE,
        "a copy without an approval stays where it is",
    ),
    Trigger(
        "seal_variant",
        "UPDATE",
        "mailer_frozenvariant",
        _VARIANT_CHANGED,
        "a frozen variant is never changed",
    ),
    Trigger(
        "seal_hands",
        "UPDATE",
        "mailer_frozenauthor",
        _ALWAYS,
        "the authors of a frozen copy are never changed",
    ),
    Trigger(
        "seal_notes", "UPDATE", "mailer_authorship", _ALWAYS, "the record of authorship is never changed"
    ),
    Trigger("seal_mailing", "INSERT", "mailer_mailing", _UNFIT, "only a sealed copy can be sent"),
    Trigger(
        "seal_sending",
        "UPDATE",
        "mailer_mailing",
        f"{_MOVED} OR (NEW.state = 'sending' AND {_UNFIT})",
        "only a sealed copy can be sent",
    ),
]


def create_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    create(editor, TRIGGERS)


def drop_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    drop(editor, TRIGGERS)

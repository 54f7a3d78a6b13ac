"""Approval by a second person, kept by the database itself, whatever code or shell writes to it."""

# ruff: noqa: S608  (conditions are joined from constants of this module)

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from mailer.migrations import _account_changes, _list_changes
from subscribers.migrations._triggers import Trigger, create, create_missing, drop

_AUTHOR = (
    "EXISTS (SELECT 1 FROM mailer_snapshotauthor a"
    " WHERE a.snapshot_id = NEW.snapshot_id AND a.user_id = NEW.approver_id)"
    " OR EXISTS (SELECT 1 FROM mailer_snapshot c"
    " WHERE c.id = NEW.snapshot_id AND (c.submitted_by_id = NEW.approver_id"
    # The rows of authors can be deleted; the manifest names them too, and is never changed.
    " OR c.manifest LIKE '%<' || NEW.approver_id || '>%'))"
)
# Characters of approval_parts that stand before a part, so their number is that of the parts.
_PARTS = "(length(c.approval_parts) - length(replace(c.approval_parts, '<', '')))"
# A snapshot c that lacks an approval of its hash for one of its parts.
_APPROVALS_MISSING = (
    f"(SELECT count(*) FROM mailer_approval p WHERE p.snapshot_id = c.id AND p.sha256 = c.sha256) < {_PARTS}"
)
# An approval for a part that the snapshot does not name.
_OTHER_PART = (
    "replace(NEW.language, '>', '') <> NEW.language OR EXISTS (SELECT 1 FROM mailer_snapshot c"
    " WHERE c.id = NEW.snapshot_id"
    " AND replace(c.approval_parts, '<' || NEW.language || '>', '') = c.approval_parts)"
)
_NOT_WAITING = (
    "NOT EXISTS (SELECT 1 FROM mailer_snapshot c"
    " WHERE c.id = NEW.snapshot_id AND c.sha256 = NEW.sha256 AND c.state = 'submitted')"
)
_SNAPSHOT_CHANGED = (
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
            "note",
            "approval_parts",
        )
    )
    + " OR NEW.window_until <> OLD.window_until OR CAST(NEW.audience AS TEXT) <> CAST(OLD.audience AS TEXT)"
    " OR CAST(NEW.readers AS TEXT) <> CAST(OLD.readers AS TEXT)"
    " OR CAST(NEW.must_check AS TEXT) <> CAST(OLD.must_check AS TEXT)"
)
_MOVE_WITHOUT_APPROVAL = (
    "(NEW.state IN ('approved', 'scheduled') OR NEW.approved_at IS DISTINCT FROM OLD.approved_at)"
    f" AND EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.id AND {_APPROVALS_MISSING})"
)
_MOVE_ACROSS_REJECTION = (
    "(OLD.state = 'rejected' AND NEW.state <> 'rejected') OR (NEW.state = 'rejected' AND NOT EXISTS"
    " (SELECT 1 FROM mailer_rejection r WHERE r.snapshot_id = NEW.id AND r.sha256 = NEW.sha256))"
)
_MAILING_WITHOUT_APPROVAL = (
    "NOT EXISTS (SELECT 1 FROM mailer_snapshot c"
    " WHERE c.id = NEW.snapshot_id AND c.edition_id = NEW.edition_id"
    f" AND c.state IN ('approved', 'scheduled') AND NOT ({_APPROVALS_MISSING}))"
)
_VARIANT_CHANGED = " OR ".join(
    f"NEW.{column} <> OLD.{column}"
    for column in (
        "snapshot_id",
        "key",
        "language",
        "stories",
        "subject",
        "preheader",
        "html",
        "text",
        "sha256",
    )
)
# A dry run needs an open snapshot; its recipient never changes, so no dry run becomes a mailing.
_NOT_OPEN = (
    "NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id"
    " AND c.edition_id = NEW.edition_id AND c.state IN ('submitted', 'approved', 'scheduled'))"
)
_UNFIT = f"((NEW.dry_run_to = '' AND {_MAILING_WITHOUT_APPROVAL}) OR (NEW.dry_run_to <> '' AND {_NOT_OPEN}))"
_MOVED = "NEW.snapshot_id <> OLD.snapshot_id OR NEW.dry_run_to <> OLD.dry_run_to"
_ALWAYS = "1 = 1"

# Columns of Wagtail's audit log that say who did what, and when; the others name the object.
_ENTRY = "wagtailcore_modellogentry"
_ENTRY_COLUMNS = (
    *("id", "content_type_id", "object_id", "action", "user_id", "timestamp", "uuid"),
    *("revision_id", "content_changed", "deleted"),
)
_ENTRY_CHANGED = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _ENTRY_COLUMNS)
# Erasure gives up the salts of an entry's records before it replaces label and data.
_ENTRY_NOT_REDACTED = (
    "(NEW.label IS DISTINCT FROM OLD.label OR CAST(NEW.data AS TEXT) IS DISTINCT FROM CAST(OLD.data AS TEXT))"
    " AND (NOT EXISTS (SELECT 1 FROM mailer_auditrecord r WHERE r.entry_id = OLD.id)"
    " OR EXISTS (SELECT 1 FROM mailer_auditrecord r WHERE r.entry_id = OLD.id AND length(r.salt) > 0))"
)
_RECORD_COLUMNS = ("sequence", "entry_id", "redaction", "fixed_digest", "content_digest", "mac")
_RECORD_CHANGED = (
    " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _RECORD_COLUMNS)
    + " OR (NEW.salt IS DISTINCT FROM OLD.salt AND length(NEW.salt) > 0)"
)


def _for_rejection(condition: str) -> str:
    """The condition on an approval as one on a rejection."""
    return condition.replace("NEW.approver_id", "NEW.rejected_by_id")


TRIGGERS = [
    Trigger(
        "rejection_not_by_author",
        "INSERT",
        "mailer_rejection",
        _for_rejection(_AUTHOR),
        "an author may not reject",
    ),
    Trigger(
        "rejection_by_independent_account",
        "INSERT",
        "mailer_rejection",
        _for_rejection(_account_changes.CHANGED_BY_AUTHOR),
        "an author changed the account of the person who rejects",
    ),
    Trigger(
        "rejection_not_by_creator_of_author",
        "INSERT",
        "mailer_rejection",
        _for_rejection(_account_changes.CONTROLS_AUTHOR),
        "the person who rejects created or changed the account of an author",
    ),
    Trigger(
        "rejection_of_open_snapshot",
        "INSERT",
        "mailer_rejection",
        _NOT_WAITING,
        "a rejection must name the hash of a submitted snapshot",
    ),
    Trigger("rejection_unchanged", "UPDATE", "mailer_rejection", _ALWAYS, "a rejection is never changed"),
    Trigger(
        "snapshot_rejected_for_good",
        "UPDATE",
        "mailer_snapshot",
        _MOVE_ACROSS_REJECTION,
        "a snapshot is rejected by a rejection, and stays so",
    ),
    Trigger("approval_not_by_author", "INSERT", "mailer_approval", _AUTHOR, "an author may not approve"),
    Trigger(
        "approval_of_open_snapshot",
        "INSERT",
        "mailer_approval",
        _NOT_WAITING,
        "an approval must name the hash of a submitted snapshot",
    ),
    Trigger(
        "approval_of_a_part",
        "INSERT",
        "mailer_approval",
        _OTHER_PART,
        "an approval is for a part that the snapshot names",
    ),
    Trigger(
        "snapshot_not_born_approved",
        "INSERT",
        "mailer_snapshot",
        "NEW.approved_at IS NOT NULL",
        "a snapshot is approved by its approvals",
    ),
    Trigger("approval_unchanged", "UPDATE", "mailer_approval", _ALWAYS, "an approval is never changed"),
    Trigger(
        "snapshot_unchanged", "UPDATE", "mailer_snapshot", _SNAPSHOT_CHANGED, "a snapshot is never changed"
    ),
    Trigger(
        "snapshot_approved_by_approval",
        "UPDATE",
        "mailer_snapshot",
        _MOVE_WITHOUT_APPROVAL,
        "a snapshot without an approval keeps its state",
    ),
    Trigger(
        "snapshot_variant_unchanged",
        "UPDATE",
        "mailer_snapshotvariant",
        _VARIANT_CHANGED,
        "a snapshot variant is never changed",
    ),
    Trigger(
        "snapshot_author_unchanged",
        "UPDATE",
        "mailer_snapshotauthor",
        _ALWAYS,
        "the authors of a snapshot are never changed",
    ),
    Trigger(
        "authorship_unchanged",
        "UPDATE",
        "mailer_authorship",
        _ALWAYS,
        "the record of authorship is never changed",
    ),
    Trigger(
        "authorship_kept", "DELETE", "mailer_authorship", _ALWAYS, "the record of authorship is only added to"
    ),
    Trigger(
        "mailing_needs_approval", "INSERT", "mailer_mailing", _UNFIT, "only an approved snapshot can be sent"
    ),
    Trigger(
        "mailing_keeps_approval",
        "UPDATE",
        "mailer_mailing",
        f"{_MOVED} OR (NEW.state = 'sending' AND {_UNFIT})",
        "only an approved snapshot can be sent",
    ),
    *_account_changes.TRIGGERS,
    *_list_changes.TRIGGERS,
    Trigger(
        "audit_entry_unchanged",
        "UPDATE",
        _ENTRY,
        f"{_ENTRY_CHANGED} OR ({_ENTRY_NOT_REDACTED})",
        "the audit log is only added to",
    ),
    Trigger("audit_entry_kept", "DELETE", _ENTRY, _ALWAYS, "the audit log is only added to"),
    Trigger(
        "audit_record_unchanged",
        "UPDATE",
        "mailer_auditrecord",
        _RECORD_CHANGED,
        "the audit log is only added to",
    ),
    Trigger("audit_record_kept", "DELETE", "mailer_auditrecord", _ALWAYS, "the audit log is only added to"),
]


def create_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    # The triggers read the view.
    _account_changes.create(editor.connection)
    create(editor, TRIGGERS)


def drop_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    drop(editor, TRIGGERS)
    _account_changes.drop(editor.connection)


def restore_missing(**_: Any) -> None:
    """After every migration: one of Wagtail's or Django's that rebuilds a table drops the triggers on it."""
    if "mailer_accountchange" in connection.introspection.table_names():
        _account_changes.create(connection)
    create_missing(connection, TRIGGERS)

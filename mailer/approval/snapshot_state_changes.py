"""Approval of a snapshot by its hash, scheduling, and the check before sending that nothing has changed.

The docstring of each error is its default message for staff.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, ProtectedError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailer import staff_localization
from mailer.approval import (
    account_influence,
    content_changes_and_authors,
    required_approvals,
    snapshot_hashes,
)
from mailer.approval.models import Approval, Rejection, Snapshot, SnapshotVariant, VariantCheck
from mailer.approval.send_time_in_reader_timezone import next_hour
from mailer.editions.models import Edition
from subscribers.translate_stored_texts import stored, translated

State = Snapshot.State
# Characters of the reason for a rejection.
MAX_REASON = 1000
# As `author_ids` writes them.
_AUTHOR_ID = re.compile(r"<(\d+)>")


class ApprovalError(Exception):
    """This step is not possible."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or gettext((self.__doc__ or "").strip()))


class NotPermitted(ApprovalError):  # noqa: N818
    """Your account does not have this permission; an admin can grant it."""


class WrongState(ApprovalError):  # noqa: N818
    """This step is not possible in the edition's current state."""


class PreflightFailed(ApprovalError):  # noqa: N818
    """Fix these problems first: the edition cannot be submitted yet."""


class AuthorMayNotApprove(ApprovalError):  # noqa: N818
    """You wrote part of this edition; a colleague who did not must approve it."""


class AccountNotIndependent(ApprovalError):  # noqa: N818
    """An author of this edition created or changed your account in the last 30 days; ask a colleague."""


class WrongHash(ApprovalError):  # noqa: N818
    """The hash is not that of the submitted snapshot; review the edition again before approving it."""


class SnapshotChanged(ApprovalError):  # noqa: N818
    """The edition has changed since it was approved; submit it again."""


class VariantsNotChecked(ApprovalError):  # noqa: N818
    """The newsletter's rule names variants that you have not checked yet."""


class ReasonMissing(ApprovalError):  # noqa: N818
    """Write why you reject this edition, so that its writers know."""


class NoLanguageChosen(ApprovalError):  # noqa: N818
    """Choose at least one language that nobody has approved yet."""


class OutsideWindow(ApprovalError):  # noqa: N818
    """The time is outside the approved sending window."""


def approve(
    snapshot: Snapshot,
    user: User,
    sha256: str,
    now: datetime,
    *,
    parts_to_approve: Collection[str] | None = None,
    by_command: bool = False,
    by_link: bool = False,
) -> list[Approval]:
    """Approve the snapshot as `user`; `sha256` (hex) is the hash of what they reviewed.

    `parts_to_approve` are parts of the snapshot (see `required_approvals`); None: all that are missing. The
    snapshot is approved with the last of them. Raises NotPermitted, WrongState, WrongHash,
    AuthorMayNotApprove, AccountNotIndependent, NoLanguageChosen, VariantsNotChecked, SnapshotChanged.
    """
    require_permission(user, "mailer.approve_edition")
    _require_unchanged(snapshot)
    with transaction.atomic():
        held = _locked(snapshot, State.SUBMITTED, "approved")
        _require_decision_allowed(held, user, sha256)
        missing = required_approvals.unapproved_parts(held)
        parts = [part for part in missing if parts_to_approve is None or part in parts_to_approve]
        if not parts:
            raise NoLanguageChosen
        require_variants_checked(held, user, parts)
        approvals = [
            Approval.objects.create(
                snapshot=held,
                language=part,
                sha256=held.sha256,
                approver=user,
                at=now,
                by_command=by_command,
                by_link=by_link,
            )
            for part in parts
        ]
        if len(parts) == len(missing):
            _transition(held, State.APPROVED, approved_at=now)
    snapshot.refresh_from_db()
    return approvals


def reject(
    snapshot: Snapshot,
    user: User,
    sha256: str,
    reason: str,
    now: datetime,
    *,
    by_command: bool = False,
    by_link: bool = False,
) -> Rejection:
    """End the submission as `user`, who reviewed the hash `sha256` (hex). The reason is for the writers.

    They may change the edition and submit it again, or delete it. Raises ReasonMissing, and what `approve`
    raises except for VariantsNotChecked.
    """
    require_permission(user, "mailer.approve_edition")
    reason = reason.strip()[:MAX_REASON]
    if not reason:
        raise ReasonMissing
    _require_unchanged(snapshot)
    with transaction.atomic():
        held = _locked(snapshot, State.SUBMITTED, "rejected")
        _require_decision_allowed(held, user, sha256)
        rejection = Rejection.objects.create(
            snapshot=held,
            sha256=held.sha256,
            rejected_by=user,
            reason=reason,
            at=now,
            by_command=by_command,
            by_link=by_link,
        )
        because = stored(
            "%(name)s rejected the edition: %(reason)s",
            name=content_changes_and_authors.user_or_system_name(user),
            reason=reason,
        )
        _transition(held, State.REJECTED, invalidated_reason=because[:300])
    snapshot.refresh_from_db()
    return rejection


def require_none_approved_and_delete_snapshots(edition: Edition) -> None:
    """Delete every snapshot of an edition that was rejected last; the audit log keeps the decisions.

    Raises ProtectedError where one was approved, or tested in a dry run.
    """
    snapshots = Snapshot.objects.filter(edition=edition)
    kept: set[Model] = set(snapshots.filter(approved_at__isnull=False))
    if kept:
        raise ProtectedError("an approved snapshot is kept", kept)
    snapshots.delete()


def _require_decision_allowed(snapshot: Snapshot, user: User, sha256: str) -> None:
    """Raises WrongHash, AuthorMayNotApprove, AccountNotIndependent."""
    if not hmac.compare_digest(snapshot.sha256.encode(), sha256.strip().lower().encode()):
        raise WrongHash
    require_second_person(snapshot, user)


def schedule(
    snapshot: Snapshot,
    user: User | None,
    at: datetime | None,
    now: datetime,
    *,
    local_hour: int | None = None,
) -> Snapshot:
    """Schedule the approved snapshot for a time inside its window.

    `user` None: the newsletter's own plan. `at` None: now, after the configured seconds for undo.
    `local_hour` (0 to 23): from `at` on, at that hour of each subscriber's time zone.
    Raises NotPermitted, WrongState, SnapshotChanged, OutsideWindow.
    """
    if user is not None:
        require_permission(user, "mailer.schedule_edition")
    require_approved_and_invalidate_if_changed(snapshot)
    undo = timedelta(seconds=settings.CONFIG.sending.undo_seconds)
    moment = max(at, now) if at else max(now, min(now + undo, snapshot.window_until))
    _require_inside_window(snapshot, moment, local_hour)
    with transaction.atomic():
        held = _locked(snapshot, State.APPROVED, "scheduled")
        _transition(held, State.SCHEDULED, send_at=moment, scheduled_by=user, local_hour=local_hour)
    snapshot.refresh_from_db()
    return snapshot


def unschedule(snapshot: Snapshot, user: User) -> Snapshot:
    """Cancel the schedule, as long as nothing was sent. Raises NotPermitted, WrongState."""
    require_permission(user, "mailer.schedule_edition")
    with transaction.atomic():
        held = _locked(snapshot, State.SCHEDULED, "unscheduled")
        if held.mailed:
            raise WrongState(
                gettext("This edition is being sent or was sent; pause or cancel its sending instead.")
            )
        _transition(held, State.APPROVED, send_at=None, scheduled_by=None, local_hour=None)
    snapshot.refresh_from_db()
    return snapshot


def withdraw(snapshot: Snapshot, user: User, reason: str = "") -> Snapshot:
    """Return the edition to its writers, as long as nothing was sent. Raises NotPermitted, WrongState."""
    if not (user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")):
        raise NotPermitted
    name = user.get_full_name() or user.get_username()
    reason = (
        stored("%(name)s requested changes to the edition: %(reason)s", name=name, reason=reason)
        if reason
        else stored("%(name)s requested changes to the edition", name=name)
    )
    with transaction.atomic():
        moved = (
            Snapshot.objects.sendable()
            .filter(pk=snapshot.pk)
            .update(state=State.WITHDRAWN, invalidated_reason=reason[:300], send_at=None)
        )
    if not moved:
        raise WrongState(
            gettext("Changes can be requested only for an edition that is submitted and not sent yet.")
        )
    snapshot.refresh_from_db()
    return snapshot


def require_approved_and_invalidate_if_changed(snapshot: Snapshot) -> None:
    """Check that the snapshot is approved and unchanged: manifest, content, variants and current rows.

    Raises SnapshotChanged, and invalidates the snapshot when a part of its edition has changed.
    """
    if required_approvals.unapproved_parts(snapshot):
        raise SnapshotChanged(
            gettext("This version of the edition does not have all the approvals that it needs.")
        )
    if snapshot.state not in (State.APPROVED, State.SCHEDULED):
        raise SnapshotChanged(translated(snapshot.invalidated_reason))
    _require_unchanged(snapshot)


def verify_bytes(snapshot: Snapshot) -> None:
    """Check that the stored bytes are those that were hashed. Raises SnapshotChanged."""
    manifest = json.loads(snapshot.manifest)
    intact = (
        snapshot_hashes.sha256_hex(snapshot.manifest) == snapshot.sha256
        and snapshot_hashes.sha256_hex(snapshot.content) == manifest["content"]
    )
    intact = intact and manifest["approvals"] == snapshot.approval_parts
    if not (intact and _variants_intact(snapshot, dict(manifest["variants"]))):
        raise SnapshotChanged(
            gettext(
                "The submitted version of the edition does not match its hash and cannot be "
                "sent. Submit the edition again."
            )
        )


def _variants_intact(snapshot: Snapshot, hashes: dict[str, str]) -> bool:
    """Whether every variant of the manifest ({key: hash}) is stored as it was hashed; one query."""
    rows = SnapshotVariant.objects.filter(snapshot=snapshot).iterator(chunk_size=20)
    for variant in rows:
        expected = hashes.pop(variant.key, None)
        found = snapshot_hashes.variant_digest(variant.subject, variant.preheader, variant.html, variant.text)
        # A variant rendered after submission is not in the manifest; it is checked when it is sent.
        if expected is not None and expected != found:
            return False
    return not hashes


def require_permission(user: User, permission: str) -> None:
    """Raises NotPermitted unless the account is active and has the permission."""
    if not user.has_perm(permission):
        raise NotPermitted


def _require_unchanged(snapshot: Snapshot) -> None:
    """Raises SnapshotChanged, and invalidates the snapshot, when a part of the edition has changed since."""
    verify_bytes(snapshot)
    edition = Edition.objects.select_related("newsletter").get(pk=snapshot.edition_id)
    if content_changes_and_authors.fingerprints(edition) == json.loads(snapshot.manifest)["fingerprints"]:
        return
    because = stored("A part of the edition was changed after it was submitted. Submit the edition again.")
    Snapshot.objects.sendable().filter(pk=snapshot.pk).invalidate(because)
    raise SnapshotChanged(translated(because))


def _require_inside_window(snapshot: Snapshot, moment: datetime, local_hour: int | None) -> None:
    zone = ZoneInfo(snapshot.edition.newsletter.zone)
    label = staff_localization.zone_label(snapshot.window_until, zone)
    until = f"{snapshot.window_until.astimezone(zone):%Y-%m-%d %H:%M} ({label})"
    if not snapshot.window_from <= moment <= snapshot.window_until:
        raise OutsideWindow(
            gettext(
                "The time %(time)s is outside the approved sending window, which ends "
                "%(until)s. Choose an earlier time, or submit the edition again."
            )
            % {"time": f"{moment.astimezone(zone):%Y-%m-%d %H:%M}", "until": until}
        )
    if local_hour is None:
        return
    if not 0 <= local_hour <= 23:
        raise OutsideWindow(
            gettext("%(local_hour)s is not an hour of the day; choose one from 0 to 23.")
            % {"local_hour": local_hour}
        )
    if next_hour(moment, local_hour, zone) > snapshot.window_until:
        raise OutsideWindow(
            gettext(
                "The approved window ends %(until)s, before %(local_hour)s:00 for the subscribers. Choose an "
                "earlier time, or submit the edition again."
            )
            % {"until": until, "local_hour": local_hour}
        )


def author_and_submitter_ids(snapshot: Snapshot) -> set[int]:
    """The primary keys of those who may not approve it, the submitter included."""
    return _author_ids(snapshot, snapshot.authors.values_list("user_id", flat=True))


def _author_ids(snapshot: Snapshot, recorded: Iterable[int]) -> set[int]:
    in_manifest = _AUTHOR_ID.findall(json.loads(snapshot.manifest)["authors"])
    return {*map(int, in_manifest), *recorded, snapshot.submitted_by_id}


def require_second_person(snapshot: Snapshot, user: User) -> None:
    """Raises AuthorMayNotApprove or AccountNotIndependent; the database refuses the same approvals."""
    reasons = dict(snapshot.authors.values_list("user_id", "reason"))
    authors = _author_ids(snapshot, reasons)
    if user.pk in authors:
        reason = content_changes_and_authors.translated_reason(
            reasons.get(user.pk, stored("changed a part of this edition"))
        )
        raise AuthorMayNotApprove(
            gettext(
                "You cannot approve this edition, because you %(reason)s. Ask a colleague "
                "who did not write it."
            )
            % {"reason": reason}
        )
    if behind := account_influence.authors_behind(user, authors):
        names = ", ".join(content_changes_and_authors.user_or_system_name(author) for author in behind)
        raise AccountNotIndependent(
            gettext(
                "You cannot approve this edition: %(names)s wrote a part of it, and created or changed "
                "your account in the last %(days)s days. Ask another colleague."
            )
            % {"names": names, "days": account_influence.DAYS}
        )
    if controlled := account_influence.authors_controlled_by(user, authors):
        names = ", ".join(content_changes_and_authors.user_or_system_name(author) for author in controlled)
        raise AccountNotIndependent(
            gettext(
                "You cannot approve this edition: %(names)s wrote a part of it, and you created that account "
                "or changed how its owner signs in, in the last %(days)s days. Ask another colleague."
            )
            % {"names": names, "days": account_influence.DAYS}
        )


# By the action that was tried.
_NOT_POSSIBLE = {
    "approved": _("This edition is in the state “%(state)s”, so it cannot be approved."),
    "rejected": _("This edition is in the state “%(state)s”, so it cannot be rejected."),
    "scheduled": _("This edition is in the state “%(state)s”, so it cannot be scheduled."),
    "unscheduled": _("This edition is in the state “%(state)s”, so its schedule cannot be cancelled."),
}


def checked_variants(snapshot: Snapshot, user: User) -> set[str]:
    """Keys of the variants that the user has checked."""
    return set(
        VariantCheck.objects.filter(snapshot=snapshot, user=user).values_list("variant_key", flat=True)
    )


def parts_by_unchecked_variant(snapshot: Snapshot, user: User) -> dict[str, str]:
    """The variants that the user must still check before approving: {key: part}, largest first."""
    if not snapshot.must_check:
        return {}
    checked, parts = checked_variants(snapshot, user), required_approvals.parts_of(snapshot)
    languages = dict(snapshot.variants.values_list("key", "language"))
    return {
        key: required_approvals.part_of(languages.get(key, ""), parts)
        for key in snapshot.must_check
        if key not in checked
    }


def require_variants_checked(snapshot: Snapshot, user: User, parts: Collection[str]) -> None:
    """Raises VariantsNotChecked while the user has not checked every variant of these parts that the rule
    names.
    """
    if missing := sum(part in parts for part in parts_by_unchecked_variant(snapshot, user).values()):
        raise VariantsNotChecked(
            ngettext(
                "Check %(number)s more variant before you approve: the newsletter’s review rule requires it.",
                "Check %(number)s more variants before you approve: the newsletter’s review "
                "rule requires them.",
                missing,
            )
            % {"number": missing}
        )


def _locked(snapshot: Snapshot, expected: Snapshot.State, action: str) -> Snapshot:
    held = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
    if held.state != expected:
        raise WrongState(str(_NOT_POSSIBLE[action]) % {"state": held.get_state_display()})
    return held


def _transition(snapshot: Snapshot, state: Snapshot.State, **changes: Any) -> None:
    Snapshot.objects.filter(pk=snapshot.pk).update(state=state, **changes)

"""The seal: approve exactly one hash, break it when anything changes, and let only sealed bytes pass."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from mailer.approval import authors
from mailer.approval.errors import (
    AuthorMayNotApprove,
    BrokenSeal,
    NotPermitted,
    OutsideWindow,
    WrongHash,
    WrongState,
)
from mailer.approval.models import Approval, FrozenCopy, FrozenVariant
from mailer.approval.send_time import next_hour
from mailer.editions.models import Edition

State = FrozenCopy.State


def digest(text: str) -> str:
    """Hex SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def variant_digest(subject: str, preheader: str, html: str, text: str) -> str:
    """Hex SHA-256 of everything that a reader of a variant sees."""
    return digest(canonical([subject, preheader, html, text]))


def sealed_names(users: Iterable[int]) -> str:
    """Primary keys of authors as the manifest holds them, "<3><17>": a trigger can look for one."""
    return "".join(f"<{number}>" for number in sorted(users))


def approve(
    copy: FrozenCopy, user: User, sha256: str, now: datetime, *, by_command: bool = False
) -> Approval:
    """Seal the copy with `user`'s name; `sha256` is the hash of what they looked at.

    Raises NotPermitted, WrongState, WrongHash, AuthorMayNotApprove, BrokenSeal.
    """
    require(user, "mailer.approve_edition")
    _refuse_changed(copy)
    with transaction.atomic():
        held = _locked(copy, State.SUBMITTED, "approved")
        if not hmac.compare_digest(held.sha256.encode(), sha256.strip().lower().encode()):
            raise WrongHash
        _refuse_author(held, user)
        approval = Approval.objects.create(
            copy=held, sha256=held.sha256, approver=user, at=now, by_command=by_command
        )
        _move(held, State.APPROVED)
    copy.refresh_from_db()
    return approval


def schedule(
    copy: FrozenCopy, user: User, at: datetime | None, now: datetime, *, local_hour: int | None = None
) -> FrozenCopy:
    """Let the approved copy leave at a moment inside its window.

    `at` None: now, after the seconds in which it can be undone. `local_hour` (0 to 23): from that moment on,
    and each reader's at that hour of their own day.
    Raises NotPermitted, WrongState, BrokenSeal, OutsideWindow.
    """
    require(user, "mailer.schedule_edition")
    verify(copy)
    undo = timedelta(seconds=settings.CONFIG.sending.undo_seconds)
    moment = max(at, now) if at else max(now, min(now + undo, copy.window_until))
    _refuse_outside(copy, moment, local_hour)
    with transaction.atomic():
        held = _locked(copy, State.APPROVED, "scheduled")
        _move(held, State.SCHEDULED, send_at=moment, scheduled_by=user, local_hour=local_hour)
    copy.refresh_from_db()
    return copy


def unschedule(copy: FrozenCopy, user: User) -> FrozenCopy:
    """Take back the moment of sending, as long as nothing has left. Raises NotPermitted, WrongState."""
    require(user, "mailer.schedule_edition")
    with transaction.atomic():
        held = _locked(copy, State.SCHEDULED, "taken back")
        if held.mailed:
            raise WrongState("This edition is being sent or was sent; pause or cancel its mailing instead.")
        _move(held, State.APPROVED, send_at=None, scheduled_by=None, local_hour=None)
    copy.refresh_from_db()
    return copy


def withdraw(copy: FrozenCopy, user: User, because: str = "") -> FrozenCopy:
    """Send the copy back to its writers, as long as nothing has left. Raises NotPermitted, WrongState."""
    if not (user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")):
        raise NotPermitted
    reason = f"{user.get_full_name() or user.get_username()} sent it back" + (
        f": {because}" if because else ""
    )
    with transaction.atomic():
        moved = (
            FrozenCopy.objects.may_leave()
            .filter(pk=copy.pk)
            .update(state=State.WITHDRAWN, broken_because=reason[:300], send_at=None)
        )
    if not moved:
        raise WrongState("Only an edition that waits, and of which nothing was sent, can be sent back.")
    copy.refresh_from_db()
    return copy


def verify(copy: FrozenCopy) -> None:
    """Prove that the copy is approved and unchanged: approval, manifest, content, variants, and today's rows.

    Raises BrokenSeal, and marks the copy as broken when what it was made from has changed.
    """
    approval = Approval.objects.filter(copy=copy).first()
    if approval is None or approval.sha256 != copy.sha256:
        raise BrokenSeal("This copy has no approval for its hash.")
    if copy.state not in (State.APPROVED, State.SCHEDULED):
        raise BrokenSeal(copy.broken_because or BrokenSeal.__doc__ or "")
    _refuse_changed(copy)


def verify_bytes(copy: FrozenCopy) -> None:
    """Prove that what is stored is what was hashed. Raises BrokenSeal."""
    manifest = json.loads(copy.manifest)
    intact = digest(copy.manifest) == copy.sha256 and digest(copy.content) == manifest["content"]
    for key, sha256 in manifest["variants"].items() if intact else ():
        variant = FrozenVariant.objects.filter(copy=copy, key=key).first()
        intact = variant is not None and sha256 == variant_digest(
            variant.subject, variant.preheader, variant.html, variant.text
        )
        if not intact:
            break
    if not intact:
        raise BrokenSeal(
            "The stored copy is not what was hashed; it must not be sent. Submit the edition again."
        )


def require(user: User, permission: str) -> None:
    """Raises NotPermitted unless the account is active and has the permission."""
    if not user.has_perm(permission):
        raise NotPermitted


def _refuse_changed(copy: FrozenCopy) -> None:
    """Raises BrokenSeal, and marks the copy, when a part of the edition differs from what was frozen."""
    verify_bytes(copy)
    edition = Edition.objects.select_related("newsletter").get(pk=copy.edition_id)
    if authors.fingerprints(edition) == json.loads(copy.manifest)["fingerprints"]:
        return
    because = "A part of the edition was changed after it was submitted. Submit it again."
    FrozenCopy.objects.may_leave().filter(pk=copy.pk).break_seal(because)
    raise BrokenSeal(because)


def _refuse_outside(copy: FrozenCopy, moment: datetime, local_hour: int | None) -> None:
    zone = ZoneInfo(copy.edition.newsletter.zone)
    until = f"{copy.window_until.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
    advice = "Choose an earlier moment, or submit the edition again."
    if not copy.window_from <= moment <= copy.window_until:
        raise OutsideWindow(
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M} lies outside the approved window, "
            f"which ends {until}. {advice}"
        )
    if local_hour is None:
        return
    if not 0 <= local_hour <= 23:
        raise OutsideWindow(f"{local_hour} is no hour of the day; choose one from 0 to 23.")
    if next_hour(moment, local_hour, zone) > copy.window_until:
        raise OutsideWindow(
            f"The approved window ends {until}, before it is {local_hour}:00 for the readers. {advice}"
        )


def _refuse_author(copy: FrozenCopy, user: User) -> None:
    author = copy.authors.filter(user=user).first()
    sealed = f"<{user.pk}>" in json.loads(copy.manifest)["authors"]
    if author is not None or sealed or copy.submitted_by_id == user.pk:
        because = author.because if author else "had a hand in it"
        raise AuthorMayNotApprove(
            f"You may not approve this edition, because you {because}. Ask a colleague."
        )


def _locked(copy: FrozenCopy, expected: FrozenCopy.State, deed: str) -> FrozenCopy:
    held = FrozenCopy.objects.select_for_update().get(pk=copy.pk)
    if held.state != expected:
        raise WrongState(f"This edition is {held.get_state_display()}, so it cannot be {deed}.")
    return held


def _move(copy: FrozenCopy, state: FrozenCopy.State, **changes: Any) -> None:
    FrozenCopy.objects.filter(pk=copy.pk).update(state=state, **changes)

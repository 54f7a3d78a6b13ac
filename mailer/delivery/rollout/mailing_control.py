"""Control of mailings: start a dry run, pause, resume, release, confirm, cancel.

Each action is allowed from named states only. A dry run sends every planned message to a staff address. It
is a mailing of its own with its own totals: its bounces say nothing about subscribers, its personal links
lead to the front page, and the database refuses to change its recipient.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Snapshot
from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.outbox.outbox import NotStaff, require_allowed_test_recipient
from mailer.delivery.rollout import plan_deliveries, stop_rules
from mailer.delivery.rollout.plan_deliveries import retries_end_at
from mailer.delivery.signals import mailing_changed
from mailer.delivery.throttle import mailing_circuit_breaker
from subscribers.translate_stored_texts import stored

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = logging.getLogger(__name__)

State = Mailing.State
CANCELLABLE = (State.PLANNING, State.HELD, State.SENDING, State.PAUSED)
# States of a dry run that is not finished.
ACTIVE = (State.PLANNING, State.SENDING, State.PAUSED)
# What can be done instead, from each state.
_ADVICE: dict[str, StrOrPromise] = {
    State.PLANNING: _("Sending starts automatically in a moment; you can cancel it."),
    State.HELD: _("Confirm the new audience, or cancel sending."),
    State.SENDING: _("Sending can be paused or cancelled."),
    State.PAUSED: _("Sending can be resumed or cancelled."),
    State.DONE: _("The report of the edition lists who did not get it, and why."),
    State.CANCELLED: _(
        "No more emails of this edition are sent. To reach the remaining subscribers, create a new edition."
    ),
}


# What `mailing_changed` says of each action.
_EVENTS = {"paused": "paused", "resumed": "resumed", "confirmed": "started", "cancelled": "cancelled"}


class ControlError(Exception):
    """The action is not allowed now; the message is for staff, the code for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        # wrong_state, window_passed, fully_released, snapshot_not_open, dry_run_active, invalid_limit,
        # invalid_address, not_staff, daily_limit, or database: a trigger refused it.
        self.code = code


def create_dry_run_mailing(
    snapshot: Snapshot | None, to: str, limit: int | None, user: User | None, now: datetime
) -> Mailing:
    """Start a dry run of a submitted or approved snapshot to the address `to`; the worker does the rest.

    `limit`: for so many subscribers, with every variant once before any comes twice; None: for all.
    Raises ControlError.
    """
    if snapshot is None or snapshot.state not in Snapshot.OPEN or snapshot.mailed:
        raise ControlError(
            "snapshot_not_open", gettext("A full test needs an edition that is submitted and not yet sent.")
        )
    if limit is not None and limit < 1:
        raise ControlError("invalid_limit", gettext("A full test must be for at least one email."))
    address = _staff_address(to)
    try:
        with transaction.atomic():
            # One request at a time, so that the second one sees the dry run of the first.
            Snapshot.objects.select_for_update().filter(pk=snapshot.pk).first()
            if Mailing.objects.dry_runs().filter(edition=snapshot.edition, state__in=ACTIVE).exists():
                message = gettext(
                    "A full test of this edition is being sent. Wait until it ends, or cancel it."
                )
                raise ControlError("dry_run_active", message)
            _check_daily_limit(limit or snapshot.audience_count, now)
            mailing = Mailing.objects.create(
                snapshot=snapshot,
                edition=snapshot.edition,
                dry_run_to=address,
                dry_run_limit=limit,
                created_at=now,
                expires_at=now + timedelta(hours=settings.CONFIG.sending.expire_after_hours),
            )
    except IntegrityError as error:
        # The snapshot was changed just now; the trigger says so.
        raise ControlError(
            "database", gettext("The full test cannot start: %(error)s.") % {"error": error}
        ) from error
    log.info("action=dry_run_started mailing=%d user=%s", mailing.pk, user.pk if user else "-")
    return mailing


def pause(mailing: Mailing, user: User | None, now: datetime, reason: str = "") -> Mailing:
    """Send no more; messages already being transmitted are finished. Raises ControlError."""
    reason = reason or stored("Sending was paused by %(name)s.", name=_actor(user))
    changes = {"reason": reason[:300], "stopped_at": now}
    return _transition(mailing, (State.SENDING,), State.PAUSED, "paused", user, **changes)


def resume(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Continue a paused mailing. Raises ControlError, also without approval or after the sending window.

    Staff who resume a mailing that the stop rules paused have seen why: counting starts again, and a rollout
    goes on with its next step.
    """
    _check_window(mailing, now)
    changes: dict[str, Any] = {}
    if stop_rules.update_counts_and_check_pause(mailing):
        changes = {"counted_from": now}
        if mailing.released_up_to is not None:
            changes |= plan_deliveries.next_step_columns(mailing)
    _reset_breaker(mailing, now)
    changes["expires_at"] = _retries_end_after_pause(mailing, now)
    return _transition(mailing, (State.PAUSED,), State.SENDING, "resumed", user, reason="", **changes)


def release_all(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Release all remaining deliveries of a rollout at once. Raises ControlError.

    The stop rules still apply; for a mailing that they paused, counting starts again.
    """
    _check_window(mailing, now)
    if mailing.state in (State.SENDING, State.PAUSED) and mailing.released_up_to is None:
        raise ControlError(
            "fully_released", gettext("This edition is already being sent to its whole audience.")
        )
    last = len(plan_deliveries.rollout_percentages())
    changes = {"counted_from": now} if stop_rules.update_counts_and_check_pause(mailing) else {}
    _reset_breaker(mailing, now)
    return _transition(
        mailing,
        (State.SENDING, State.PAUSED),
        State.SENDING,
        "released",
        user,
        reason="",
        released_up_to=None,
        step=last,
        step_completed_at=None,
        expires_at=_retries_end_after_pause(mailing, now),
        **changes,
    )


def confirm_audience_and_start_sending(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Send to an audience that differs from the approved count. Raises ControlError, as `resume` does."""
    _check_window(mailing, now)
    return _transition(
        mailing,
        (State.HELD,),
        State.SENDING,
        "confirmed",
        user,
        reason=stored("The audience was confirmed by %(name)s.", name=_actor(user)),
        started_at=now,
        # The time for retries begins with sending.
        expires_at=retries_end_at(mailing, now),
    )


def cancel(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Exclude all deliveries not yet sent; those in doubt stay in doubt. Raises ControlError."""
    with transaction.atomic():
        moved = _transition(
            mailing,
            CANCELLABLE,
            State.CANCELLED,
            "cancelled",
            user,
            reason=stored("Sending was cancelled by %(name)s.", name=_actor(user)),
            finished_at=now,
        )
        unsent = Delivery.objects.filter(
            claims.unclaimed_condition() | Q(state=Delivery.State.DEFERRED), mailing=mailing
        )
        unsent.update(state=Delivery.State.EXCLUDED, reason="cancelled", due_at=None)
        _note_if_nothing_left(moved)
    return moved


def _note_if_nothing_left(mailing: Mailing) -> None:
    """A message that a worker has in hand, or whose reply nobody read, may have left."""
    may_have_left = (Delivery.State.ACCEPTED, Delivery.State.CLAIMED, Delivery.State.IN_DOUBT)
    left = Delivery.objects.filter(
        Q(state__in=may_have_left) | claims.planned_in_claim_condition(), mailing=mailing
    )
    mailing.cancelled_unsent = not mailing.dry_run_to and not left.exists()
    mailing.save(update_fields=["cancelled_unsent"])


def pause_automatically(mailing_id: int, reason: str, **unchanged: Any) -> bool:
    """Pause with a reason for staff; False if it was not being sent any more, or if one of the columns
    `unchanged` has another value by now."""
    with transaction.atomic():
        paused = Mailing.objects.filter(pk=mailing_id, state=State.SENDING, **unchanged).update(
            state=State.PAUSED, reason=reason[:300], stopped_at=Now()
        )
        if paused:
            mailing_changed.send(Mailing, mailing_id=mailing_id, event="paused")
    if paused:
        log.error("action=mailing_paused_automatically mailing=%d reason=%s", mailing_id, reason)
    return bool(paused)


def _reset_breaker(mailing: Mailing, now: datetime) -> None:
    """Staff who resume a mailing have seen what failed."""
    if mailing.state == State.PAUSED:
        mailing_circuit_breaker.clear_attempt_counts(mailing.pk, now)


def _retries_end_after_pause(mailing: Mailing, now: datetime) -> datetime | None:
    """When retries end for a mailing that goes on `now`: their time does not run while it is paused."""
    if mailing.state != State.PAUSED or mailing.expires_at is None or mailing.stopped_at is None:
        return mailing.expires_at
    return mailing.expires_at + max(now - mailing.stopped_at, timedelta())


def _check_window(mailing: Mailing, now: datetime) -> None:
    """An approval for certain days does not allow sending to begin again after them."""
    if mailing.state in (State.HELD, State.PAUSED) and now > mailing.snapshot.window_until:
        raise ControlError(
            "window_passed",
            gettext(
                "The approved sending window ended on %(window_until)s, so no more emails of "
                "this edition can be sent. Cancel sending."
            )
            % {"window_until": f"{mailing.snapshot.window_until:%Y-%m-%d %H:%M %Z}"},
        )


# By the action that was tried.
_NOT_POSSIBLE = {
    "paused": _("Sending is in the state “%(state)s”, so it cannot be paused."),
    "resumed": _("Sending is in the state “%(state)s”, so it cannot be resumed."),
    "released": _(
        "Sending is in the state “%(state)s”, so the edition cannot be sent to all remaining subscribers."
    ),
    "confirmed": _("Sending is in the state “%(state)s”, so its audience cannot be confirmed."),
    "cancelled": _("Sending is in the state “%(state)s”, so it cannot be cancelled."),
}


def _transition(
    mailing: Mailing, start: Collection[State], end: State, action: str, user: User | None, **changes: Any
) -> Mailing:
    try:
        with transaction.atomic():
            moved = Mailing.objects.filter(pk=mailing.pk, state__in=start).update(state=end, **changes)
            if moved and action in _EVENTS:
                mailing_changed.send(Mailing, mailing_id=mailing.pk, event=_EVENTS[action])
    except IntegrityError as error:
        raise ControlError(
            "database",
            gettext("The database refused this change: %(error)s.") % {"error": error},
        ) from error
    mailing.refresh_from_db()
    if not moved:
        problem = str(_NOT_POSSIBLE[action]) % {"state": mailing.get_state_display()}
        raise ControlError("wrong_state", f"{problem} {_ADVICE[mailing.state]}")
    log.info("action=mailing_%s mailing=%d user=%s", action, mailing.pk, user.pk if user else "-")
    return mailing


def _actor(user: User | None) -> str:
    if user is None:
        return stored("a command on the server")
    # A first and a last name together may be longer than a mailing's reason.
    return (user.get_full_name() or user.get_username())[:150]


def _staff_address(to: str) -> str:
    """Like `outbox.require_allowed_test_recipient`, but raises ControlError."""
    try:
        return require_allowed_test_recipient(to)
    except ValueError as error:
        code = "not_staff" if isinstance(error, NotStaff) else "invalid_address"
        raise ControlError(code, str(error)) from error


def _check_daily_limit(messages: int, now: datetime) -> None:
    """Raises ControlError where dry runs would send more messages in 24 hours than is configured."""
    most = settings.CONFIG.sending.dry_run_messages_per_day
    recent = Mailing.objects.dry_runs().filter(created_at__gt=now - timedelta(days=1))
    planned = sum(
        one.dry_run_limit or one.snapshot.audience_count for one in recent.select_related("snapshot")
    )
    if planned + messages > most:
        left = max(0, most - planned)
        raise ControlError(
            "daily_limit",
            gettext("Full tests can send at most %(most)s emails in 24 hours; %(left)s more can be sent now.")
            % {"most": f"{most:,}", "left": f"{left:,}"},
        )

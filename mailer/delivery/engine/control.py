"""Staff's hand on a mailing: pause, resume, cancel. Each change starts from a named state, or is refused."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from mailer.delivery.ledger import claims
from mailer.delivery.ledger.plan import expiry
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import provider_stats, rollout

log = logging.getLogger(__name__)

State = Mailing.State
CANCELLABLE = (State.PLANNING, State.HELD, State.SENDING, State.PAUSED)


# What can be done instead, from each state.
_ADVICE: dict[str, str] = {
    State.PLANNING: "It starts by itself in a moment; it can be cancelled.",
    State.HELD: "Confirm its new number of readers, or cancel it.",
    State.SENDING: "It can be paused or cancelled.",
    State.PAUSED: "It can be resumed or cancelled.",
    State.DONE: "Its report says who did not get it, and why.",
    State.CANCELLED: "Nothing more of it leaves; what was left would need a new edition.",
}


class ControlError(Exception):
    """The mailing cannot take this step from where it is; the message says so in words for people."""


def pause(mailing: Mailing, user: User | None, now: datetime, reason: str = "") -> Mailing:
    """Claim nothing more; what is between two servers at this moment is finished. Raises ControlError."""
    words = reason or f"Paused by {_name(user)}."
    return _move(mailing, (State.SENDING,), State.PAUSED, "paused", user, reason=words[:300])


def resume(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Go on with a paused mailing. Raises ControlError, also when its seal or its time is over.

    Who resumes one that the stop rules paused has looked at what came back: they count afresh, and one in
    steps goes on with its next step.
    """
    _refuse_stale(mailing, now)
    further: dict[str, Any] = {}
    if provider_stats.would_pause(mailing):
        further = {"counted_from": now}
        if mailing.released_up_to is not None:
            further |= rollout.widened(mailing)
    return _move(mailing, (State.PAUSED,), State.SENDING, "resumed", user, reason="", **further)


def release_rest(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Let the whole rest of a mailing in steps leave at once. Raises ControlError.

    The stop rules go on looking at it; of one that they paused they count afresh.
    """
    _refuse_stale(mailing, now)
    if mailing.state in (State.SENDING, State.PAUSED) and mailing.released_up_to is None:
        raise ControlError("Every reader of this mailing is released already.")
    last = len(rollout.percentages())
    further = {"counted_from": now} if provider_stats.would_pause(mailing) else {}
    return _move(
        mailing,
        (State.SENDING, State.PAUSED),
        State.SENDING,
        "released",
        user,
        reason="",
        released_up_to=None,
        step=last,
        step_at=None,
        **further,
    )


def confirm_held(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """Send although its audience is not what the approver saw. Raises ControlError, also after its window."""
    _refuse_stale(mailing, now)
    return _move(
        mailing,
        (State.HELD,),
        State.SENDING,
        "confirmed",
        user,
        reason=f"Confirmed by {_name(user)}.",
        started_at=now,
        # The time to try again in begins when sending does.
        expires_at=expiry(mailing, now),
    )


def cancel(mailing: Mailing, user: User | None, now: datetime) -> Mailing:
    """End the mailing: whoever has not got it is left out; what is in doubt stays so. Raises ControlError."""
    with transaction.atomic():
        moved = _move(
            mailing,
            CANCELLABLE,
            State.CANCELLED,
            "cancelled",
            user,
            reason=f"Cancelled by {_name(user)}.",
            finished_at=now,
        )
        unsent = Delivery.objects.filter(claims.free() | Q(state=Delivery.State.DEFERRED), mailing=mailing)
        unsent.update(state=Delivery.State.EXCLUDED, reason="cancelled", due_at=None)
    return moved


def halt(mailing_id: int, reason: str, **still: Any) -> bool:
    """Pause for the machine's own reason, in words for staff; False when it was not being sent any more, or
    when one of the columns in `still` has another value by now."""
    stopped = Mailing.objects.filter(pk=mailing_id, state=State.SENDING, **still).update(
        state=State.PAUSED, reason=reason[:300]
    )
    if stopped:
        log.error("action=mailing_halted mailing=%d reason=%s", mailing_id, reason)
    return bool(stopped)


def _refuse_stale(mailing: Mailing, now: datetime) -> None:
    """What was approved for certain days does not begin to leave again after them."""
    if mailing.state in (State.HELD, State.PAUSED) and now > mailing.snapshot.window_until:
        raise ControlError(
            f"The approved window ended {mailing.snapshot.window_until:%Y-%m-%d %H:%M %Z}, so nothing more "
            "of this mailing may leave. Cancel it."
        )


def _move(
    mailing: Mailing, start: Collection[State], end: State, deed: str, user: User | None, **changes: Any
) -> Mailing:
    try:
        with transaction.atomic():
            moved = Mailing.objects.filter(pk=mailing.pk, state__in=start).update(state=end, **changes)
    except IntegrityError as error:
        raise ControlError(f"This mailing cannot be {deed}: {error}.") from error
    mailing.refresh_from_db()
    if not moved:
        where = f"This mailing is {mailing.get_state_display()}, so it cannot be {deed}."
        raise ControlError(f"{where} {_ADVICE[mailing.state]}")
    log.info("action=mailing_%s mailing=%d user=%s", deed, mailing.pk, user.pk if user else "-")
    return mailing


def _name(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else "the command"

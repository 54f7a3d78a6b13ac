"""Actions on a mailing (pause, resume, cancel …): which are available in its state, and running them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.admin import messages

from mailer.delivery.models import Mailing
from mailer.delivery.rollout import control
from mailer.desk.editions.edition_base import EditionPage
from mailer.reports.totals import latest_mailing, latest_rehearsal

_State = Mailing.State

# Any of these permissions allows starting and controlling a dry run.
DRY_RUN_PERMISSIONS = ("mailer.submit_edition", "mailer.approve_edition", "mailer.schedule_edition")


class _Action(NamedTuple):
    do: Callable[[Mailing, Any, Any], object]
    # In the audit log.
    log_action: str
    # Shown to the user afterwards.
    success: str
    # The states in which it is available.
    states: tuple[str, ...]


_ACTIONS = {
    "pause": _Action(
        control.pause,
        "desk.pause",
        "Sending is paused. No more messages are sent until someone resumes it.",
        (_State.SENDING,),
    ),
    "resume": _Action(control.resume, "desk.resume", "Sending is resumed.", (_State.PAUSED,)),
    "release": _Action(
        control.release_all,
        "desk.release_all",
        "The gradual rollout has ended. Everyone left receives the edition now.",
        (_State.SENDING, _State.PAUSED),
    ),
    "cancel": _Action(
        control.cancel,
        "desk.cancel",
        "Cancelled. Subscribers who had not received it yet are counted as excluded.",
        (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED),
    ),
    "confirm": _Action(
        control.confirm_audience,
        "desk.confirm_audience",
        "The audience is confirmed. Sending starts now.",
        (_State.HELD,),
    ),
}


def available_actions(mailing: Mailing) -> tuple[str, ...]:
    """Names of the actions that are available for the mailing in its current state."""
    return tuple(name for name, action in _ACTIONS.items() if _is_available(name, action, mailing))


def _is_available(name: str, action: _Action, mailing: Mailing) -> bool:
    return mailing.state in action.states and (name != "release" or mailing.released_up_to is not None)


class ControlAction(EditionPage):
    """POST only: runs the action that the form names on the edition's latest mailing or dry run."""

    http_method_names = ["post"]

    def has_permission(self) -> bool:
        permissions = DRY_RUN_PERMISSIONS if self._is_dry_run else ("mailer.schedule_edition",)
        return any(self.request.user.has_perm(permission) for permission in permissions)

    @property
    def _is_dry_run(self) -> bool:
        return "dry_run" in self.request.POST

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        action = _ACTIONS.get(request.POST.get("action", ""))
        mailing = latest_rehearsal(self.edition) if self._is_dry_run else latest_mailing(self.edition)
        page = "dry_run" if self._is_dry_run else "report"
        if action is None or mailing is None or mailing.state not in action.states:
            messages.error(
                request, "That action is no longer available: the state of the mailing has changed."
            )
            return self.redirect_to(page)
        return self.attempt(
            lambda: action.do(mailing, request.user, timezone.now()),
            action.success,
            action.log_action,
            on_success=page,
            on_error=page,
        )

"""The actions on a mailing or its dry run: pause, resume, cancel, and so on.

A form carries what its page showed of the mailing. An old page, or a second press, changes nothing and says
what happened instead; pausing is always allowed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.delivery.models import Mailing
from mailer.delivery.rollout import mailing_control
from mailer.delivery.rollout.mailing_control import ControlError
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.reports.stats import latest_dry_run, latest_mailing
from subscribers.translate_stored_texts import translated

_State = Mailing.State

# Any of these permissions allows starting and controlling a dry run.
DRY_RUN_PERMISSIONS = ("mailer.submit_edition", "mailer.approve_edition", "mailer.schedule_edition")


class _Action(NamedTuple):
    do: Callable[[Mailing, Any, Any], object]
    # In the audit log.
    log_action: str
    # Shown to the user afterwards; lazy.
    success: Any
    # The states in which it is available, and the one that it leads to.
    states: tuple[str, ...]
    result: str


_ACTIONS = {
    "pause": _Action(
        mailing_control.pause,
        "desk.pause",
        _("Sending is paused. No more messages are sent until you or a colleague resumes it."),
        (_State.SENDING,),
        _State.PAUSED,
    ),
    "resume": _Action(
        mailing_control.resume,
        "desk.resume",
        _("Sending of the edition is resumed."),
        (_State.PAUSED,),
        _State.SENDING,
    ),
    "release": _Action(
        mailing_control.release_all,
        "desk.release_all",
        _("The gradual rollout has ended. All remaining subscribers receive the edition now."),
        (_State.SENDING, _State.PAUSED),
        _State.SENDING,
    ),
    "cancel": _Action(
        mailing_control.cancel,
        "desk.cancel",
        _("Sending is cancelled. Subscribers who had not received the edition yet are counted as excluded."),
        (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED),
        _State.CANCELLED,
    ),
    "confirm": _Action(
        mailing_control.confirm_audience_and_start_sending,
        "desk.confirm_audience",
        _("The audience is confirmed. Sending starts now."),
        (_State.HELD,),
        _State.SENDING,
    ),
}
# States in which a mailing is followed on its page of progress.
UNFINISHED = (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED)
# States as words within a sentence.
_STATE_LABELS = {
    _State.PLANNING: _("being prepared"),
    _State.HELD: _("on hold"),
    _State.SENDING: _("being sent"),
    _State.PAUSED: _("paused"),
    _State.DONE: _("sent"),
    _State.CANCELLED: _("cancelled"),
}


def available_actions(mailing: Mailing) -> tuple[str, ...]:
    """Names of the actions that are available for the mailing in its current state."""
    return tuple(name for name, action in _ACTIONS.items() if _is_available(name, action, mailing))


def _is_available(name: str, action: _Action, mailing: Mailing) -> bool:
    return mailing.state in action.states and (name != "release" or mailing.released_up_to is not None)


def state_fingerprint(mailing: Mailing) -> str:
    """What a page shows of the mailing; another state, or another reason for it, has another value."""
    return f"{mailing.pk} {mailing.state} {zlib.crc32(mailing.reason.encode()):x}"


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
        name = request.POST.get("action", "")
        action = _ACTIONS.get(name)
        mailing = latest_dry_run(self.edition) if self._is_dry_run else latest_mailing(self.edition)
        if action is None or mailing is None:
            messages.error(
                request, gettext("This action is not possible: nothing is being sent for this edition.")
            )
            return self.redirect_to("dry_run" if self._is_dry_run else "report")
        is_current = name == "pause" or request.POST.get("seen") == state_fingerprint(mailing)
        if not is_current or not _is_available(name, action, mailing):
            return self._explain(action, mailing)
        try:
            action.do(mailing, current_user(request), timezone.now())
        except ControlError as error:
            mailing.refresh_from_db()
            if error.code == "wrong_state":
                # Another request was faster.
                return self._explain(action, mailing)
            messages.error(request, str(error))
            return self._back_to(mailing)
        log(instance=self.edition, action=action.log_action, user=request.user)
        messages.success(request, action.success)
        return self._back_to(mailing)

    def _explain(self, action: _Action, mailing: Mailing) -> HttpResponse:
        values = {"state": _STATE_LABELS[_State(mailing.state)], "reason": translated(mailing.reason)}
        if mailing.state == action.result:
            text = (
                gettext("Nothing was changed: sending was already in the state “%(state)s”. %(reason)s")
                % values
            )
            messages.info(self.request, text.strip())
        else:
            text = gettext(
                "Nothing was changed: the state of sending has changed since you opened the "
                "page. It is now “%(state)s”. %(reason)s"
            )
            messages.warning(self.request, (text % values).strip())
        return self._back_to(mailing)

    def _back_to(self, mailing: Mailing) -> HttpResponse:
        if self._is_dry_run:
            return self.redirect_to("dry_run")
        mailing.refresh_from_db(fields=["state"])
        return self.redirect_to("progress" if mailing.state in UNFINISHED else "report")

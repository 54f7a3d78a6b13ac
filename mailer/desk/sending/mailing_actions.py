"""Staff's hand on a mailing: which deeds are possible from where it stands, and doing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.admin import messages

from mailer.delivery.engine import control
from mailer.delivery.models import Mailing
from mailer.desk.editions.edition_base import EditionPage
from mailer.reports.totals import latest_mailing, latest_rehearsal

_State = Mailing.State

# Who may begin and steer a rehearsal: whoever has a hand in the edition's way.
REHEARSING = ("mailer.submit_edition", "mailer.approve_edition", "mailer.schedule_edition")


class _Deed(NamedTuple):
    do: Callable[[Mailing, Any, Any], object]
    # Its name in the audit log.
    action: str
    # What is told afterwards.
    done: str
    # From which states.
    states: tuple[str, ...]


_DEEDS = {
    "pause": _Deed(
        control.pause,
        "desk.pause",
        "Sending is paused. Nothing more leaves until somebody resumes it.",
        (_State.SENDING,),
    ),
    "resume": _Deed(control.resume, "desk.resume", "Sending goes on.", (_State.PAUSED,)),
    "release": _Deed(
        control.release_rest,
        "desk.release_rest",
        "The rest is released: it leaves without further steps.",
        (_State.SENDING, _State.PAUSED),
    ),
    "cancel": _Deed(
        control.cancel,
        "desk.cancel",
        "Cancelled: whoever had not got it yet is left out, and the account says so.",
        (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED),
    ),
    "confirm": _Deed(
        control.confirm_held,
        "desk.confirm",
        "The mailing goes to the readers that were counted.",
        (_State.HELD,),
    ),
}


def deeds(mailing: Mailing) -> tuple[str, ...]:
    """What can be done to the mailing as it stands."""
    return tuple(name for name, deed in _DEEDS.items() if _possible(name, deed, mailing))


def _possible(name: str, deed: _Deed, mailing: Mailing) -> bool:
    return mailing.state in deed.states and (name != "release" or mailing.released_up_to is not None)


class ControlAction(EditionPage):
    """POST only: pause, resume, release the rest, cancel, or let a held mailing go."""

    http_method_names = ["post"]

    def has_permission(self) -> bool:
        wanted = REHEARSING if self._of_rehearsal else ("mailer.schedule_edition",)
        return any(self.request.user.has_perm(permission) for permission in wanted)

    @property
    def _of_rehearsal(self) -> bool:
        return "rehearsal" in self.request.POST

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        deed = _DEEDS.get(request.POST.get("deed", ""))
        mailing = latest_rehearsal(self.edition) if self._of_rehearsal else latest_mailing(self.edition)
        page = "rehearse" if self._of_rehearsal else "report"
        if deed is None or mailing is None or mailing.state not in deed.states:
            messages.error(
                request, "That is not possible any more: the mailing has moved on. Look at its figures."
            )
            return self.go(page)
        return self.attempt(
            lambda: deed.do(mailing, request.user, timezone.now()),
            deed.done,
            deed.action,
            then=page,
            otherwise=page,
        )

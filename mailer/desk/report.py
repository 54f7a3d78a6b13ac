"""The report of a mailing: the balanced account, who did not get it and why, and the hand on the tap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.admin import messages

from mailer.delivery import control
from mailer.delivery.models import Delivery, Mailing
from mailer.desk.home import progress
from mailer.desk.pages import EditionPage
from mailer.reports.words import reason_words
from mailer.feedback.models import FeedbackEvent
from mailer.reports import charts
from mailer.reports.account import Account, account
from subscribers.models import Subscriber

_State = Mailing.State
_PER_PAGE = 50
_MOVING = (_State.PLANNING, _State.SENDING)

Control = Callable[[Mailing, Any, Any], object]
# Deed in the form → what does it, its name in the audit log, what is told afterwards, from which states.
_DEEDS: dict[str, tuple[Control, str, str, tuple[str, ...]]] = {
    "pause": (
        control.pause,
        "desk.pause",
        "Sending is paused. Nothing more leaves until somebody resumes it.",
        (_State.SENDING,),
    ),
    "resume": (control.resume, "desk.resume", "Sending goes on.", (_State.PAUSED,)),
    "cancel": (
        control.cancel,
        "desk.cancel",
        "Cancelled: whoever had not got it yet is left out, and the account says so.",
        (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED),
    ),
    "confirm": (
        control.confirm_held,
        "desk.confirm",
        "The mailing goes to the readers that were counted.",
        (_State.HELD,),
    ),
}


class ReportPage(EditionPage):
    """Figures, chart and table, and the list of those who were not reached."""

    page_title = "Report"
    template_name = "desk/editions/report.html"
    current = "Report"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mailing: Mailing | None = context["overview"].mailing
        if mailing is None:
            return {**context, "mailing": None}
        told = account(mailing)
        return {
            **context,
            "mailing": mailing,
            "account": told,
            "figures": figures(told),
            "chart": charts.account_chart(told),
            "terms": [(row.label, row.readers, row.mark) for row in charts.rows(told)],
            "excluded": [(reason_words(reason), count) for reason, count in sorted(told.excluded.items())],
            "progress": progress(told),
            "moving": mailing.state in _MOVING,
            "unreached": self._unreached(mailing),
            "deeds": self._deeds(mailing),
        }

    def _deeds(self, mailing: Mailing) -> tuple[str, ...]:
        if not self.request.user.has_perm("mailer.schedule_edition"):
            return ()
        return tuple(deed for deed, (_, _, _, states) in _DEEDS.items() if mailing.state in states)

    def _unreached(self, mailing: Mailing) -> Any:
        on_their_way = (Delivery.State.PLANNED, Delivery.State.CLAIMED)
        well = Q(state=Delivery.State.ACCEPTED, bounced_at__isnull=True, complained_at__isnull=True)
        rows = Delivery.objects.filter(~well, mailing=mailing).exclude(state__in=on_their_way)
        page: Any = Paginator(rows.order_by("state", "subscriber"), _PER_PAGE).get_page(
            self.request.GET.get("p")
        )
        page.object_list = told_people(list(page.object_list))
        return page


def figures(told: Account) -> list[tuple[str, int, str, str]]:
    """(label, count, tone, meaning) of what a reader of the report asks first."""
    shown = [
        ("Readers", told.audience, "plain", "counted when sending began"),
        ("Accepted", told.accepted, "done", "the next server took it"),
        ("On the way", told.unsettled, "busy", "planned, being sent, to be tried again, or in doubt"),
        ("Refused", told.refused, "problem", "turned down for good"),
        ("Came back", told.bounced, "problem", "accepted first, bounced later"),
        ("Left out", sum(told.excluded.values()), "draft", "not sent, for the reasons below"),
    ]
    # Nobody refused is no problem to point at.
    return [(label, count, tone if count else "plain", meaning) for label, count, tone, meaning in shown]


def told_people(deliveries: list[Delivery]) -> list[dict[str, Any]]:
    """Rows for the list of those not reached: the person where there still is one, why, and the evidence."""
    people = Subscriber.objects.in_bulk([delivery.subscriber for delivery in deliveries])
    events: dict[int, FeedbackEvent] = {}
    for event in FeedbackEvent.objects.filter(delivery__in=deliveries).order_by("at"):
        if event.delivery_id is not None:
            events[event.delivery_id] = event
    return [
        _row(delivery, people.get(delivery.subscriber), events.get(delivery.pk)) for delivery in deliveries
    ]


def _row(delivery: Delivery, person: Subscriber | None, event: FeedbackEvent | None) -> dict[str, Any]:
    came_back = delivery.bounced_at is not None
    complained = delivery.complained_at is not None
    word = (
        "Came back"
        if came_back
        else "Complained"
        if complained
        else delivery.get_state_display().capitalize()
    )
    tone = "problem" if came_back or complained or delivery.state == "refused" else "draft"
    why = reason_words(event.reason) if event and event.reason else reason_words(delivery.reason)
    said = (event.diagnostic if event and event.diagnostic else delivery.reply) or ""
    return {
        "person": person,
        "number": delivery.subscriber,
        "tone": tone,
        "word": word,
        "why": why,
        "said": said,
        "event": event,
    }


class ControlAction(EditionPage):
    """POST only: pause, resume, cancel, or let a held mailing go."""

    http_method_names = ["post"]
    acting_permission = "mailer.schedule_edition"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        deed, action, done, states = _DEEDS.get(request.POST.get("deed", ""), (None, "", "", ()))
        mailing = Mailing.objects.filter(edition=self.edition).first()
        if deed is None or mailing is None or mailing.state not in states:
            messages.error(
                request, "That is not possible any more: the mailing has moved on. Look at its figures."
            )
            return self.go("report")
        return self.attempt(
            lambda: deed(mailing, request.user, timezone.now()),
            done,
            action,
            then="report",
            otherwise="report",
        )

"""Who did not get it, and why: a list to filter, and a table to take away."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.delivery.models import Delivery, Mailing
from mailer.desk.editions.edition_base import EditionPage
from mailer.desk.reports.exports import download
from mailer.feedback.models import FeedbackEvent
from mailer.reports import not_delivered as missing
from mailer.reports.cached_stats import counts_of
from mailer.reports.labels import number, reason_words
from mailer.reports.totals import latest_mailing
from subscribers.models import Subscriber

_PER_PAGE = 50
# Readers in a workbook: with more, a browser would give up before it is made.
_WORKBOOK = 100_000
_TOO_LONG = (
    "A workbook of more than {} readers takes too long to make here. Download the list as CSV, or use the "
    "command: mailer edition unreached {} --xlsx FILE."
)
_TONES = {"refused": "problem", "bounced": "problem", "in_doubt": "waiting", "deferred": "busy"}


class UnreachedPage(EditionPage):
    """The list, by reason (GET); the whole of it as CSV (POST), which the audit log notes."""

    page_title = "Not reached"
    template_name = "desk/editions/unreached.html"
    current = "Report"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mailing = latest_mailing(self.edition)
        found = counts_of(mailing, timezone.now()).unreached if mailing else {}
        why = self.request.GET.get("why", "")
        return super().get_context_data(
            mailing=mailing,
            why=why if why in found else "",
            reasons=[(reason, reason_words(reason), count) for reason, count in found.items()],
            total=sum(found.values()),
            readers=self._page(mailing, why) if mailing else None,
            may_see=self._may_see,
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        mailing = latest_mailing(self.edition)
        if mailing is None or not self._may_see:
            messages.error(request, "There is no list to download, or your account may not see addresses.")
            return self.go("report")
        why, kind = request.POST.get("why", ""), request.POST.get("as", "csv")
        if kind == "xlsx" and len(missing.Missed(mailing, why)) > _WORKBOOK:
            messages.error(request, _TOO_LONG.format(number(_WORKBOOK), self.edition.slug))
            return self.go("unreached")
        log(instance=self.edition, action="desk.unreached", user=request.user)
        readers = missing.unreached(mailing, why)
        return download([missing.sheet(readers)], f"{self.edition.slug}-not-reached", kind)

    @property
    def _may_see(self) -> bool:
        return self.request.user.has_perm("subscribers.view_subscriber")

    def _page(self, mailing: Mailing, why: str) -> Any:
        readers: Any = missing.Missed(mailing, why)
        page: Any = Paginator(readers, _PER_PAGE).get_page(self.request.GET.get("p"))
        page.object_list = told_people(list(page.object_list))
        return page


def told_people(deliveries: list[Any]) -> list[dict[str, Any]]:
    """Rows of the list: the person where there still is one, why, and the evidence."""
    people = Subscriber.objects.in_bulk([delivery.subscriber for delivery in deliveries])
    events: dict[int, FeedbackEvent] = {}
    found = FeedbackEvent.objects.filter(delivery__in=deliveries).prefetch_related("verdicts")
    for event in found.order_by("at"):
        if event.delivery_id is not None:
            events[event.delivery_id] = event
    return [
        _row(delivery, people.get(delivery.subscriber), events.get(delivery.pk)) for delivery in deliveries
    ]


def _row(delivery: Any, person: Subscriber | None, event: FeedbackEvent | None) -> dict[str, Any]:
    came_back = delivery.state == Delivery.State.ACCEPTED
    state = "bounced" if came_back else delivery.state
    why = event.reason if event and event.reason else delivery.why
    return {
        "person": person,
        "number": delivery.subscriber,
        "tone": _TONES.get(state, "draft"),
        "word": "Came back" if came_back else delivery.get_state_display().capitalize(),
        "why": reason_words(why),
        "due_at": delivery.due_at,
        "said": (event.diagnostic if event and event.diagnostic else delivery.reply) or "",
        "event": event,
        "verdict": next(iter(event.verdicts.all()), None) if event else None,
    }

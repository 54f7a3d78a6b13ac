"""Recipients to whom an edition was not delivered, with reasons; filter and export."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.delivery.models import Delivery, Mailing
from mailer.desk.base.page_base_classes import EditionPage
from mailer.desk.base.tables import sheet_response
from mailer.feedback.models import FeedbackEvent
from mailer.reports import not_delivered
from mailer.reports.collect_stats import stats_of
from mailer.reports.number_formats import format_number
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.reports.stats import latest_mailing
from subscribers import tokens
from subscribers.models import Subscriber

_PER_PAGE = 50
# Rows of a workbook. Larger ones take longer than a browser waits.
MAX_WORKBOOK_ROWS = 100_000
_TOO_LARGE = _(
    "An Excel file with more than {} recipients takes too long here. Export the list as CSV, or use the "
    "command: mailer edition not-delivered {} --xlsx FILE."
)
_TONES = {"refused": "problem", "bounced": "problem", "in_doubt": "waiting", "deferred": "busy"}


class NotDeliveredPage(EditionPage):
    """The list, filtered by reason (GET), and its export (POST), which is recorded in the audit log."""

    page_title = _("Emails not delivered")
    template_name = "desk/reports/not_delivered.html"
    tab = _("Report")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mailing = latest_mailing(self.edition)
        found = stats_of(mailing, timezone.now()).not_delivered if mailing else {}
        reason = self.request.GET.get("reason", "")
        return super().get_context_data(
            mailing=mailing,
            reason=reason if reason in found else "",
            reasons=[(one, reason_label(one), count) for one, count in found.items()],
            total=sum(found.values()),
            page=self._page(mailing, reason) if mailing else None,
            may_view_addresses=self._may_view_addresses,
            **kwargs,
        )

    @method_decorator(requires_recent_sign_in)
    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        mailing = latest_mailing(self.edition)
        if mailing is None or not self._may_view_addresses:
            messages.error(
                request,
                gettext("There is no list to export, or you do not have permission to see email addresses."),
            )
            return self.redirect_to("report")
        reason, kind = request.POST.get("reason", ""), request.POST.get("as", "csv")
        if kind == "xlsx" and len(not_delivered.NotDeliveredList(mailing, reason)) > MAX_WORKBOOK_ROWS:
            messages.error(request, _TOO_LARGE.format(format_number(MAX_WORKBOOK_ROWS), self.edition.slug))
            return self.redirect_to("not_delivered")
        log(instance=self.edition, action="desk.export_not_delivered", user=request.user)
        sheet = not_delivered.not_delivered_sheet(not_delivered.not_delivered(mailing, reason))
        return sheet_response([sheet], f"{self.edition.slug}-not-delivered", kind)

    @property
    def _may_view_addresses(self) -> bool:
        return self.request.user.has_perm("subscribers.view_subscriber")

    def _page(self, mailing: Mailing, reason: str) -> Any:
        deliveries: Any = not_delivered.NotDeliveredList(mailing, reason)
        page: Any = Paginator(deliveries, _PER_PAGE).get_page(self.request.GET.get("p"))
        page.object_list = recipient_rows(list(page.object_list))
        return page


def recipient_rows(deliveries: list[Any]) -> list[dict[str, Any]]:
    """Rows of the list: the subscriber unless erased, the reason, and the evidence."""
    subscribers = Subscriber.objects.in_bulk([delivery.subscriber for delivery in deliveries])
    events: dict[int, FeedbackEvent] = {}
    # A complaint does not say why an email was not delivered.
    bounces = FeedbackEvent.objects.filter(delivery__in=deliveries, kind=FeedbackEvent.Kind.BOUNCE)
    found = bounces.prefetch_related("decisions")
    for event in found.order_by("at"):
        if event.delivery_id is not None:
            events[event.delivery_id] = event
    return [
        _row(delivery, subscribers.get(delivery.subscriber), events.get(delivery.pk))
        for delivery in deliveries
    ]


def _row(delivery: Any, subscriber: Subscriber | None, event: FeedbackEvent | None) -> dict[str, Any]:
    bounced = delivery.state == Delivery.State.ACCEPTED
    state = "bounced" if bounced else delivery.state
    reason = event.reason if event and event.reason else delivery.outcome_reason
    return {
        "subscriber": subscriber,
        "subscriber_id": delivery.subscriber,
        "has_email": delivery.variant_id is not None,
        "tone": _TONES.get(state, "draft"),
        "label": gettext("Bounced") if bounced else delivery.get_state_display().capitalize(),
        "reason": reason_label(reason),
        "due_at": delivery.due_at,
        "response": tokens.mask_tokens(
            (event.diagnostic if event and event.diagnostic else delivery.reply) or ""
        ),
        "event": event,
        "decision": next(iter(event.decisions.all()), None) if event else None,
    }

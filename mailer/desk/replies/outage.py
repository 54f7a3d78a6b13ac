"""Many bounces at one domain at once: the affected subscribers, and one decision about all of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.suppression_decisions import labels
from mailer.desk.suppression_decisions.detail import _DecisionPage
from mailer.feedback.decisions import domain_outages
from mailer.feedback.decisions.decisions import VerdictError
from mailer.feedback.models import Outage, Verdict

# Subscribers that the page shows.
_SHOWN = 50


class DomainOutagePage(_DecisionPage):
    """Shows the affected subscribers of a domain (GET) and decides about all of them (POST)."""

    template_name = "desk/suppression_decisions/domain_outage.html"
    page_title = "Domain outage"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.outage = get_object_or_404(Outage, pk=kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decisions = self.outage.verdicts.order_by("pk")
        diagnostics = decisions.order_by().values_list("events__diagnostic", flat=True).distinct()
        return super().get_context_data(
            outage=self.outage,
            open_count=decisions.filter(state=Verdict.State.HELD).count(),
            decisions=[(one, *labels.state_label(one)) for one in decisions.with_address()[:_SHOWN]],
            total=decisions.count(),
            diagnostics=[" ".join(one.split())[:300] for one in diagnostics[:5] if one],
            may_view_addresses=self.request.user.has_perm("subscribers.view_subscriber"),
            may_decide=self.request.user.has_perm("mailer.change_verdict"),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        suppress = request.POST.get("action") == "suppress"
        try:
            count = domain_outages.decide(
                self.outage, stop=suppress, by=request.user.get_username(), now=timezone.now()
            )
        except VerdictError as error:
            messages.error(request, str(error))
        else:
            action = "desk.domain_suppress" if suppress else "desk.domain_keep"
            log(instance=self.outage, action=action, user=request.user)
            result = "suppressed" if suppress else "kept"
            messages.success(request, f"{count} address{'' if count == 1 else 'es'} {result}.")
        return redirect("desk_domain_outage", pk)

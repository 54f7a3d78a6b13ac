"""The readers of one domain who came back at once: who they are, and one decision about all of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.replies import decision_labels as words
from mailer.desk.replies.decision_detail import DecisionPage
from mailer.feedback.decisions import domain_outages
from mailer.feedback.decisions.decisions import VerdictError
from mailer.feedback.models import Outage, Verdict

# Readers that the page shows.
_SHOWN = 50


class OutagePage(DecisionPage):
    """The readers of one domain who came back at once (GET), and the decision about all of them (POST)."""

    template_name = "desk/people/outage.html"
    page_title = "A domain whose readers came back"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.outage = get_object_or_404(Outage, pk=kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        about = self.outage.verdicts.order_by("pk")
        said = about.order_by().values_list("events__diagnostic", flat=True).distinct()
        return super().get_context_data(
            outage=self.outage,
            waiting=about.filter(state=Verdict.State.HELD).count(),
            readers=[(one, *words.state(one)) for one in about.with_address()[:_SHOWN]],
            total=about.count(),
            said=[" ".join(one.split())[:300] for one in said[:5] if one],
            may_see=self.request.user.has_perm("subscribers.view_subscriber"),
            may_decide=self.request.user.has_perm("mailer.change_verdict"),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        stop = request.POST.get("deed") == "stop"
        try:
            count = domain_outages.decide(
                self.outage, stop=stop, by=request.user.get_username(), now=timezone.now()
            )
        except VerdictError as error:
            messages.error(request, str(error))
        else:
            action = "desk.stop_domain" if stop else "desk.keep_domain"
            log(instance=self.outage, action=action, user=request.user)
            what = "stopped" if stop else "kept, and mailed as before"
            messages.success(request, f"{count} address{'' if count == 1 else 'es'} {what}.")
        return redirect("desk_outage", pk)

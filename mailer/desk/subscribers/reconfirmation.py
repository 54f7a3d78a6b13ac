"""Asking a segment whether it still wants a list: begun here, watched, and decided when the days are over."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base.pages import StaffPage
from subscribers.bulk import jobs
from subscribers.models import MailingList
from subscribers.reconfirmation import reconfirmation
from subscribers.reconfirmation.models import Asking
from subscribers.segments.models import SavedSegment
from subscribers.segments.rules import BadRule

_SHOWN = 50


class AskForm(forms.Form):
    """Which list it is about, and how long people have."""

    mailing_list = forms.ModelChoiceField(MailingList.objects.all(), label="About the list")
    days = forms.IntegerField(label="Days to answer", initial=30, min_value=7, max_value=90)


class _AskingView(StaffPage, TemplateView):
    permission_required = "subscribers.change_subscriber"
    under: tuple[tuple[str, str], ...] = (("desk_askings", "Questions"),)
    header_icon = "mail"


class AskPage(_AskingView):
    """Says what it means and asks for the list (GET), then begins (POST)."""

    template_name = "desk/people/ask.html"
    page_title = "Ask whether they still want it"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.segment = get_object_or_404(SavedSegment, pk=kwargs["pk"])

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = AskForm(request.POST)
        if form.is_valid():
            data, by = form.cleaned_data, request.user.get_username()
            try:
                begun = reconfirmation.begin(
                    self.segment, data["mailing_list"], data["days"], by, timezone.now()
                )
            except (BadRule, ValueError) as error:
                form.add_error(None, str(error))
            else:
                log(instance=begun, action="desk.ask", user=request.user)
                return redirect("desk_asking", begun.pk)
        return self.render_to_response(self.get_context_data(form=form, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {"form": AskForm(), **context, "segment": self.segment}


class AskingPage(_AskingView):
    """How many were asked and have answered (GET); decides or stops it (POST)."""

    template_name = "desk/people/asking.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.asking = get_object_or_404(Asking.objects.select_related("mailing_list"), pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(self.asking)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by, now = request.user.get_username(), timezone.now()
        try:
            if request.POST.get("deed") == "decide":
                run = reconfirmation.decide(self.asking, by, now)
                log(instance=run, action="desk.bulk", user=request.user)
                jobs.step(run.pk, now)
                return redirect("desk_bulk_run", run.pk)
            reconfirmation.stop(self.asking, by, now)
            log(instance=self.asking, action="desk.ask_stop", user=request.user)
            messages.success(request, "Nobody more is asked, and everybody stays where they are.")
        except reconfirmation.NotNow as error:
            messages.error(request, str(error))
        return redirect("desk_asking", self.asking.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        one, now = self.asking, timezone.now()
        asked = one.people.count()
        stay = one.people.filter(stays_at__isnull=False).count()
        at_work = one.state in (Asking.State.SENDING, Asking.State.WAITING)
        return super().get_context_data(
            asking=one,
            asked=asked,
            stay=stay,
            silent=asked - stay,
            at_work=at_work,
            may_decide=at_work and now.date() > one.until,
            **kwargs,
        )


class AskingsPage(_AskingView):
    """What was asked, the latest first."""

    template_name = "desk/people/askings.html"
    page_title = "Questions"
    under = ()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = Asking.objects.select_related("mailing_list")[:_SHOWN]
        return super().get_context_data(askings=found, **kwargs)

"""Reconfirmation campaigns: started for a segment, followed, finished or cancelled."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from django_stubs_ext import StrOrPromise
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base.page_base_classes import ObjectPage, StaffPage
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.models import MailingList
from subscribers.reconfirmation import campaigns
from subscribers.reconfirmation.models import ReconfirmationCampaign
from subscribers.resumable_jobs import WrongState
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import InvalidRule

_SHOWN = 50


class ReconfirmForm(forms.Form):
    """Which list to reconfirm, and how long subscribers have."""

    mailing_list = forms.ModelChoiceField(MailingList.objects.all(), label=_("List"))
    days = forms.IntegerField(
        label=_("Number of days that subscribers have to respond"), initial=30, min_value=7, max_value=90
    )


class _CampaignView(StaffPage, TemplateView):
    permission_required = "subscribers.change_subscriber"
    breadcrumbs_above: tuple[tuple[str, StrOrPromise], ...] = (
        ("desk_reconfirmations", _("Reconfirmations")),
    )
    header_icon = "mail"


class ReconfirmPage(_CampaignView, ObjectPage[Segment]):
    """Explains reconfirmation and shows the form (GET), then starts a campaign (POST)."""

    model = Segment
    template_name = "desk/subscribers/reconfirm.html"
    page_title = _("Reconfirm subscriptions")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ReconfirmForm(request.POST)
        if form.is_valid():
            data, by = form.cleaned_data, request.user.get_username()
            try:
                with transaction.atomic():
                    if self.is_repeated("reconfirmation"):
                        return redirect("desk_reconfirmations")
                    campaign = campaigns.start_campaign(
                        self.object, data["mailing_list"], data["days"], by, timezone.now()
                    )
                    log(instance=campaign, action="desk.reconfirm", user=request.user)
            except (InvalidRule, ValueError) as error:
                form.add_error(None, str(error))
            else:
                return redirect("desk_reconfirmation", campaign.pk)
        return self.render_to_response(self.get_context_data(form=form, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {"form": ReconfirmForm(), **context, "segment": self.object}


class CampaignPage(_CampaignView, ObjectPage[ReconfirmationCampaign]):
    """Shows how many were asked and have confirmed (GET); finishes or stops the campaign (POST)."""

    template_name = "desk/subscribers/reconfirmation.html"

    def get_queryset(self) -> QuerySet[ReconfirmationCampaign]:
        return ReconfirmationCampaign.objects.select_related("mailing_list")

    def get_page_title(self) -> str:
        return str(self.object)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by, now = request.user.get_username(), timezone.now()
        try:
            if request.POST.get("action") == "finish":
                job = campaigns.finish_and_remove_unanswered(self.object, by, now)
                log(instance=job, action="desk.bulk", user=request.user)
                apply_and_undo_bulk_actions.RUNNER.attempt(job, lambda: now)
                return redirect("desk_bulk_job", job.pk)
            campaigns.cancel(self.object, by, now)
            log(instance=self.object, action="desk.reconfirm_stop", user=request.user)
            messages.success(request, gettext("The reconfirmation is stopped. No subscription was changed."))
        except WrongState as error:
            messages.error(request, str(error))
        return redirect("desk_reconfirmation", self.object.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        campaign, now = self.object, timezone.now()
        asked = campaign.requests.count()
        confirmed = campaign.requests.filter(confirmed_at__isnull=False).count()
        in_progress = campaign.state in (
            ReconfirmationCampaign.State.SENDING,
            ReconfirmationCampaign.State.WAITING,
        )
        return super().get_context_data(
            campaign=campaign,
            asked=asked,
            confirmed=confirmed,
            unanswered=asked - confirmed,
            in_progress=in_progress,
            may_finish=in_progress and now.date() > campaign.deadline,
            **kwargs,
        )


class CampaignsPage(_CampaignView):
    """Lists the campaigns, newest first."""

    template_name = "desk/subscribers/reconfirmations.html"
    page_title = _("Reconfirmations")
    breadcrumbs_above = ()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = ReconfirmationCampaign.objects.select_related("mailing_list")[:_SHOWN]
        return super().get_context_data(campaigns=found, **kwargs)

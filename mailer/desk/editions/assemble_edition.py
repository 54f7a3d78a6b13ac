"""Assembling an edition by hand: of a period, or under a name outside of the schedule."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.page_base_classes import NewsletterPage, current_user
from mailer.editions.assemble import (
    EditionExists,
    InvalidPeriod,
    create_edition_unless_exists,
    create_unscheduled_edition,
    now_or_demo_time,
    parse_period,
    stories_for,
)
from mailer.editions.models import Newsletter
from mailer.editions.planned_dates import period_assembled_on
from mailer.rendering.edition_period import MAX_LENGTH, Period
from mailer.rendering.localization import period_title

# Periods that are offered before and behind the present one.
_PERIODS_BEFORE, _PERIODS_BEHIND = 6, 6


class PeriodForm(forms.Form):
    """The period that an edition is for, or the name of one outside of the schedule."""

    period = forms.CharField(label=_("Period"), max_length=MAX_LENGTH, required=False)
    name = forms.CharField(
        label=_("Or a name, for an edition outside of the schedule"),
        max_length=80,
        required=False,
        help_text=_(
            "Readers see this name instead of a period. The edition begins empty: you choose its stories."
        ),
    )

    def __init__(self, *args: Any, newsletter: Newsletter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if newsletter.period_kind == Newsletter.PeriodKind.MONTH:
            self.fields["period"].widget = forms.TextInput(attrs={"type": "month", "placeholder": "2021-12"})
            self.fields["period"].label = _("Month")
        else:
            self.fields["period"].widget = forms.Select(choices=_periods(newsletter))

    def clean_period(self) -> str:
        period: str = self.cleaned_data["period"]
        try:
            return str(parse_period(period)) if period else ""
        except InvalidPeriod as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "period" in cleaned and not cleaned["period"] and not cleaned.get("name"):
            self.add_error("period", gettext("Choose a period for the edition, or write a name."))
        return cleaned


def _periods(newsletter: Newsletter) -> list[tuple[str, str]]:
    """Weeks to choose from, newest first."""
    now = now_or_demo_time(timezone.now())
    period = period_assembled_on(newsletter, now.astimezone(zoneinfo.ZoneInfo(newsletter.zone)).date())
    for _number in range(_PERIODS_BEHIND):
        period = period.next
    found = []
    for _number in range(_PERIODS_BEFORE + _PERIODS_BEHIND + 1):
        found.append((str(period), localized_names_and_dates.month_name(str(period))))
        period = period.previous
    return found


class AssembleView(NewsletterPage, FormView[PeriodForm]):
    """Shows the form (GET) and assembles the period's edition from ready stories (POST)."""

    permission_required = "mailer.add_edition"
    form_class = PeriodForm
    template_name = "desk/editions/assemble.html"
    page_title = _("Assemble an edition")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "newsletter": self.object}

    def get_initial(self) -> dict[str, Any]:
        now = now_or_demo_time(timezone.now())
        here = now.astimezone(zoneinfo.ZoneInfo(self.object.zone)).date()
        return {"period": str(period_assembled_on(self.object, here))}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        period = self.get_initial()["period"]
        stories = stories_for(self.object, Period.parse(period), now_or_demo_time(timezone.now()))
        return super().get_context_data(
            newsletter=self.object,
            # Those of the period that the form offers.
            period=period_title(period, get_language() or "en"),
            stories=[str(story) for story in stories],
            **kwargs,
        )

    def form_valid(self, form: PeriodForm) -> HttpResponse:
        name: str = form.cleaned_data["name"].strip()
        user, now = current_user(self.request), now_or_demo_time(timezone.now())
        try:
            edition = (
                create_unscheduled_edition(self.object, name, now, user)
                if name
                else create_edition_unless_exists(self.object, form.cleaned_data["period"], now, user)
            )
        except (EditionExists, InvalidPeriod) as error:
            form.add_error("period", str(error))
            return self.form_invalid(form)
        log(instance=edition, action="desk.assemble", user=self.request.user)
        text = (
            gettext("The edition “%(edition)s” is created. Add the stories that it is about.")
            if name
            else gettext(
                "The edition “%(edition)s” is assembled. Review and edit it, then submit it for approval."
            )
        )
        messages.success(self.request, text % {"edition": edition})
        return redirect("desk_editions:edit", edition.pk)

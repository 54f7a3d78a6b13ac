"""What the checklist on the home page does in place: skipping a step, and making the first list."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.generic import View
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base.page_base_classes import StaffPage, current_user
from mailer.desk.base.setup_progress import PERMISSION, STEPS
from mailer.desk.editions.newsletters import free_slug
from mailer.editions.sample_edition_markers import SLUG
from mailer.instance.models import SkippedStep
from subscribers.models import MailingList


def _back() -> HttpResponse:
    return redirect(f"{reverse('wagtailadmin_home')}#desk-setup")


class SkipForm(forms.Form):
    """Which step is skipped, and why if the user says so."""

    step = forms.ChoiceField(choices=[(key, key) for key in STEPS])
    reason = forms.CharField(max_length=200, required=False)


class SkipStepAction(StaffPage, View):
    """POST only: skips a step, or brings it back."""

    permission_required = PERMISSION
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if "restore" in request.POST:
            SkippedStep.objects.filter(step=request.POST["restore"]).delete()
            return _back()
        form = SkipForm(request.POST)
        if not form.is_valid():
            messages.error(
                request,
                gettext(
                    "The step was not skipped. Shorten the reason to at most 200 characters, and try again."
                ),
            )
            return _back()
        SkippedStep.objects.update_or_create(
            step=form.cleaned_data["step"],
            defaults={
                "reason": form.cleaned_data["reason"],
                "skipped_by": current_user(request).get_username(),
                "skipped_at": timezone.now(),
            },
        )
        return _back()


class FirstListAction(StaffPage, View):
    """POST only: makes a mailing list with the name in the form."""

    permission_required = "subscribers.add_mailinglist"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()[:200]
        if not name:
            messages.error(request, gettext("Enter the name of the mailing list."))
            return _back()
        user = current_user(request)
        with transaction.atomic():
            # One request of a person at a time, so that pressing the button twice makes one list.
            User.objects.select_for_update().get(pk=user.pk)
            made = MailingList.objects.exclude(slug=SLUG).filter(name=name).first()
            if made is None:
                made = MailingList.objects.create(name=name, slug=free_slug(MailingList, name))
                log(instance=made, action="wagtail.create", user=user)
        messages.success(request, gettext("The mailing list “%(list)s” is created.") % {"list": made})
        return _back()

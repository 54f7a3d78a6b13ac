"""No-send mode in the desk: the banner on every page, and the page on which an admin ends it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from wagtail.admin import messages

from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.delivery.rollout import begin_and_end_no_send_mode
from mailer.delivery.rollout.begin_and_end_no_send_mode import Choice, Questions, Unfinished
from mailer.desk.base.page_base_classes import StaffPage, current_user
from mailer.instance import no_send_status

# What each answer does, for the page.
_CHOICES = (
    (Choice.HOLD, _("I do not know yet: pause sending here. You can resume or cancel it later.")),
    (Choice.SENT, _("The original installation sent this edition: send no more of it from here.")),
    (
        Choice.GO_ON,
        _(
            "The original installation did not finish sending this edition: send the remaining "
            "emails from here."
        ),
    ),
)
# The same for an edition that was due, and of which nothing was sent when the database was copied.
_DUE_CHOICES = (
    (
        Choice.HOLD,
        _("I do not know yet: cancel the schedule here. You can schedule the edition again later."),
    ),
    (Choice.SENT, _("The original installation sent this edition: do not send it from here.")),
    (Choice.GO_ON, _("The original installation did not send this edition: send it from here, now.")),
)


class ResumeForm(forms.Form):
    """An answer for each mailing and each edition that was due, and whether to send waiting emails."""

    send_outbox = forms.BooleanField(required=False)
    original_stopped = forms.BooleanField(
        label=_("The original installation no longer sends mail"),
        error_messages={"required": _("Confirm that the original installation no longer sends mail.")},
    )

    def __init__(self, *args: Any, asked: Questions, paused: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if paused:
            del self.fields["original_stopped"]
        choices = dict.fromkeys((self.mailing_field(one) for one in asked.mailings), _CHOICES)
        choices |= dict.fromkeys((f"due-{snapshot.pk}" for snapshot in asked.due), _DUE_CHOICES)
        for name, offered in choices.items():
            self.fields[name] = forms.ChoiceField(
                choices=offered, widget=forms.RadioSelect, initial=Choice.HOLD
            )

    @staticmethod
    def mailing_field(one: Unfinished) -> str:
        """The name of the field for a mailing."""
        return f"mailing-{one.mailing.pk}"

    def answers(self, prefix: str) -> dict[int, Choice]:
        """Choices by id, of the fields that begin with "mailing" or "due"."""
        return {
            int(name.partition("-")[2]): Choice(value)
            for name, value in self.cleaned_data.items()
            if name.startswith(f"{prefix}-")
        }


@method_decorator(requires_recent_sign_in, name="dispatch")
class ResumeSendingPage(StaffPage, FormView[ResumeForm]):
    """What no-send mode means, and the form that ends it."""

    permission_required = "auth.change_user"
    page_title = _("No-send mode (sending is switched off)")
    header_icon = "warning"
    template_name = "desk/sending/no_send_mode.html"
    form_class = ResumeForm

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.reason = no_send_status.no_send_reason()
        self.asked = begin_and_end_no_send_mode.questions(timezone.now())

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "asked": self.asked, "paused": self.reason == "paused"}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.reason is None or self.reason == no_send_status.NOT_JOINED:
            return redirect("desk_resume_sending")
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: ResumeForm) -> HttpResponse:
        begin_and_end_no_send_mode.resume(
            form.answers("mailing"),
            form.answers("due"),
            send_outbox=form.cleaned_data["send_outbox"],
            by=current_user(self.request).get_username(),
            now=timezone.now(),
            user=current_user(self.request),
        )
        messages.success(self.request, gettext("This installation sends mail again."))
        return redirect("wagtailadmin_home")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        form = context["form"]
        return {
            **context,
            "reason": self.reason,
            "reason_text": "" if self.reason is None else no_send_status.describe_reason(self.reason),
            "asked": self.asked,
            "mailings": [(one, form[ResumeForm.mailing_field(one)]) for one in self.asked.mailings],
            "due": [(snapshot, form[f"due-{snapshot.pk}"]) for snapshot in self.asked.due],
        }


def no_send_banner() -> SafeString:
    """Our own hook `desk_banner`: on every page of the desk, why nothing is sent; empty where it is."""
    reason = no_send_status.no_send_reason()
    if reason is None:
        return SafeString("")
    return render_to_string(
        "desk/sending/no_send_banner.html", {"reason": no_send_status.describe_reason(reason)}
    )

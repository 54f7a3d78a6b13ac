"""Full tests: every subscriber's email is built exactly as it would be sent, and goes to a colleague."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import mailing_control
from mailer.delivery.rollout.mailing_control import ControlError
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.sending.mailing_control import DRY_RUN_PERMISSIONS, available_actions
from mailer.desk.sending.progress import progress_context
from mailer.reports.collect_stats import stats_of
from mailer.reports.number_formats import format_number
from mailer.reports.stats import latest_dry_run
from subscribers.rate_limit import claim_form

_SAMPLE_SIZE = 20


class FullTestForm(forms.Form):
    """The receiving address, and for how many subscribers."""

    to = forms.EmailField(
        label=_("Send all emails of the full test to"),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "aria-describedby": "desk-to-help"}),
    )
    subscribers = forms.ChoiceField(label=_("Number of emails in the full test"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, audience: int, variants: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sample = max(_SAMPLE_SIZE, variants)
        everybody = gettext("All %(audience)s emails: one for each subscriber") % {
            "audience": format_number(audience)
        }
        choices = [("all", everybody)]
        if sample < audience:
            some = gettext("A sample of %(sample)s emails that includes every variant") % {"sample": sample}
            choices.insert(0, (str(sample), some))
        self.fields["subscribers"].choices = choices  # type: ignore[attr-defined]
        self.fields["subscribers"].initial = choices[0][0]

    def limit(self) -> int | None:
        chosen = self.cleaned_data["subscribers"]
        return None if chosen == "all" else int(chosen)


class FullTestPage(EditionPage):
    """Shows the last dry run (GET) and starts another one (POST)."""

    page_title = _("Test with all emails")
    template_name = "desk/sending/dry_run.html"

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return super().has_permission()
        return any(self.request.user.has_perm(permission) for permission in DRY_RUN_PERMISSIONS)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        last = latest_dry_run(self.edition)
        may_run = any(self.request.user.has_perm(permission) for permission in DRY_RUN_PERMISSIONS)
        context.setdefault("form", self._form())
        return {
            **context,
            **(
                progress_context(last, stats_of(last, context["now"]), context["now"])
                if last
                else {"mailing": None}
            ),
            "actions": available_actions(last) if last and may_run else (),
            "may_start": may_run and context["form"] is not None and not _in_progress(last),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = self._form(request.POST)
        if form is None or not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        snapshot, to = self.edition.snapshots.first(), form.cleaned_data["to"]
        return self.attempt(
            lambda: self._start(snapshot, to, form.limit()),
            gettext("The full test to %(to)s has started. You can pause or cancel it.") % {"to": to},
            "desk.dry_run",
            on_success="dry_run",
            on_error="dry_run",
        )

    def _start(self, snapshot: Snapshot | None, to: str, limit: int | None) -> None:
        """Raises ControlError, also where this form was sent before."""
        user, now = current_user(self.request), timezone.now()
        nonce = self.request.POST.get("form", "")[:40]
        with transaction.atomic():
            if nonce and not claim_form(f"dry run {user.pk} {nonce}", now):
                text = gettext("This full test was already started. It was not started twice.")
                raise ControlError("dry_run_active", text)
            mailing_control.create_dry_run_mailing(snapshot, to, limit, user, now)

    def _form(self, data: Any = None) -> FullTestForm | None:
        """None if there is no open snapshot."""
        snapshot = self.edition.snapshots.first()
        if snapshot is None or snapshot.state not in Snapshot.OPEN or snapshot.mailed:
            return None
        initial = {"to": current_user(self.request).email}
        return FullTestForm(
            data, initial=initial, audience=snapshot.audience_count, variants=snapshot.variants.count()
        )


def _in_progress(last: Mailing | None) -> bool:
    return last is not None and last.state in mailing_control.ACTIVE

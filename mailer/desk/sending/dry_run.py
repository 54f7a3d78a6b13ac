"""Rehearsing the whole list: every reader's message, made as it would leave, goes to a colleague."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from mailer.approval.models import Snapshot
from mailer.delivery.engine import dry_run
from mailer.delivery.models import Mailing
from mailer.desk.base.current_user import staff
from mailer.desk.editions.edition_base import EditionPage
from mailer.desk.sending import mailing_actions
from mailer.desk.sending.mailing_progress import told
from mailer.reports.cached_stats import counts_of
from mailer.reports.totals import latest_rehearsal

_A_FEW = 20


class RehearsalForm(forms.Form):
    """To whom, and for how many readers."""

    to = forms.EmailField(
        label="A colleague’s address", widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    readers = forms.ChoiceField(label="For how many readers", widget=forms.RadioSelect, initial="few")

    def __init__(self, *args: Any, readers: int, variants: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        few = max(_A_FEW, variants)
        choices = [("all", f"All {readers:,}: one message each".replace(",", "\u202f"))]
        if few < readers:
            choices.insert(0, (str(few), f"{few}, with every variant among them"))
        self.fields["readers"].choices = choices  # type: ignore[attr-defined]
        self.fields["readers"].initial = choices[0][0]

    def limit(self) -> int | None:
        chosen = self.cleaned_data["readers"]
        return None if chosen == "all" else int(chosen)


class RehearsePage(EditionPage):
    """How the last rehearsal stands (GET); begin another (POST)."""

    page_title = "Rehearse"
    template_name = "desk/editions/rehearse.html"
    current = "Rehearse"

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return super().has_permission()
        return any(self.request.user.has_perm(permission) for permission in mailing_actions.REHEARSING)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        last = latest_rehearsal(self.edition)
        may = any(self.request.user.has_perm(permission) for permission in mailing_actions.REHEARSING)
        context.setdefault("form", self._form())
        return {
            **context,
            **(
                told(last, counts_of(last, context["now"]).account, context["now"])
                if last
                else {"mailing": None}
            ),
            "deeds": mailing_actions.deeds(last) if last and may else (),
            "may_begin": may and context["form"] is not None and not _under_way(last),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = self._form(request.POST)
        if form is None or not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        snapshot, to = self.edition.snapshots.first(), form.cleaned_data["to"]
        return self.attempt(
            lambda: dry_run.begin(snapshot, to, form.limit(), staff(request), timezone.now()),
            f"The rehearsal for {to} begins. It can be paused and cancelled like a mailing.",
            "desk.rehearse",
            then="rehearse",
            otherwise="rehearse",
        )

    def _form(self, data: Any = None) -> RehearsalForm | None:
        """None when there is nothing to rehearse."""
        snapshot = self.edition.snapshots.first()
        if snapshot is None or snapshot.state not in Snapshot.OPEN or snapshot.mailed:
            return None
        initial = {"to": staff(self.request).email}
        return RehearsalForm(
            data, initial=initial, readers=snapshot.audience_count, variants=snapshot.variants.count()
        )


def _under_way(last: Mailing | None) -> bool:
    return last is not None and last.state in dry_run.UNDER_WAY

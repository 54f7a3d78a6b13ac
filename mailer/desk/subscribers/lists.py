"""Lists in the desk: how people join each, what it says to them, and how it grew."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from wagtail.admin import messages
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList, Panel
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import DeleteView, IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.columns import WordColumn
from mailer.reports.charts.lines import Point, trend_line
from mailer.reports.labels import number
from subscribers import iso_codes
from subscribers.models import ListGrowth, MailingList, Subscription
from subscribers.search.search import CAP

_WELCOME = "welcome_"


class ListForm(WagtailAdminModelForm):
    """A list, with a welcome for each language of the office."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("sender_name") and not cleaned.get("sender_email"):
            self.add_error("sender_email", "A sender has an address too.")
        return cleaned

    def save(self, commit: bool = True) -> Any:
        codes = settings.CONFIG.site.languages
        if any(f"{_WELCOME}{code}" in self.data for code in codes):
            written = {code: self.data.get(f"{_WELCOME}{code}", "").strip()[:4000] for code in codes}
            self.instance.welcome = {code: text for code, text in written.items() if text}
        return super().save(commit)


class WelcomePanel(Panel):
    """A text for each language; the form reads them by their names."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/people/welcome.html"

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            known, data = self.instance.welcome or {}, self.form.data
            return {
                **context,
                "texts": [
                    (
                        code,
                        iso_codes.language_name(code, "en"),
                        data.get(f"{_WELCOME}{code}", known.get(code, "")),
                    )
                    for code in settings.CONFIG.site.languages
                ],
            }


class GrowthPanel(Panel):
    """Who joined and left, month by month."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/people/growth.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            kept = ListGrowth.objects.filter(mailing_list=self.instance).first()
            months = kept.months if kept else []
            points = [Point(one["month"], one["people"]) for one in months]
            return {
                **context,
                "kept": kept,
                "months": months[::-1],
                "chart": trend_line(points, "Confirmed readers", "list-growth", lambda one: number(int(one)))
                if any(point.value for point in points)
                else "",
            }


class ListIndex(IndexView):
    """Lists with the number of people on each."""

    def get_base_queryset(self) -> QuerySet[MailingList]:
        return MailingList.objects.select_related("growth")


class ListDelete(DeleteView):
    """Deletes a list that nobody has left: with it would go the memory of who must not be brought back."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._kept() or super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._kept() or super().post(request, *args, **kwargs)

    def _kept(self) -> HttpResponseBase | None:
        rows = Subscription.objects.filter(mailing_list=self.object)
        if not rows.filter(Q(ended_at__isnull=False) | Q(state=Subscription.State.UNSUBSCRIBED)).exists():
            return None
        messages.error(
            self.request,
            "Nothing was deleted: people have left this list, and without it nobody would know that. "
            "Take it off the sign-up page and out of your newsletters instead.",
        )
        return redirect("desk_lists:edit", self.object.pk)


def confirmed_on(mailing_list: MailingList) -> str:
    """How many are confirmed: counted now, or of a long list as it was counted last."""
    people = _people_on(mailing_list, Subscription.State.CONFIRMED)
    kept: ListGrowth | None = getattr(mailing_list, "growth", None)
    if people > CAP and kept:
        return f"about {number(kept.months[-1]['people'])}"
    return number(people) if people <= CAP else f"more than {number(CAP)}"


def waiting_on(mailing_list: MailingList) -> str:
    """How many wait to confirm."""
    people = _people_on(mailing_list, Subscription.State.PENDING)
    return number(people) if people <= CAP else f"more than {number(CAP)}"


def _people_on(mailing_list: MailingList, state: str) -> int:
    return Subscription.objects.filter(mailing_list=mailing_list, state=state)[: CAP + 1].count()


def offered(mailing_list: MailingList) -> tuple[str, str]:
    """(tone, words): whether the sign-up page offers it."""
    return ("done", "Offered") if mailing_list.public else ("draft", "Not offered")


class MailingListViewSet(ModelViewSet):
    """Lists that people join; newsletters are sent to lists."""

    model = MailingList
    name = "desk_lists"
    url_prefix = "lists"
    icon = "list-ul"
    menu_label = "Lists"
    menu_name = "lists"
    copy_view_enabled = False
    index_view_class = ListIndex
    delete_view_class = ListDelete
    list_display = [
        "name",
        Column("confirmed", label="Confirmed", accessor=confirmed_on),
        Column("waiting", label="Waiting to confirm", accessor=waiting_on),
        WordColumn("public", label="Sign-up page", accessor=offered),
        Column("opt_in", label="Joining", accessor="get_opt_in_display"),
    ]
    search_fields = ["name", "slug"]
    search_backend_name = None
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("name"), FieldPanel("slug", help_text="Its name in imports.")]),
                    FieldPanel("description", help_text="What readers see on the sign-up page."),
                ],
                heading="What it is",
            ),
            MultiFieldPanel(
                [
                    FieldPanel("public", heading="Offer it on the sign-up page"),
                    FieldPanel(
                        "opt_in",
                        widget=forms.RadioSelect,
                        help_text="With a confirmation nobody can put somebody else on the list. "
                        "Whoever left is always asked to confirm.",
                    ),
                ],
                heading="How people join",
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("sender_name"), FieldPanel("sender_email")]), WelcomePanel()],
                heading="Letters of the list",
                help_text="Who sends confirmations and the welcome; the office, where nobody is named.",
            ),
            GrowthPanel(heading="Growth"),
        ],
        base_form_class=ListForm,
    )

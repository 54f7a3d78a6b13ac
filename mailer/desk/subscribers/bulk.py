"""Many people at once in the desk: choose what is done, watch how far it is, and undo it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.base.keyset_pagination import how_many
from mailer.desk.base.pages import StaffPage
from mailer.desk.base.parse_int import number_in
from mailer.desk.subscribers.list import ASKED, SubscriberFilters, asked_of
from subscribers.bulk import jobs
from subscribers.bulk.models import BulkRun
from subscribers.models import MailingList
from subscribers.search import search
from subscribers.search.search import Asked
from subscribers.segments import attributes
from subscribers.segments.models import Tag

Deed = BulkRun.Deed
_MAY = "subscribers.change_subscriber"
_SELECTED = 500
_SHOWN = 50


class BulkForm(forms.Form):
    """What is to be done to these people."""

    deed = forms.ChoiceField(
        label="What",
        widget=forms.RadioSelect,
        choices=[
            (Deed.TAG, "Give them a tag"),
            (Deed.UNTAG, "Take a tag off"),
            (Deed.ADD, "Put them on a list"),
            (Deed.REMOVE, "Take them off a list"),
            (Deed.SUPPRESS, "Suppress their addresses: no mailing reaches them"),
        ],
    )
    tag_name = forms.CharField(
        label="Tag", max_length=60, required=False, widget=forms.TextInput(attrs={"list": "tags-known"})
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label="List", required=False, empty_label="Choose a list"
    )
    words = forms.CharField(
        label="Why",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="A colleague will read this. Where people are put on a list: how they gave their consent.",
    )

    def wish(self, ids: tuple[int, ...], asked: Asked) -> jobs.Wish:
        """What the form says; makes the tag that it names. Raises ValueError in words."""
        data = self.cleaned_data
        target: Tag | MailingList | None = data["mailing_list"]
        if data["deed"] in (Deed.TAG, Deed.UNTAG):
            target = attributes.tag_named(data["tag_name"])
        elif data["deed"] == Deed.SUPPRESS:
            target = None
        number, name = (target.pk, str(target)) if target else (None, "")
        return jobs.Wish(data["deed"], ids, asked, target=number, target_name=name, words=data["words"])


class _BulkView(StaffPage, TemplateView):
    permission_required = _MAY
    under = (("desk_subscribers:index", "Subscribers"),)
    header_icon = "group"


class BulkPage(_BulkView):
    """Says whom it is about and asks what to do (GET), then begins it (POST)."""

    template_name = "desk/people/bulk.html"
    page_title = "Change many people"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        given = request.POST if request.method == "POST" else request.GET
        numbers = [found for one in given.getlist("ids") if (found := number_in(one)) is not None]
        self.everybody = given.get("all") == "yes"
        # "Change all" means all, also where some are ticked.
        self.ids = () if self.everybody else tuple(numbers[:_SELECTED])
        filters = SubscriberFilters(given, request=request)
        self.astray = self.everybody and not filters.is_valid()
        self.asked = asked_of(filters, given.get("q", ""))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.has_permission() and self.astray:
            # Without that filter it would be far more people.
            messages.error(request, "A filter names what is not there any more; nobody was changed.")
            return redirect("desk_subscribers:index")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.ids and not self.everybody:
            messages.error(
                request, "Nobody was chosen. Tick people in the table, or change all that it shows."
            )
            return redirect("desk_subscribers:index")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = BulkForm(request.POST)
        if (self.ids or self.everybody) and form.is_valid():
            try:
                run = jobs.begin(form.wish(self.ids, self.asked), request.user.get_username(), timezone.now())
            except ValueError as error:
                form.add_error(None, str(error))
            else:
                log(instance=run, action="desk.bulk", user=request.user)
                # A few are done before the page is shown; the worker does the rest.
                jobs.step(run.pk, timezone.now())
                return redirect("desk_bulk_run", run.pk)
        return self.render_to_response(self.get_context_data(form=form, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if self.ids:
            people = "1 person" if len(self.ids) == 1 else f"{len(self.ids)} people"
        else:
            people = how_many(search.count(self.asked), "person", "people")
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        kept = (*ASKED, "all") if self.everybody else ("ids",)
        return {
            "form": BulkForm(),
            **context,
            "people": people,
            "hidden": [(name, value) for name in kept for value in given.getlist(name) if value],
            "back": f"{reverse('desk_subscribers:index')}?{urlencode({'q': self.asked.words})}",
            "tags": Tag.objects.all()[:200],
        }


class BulkRunPage(_BulkView):
    """How far it is, and what came of it (GET); undoes it, or lets it go on where it stopped (POST)."""

    template_name = "desk/people/bulk_run.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.run = get_object_or_404(BulkRun, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(self.run)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        again = "again" in request.POST
        try:
            if again:
                jobs.go_on(self.run)
            else:
                jobs.undo(self.run, request.user.get_username(), timezone.now())
        except jobs.NotNow as error:
            messages.error(request, str(error))
        else:
            action = "desk.bulk_again" if again else "desk.bulk_undo"
            log(instance=self.run, action=action, user=request.user)
            jobs.step(self.run.pk, timezone.now())
        return redirect("desk_bulk_run", self.run.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        run, now = self.run, timezone.now()
        whole = run.last if run.state == BulkRun.State.WORKING else None
        return super().get_context_data(
            run=run,
            at_work=run.at_work,
            percent=round(100 * run.position / whole) if whole else None,
            may_undo=jobs.may_undo(run, now),
            until=run.made_at + jobs.UNDO_FOR,
            **kwargs,
        )


class BulkRunsPage(_BulkView):
    """What was done to many people at once, the latest first."""

    template_name = "desk/people/bulk_runs.html"
    page_title = "Changes to many people"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(runs=BulkRun.objects.all()[:_SHOWN], **kwargs)

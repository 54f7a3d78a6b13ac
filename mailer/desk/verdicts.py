"""Automatic verdicts on addresses: all of them, why each was passed, and taking one back in one step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import django_filters
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic.base import BaseListingView, WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.desk import verdictwords as words
from mailer.desk.columns import WordColumn
from mailer.desk.mailbox import text_of
from mailer.feedback import outages, verdicts
from mailer.feedback.models import Outage, Verdict
from mailer.feedback.verdicts import VerdictError
from subscribers.models import MailingList, Subscriber

State, Rule = Verdict.State, Verdict.Rule
# Readers of a domain that its page shows.
_SHOWN = 50


class VerdictFilters(WagtailFilterSet):
    """By where it stands, and by rule."""

    state = django_filters.ChoiceFilter(label="State", choices=words.STATES)
    rule = django_filters.ChoiceFilter(label="Why", choices=Rule.choices)

    class Meta:
        model = Verdict
        fields: list[str] = []


class VerdictIndex(PermissionRequiredMixin, BaseListingView):
    """All verdicts, newest first; above them the domains that wait for a decision."""

    permission_required = "subscribers.view_suppression"
    raise_exception = True
    model = Verdict
    template_name = "desk/people/verdicts.html"
    page_title = "Automatic decisions"
    header_icon = "warning"
    paginate_by = 50
    index_url_name = "desk_verdicts"
    verbose_name_plural = "decisions"
    filterset_class = VerdictFilters

    columns = [
        TitleColumn(
            "address",
            label="Address",
            accessor=lambda one: one.email or f"Reader {one.subscriber}",
            get_url=lambda one: reverse("desk_verdict", args=[one.pk]),
        ),
        Column("rule", label="Why", accessor=lambda one: one.get_rule_display().capitalize()),
        WordColumn("state", label="State", accessor=lambda one: words.state(one)),
        DateColumn("at", label="Since"),
    ]

    def get_base_queryset(self) -> Any:
        return _with_address(Verdict.objects.all())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "outages": Outage.objects.filter(state=Outage.State.OPEN)}


class _Deed(NamedTuple):
    do: Callable[[Verdict, str, datetime], object]
    # On the button.
    label: str
    # Its name in the audit log, and what is told afterwards.
    action: str
    done: str


def _stop(verdict: Verdict, by: str, now: datetime) -> None:
    if not verdicts.confirm([verdict], now):
        raise VerdictError("Somebody has decided about this address already, or the person was erased.")


_AGAIN = _Deed(
    verdicts.reverse,
    "Mail this address again",
    "desk.mail_again",
    "Mailings reach this address again, and what came back before is never held against it any more.",
)
_DEEDS: dict[str, dict[str, _Deed]] = {
    State.STANDING: {"again": _AGAIN},
    State.HELD: {
        "again": _AGAIN._replace(label="Keep mailing this address"),
        "stop": _Deed(_stop, "Stop this address", "desk.stop", "No mailing reaches this address any more."),
    },
    State.REVERSED: {
        "restore": _Deed(
            verdicts.restore, "Undo: stop it again", "desk.stop_again", "The address is stopped again."
        )
    },
}
_DEEDS[State.PROBING] = _DEEDS[State.HELD]
_LET_BACK = _AGAIN._replace(
    label="Let this reader come back",
    done="The reader may sign up again. Mail reaches them once they have confirmed.",
)


def deeds(verdict: Verdict) -> dict[str, _Deed]:
    """What can be done about a verdict, by the name that the form sends."""
    if verdict.rule == Rule.COMPLAINT and verdict.state == State.STANDING:
        return {"again": _LET_BACK}
    return _DEEDS.get(verdict.state, {})


class _DecisionPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    raise_exception = True
    header_icon = "warning"

    def has_permission(self) -> bool:
        change = self.request.method == "POST"
        return self.request.user.has_perm(f"subscribers.{'change' if change else 'view'}_suppression")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_verdicts"), "label": "Automatic decisions"},
            {"url": "", "label": self.get_page_title()},
        ]


class VerdictPage(_DecisionPage):
    """Why was this address stopped? The whole story (GET), and the one step that takes it back (POST)."""

    template_name = "desk/people/verdict.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        found = Verdict.objects.select_related("outage", "probe", "suppression")
        self.verdict = get_object_or_404(found, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return words.TITLES[self.verdict.state]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        verdict, may = self.verdict, self.request.user.has_perm
        person = Subscriber.objects.filter(address_hash=bytes(verdict.address_hash)).first()
        earlier = Verdict.objects.filter(subscriber=verdict.subscriber).exclude(pk=verdict.pk)
        return super().get_context_data(
            verdict=verdict,
            person=person if may("subscribers.view_subscriber") else None,
            gone=person is None,
            state=words.state(verdict),
            means=_means(verdict),
            rule=words.RULES[verdict.rule],
            timeline=words.timeline(verdict),
            messages_of=self._messages() if may("mailer.view_returnedmessage") else [],
            lists=MailingList.objects.filter(pk__in=verdict.ended_lists),
            earlier=[(one, *words.state(one)) for one in earlier[:20]],
            deeds=deeds(verdict) if may("subscribers.change_suppression") else {},
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        deed = deeds(self.verdict).get(request.POST.get("deed", ""))
        try:
            if deed is None:
                raise VerdictError("That is not possible any more: somebody else has decided meanwhile.")
            deed.do(self.verdict, request.user.get_username(), timezone.now())
        except VerdictError as error:
            messages.error(request, str(error))
        else:
            log(instance=self.verdict, action=deed.action, user=request.user)
            messages.success(request, deed.done)
        return redirect("desk_verdict", pk)

    def _messages(self) -> list[tuple[datetime, str]]:
        """What came back, as it arrived; the latest first."""
        kept = self.verdict.events.filter(message__isnull=False).select_related("message").order_by("-at")
        return [(one.at, text_of(one.message.raw)) for one in kept[:3] if one.message]


class OutagePage(_DecisionPage):
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
            waiting=about.filter(state=State.HELD).count(),
            readers=[(one, *words.state(one)) for one in _with_address(about)[:_SHOWN]],
            total=about.count(),
            said=[" ".join(one.split())[:300] for one in said[:5] if one],
            may_see=self.request.user.has_perm("subscribers.view_subscriber"),
            may_decide=self.request.user.has_perm("subscribers.change_suppression"),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        stop = request.POST.get("deed") == "stop"
        try:
            count = outages.decide(self.outage, stop=stop, by=request.user.get_username(), now=timezone.now())
        except VerdictError as error:
            messages.error(request, str(error))
        else:
            action = "desk.stop_domain" if stop else "desk.keep_domain"
            log(instance=self.outage, action=action, user=request.user)
            what = "stopped" if stop else "kept, and mailed as before"
            messages.success(request, f"{count} address{'' if count == 1 else 'es'} {what}.")
        return redirect("desk_outage", pk)


def _means(verdict: Verdict) -> str:
    if verdict.rule == Rule.COMPLAINT and verdict.state == State.STANDING:
        return words.COMPLAINED
    suppression = verdict.suppression
    if verdict.state == State.REVERSED and suppression is not None and suppression.lifted_at is None:
        return words.REOPENED if suppression.reopened_at else words.ALSO_BY_HAND
    return words.MEANS[verdict.state]


def _with_address(rows: QuerySet[Verdict]) -> Any:
    """With the address of whoever is still there."""
    person = Subscriber.objects.filter(address_hash=OuterRef("address_hash"))
    return rows.annotate(email=Subquery(person.values("email")[:1]))

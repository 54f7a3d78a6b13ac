"""Suppression decisions: the list, one decision with its timeline, and the decision about a bounce wave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import django_filters
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from django_stubs_ext import StrOrPromise
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.log_actions import log

from mailer.desk.base.page_base_classes import ObjectPage, Row
from mailer.desk.base.tables import ReadOnlyIndex, StateColumn, TableViewSet
from mailer.desk.returned_mail.views import text_of
from mailer.desk.suppression_decisions import labels_and_timeline
from mailer.feedback.decisions import bounce_waves, suppression_decision_states
from mailer.feedback.decisions.suppression_decision_states import DecisionError
from mailer.feedback.models import BounceWave, FeedbackEvent, SuppressionDecision
from subscribers import tokens
from subscribers.models import MailingList, Subscriber

State, Rule = SuppressionDecision.State, SuppressionDecision.Rule


class DecisionFilters(WagtailFilterSet):
    """By state and reason."""

    state = django_filters.ChoiceFilter(label=_("State"), choices=labels_and_timeline.STATES)
    rule = django_filters.ChoiceFilter(label=_("Reason"), choices=SuppressionDecision.Rule.choices)

    class Meta:
        model = SuppressionDecision
        fields: list[str] = []


class DecisionIndex(ReadOnlyIndex):
    """The table, newest first."""

    template_name = "desk/suppression_decisions/index.html"
    row_url_name = "desk_suppression_decision"
    default_ordering = "-created_at"

    def get_base_queryset(self) -> Any:
        return SuppressionDecision.objects.with_email()

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("pk", label=gettext("Address"), accessor=self._address, get_url=self.get_edit_url)

    def _address(self, decision: Any) -> str:
        may_view = self.request.user.has_perm("subscribers.view_subscriber")
        return (may_view and decision.email) or gettext("Subscriber number %(subscriber)s") % {
            "subscriber": decision.subscriber
        }

    def get_list_more_buttons(self, instance: SuppressionDecision) -> list[Any]:
        return []

    def additional_context(self) -> dict[str, Any]:
        return {"waves": BounceWave.objects.filter(state=BounceWave.State.OPEN)}


class DecisionViewSet(TableViewSet):
    """Suppression decisions, read-only; each has its own page."""

    model = SuppressionDecision
    name = "desk_suppression_decisions"
    icon = "warning"
    index_view_class = DecisionIndex
    filterset_class = DecisionFilters
    list_per_page = 50
    list_display = [
        "pk",
        Column("rule", label=_("Reason"), accessor=lambda one: one.get_rule_display().capitalize()),
        StateColumn("state", label=_("State"), accessor=labels_and_timeline.state_tone_and_label),
        DateColumn("created_at", label=_("Date of the decision"), sort_key="created_at"),
    ]
    exclude_form_fields = ["events"]


class _Action(NamedTuple):
    do: Callable[[SuppressionDecision, str, datetime], object]
    # Label of the button.
    label: StrOrPromise
    # In the audit log, and shown to the user afterwards.
    log_action: str
    success: StrOrPromise


def _confirm(decision: SuppressionDecision, by: str, now: datetime) -> None:
    if not suppression_decision_states.apply_waiting([decision], now):
        raise DecisionError(
            gettext("A decision about this address was already made, or the subscriber was erased.")
        )


_REVERT = _Action(
    suppression_decision_states.revert,
    _("Remove the suppression"),
    "desk.decision_revert",
    _("The address can receive emails again. Earlier bounces and complaints no longer count."),
)
_ACTIONS: dict[str, dict[str, _Action]] = {
    State.APPLIED: {"revert": _REVERT},
    State.HELD: {
        "revert": _REVERT._replace(label=_("Keep sending to this address")),
        "confirm": _Action(
            _confirm, _("Suppress this address"), "desk.decision_confirm", _("The address is suppressed.")
        ),
    },
    State.REVERTED: {
        "restore": _Action(
            suppression_decision_states.reapply,
            _("Suppress the address again"),
            "desk.decision_restore",
            _("The address is suppressed again."),
        )
    },
}
_ACTIONS[State.PROBING] = _ACTIONS[State.HELD]
_ALLOW_RESUBSCRIBE = _REVERT._replace(
    label=_("Allow this person to resubscribe"),
    success=_("The subscriber can sign up again. They receive emails once they have confirmed."),
)


def available_actions(decision: SuppressionDecision) -> dict[str, _Action]:
    """The actions that are available for the decision, by their names in the form."""
    if decision.rule == Rule.COMPLAINT and decision.state == State.APPLIED:
        return {"revert": _ALLOW_RESUBSCRIBE}
    return _ACTIONS.get(decision.state, {})


class _DecisionPage(ObjectPage[Row], TemplateView):
    permission_required = "mailer.view_suppressiondecision"
    post_permission = "mailer.change_suppressiondecision"
    breadcrumbs_above = (("desk_suppression_decisions:index", _("Suppression decisions")),)
    header_icon = "warning"


class DecisionPage(_DecisionPage[SuppressionDecision]):
    """Shows why an address is suppressed (GET); confirms or reverts the decision (POST)."""

    template_name = "desk/suppression_decisions/detail.html"

    def get_queryset(self) -> QuerySet[SuppressionDecision]:
        return SuppressionDecision.objects.select_related("wave", "probe", "suppression")

    def get_page_title(self) -> str:
        return str(labels_and_timeline.TITLES[self.object.state])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decision, may = self.object, self.request.user.has_perm
        subscriber = Subscriber.objects.filter(address_hash=bytes(decision.address_hash)).first()
        others = SuppressionDecision.objects.filter(subscriber=decision.subscriber).exclude(pk=decision.pk)
        return super().get_context_data(
            decision=decision,
            subscriber=subscriber if may("subscribers.view_subscriber") else None,
            is_unknown=subscriber is None,
            state=labels_and_timeline.state_tone_and_label(decision),
            effect=_effect(decision),
            rule=labels_and_timeline.RULES[decision.rule],
            timeline=labels_and_timeline.timeline(decision),
            returned_messages=self._messages() if may("mailer.view_returnedmessage") else [],
            lists=MailingList.objects.filter(pk__in=decision.unsubscribed_lists),
            others=[(one, *labels_and_timeline.state_tone_and_label(one)) for one in others[:20]],
            actions=available_actions(decision) if may("mailer.change_suppressiondecision") else {},
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        action = available_actions(self.object).get(request.POST.get("action", ""))
        try:
            if action is None:
                raise DecisionError(
                    gettext("This action is no longer possible: someone else has decided meanwhile.")
                )
            action.do(self.object, request.user.get_username(), timezone.now())
        except DecisionError as error:
            messages.error(request, str(error))
        else:
            log(instance=self.object, action=action.log_action, user=request.user)
            messages.success(request, action.success)
        return redirect("desk_suppression_decision", pk)

    def _messages(self) -> list[tuple[datetime, str]]:
        """The text of returned messages with their time, newest first."""
        kept = self.object.events.filter(message__isnull=False).select_related("message").order_by("-at")
        return [(one.at, text_of(bytes(one.message.raw))) for one in kept[:3] if one.message]


def _effect(decision: SuppressionDecision) -> str:
    if decision.rule == Rule.COMPLAINT and decision.state == State.APPLIED:
        return str(labels_and_timeline.COMPLAINT_EFFECT)
    suppression = decision.suppression
    if decision.state == State.REVERTED and suppression is not None and suppression.lifted_at is None:
        return str(
            labels_and_timeline.MAY_RESUBSCRIBE
            if suppression.reopened_at
            else labels_and_timeline.ALSO_SUPPRESSED_BY_STAFF
        )
    return str(labels_and_timeline.EFFECTS[decision.state])


# Subscribers and mailbox providers that the page shows.
_SHOWN, _SHOWN_PROVIDERS = 50, 10


def _provider_counts(wave: BounceWave) -> list[tuple[str, int]]:
    """(mailbox provider, subscribers there who got the wave's reply), the most first."""
    events = FeedbackEvent.objects.filter(
        reply_fingerprint=wave.reply_fingerprint, at__gte=wave.started_at - bounce_waves.DURATION
    ).exclude(provider="")
    counted = events.order_by().values_list("provider").annotate(count=Count("subscriber", distinct=True))
    return list(counted.order_by("-count", "provider")[:_SHOWN_PROVIDERS])


class BounceWavePage(_DecisionPage[BounceWave]):
    """Shows the affected subscribers of a bounce wave (GET) and decides about all of them (POST)."""

    model = BounceWave
    template_name = "desk/suppression_decisions/bounce_wave.html"
    page_title = _("Bounce wave: many bounces within a short time")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decisions = self.object.decisions.order_by("pk")
        diagnostics = decisions.order_by().values_list("events__diagnostic", flat=True).distinct()
        return super().get_context_data(
            wave=self.object,
            open_count=decisions.filter(state=SuppressionDecision.State.HELD).count(),
            decisions=[
                (one, *labels_and_timeline.state_tone_and_label(one))
                for one in decisions.with_email()[:_SHOWN]
            ],
            total=decisions.count(),
            providers=_provider_counts(self.object) if self.object.reply_fingerprint else [],
            diagnostics=[tokens.mask_tokens(" ".join(one.split())[:300]) for one in diagnostics[:5] if one],
            may_view_addresses=self.request.user.has_perm("subscribers.view_subscriber"),
            may_decide=self.request.user.has_perm("mailer.change_suppressiondecision"),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        suppress = request.POST.get("action") == "suppress"
        try:
            count = bounce_waves.decide_wave(
                self.object, suppress=suppress, by=request.user.get_username(), now=timezone.now()
            )
        except DecisionError as error:
            messages.error(request, str(error))
        else:
            action = "desk.wave_suppress" if suppress else "desk.wave_keep"
            log(instance=self.object, action=action, user=request.user)
            text = (
                ngettext(
                    "%(count)s email address suppressed.", "%(count)s email addresses suppressed.", count
                )
                if suppress
                else ngettext(
                    "%(count)s email address kept active.", "%(count)s email addresses kept active.", count
                )
            )
            messages.success(request, text % {"count": count})
        return redirect("desk_bounce_wave", pk)

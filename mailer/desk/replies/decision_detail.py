"""Why was this address stopped? One verdict with its whole story, and the one step that takes it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.desk.replies import decision_labels as words
from mailer.desk.replies.detail import text_of
from mailer.feedback.decisions import decisions
from mailer.feedback.decisions.decisions import VerdictError
from mailer.feedback.models import Verdict
from subscribers.models import MailingList, Subscriber

State, Rule = Verdict.State, Verdict.Rule


class _Deed(NamedTuple):
    do: Callable[[Verdict, str, datetime], object]
    # On the button.
    label: str
    # Its name in the audit log, and what is told afterwards.
    action: str
    done: str


def _stop(verdict: Verdict, by: str, now: datetime) -> None:
    if not decisions.confirm([verdict], now):
        raise VerdictError("Somebody has decided about this address already, or the person was erased.")


_AGAIN = _Deed(
    decisions.reverse,
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
            decisions.restore, "Undo: stop it again", "desk.stop_again", "The address is stopped again."
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


class DecisionPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """A page that anybody with a view of verdicts may read (GET), and on which an admin decides (POST)."""

    raise_exception = True
    header_icon = "warning"

    def has_permission(self) -> bool:
        change = self.request.method == "POST"
        return self.request.user.has_perm(f"mailer.{'change' if change else 'view'}_verdict")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_verdicts:index"), "label": "Automatic decisions"},
            {"url": "", "label": self.get_page_title()},
        ]


class VerdictPage(DecisionPage):
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
            deeds=deeds(verdict) if may("mailer.change_verdict") else {},
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
        return [(one.at, text_of(bytes(one.message.raw))) for one in kept[:3] if one.message]


def _means(verdict: Verdict) -> str:
    if verdict.rule == Rule.COMPLAINT and verdict.state == State.STANDING:
        return words.COMPLAINED
    suppression = verdict.suppression
    if verdict.state == State.REVERSED and suppression is not None and suppression.lifted_at is None:
        return words.REOPENED if suppression.reopened_at else words.ALSO_BY_HAND
    return words.MEANS[verdict.state]

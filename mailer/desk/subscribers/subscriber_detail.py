"""One subscriber: the history on the edit page, erasing, and merging duplicates."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.panels import Panel
from wagtail.log_actions import log, registry

from mailer.delivery.models import Delivery
from mailer.desk.base.page_classes import ObjectPage
from mailer.desk.suppression_decisions import labels
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from subscribers import merge, suppression
from subscribers.models import Subscriber, Suppression
from subscribers.privacy.erasure import erase
from subscribers.search import search

_SHOWN = 20


class SubscriberPanel(Panel):
    """Subscriptions, consent, suppressions, deliveries, bounces and complaints."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/detail_panel.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def is_allowed(self, permission: str) -> bool:
            return bool(self.request and self.request.user.has_perm(permission))

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            return {
                **super().get_context_data(parent_context),
                **history(self.instance),
                "may_unsuppress": self.is_allowed("subscribers.change_suppression"),
                "may_suppress": self.is_allowed("subscribers.add_suppression"),
                "may_merge": self.is_allowed("subscribers.delete_subscriber"),
                "may_erase": self.is_allowed("subscribers.delete_subscriber"),
            }


def history(subscriber: Subscriber) -> dict[str, Any]:
    """Template context with up to 20 rows of each kind, newest first."""
    deliveries = Delivery.objects.filter(subscriber=subscriber.pk, mailing__dry_run_to="").select_related(
        "mailing__edition__newsletter"
    )
    return {
        "subscriber": subscriber,
        "paused": subscriber.paused_until is not None and subscriber.paused_until > timezone.now(),
        "suppressed": suppression.is_suppressed(subscriber),
        "log_entries": registry.get_logs_for_instance(subscriber)
        .select_related("user")
        .order_by("-timestamp")[:_SHOWN],
        "subscriptions": subscriber.subscriptions.select_related("mailing_list").order_by(
            "mailing_list__name"
        ),
        "consents": subscriber.consents.select_related("mailing_list", "text").order_by("-pk")[:_SHOWN],
        "suppressions": Suppression.objects.filter(address_hash=subscriber.address_hash).order_by("-pk")[
            :_SHOWN
        ],
        "deliveries": deliveries.order_by("-pk")[:_SHOWN],
        "events": FeedbackEvent.objects.filter(subscriber=subscriber.pk)[:_SHOWN],
        "decisions": [
            (one, *labels.state_label(one))
            for one in SuppressionDecision.objects.filter(subscriber=subscriber.pk)[:_SHOWN]
        ],
    }


class _SubscriberPage(ObjectPage[Subscriber], TemplateView):
    model = Subscriber
    breadcrumbs_above = (("desk_subscribers:index", "Subscribers"),)
    header_icon = "user"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        edit = reverse("desk_subscribers:edit", args=[self.object.pk])
        return [*above, {"url": edit, "label": self.object.email}, page]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(subscriber=self.object, **kwargs)


class ErasePage(_SubscriberPage):
    """Asks the user to retype the address (GET), then erases the subscriber (POST)."""

    permission_required = "subscribers.delete_subscriber"
    template_name = "desk/subscribers/erase.html"
    page_title = "Erase subscriber"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if suppression.normalise_or_lower(request.POST.get("address", "")) != self.object.email:
            error = "The address does not match. The subscriber was not erased."
            return self.render_to_response(self.get_context_data(error=error, **kwargs))
        pk = self.object.pk
        with transaction.atomic():
            # After an erasure the audit log must not contain the address.
            log(instance=self.object, action="desk.erase", user=request.user, title=f"Subscriber {pk}")
            erase(self.object.email, timezone.now())
        messages.success(
            request,
            "The subscriber is erased. A keyed hash of the address prevents adding it by imports.",
        )
        return redirect("desk_subscribers:index")


class MergePage(_SubscriberPage):
    """Shows possible duplicates and the result of a merge (GET); merges two subscribers (POST)."""

    permission_required = ("subscribers.change_subscriber", "subscribers.delete_subscriber")
    template_name = "desk/subscribers/merge.html"
    page_title = "Merge duplicates"

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.error, self.other = "", None
        request = self.request
        given = request.POST if request.method == "POST" else request.GET
        if address := given.get("other", "").strip():
            self.other = Subscriber.objects.filter(email=suppression.normalise_or_lower(address)).first()
            if self.other is None:
                self.error = "No subscriber has this address."
            elif self.other.pk == self.object.pk:
                self.other, self.error = None, "This is the same subscriber."

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.other is None or request.POST.get("confirm") != "yes":
            return self.render_to_response(self.get_context_data(**kwargs))
        other_id = self.other.pk
        with transaction.atomic():
            merge.merge(self.object, self.other, timezone.now())
            log(
                instance=self.object,
                action="desk.merge",
                user=request.user,
                data={"to": f"subscriber {other_id}"},
            )
        messages.success(request, "The subscribers are merged. Links in emails to either address still work.")
        return redirect("desk_subscribers:edit", self.object.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "other": self.other,
            "error": self.error,
            "compared": [
                (one, one.subscriptions.select_related("mailing_list"), suppression.active_suppression(one))
                for one in (self.object, self.other)
                if one is not None
            ],
            "duplicates": [] if self.other else search.possible_duplicates(self.object),
        }

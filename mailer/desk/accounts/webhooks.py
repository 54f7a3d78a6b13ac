"""Webhook endpoints: created with a secret that is shown once, tested, with the log of their messages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.desk.base.edit_conflicts import EditGuard
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import FormPage, ObjectPage, StaffPage, current_user
from mailer.outgoing_webhooks import deliver, endpoints
from mailer.outgoing_webhooks.events import EVENT_TYPES, TEST
from mailer.outgoing_webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from subscribers.translate_stored_texts import translated

_VIEW, _ADD = "mailer.view_webhookendpoint", "mailer.add_webhookendpoint"
_CHANGE = "mailer.change_webhookendpoint"
# Messages that a page lists, and attempts of each.
_SHOWN, _ATTEMPTS = 50, 5
_STATES = {"waiting": "waiting", "delivered": "done", "failed": "problem"}


class EndpointForm(forms.Form):
    """Where messages are sent, and about which events."""

    name = forms.CharField(
        label=pgettext_lazy("of a thing", "Name"),
        max_length=80,
        help_text=_("Name for your colleagues, such as “CRM”."),
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("The address begins with https://. It may contain a secret path."),
    )
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        widget=forms.CheckboxSelectMultiple,
        choices=lambda: [(name, f"{label} ({name})") for name, label in EVENT_TYPES.items()],
    )

    def clean_url(self) -> str:
        try:
            return endpoints.require_https_url(self.cleaned_data["url"].strip())
        except endpoints.InvalidUrl as error:
            raise forms.ValidationError(str(error)) from error


def state_tone_and_label(endpoint: WebhookEndpoint) -> tuple[str, str]:
    """(tone, label) of the endpoint's state."""
    if not endpoint.active:
        return "problem" if endpoint.error else "draft", gettext("Inactive")
    return ("waiting", gettext("Failing")) if endpoint.failures else ("done", gettext("Active"))


def _label(event_type: str) -> str:
    """The event for staff."""
    if event_type == TEST:
        return gettext("Test message")
    return str(EVENT_TYPES.get(event_type, event_type))


class _WebhookPage(StaffPage):
    permission_required = _VIEW
    breadcrumbs_above = (("desk_webhooks", _("Webhooks")),)
    header_icon = "link"


class WebhooksPage(StaffPage, TemplateView):
    """Lists the endpoints."""

    permission_required = _VIEW
    header_icon = "link"
    page_title = _("Webhooks")
    template_name = "desk/accounts/webhooks.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            endpoints=[
                (one, [_label(name) for name in one.event_types], *state_tone_and_label(one))
                for one in WebhookEndpoint.objects.all()
            ],
            may_add=self.request.user.has_perm(_ADD),
            **kwargs,
        )


@method_decorator(requires_recent_sign_in, name="dispatch")
class AddWebhookPage(_WebhookPage, FormPage[EndpointForm]):
    """Creates an endpoint; the next page shows its secret once."""

    permission_required = _ADD
    form_class = EndpointForm
    template_name = "desk/accounts/webhook_form.html"
    page_title = _("New webhook")

    def form_valid(self, form: EndpointForm) -> HttpResponse:
        user, data = current_user(self.request), form.cleaned_data
        endpoint, secret = endpoints.create(
            data["name"], data["url"], data["event_types"], user.get_username(), timezone.now()
        )
        log(instance=endpoint, action="desk.webhook_create", user=user)
        return _show_secret(self, endpoint, secret)


def _show_secret(view: Any, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    """The only page with the secret."""
    view.template_name = "desk/accounts/webhook_secret.html"
    context = view.get_context_data(endpoint=endpoint, secret=secret)
    response: HttpResponse = view.render_to_response(context)
    response["Cache-Control"] = "no-store"
    return response


@method_decorator(requires_recent_sign_in, name="dispatch")
class EditWebhookPage(EditGuard, _WebhookPage, ObjectPage[WebhookEndpoint], FormPage[EndpointForm]):
    """Changes name, address and events of an endpoint."""

    model = WebhookEndpoint
    permission_required = _CHANGE
    form_class = EndpointForm
    template_name = "desk/accounts/webhook_form.html"
    page_title = _("Edit webhook")

    def get_object(self) -> WebhookEndpoint:
        return self.get_queryset().get(pk=self.object.pk)

    def get_initial(self) -> dict[str, Any]:
        endpoint = self.object
        return {"name": endpoint.name, "url": endpoint.url, "event_types": endpoint.event_types}

    def form_valid(self, form: EndpointForm) -> HttpResponse:
        values = {name: form.cleaned_data[name] for name in EndpointForm.base_fields}
        for name, value in values.items():
            setattr(self.object, name, value)
        self.object.save(update_fields=list(values))
        log(instance=self.object, action="desk.webhook_change", user=current_user(self.request))
        messages.success(self.request, gettext("The webhook is saved."))
        return redirect("desk_webhook", self.object.pk)


class WebhookPage(_WebhookPage, ObjectPage[WebhookEndpoint], TemplateView):
    """Shows the endpoint and its latest messages (GET); tests, resends, rotates and so on (POST)."""

    model = WebhookEndpoint
    post_permission = _CHANGE
    template_name = "desk/accounts/webhook.html"

    def get_page_title(self) -> str:
        return self.object.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **{
                "endpoint": self.object,
                "state": state_tone_and_label(self.object),
                "events": [(_label(name), name) for name in self.object.event_types],
                "error": translated(self.object.error),
                "rows": [
                    (one, _label(one.event_type), _STATES[one.state], _attempts(one))
                    for one in self._messages()
                ],
                "may_change": self.request.user.has_perm(_CHANGE),
                **kwargs,
            }
        )

    def _messages(self) -> QuerySet[WebhookMessage]:
        return self.object.messages.order_by("-pk").prefetch_related("log")[:_SHOWN]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        user, now, action = current_user(request), timezone.now(), request.POST.get("action", "")
        if action == "test":
            deliver.queue_test_message(self.object, now)
            messages.success(
                request, gettext("A test message is being sent to the webhook. The attempt appears below.")
            )
        elif action == "resend":
            number = parse_non_negative_int(request.POST.get("message", ""))
            found = self.object.messages.filter(pk=number or 0).first()
            if found is None:
                messages.error(request, gettext("This message of the webhook is no longer stored."))
                return redirect("desk_webhook", pk)
            deliver.requeue(found, now)
            messages.success(request, gettext("The message is being sent to the webhook again."))
        elif action in ("activate", "deactivate"):
            endpoints.set_active(self.object, action == "activate")
        else:
            messages.error(request, gettext("Nothing was changed: this page has no such action."))
            return redirect("desk_webhook", pk)
        log(instance=self.object, action=f"desk.webhook_{action}", user=user)
        return redirect("desk_webhook", pk)


def _attempts(message: WebhookMessage) -> list[tuple[WebhookAttempt, str]]:
    """The latest attempts, each with the status of the answer, or why there is none."""
    found = list(message.log.all()[:_ATTEMPTS])
    return [(one, str(one.status) if one.status else translated(one.error)) for one in found]


@method_decorator(requires_recent_sign_in, name="dispatch")
class RotateWebhookSecret(_WebhookPage, ObjectPage[WebhookEndpoint], TemplateView):
    """POST only: replaces the secret and shows the new one; the old one signs for a day, too."""

    model = WebhookEndpoint
    permission_required = _CHANGE
    http_method_names = ["post"]
    page_title = _("New signing secret")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        secret = endpoints.rotate_secret(self.object, timezone.now())
        log(instance=self.object, action="desk.webhook_rotate", user=current_user(request))
        return _show_secret(self, self.object, secret)

"""Notifications of the user in the desk, and the choice of how they are notified of what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer.approval import notification_preferences_and_dispatch
from mailer.approval.models import Notification
from mailer.desk.base.page_base_classes import FormPage, StaffPage, current_user

_SHOWN = 100
_WAYS: tuple[tuple[str, Promise], ...] = (
    (notification_preferences_and_dispatch.EMAIL, _("notification by email")),
    (notification_preferences_and_dispatch.DESK, _("notification in the desk")),
)


class NotificationsPage(StaffPage, TemplateView):
    """The latest notifications, unread ones first (GET); marks all as read (POST)."""

    permission_required = "wagtailadmin.access_admin"
    page_title = _("Notifications")
    header_icon = "comment"
    template_name = "desk/accounts/notifications.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        rows = Notification.objects.filter(user=current_user(request), read_at=None)
        rows.update(read_at=timezone.now())
        return redirect("desk_notifications")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(Notification.objects.filter(user=current_user(self.request))[:_SHOWN])
        return super().get_context_data(
            rows=sorted(rows, key=lambda one: one.read_at is not None),
            any_unread=any(one.read_at is None for one in rows),
            **kwargs,
        )


class NotificationForm(forms.Form):
    """A field of checkboxes for each event that can concern the user."""

    def __init__(self, *args: Any, events: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for event in events:
            self.fields[event] = forms.MultipleChoiceField(
                label=str(notification_preferences_and_dispatch.EVENTS[event][0]),
                choices=_WAYS,
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )


class NotificationChoicePage(FormPage[NotificationForm]):
    """How the user is notified of each event."""

    permission_required = "wagtailadmin.access_admin"
    page_title = _("Choose which notifications you get")
    header_icon = "comment"
    form_class = NotificationForm
    template_name = "desk/accounts/notification_choice.html"
    breadcrumbs_above = (("desk_notifications", _("Notifications")),)

    def get_form_kwargs(self) -> dict[str, Any]:
        user = current_user(self.request)
        return {
            **super().get_form_kwargs(),
            "events": notification_preferences_and_dispatch.events_permitted_to(user),
        }

    def get_initial(self) -> dict[str, Any]:
        user = current_user(self.request)
        events = notification_preferences_and_dispatch.events_permitted_to(user)
        return {
            event: list(notification_preferences_and_dispatch.notification_ways([user], event)[user.pk])
            for event in events
        }

    def form_valid(self, form: NotificationForm) -> HttpResponse:
        notification_preferences_and_dispatch.save_choices(current_user(self.request), form.cleaned_data)
        messages.success(self.request, gettext("Your choice of notifications is saved."))
        return redirect(reverse("desk_notifications"))

"""What is done to one person and cannot be undone: erasing, and making one person of two. Both ask first."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from subscribers import duplicates, merge
from subscribers.models import Subscriber
from subscribers.privacy.erasure import erase
from subscribers.suppression import suppression


class _PersonPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    raise_exception = True
    header_icon = "user"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.person = get_object_or_404(Subscriber, pk=kwargs["pk"])

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_subscribers:index"), "label": "Subscribers"},
            {"url": reverse("desk_subscribers:edit", args=[self.person.pk]), "label": self.person.email},
            {"url": "", "label": self.get_page_title()},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(person=self.person, **kwargs)


class ErasePage(_PersonPage):
    """Asks for the address to be written once more (GET), then erases (POST)."""

    permission_required = "subscribers.delete_subscriber"
    template_name = "desk/people/erase.html"
    page_title = "Erase"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if suppression.written(request.POST.get("address", "")) != self.person.email:
            wrong = "That is not the address of this person; nobody was erased."
            return self.render_to_response(self.get_context_data(wrong=wrong, **kwargs))
        number = self.person.pk
        with transaction.atomic():
            # The entry names a number and no address: that is what erasing means.
            log(instance=self.person, action="desk.erase", user=request.user, title=f"Reader {number}")
            erase(self.person.email, timezone.now())
        messages.success(
            request, "Erased. A keyed hash of the address stays, so that no import brings it back."
        )
        return redirect("desk_subscribers:index")


class MergePage(_PersonPage):
    """Shows who might be the same person, and what would be kept of whom (GET); makes one of two (POST)."""

    permission_required = ("subscribers.change_subscriber", "subscribers.delete_subscriber")
    template_name = "desk/people/merge.html"
    page_title = "One person twice"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.wrong, self.other = "", None
        given = request.POST if request.method == "POST" else request.GET
        if written := given.get("other", "").strip():
            self.other = Subscriber.objects.filter(email=suppression.written(written)).first()
            if self.other is None:
                self.wrong = "Nobody here has this address."
            elif self.other.pk == self.person.pk:
                self.other, self.wrong = None, "This is the same address."

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.other is None or request.POST.get("sure") != "yes":
            return self.render_to_response(self.get_context_data(**kwargs))
        number = self.other.pk
        with transaction.atomic():
            merge.merge(self.person, self.other, timezone.now())
            log(instance=self.person, action="desk.merge", user=request.user, data={"to": f"reader {number}"})
        messages.success(request, "They are one person now. Links in mail to either address still work.")
        return redirect("desk_subscribers:edit", self.person.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "other": self.other,
            "wrong": self.wrong,
            "pair": [
                (one, one.subscriptions.select_related("mailing_list"), suppression.in_force(one))
                for one in (self.person, self.other)
                if one is not None
            ],
            "alike": [] if self.other else duplicates.to(self.person),
        }

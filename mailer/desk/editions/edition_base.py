"""What all pages about one edition share: who may see them, their head, and how an error is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.approval.errors import ApprovalError
from mailer.delivery.engine.control import ControlError
from mailer.desk.base.current_user import staff
from mailer.desk.editions.edition_workflow import overview
from mailer.editions.models import Edition

# Who may look at an edition's pages; what each may do there is asked again by every action.
LOOKING = (
    "mailer.view_edition",
    "mailer.change_edition",
    "mailer.submit_edition",
    "mailer.approve_edition",
    "mailer.schedule_edition",
)


class EditionPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """A page about `self.edition`; GET only looks."""

    raise_exception = True
    header_icon = "openquote"
    # Which of the overview's pages this is.
    current = ""
    # Needed for POST; empty where looking is enough.
    acting_permission = ""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.edition = get_object_or_404(Edition.objects.select_related("newsletter"), pk=kwargs["pk"])

    def has_permission(self) -> bool:
        user = self.request.user
        if self.request.method == "POST" and self.acting_permission:
            return user.has_perm(self.acting_permission)
        return any(user.has_perm(permission) for permission in LOOKING)

    def get_page_subtitle(self) -> str:
        return str(self.edition)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_editions:list"), "label": "Editions"},
            {"url": "", "label": str(self.edition), "sublabel": self.current},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            edition=self.edition,
            overview=overview(self.edition, staff(self.request)),
            current_page=self.current,
            now=timezone.now(),
            **kwargs,
        )

    def go(self, page: str) -> HttpResponse:
        """To another of the edition's pages."""
        return redirect(f"desk_edition:{page}", self.edition.pk)

    def attempt(
        self, deed: Callable[[], object], done: str, action: str, then: str, otherwise: str
    ) -> HttpResponse:
        """Do it, say how it went, log it, and go to the page `then`; on refusal to `otherwise`."""
        try:
            deed()
        except (ApprovalError, ControlError) as error:
            messages.error(self.request, str(error))
            return self.go(otherwise)
        log(instance=self.edition, action=action, user=self.request.user)
        messages.success(self.request, done)
        return self.go(then)

"""Base classes of the desk's pages: permissions, breadcrumbs, and the header and actions of an edition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.approval.approve import ApprovalError
from mailer.delivery.rollout.control import ControlError
from mailer.desk.base.edition_workflow import overview
from mailer.editions.models import Edition


def current_user(request: HttpRequest) -> User:
    """The signed-in user. Raises PermissionDenied for an anonymous one, whom Wagtail already keeps out."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class StaffPage(PermissionRequiredMixin, WagtailAdminTemplateMixin):
    """Mixin for a view. A user without `permission_required` gets an error, not the sign-in form."""

    raise_exception = True
    # The pages above it, each as (URL name, label).
    breadcrumbs_above: tuple[tuple[str, str], ...] = ()

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        above = [{"url": reverse(name), "label": label} for name, label in self.breadcrumbs_above]
        return [*self.breadcrumbs_items, *above, {"url": "", "label": self.get_page_title()}]


# Any of these permissions allows viewing an edition's pages. Every action checks its own permission.
VIEW_PERMISSIONS = (
    "mailer.view_edition",
    "mailer.change_edition",
    "mailer.submit_edition",
    "mailer.approve_edition",
    "mailer.schedule_edition",
)


class EditionPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """A page about `self.edition`. GET changes nothing."""

    raise_exception = True
    header_icon = "openquote"
    # The label of its tab in the header.
    tab = ""
    # Required for POST; empty if viewing is enough.
    post_permission = ""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.edition = get_object_or_404(Edition.objects.select_related("newsletter"), pk=kwargs["pk"])

    def has_permission(self) -> bool:
        user = self.request.user
        if self.request.method == "POST" and self.post_permission:
            return user.has_perm(self.post_permission)
        return any(user.has_perm(permission) for permission in VIEW_PERMISSIONS)

    def get_page_subtitle(self) -> str:
        return str(self.edition)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_editions:list"), "label": "Editions"},
            {"url": "", "label": str(self.edition), "sublabel": self.tab},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            edition=self.edition,
            overview=overview(self.edition, current_user(self.request)),
            current_tab=self.tab,
            now=timezone.now(),
            **kwargs,
        )

    def redirect_to(self, page: str) -> HttpResponse:
        """Redirects to another page of the edition, by URL name."""
        return redirect(f"desk_edition:{page}", self.edition.pk)

    def attempt(
        self, action: Callable[[], object], success: str, log_action: str, on_success: str, on_error: str
    ) -> HttpResponse:
        """Runs the action, logs it and redirects with a message: `success`, or the error that was raised."""
        try:
            action()
        except (ApprovalError, ControlError) as error:
            messages.error(self.request, str(error))
            return self.redirect_to(on_error)
        log(instance=self.edition, action=log_action, user=self.request.user)
        messages.success(self.request, success)
        return self.redirect_to(on_success)

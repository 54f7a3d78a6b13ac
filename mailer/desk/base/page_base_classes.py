"""Base classes of the desk's pages: permissions, breadcrumbs, and the header and actions of an edition."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView
from django_stubs_ext import StrOrPromise
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import ApprovalError
from mailer.delivery.rollout.mailing_control import ControlError
from mailer.desk.base.edition_workflow import Overview, overview
from mailer.editions.models import Edition, Newsletter
from subscribers.rate_limit import claim_form

Row = TypeVar("Row", bound=Model)
AnyForm = TypeVar("AnyForm", bound=Form)


def current_user(request: HttpRequest) -> User:
    """The signed-in user. Raises PermissionDenied for an anonymous one, whom Wagtail already keeps out."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class StaffPage(PermissionRequiredMixin, WagtailAdminTemplateMixin):
    """Mixin for a view. A user without `permission_required` gets an error, not the sign-in form."""

    raise_exception = True
    # Required for POST instead; empty if `permission_required` is enough.
    post_permission = ""
    # The pages above it, each as (URL name, label).
    breadcrumbs_above: tuple[tuple[str, StrOrPromise], ...] = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.has_permission():
            return self.handle_no_permission()
        self.load(**kwargs)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def load(self, **kwargs: Any) -> None:
        """Load what the page is about by the URL's arguments, once it is known that the user may see it."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # Of a form that must not be sent twice; see `is_repeated`.
        return dict(super().get_context_data(**{"form_nonce": secrets.token_urlsafe(12), **kwargs}))

    def is_repeated(self, form: str) -> bool:
        """Whether the form with the posted nonce was sent before, as by a second press of its button.

        To be asked in the transaction of what the form does, so that the second request waits for the first.
        """
        nonce = self.request.POST.get("form", "")[:40]
        return bool(nonce) and not claim_form(
            f"{form} {current_user(self.request).pk} {nonce}", timezone.now()
        )

    def get_permission_required(self) -> Sequence[str]:
        if self.request.method == "POST" and self.post_permission:
            return (self.post_permission,)
        return super().get_permission_required()

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        above = [{"url": reverse(name), "label": label} for name, label in self.breadcrumbs_above]
        return [*self.breadcrumbs_items, *above, {"url": "", "label": self.get_page_title()}]


class FormPage(StaffPage, FormView[AnyForm]):
    """A page with a form. The URL may fill in fields, such as `?list=3` the field `mailing_list`."""

    # Query parameters by the names of their fields.
    query_parameters: Mapping[str, str] = {}

    def get_initial(self) -> dict[str, Any]:
        given = {field: self.request.GET.get(name, "") for field, name in self.query_parameters.items()}
        return {**super().get_initial(), **given}


class ObjectPage(StaffPage, Generic[Row]):
    """Mixin for a view about `self.object`: the row of `model` whose primary key is in the URL."""

    model: type[Row]
    object: Row

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.object = get_object_or_404(self.get_queryset(), pk=kwargs["pk"])

    def get_queryset(self) -> QuerySet[Row]:
        """The rows that the page exists for, with what it needs of their relations."""
        return self.model._default_manager.all()


# Any of these permissions allows viewing an edition's pages. Every action checks its own permission.
VIEW_PERMISSIONS = (
    "mailer.view_edition",
    "mailer.change_edition",
    "mailer.submit_edition",
    "mailer.approve_edition",
    "mailer.schedule_edition",
)


def may_view_editions(user: User | AnonymousUser) -> bool:
    """Whether the user has any of the permissions."""
    return any(user.has_perm(permission) for permission in VIEW_PERMISSIONS)


class EditionPage(ObjectPage[Edition], TemplateView):
    """A page about `self.edition`. GET changes nothing."""

    model = Edition
    breadcrumbs_above = (("desk_editions:list", _("Editions")),)
    header_icon = "openquote"
    # The label of its tab in the header, if it is not the title.
    tab: StrOrPromise = ""

    @property
    def edition(self) -> Edition:
        return self.object

    @cached_property
    def overview(self) -> Overview:
        """The data of the header, as the edition was when the page first asked."""
        return overview(self.edition, current_user(self.request))

    def get_queryset(self) -> QuerySet[Edition]:
        return super().get_queryset().select_related("newsletter")

    def has_permission(self) -> bool:
        if self.request.method == "POST" and self.post_permission:
            return self.request.user.has_perm(self.post_permission)
        return may_view_editions(self.request.user)

    def get_page_subtitle(self) -> str:
        return str(self.edition)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        return [*above, {**page, "label": str(self.edition), "sublabel": self.tab or self.page_title}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            edition=self.edition,
            overview=self.overview,
            current_tab=self.tab or self.page_title,
            now=timezone.now(),
            **kwargs,
        )

    def redirect_to(self, page: str) -> HttpResponse:
        """Redirects to another page of the edition, by URL name."""
        return redirect(f"desk_edition:{page}", self.edition.pk)

    def attempt(
        self,
        action: Callable[[], object],
        success: str | Callable[[], str],
        log_action: str,
        on_success: str,
        on_error: str,
        because: str = "",
    ) -> HttpResponse:
        """Runs the action, logs it and redirects with a message: `success`, or the error that was raised.

        The audit log keeps `because`, the reason that the user gave.
        """
        try:
            action()
        except (ApprovalError, ControlError) as error:
            messages.error(self.request, str(error))
            return self.redirect_to(on_error)
        data = {"because": because} if because else {}
        log(instance=self.edition, action=log_action, user=self.request.user, data=data)
        messages.success(self.request, success() if callable(success) else success)
        return self.redirect_to(on_success)


class SnapshotPage(EditionPage, ABC):
    """A page whose form acts on the edition's open snapshot."""

    # Where to go, and the error to show there, if the snapshot was invalidated meanwhile.
    fallback_page = "review"
    no_snapshot_error: StrOrPromise = ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        snapshot = self.edition.snapshots.filter(state__in=Snapshot.OPEN).first()
        if snapshot is None:
            messages.error(request, self.no_snapshot_error)
            return self.redirect_to(self.fallback_page)
        return self.post_for(snapshot)

    @abstractmethod
    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        """Does what the form asks for."""


class NewsletterPage(ObjectPage[Newsletter]):
    """Mixin for a page about `self.object`, a newsletter, and named in its breadcrumbs."""

    model = Newsletter
    header_icon = "mail"
    breadcrumbs_above = (("desk_newsletters:index", _("Newsletters")),)

    def get_page_subtitle(self) -> str:
        return self.object.name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        return [*above, {**page, "sublabel": self.object.name}]

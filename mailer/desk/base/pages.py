"""Base of the desk's own pages: permission check and breadcrumbs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.urls import reverse
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin


class StaffPage(PermissionRequiredMixin, WagtailAdminTemplateMixin):
    """Mixin for a view. A user without `permission_required` gets an error, not the sign-in form."""

    raise_exception = True
    # The pages above it, each as (URL name, label).
    breadcrumbs_above: tuple[tuple[str, str], ...] = ()

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        above = [{"url": reverse(name), "label": label} for name, label in self.breadcrumbs_above]
        return [*self.breadcrumbs_items, *above, {"url": "", "label": self.get_page_title()}]

"""A page of the desk beside its tables: who may see it, and what it stands under."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.urls import reverse
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin


class StaffPage(PermissionRequiredMixin, WagtailAdminTemplateMixin):
    """To be mixed into a view; whoever lacks `permission_required` is told so, and not asked to sign in."""

    raise_exception = True
    # The pages above it, each by URL name and label.
    under: tuple[tuple[str, str], ...] = ()

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        above = [{"url": reverse(name), "label": label} for name, label in self.under]
        return [*self.breadcrumbs_items, *above, {"url": "", "label": self.get_page_title()}]

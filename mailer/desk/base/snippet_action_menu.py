"""Wagtail's buttons below a form, as the desk names them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from wagtail.snippets.action_menu import ActionMenuItem, SaveMenuItem
from wagtail.snippets.views import snippets

from mailer.editions.models import Edition


class BackToDraftView(snippets.UnpublishView):
    """Confirmation page for making a ready story a draft again."""

    page_title = _("Change back to draft")
    success_message = _(
        "The story “%(object)s” is a draft again. Editions do not include it until it is ready."
    )
    template_name = "desk/stories/back_to_draft.html"


def keep_only_save_for_editions(
    items: list[ActionMenuItem], request: HttpRequest, context: dict[str, Any]
) -> None:
    """Wagtail hook `construct_snippet_action_menu`: an edition is not published, but submitted."""
    if context["model"] is Edition:
        items[:] = [item for item in items if isinstance(item, SaveMenuItem)]

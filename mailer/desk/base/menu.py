"""The menu, name, logo and style sheet of the desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem
from wagtail.admin.search import SearchArea

from mailer.feedback.models import ReturnedMessage, SuppressionDecision

# Wagtail's entries that make no sense without a page tree, or that link to Wagtail's website.
_HIDDEN_MAIN = frozenset({"explorer", "snippets", "documents"})
_HIDDEN_REPORTS = frozenset(
    {"locked-pages", "workflows", "workflow-tasks", "aging-pages", "page-types-usage"}
)
_HIDDEN_SETTINGS = frozenset({"workflows", "workflow-tasks", "sites", "redirects", "collections"})


def customize_main(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_main_menu`."""
    items[:] = [item for item in items if item.name not in _HIDDEN_MAIN]
    for item in items:
        if item.name == "images":
            item.label, item.order = "Images", 130


def customize_reports(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_reports_menu`."""
    items[:] = [item for item in items if item.name not in _HIDDEN_REPORTS]
    for item in items:
        if item.name == "site-history":
            item.label = "Audit log"


def customize_settings(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_settings_menu`."""
    items[:] = [item for item in items if item.name not in _HIDDEN_SETTINGS]


def customize_help(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_help_menu`: keeps the keyboard shortcuts only."""
    items[:] = [item for item in items if "wagtail.org" not in str(item.url)]


def customize_search(request: HttpRequest, areas: list[Any]) -> None:
    """Wagtail hook `construct_search`: the search box in the menu searches stories."""
    areas[:] = [area for area in areas if area.name == "stories"]


class StorySearch(SearchArea):
    """The search box in the menu."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(
            request.user.has_perm("mailer.change_story") or request.user.has_perm("mailer.view_story")
        )


def story_search() -> StorySearch:
    """Wagtail hook `register_admin_search_area`."""
    return StorySearch(
        "Stories", reverse("desk_stories:list"), name="stories", icon_name="doc-full-inverse", order=1
    )


class _ForPermission(MenuItem):
    """Shown to users with a permission; `count` gives a number of open items to show behind the label."""

    def __init__(
        self, *args: Any, permission: str, count: Callable[[], int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.permission, self.count = permission, count

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(self.permission))

    def render_component(self, request: HttpRequest) -> Any:
        component = super().render_component(request)
        if self.count is not None and (open_items := self.count()):
            component.label = f"{self.label} ({open_items})"
        return component


def _decisions_to_review() -> int:
    return SuppressionDecision.objects.filter(state=SuppressionDecision.State.HELD).count()


def _unclassified_replies() -> int:
    return ReturnedMessage.objects.unclassified().count()


def subscribers_menu() -> SubmenuMenuItem:
    """Wagtail hook `register_admin_menu_item`: subscribers, lists, suppressions and replies."""
    entries = [
        _ForPermission(
            "All subscribers",
            reverse("desk_subscribers:index"),
            name="subscribers",
            icon_name="user",
            order=1,
            permission="subscribers.view_subscriber",
        ),
        _ForPermission(
            "Lists",
            reverse("desk_lists:index"),
            name="lists",
            icon_name="list-ul",
            order=2,
            permission="subscribers.view_mailinglist",
        ),
        _ForPermission(
            "Segments",
            reverse("desk_segments:index"),
            name="segments",
            icon_name="sliders",
            order=2,
            permission="subscribers.view_segment",
        ),
        _ForPermission(
            "Imports",
            reverse("desk_imports:index"),
            name="imports",
            icon_name="upload",
            order=2,
            permission="subscribers.view_importjob",
        ),
        _ForPermission(
            "Tags",
            reverse("desk_tags:index"),
            name="tags",
            icon_name="tag",
            order=3,
            permission="subscribers.view_tag",
        ),
        _ForPermission(
            "Custom fields",
            reverse("desk_fields:index"),
            name="fields",
            icon_name="form",
            order=3,
            permission="subscribers.view_customfield",
        ),
        _ForPermission(
            "List health",
            reverse("desk_list_health"),
            name="list-health",
            icon_name="circle-check",
            order=3,
            permission="subscribers.view_segment",
        ),
        _ForPermission(
            "Suppressed addresses",
            reverse("desk_suppressions:index"),
            name="suppressions",
            icon_name="no-view",
            order=3,
            permission="subscribers.view_suppression",
        ),
        _ForPermission(
            "Suppression decisions",
            reverse("desk_suppression_decisions:index"),
            name="suppression-decisions",
            icon_name="warning",
            order=4,
            permission="mailer.view_suppressiondecision",
            count=_decisions_to_review,
        ),
        _ForPermission(
            "Unclassified replies",
            reverse("desk_replies:index"),
            name="replies",
            icon_name="mail",
            order=5,
            permission="mailer.view_returnedmessage",
            count=_unclassified_replies,
        ),
    ]
    return SubmenuMenuItem(
        "Subscribers", Menu(items=entries), name="subscribers-menu", icon_name="group", order=150
    )


# Sizes email frames, shows countdowns, labels rich text fields, and refreshes changing pages.
_SCRIPTS = ("desk/mail_frames.js", "desk/countdown.js", "desk/accessible_names.js", "desk/auto_refresh.js")


def styles() -> SafeString:
    """Wagtail hook `insert_global_admin_css`."""
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


def scripts() -> SafeString:
    """Wagtail hook `insert_global_admin_js`."""
    return format_html_join(
        "", '<script src="{}" defer></script>', ((static(script),) for script in _SCRIPTS)
    )


def site_name() -> SafeString:
    """Our own hook `desk_name`: templates read it with `hook_output`, also on the sign-in page."""
    return escape(settings.CONFIG.site.name)

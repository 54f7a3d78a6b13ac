"""The desk's menu: our own screens in the order that mail flows, and none of what a page tree would need."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem
from wagtail.admin.search import SearchArea

from mailer.feedback.models import ReturnedMessage, Verdict

# Wagtail's own entries that have no meaning without pages, or that lead to its makers' site.
_HIDDEN_MAIN = frozenset({"explorer", "snippets", "documents"})
_HIDDEN_REPORTS = frozenset(
    {"locked-pages", "workflows", "workflow-tasks", "aging-pages", "page-types-usage"}
)
_HIDDEN_SETTINGS = frozenset({"workflows", "workflow-tasks", "sites", "redirects", "collections"})


def tidy_main(request: HttpRequest, items: list[MenuItem]) -> None:
    """construct_main_menu."""
    items[:] = [item for item in items if item.name not in _HIDDEN_MAIN]
    for item in items:
        if item.name == "images":
            item.label, item.order = "Pictures", 130


def tidy_reports(request: HttpRequest, items: list[MenuItem]) -> None:
    """construct_reports_menu."""
    items[:] = [item for item in items if item.name not in _HIDDEN_REPORTS]
    for item in items:
        if item.name == "site-history":
            item.label = "Who did what"


def tidy_settings(request: HttpRequest, items: list[MenuItem]) -> None:
    """construct_settings_menu."""
    items[:] = [item for item in items if item.name not in _HIDDEN_SETTINGS]


def tidy_help(request: HttpRequest, items: list[MenuItem]) -> None:
    """construct_help_menu: what stays is the list of keyboard shortcuts."""
    items[:] = [item for item in items if "wagtail.org" not in str(item.url)]


def tidy_search(request: HttpRequest, areas: list[Any]) -> None:
    """construct_search: the box in the menu searches stories."""
    areas[:] = [area for area in areas if area.name == "stories"]


class StorySearch(SearchArea):
    """The box in the menu."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(
            request.user.has_perm("mailer.change_story") or request.user.has_perm("mailer.view_story")
        )


def story_search() -> StorySearch:
    """register_admin_search_area."""
    return StorySearch(
        "Stories", reverse("desk_stories:list"), name="stories", icon_name="doc-full-inverse", order=1
    )


class _Allowed(MenuItem):
    """Shown to those who have a permission."""

    def __init__(self, *args: Any, permission: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.permission = permission

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(self.permission))


class _Mailbox(_Allowed):
    """Says how many messages wait for a person."""

    def render_component(self, request: HttpRequest) -> Any:
        waiting = ReturnedMessage.objects.for_a_person().count()
        component = super().render_component(request)
        component.label = f"{self.label} ({waiting})" if waiting else self.label
        return component


class _Decisions(_Allowed):
    """Says about how many addresses a person must decide."""

    def render_component(self, request: HttpRequest) -> Any:
        waiting = Verdict.objects.filter(state=Verdict.State.HELD).count()
        component = super().render_component(request)
        component.label = f"{self.label} ({waiting})" if waiting else self.label
        return component


def people_menu() -> SubmenuMenuItem:
    """register_admin_menu_item: readers, lists, suppressed addresses, and mail that came back."""
    entries = [
        _Allowed(
            "Subscribers",
            reverse("desk_subscribers:index"),
            name="subscribers",
            icon_name="user",
            order=1,
            permission="subscribers.view_subscriber",
        ),
        _Allowed(
            "Lists",
            reverse("desk_lists:index"),
            name="lists",
            icon_name="list-ul",
            order=2,
            permission="subscribers.view_mailinglist",
        ),
        _Allowed(
            "Segments",
            reverse("desk_segments:index"),
            name="segments",
            icon_name="sliders",
            order=2,
            permission="subscribers.view_savedsegment",
        ),
        _Allowed(
            "Imports",
            reverse("desk_imports:index"),
            name="imports",
            icon_name="upload",
            order=2,
            permission="subscribers.view_importrun",
        ),
        _Allowed(
            "Tags",
            reverse("desk_tags:index"),
            name="tags",
            icon_name="tag",
            order=3,
            permission="subscribers.view_tag",
        ),
        _Allowed(
            "Fields",
            reverse("desk_fields:index"),
            name="fields",
            icon_name="form",
            order=3,
            permission="subscribers.view_customfield",
        ),
        _Allowed(
            "Health of the lists",
            reverse("desk_hygiene"),
            name="hygiene",
            icon_name="circle-check",
            order=3,
            permission="subscribers.view_savedsegment",
        ),
        _Allowed(
            "Suppressed addresses",
            reverse("desk_suppressions:index"),
            name="suppressions",
            icon_name="no-view",
            order=3,
            permission="subscribers.view_suppression",
        ),
        _Decisions(
            "Automatic decisions",
            reverse("desk_verdicts:index"),
            name="verdicts",
            icon_name="warning",
            order=4,
            permission="mailer.view_verdict",
        ),
        _Mailbox(
            "Mail for a person",
            reverse("desk_mailbox:index"),
            name="mailbox",
            icon_name="mail",
            order=5,
            permission="mailer.view_returnedmessage",
        ),
    ]
    return SubmenuMenuItem("People", Menu(items=entries), name="people", icon_name="group", order=150)

"""The menu, name, logo and style sheet of the desk."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog
from wagtail.admin.menu import (
    Menu,
    MenuItem,
    SubmenuMenuItem,
    admin_menu,
    reports_menu,
    settings_menu,
)
from wagtail.admin.search import SearchArea, admin_search_areas

from mailer.desk.base.help import help_page_url
from mailer.desk.base.menu_badge_counts import MenuBadgeCounts, label_with_count, menu_badge_counts
from mailer.desk.base.page_base_classes import may_view_editions

# Wagtail's entries that make no sense without a page tree, or that link to Wagtail's website.
_HIDDEN_MAIN = frozenset({"explorer", "snippets", "documents"})
_HIDDEN_REPORTS = frozenset(
    {"locked-pages", "workflows", "workflow-tasks", "aging-pages", "page-types-usage", "site-history"}
)
_HIDDEN_SETTINGS = frozenset({"workflows", "workflow-tasks", "sites", "redirects", "collections"})


def customize_main(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_main_menu`."""
    _leave_out(admin_menu, items, _HIDDEN_MAIN)
    for item in items:
        if item.name == "images":
            item.label, item.order = _("Images"), 130


def customize_reports(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_reports_menu`."""
    _leave_out(reports_menu, items, _HIDDEN_REPORTS)


def customize_settings(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_settings_menu`."""
    _leave_out(settings_menu, items, _HIDDEN_SETTINGS)


def _leave_out(menu: Menu, items: list[MenuItem], hidden: frozenset[str]) -> None:
    """Also for later requests, so that Wagtail does not ask the database whether the user may see them."""
    items[:] = [item for item in items if item.name not in hidden]
    # Another list: another thread may be going through the present one.
    menu.registered_menu_items = [item for item in menu.registered_menu_items if item.name not in hidden]


def audit_log() -> MenuItem:
    """Wagtail hook `register_settings_menu_item`: Wagtail shows its own entry only where there are pages."""
    url = reverse("wagtailadmin_reports:site_history")
    return MenuItem(_("Audit log"), url, name="audit-log", icon_name="history", order=850)


def api_keys() -> MenuItem:
    """Wagtail hook `register_settings_menu_item`: the keys with which programs act for the user."""
    return MenuItem(_("API keys"), reverse("desk_api_keys"), name="api-keys", icon_name="code", order=880)


def webhooks() -> MenuItem:
    """Wagtail hook `register_settings_menu_item`: where other systems are notified of what happens."""
    return _ForPermission(
        _("Webhooks"),
        reverse("desk_webhooks"),
        name="webhooks",
        icon_name="link",
        order=870,
        permission="mailer.view_webhookendpoint",
    )


def story_sources_item() -> MenuItem:
    """Wagtail hook `register_admin_menu_item`: the places that stories come in from."""
    return _ForPermission(
        _("Sources"),
        reverse("desk_sources"),
        name="sources",
        icon_name="download",
        order=125,
        permission="mailer.view_storysource",
    )


class _Notifications(MenuItem):
    """With the number of notifications that the user has not read."""

    def render_component(self, request: HttpRequest) -> Any:
        component = super().render_component(request)
        component.label = label_with_count(self.label, menu_badge_counts(request).unread_notifications)
        return component


class _Calendar(MenuItem):
    """For those who may see editions."""

    def is_shown(self, request: HttpRequest) -> bool:
        return may_view_editions(request.user)


def home_item() -> MenuItem:
    """Wagtail hook `register_admin_menu_item`: what waits for the user, as behind the logo."""
    return MenuItem(_("Home"), reverse("wagtailadmin_home"), name="home", icon_name="home", order=1)


def calendar_item() -> MenuItem:
    """Wagtail hook `register_admin_menu_item`: what is planned for all newsletters."""
    return _Calendar(_("Calendar"), reverse("desk_calendar"), name="calendar", icon_name="date", order=115)


def notifications_item() -> MenuItem:
    """Wagtail hook `register_admin_menu_item`: what the user was notified of."""
    url = reverse("desk_notifications")
    return _Notifications(_("Notifications"), url, name="notifications", icon_name="comment", order=160)


def checks() -> MenuItem:
    """Wagtail hook `register_settings_menu_item`: what sending depends on."""
    return _ForPermission(
        _("Checks"),
        reverse("desk_checks"),
        name="checks",
        icon_name="circle-check",
        order=840,
        permission="auth.change_user",
    )


class _HelpForPage(MenuItem):
    """Leads to the help page that belongs to the screen."""

    def render_component(self, request: HttpRequest) -> Any:
        component = super().render_component(request)
        component.url = help_page_url(request.path)
        return component


def help_for_page() -> MenuItem:
    """Wagtail hook `register_help_menu_item`: what this screen is about."""
    return _HelpForPage(_("Help for this page"), "#", name="help-for-page", icon_name="help", order=100)


def all_help() -> MenuItem:
    """Wagtail hook `register_help_menu_item`: the guide and the other pages."""
    return MenuItem(_("Help"), reverse("desk_help"), name="all-help", icon_name="list-ul", order=200)


def remove_wagtail_org_links(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail hook `construct_help_menu`: keeps the keyboard shortcuts only."""
    items[:] = [item for item in items if "wagtail.org" not in str(item.url)]


def keep_only_story_search_area(request: HttpRequest, areas: list[Any]) -> None:
    """Wagtail hook `construct_search`: the search box in the menu searches stories."""
    areas[:] = [area for area in areas if area.name == "stories"]


def first_permitted_search_area(request: HttpRequest) -> list[SearchArea]:
    """The area that the search box in the menu searches; Wagtail asks the database about those behind it."""
    areas = (one for one in admin_search_areas.registered_search_areas if one.is_shown(request))
    return list(islice(areas, 1))


class StorySearch(SearchArea):
    """The search box in the menu."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(
            request.user.has_perm("mailer.change_story") or request.user.has_perm("mailer.view_story")
        )


def story_search() -> StorySearch:
    """Wagtail hook `register_admin_search_area`."""
    return StorySearch(
        _("Stories"),
        reverse("desk_stories:list"),
        name="stories",
        icon_name="doc-full-inverse",
        order=1,
    )


class _ForPermission(MenuItem):
    """Shown to users with a permission; `count` gives a number of open items to show behind the label."""

    def __init__(
        self,
        *args: Any,
        permission: str,
        count: Callable[[MenuBadgeCounts], int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.permission, self.count = permission, count

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(self.permission))

    def render_component(self, request: HttpRequest) -> Any:
        component = super().render_component(request)
        if self.count is not None:
            component.label = label_with_count(self.label, self.count(menu_badge_counts(request)))
        return component


# Label, URL name, icon, and the permission that shows it.
_SUBSCRIBERS = (
    (_("All subscribers"), "desk_subscribers:index", "user", "subscribers.view_subscriber"),
    (_("Lists"), "desk_lists:index", "list-ul", "subscribers.view_mailinglist"),
    (_("Segments"), "desk_segments:index", "sliders", "subscribers.view_segment"),
    (_("Imports"), "desk_imports:index", "upload", "subscribers.view_importjob"),
    (_("Tags"), "desk_tags:index", "tag", "subscribers.view_tag"),
    (_("Custom fields"), "desk_fields:index", "form", "subscribers.view_customfield"),
    (_("Subscribers to review"), "desk_list_health", "circle-check", "subscribers.view_segment"),
    (_("Suppressed addresses"), "desk_suppressions:index", "no-view", "subscribers.view_suppression"),
    (
        _("Suppression decisions"),
        "desk_suppression_decisions:index",
        "warning",
        "mailer.view_suppressiondecision",
    ),
    (_("Unclassified replies"), "desk_replies:index", "mail", "mailer.view_returnedmessage"),
)
# Open items, by the URL name of the list that they are in.
_COUNTS: dict[str, Callable[[MenuBadgeCounts], int]] = {
    "desk_suppression_decisions:index": lambda found: found.held_decisions,
    "desk_replies:index": lambda found: found.unclassified_replies,
}


def subscribers_menu() -> SubmenuMenuItem:
    """Wagtail hook `register_admin_menu_item`: subscribers, lists, suppressions and replies."""
    entries = [
        _ForPermission(
            label,
            reverse(url_name),
            name=url_name.removeprefix("desk_").removesuffix(":index").replace("_", "-"),
            icon_name=icon,
            order=order,
            permission=permission,
            count=_COUNTS.get(url_name),
        )
        for order, (label, url_name, icon, permission) in enumerate(_SUBSCRIBERS, start=1)
    ]
    return SubmenuMenuItem(
        _("Subscribers"), Menu(items=entries), name="subscribers-menu", icon_name="group", order=150
    )


# Sizes email frames, shows countdowns, labels rich text fields, refreshes changing pages, makes cards of
# tables on a phone, keeps what was typed into a form until it is sent, and loads slow parts after the page.
_SCRIPTS = (
    "desk/mail_frames.js",
    "desk/countdown.js",
    "desk/accessible_names.js",
    "desk/auto_refresh.js",
    "desk/listing_cards.js",
    "desk/form_keeper.js",
    "desk/invite_command.js",
    "desk/load_later.js",
)


def styles() -> SafeString:
    """Wagtail hook `insert_global_admin_css`."""
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


def scripts() -> SafeString:
    """Wagtail hook `insert_global_admin_js`."""
    another = gettext("Another user is editing this page")
    return format_html_join(
        "",
        '<script src="{}" data-another="{}" defer></script>',
        ((static(script), another) for script in _SCRIPTS),
    )


def site_name() -> SafeString:
    """Our own hook `desk_name`: templates read it with `hook_output`, also on the sign-in page."""
    return escape(settings.CONFIG.site.name)


# The texts of Wagtail's scripts, as a script: Wagtail's translations and, where it has none, ours.
script_texts = JavaScriptCatalog.as_view(packages=["wagtail.admin", "mailer"])

"""Every URL that the web process serves."""

from __future__ import annotations

import gc
import threading
from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.urls.resolvers import RoutePattern
from django.utils.datastructures import MultiValueDict
from django.utils.translation import get_language, override
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

import subscribers.urls
from mailer.feedback.webhooks import views as webhooks
from mailer.monitoring import urls as monitoring
from mailer.public import staff_calendar
from mailer.public import views as public
from mailer.staff_localization import office_desk_language
from mailer.tracking import views as tracking
from subscribers.tokens import URL_LENGTH

# The token of a tracked link or pixel and, with the subscriber's consent, the subscriber token.
_TRACKED = rf"(?P<token>[\w-]{{{URL_LENGTH}}})(?P<subscriber>[\w-]{{{URL_LENGTH}}})?"

# Paths below /desk/ of Wagtail's parts that nothing here uses.
_UNUSED = "|".join(
    (
        *("failwhale", "test404", "pages", "workflows", "api", "documents"),
        "reports/(?:locked|workflow|workflow_tasks|aging-pages|page-types-usage)",
        # Stories and editions are created on their own pages.
        "snippets/choose/[a-z]+/[a-z]+/create",
    )
)


class _LazyResolver(URLResolver):
    """The URLs below a prefix, loaded with the first request for one of them.

    The desk takes a third of a second and 35 MB; health checks and subscribers' pages do not wait for it.
    """

    _loading = threading.Lock()

    @cached_property
    def urlconf_module(self) -> Any:
        # One thread loads, and the others wait: Python lets two threads see each other's half-loaded modules.
        # Wagtail translates some texts when it is loaded: into the office's language, not the request's.
        with self._loading, override(office_desk_language()):
            gc.disable()
            try:
                return import_module(str(self.urlconf_name))
            finally:
                # Code and classes live as long as the process: the collector never has to visit them.
                gc.freeze()
                gc.enable()


class _ApiResolver(_LazyResolver):
    """The URLs of the API, which nothing finds by their names: only a request to it loads it."""

    def _populate(self) -> None:
        language = get_language()
        self._reverse_dict[language] = MultiValueDict()
        self._namespace_dict[language] = {}  # type: ignore[attr-defined]  # unknown to the stubs
        self._app_dict[language] = {}  # type: ignore[attr-defined]


urlpatterns: list[URLPattern | URLResolver] = [
    # Parts of Wagtail that are not used, among them a page that fails on purpose.
    re_path(rf"^desk/(?:{_UNUSED})/", page_not_found, {"exception": Http404()}),
    _LazyResolver(RoutePattern("accounts/approval/", is_endpoint=False), "mailer.desk.approval.by_link_urls"),
    _LazyResolver(RoutePattern("accounts/", is_endpoint=False), "mailer.accounts.urls"),
    # Wagtail's own sign-in and password reset, which links and bookmarks may still name.
    path("desk/login/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    re_path(
        r"^desk/password_reset/confirm/(?P<uidb64>[^/]+)/(?P<token>[^/]+)/$",
        RedirectView.as_view(pattern_name="accounts:set_password"),
    ),
    re_path(r"^desk/password_reset/", RedirectView.as_view(pattern_name="account_reset_password")),
    _LazyResolver(RoutePattern("desk/", is_endpoint=False), "wagtail.admin.urls"),
    *subscribers.urls.urlpatterns,
    _ApiResolver(RoutePattern("api/", is_endpoint=False), "mailer.api.urls"),
    path("calendar/<str:token>.ics", staff_calendar.calendar_feed, name="staff-calendar"),
    path("archive/", public.archive_list, name="archive"),
    re_path(
        r"^ornament/(?P<middle>[0-9A-F]{6})-(?P<ring>[0-9A-F]{6})\.png$",
        public.ornament_picture,
        name="ornament",
    ),
    path("archive/feed.xml", public.archive_feed, name="archive-feed"),
    path("archive/<slug:slug>/", public.archived_edition_page, name="archive-edition"),
    path("archive/<slug:slug>/<slug:story>.ics", public.calendar_file, name="archive-calendar"),
    re_path(
        r"^archive/(?P<slug>[-\w]+)/(?P<key>[0-9a-f]{16})/?$", public.web_version, name="archive-web-version"
    ),
    path("media/<path:path>", public.image, name="image"),
    *monitoring.urlpatterns,
    re_path(rf"^r/{_TRACKED}(?:/.*)?$", tracking.tracked_click, name="click"),
    re_path(rf"^o/{_TRACKED}\.gif$", tracking.open_pixel, name="open"),
    # The last slash may be missing: a redirect would lose the body of a POST.
    re_path(
        r"^hooks/(?P<service>[a-z_]{1,16})(?:/(?P<secret>[^/]{1,200}))?/?$", webhooks.receive, name="webhook"
    ),
]

if settings.CONFIG.demo.enabled:
    urlpatterns.append(path("demo/", include("mailer.demo.views")))

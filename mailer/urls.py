"""Every URL that the web process serves."""

from __future__ import annotations

import gc
import threading
from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern

import mailer.feedback.webhooks.urls
import mailer.public.urls
import subscribers.urls


class _LazyResolver(URLResolver):
    """The URLs below a prefix, loaded with the first request for one of them.

    The desk takes a third of a second and 35 MB; health checks and subscribers' pages do not wait for it.
    """

    _loading = threading.Lock()

    @cached_property
    def urlconf_module(self) -> Any:
        # One thread loads, and the others wait: Python lets two threads see each other's half-loaded modules.
        with self._loading:
            gc.disable()
            try:
                return import_module(str(self.urlconf_name))
            finally:
                # Code and classes live as long as the process: the collector never has to visit them.
                gc.freeze()
                gc.enable()


urlpatterns: list[URLPattern | URLResolver] = [
    _LazyResolver(RoutePattern("desk/", is_endpoint=False), "wagtail.admin.urls"),
    *subscribers.urls.urlpatterns,
    *mailer.public.urls.urlpatterns,
    *mailer.feedback.webhooks.urls.urlpatterns,
]

if settings.CONFIG.demo.enabled:
    urlpatterns.append(path("demo/", include("mailer.demo.urls")))

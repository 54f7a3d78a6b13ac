"""Every address that the web process answers."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from wagtail.admin import urls as desk_urls

import mailer.feedback.webhooks.urls
import mailer.public.urls
import subscribers.urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("desk/", include(desk_urls)),
    *subscribers.urls.urlpatterns,
    *mailer.public.urls.urlpatterns,
    *mailer.feedback.webhooks.urls.urlpatterns,
]

if settings.CONFIG.demo.enabled:
    urlpatterns.append(path("demo/", include("mailer.demo.urls")))

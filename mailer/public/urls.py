"""Addresses of the pages for everyone."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from mailer.public import pictures, views
from mailer.tracking import views as tracking_views
from subscribers.tokens import URL_LENGTH

# Of a link or a picture and, where the reader agreed to it, of the reader.
_COUNTED = rf"(?P<token>[\w-]{{{URL_LENGTH}}})(?P<whose>[\w-]{{{URL_LENGTH}}})?"

urlpatterns: list[URLPattern] = [
    path("archive/", views.archive, name="archive"),
    path("archive/feed.xml", views.feed, name="archive-feed"),
    path("archive/<slug:slug>/", views.edition, name="archive-edition"),
    path("archive/<slug:slug>/<slug:story>.ics", views.calendar_file, name="archive-calendar"),
    re_path(r"^archive/(?P<slug>[-\w]+)/(?P<key>[0-9a-f]{16})/?$", views.web_copy, name="archive-web-copy"),
    path("media/<path:path>", pictures.picture, name="picture"),
    re_path(rf"^r/{_COUNTED}(?:/.*)?$", tracking_views.link, name="link"),
    re_path(rf"^o/{_COUNTED}\.gif$", tracking_views.picture, name="opening"),
    path("healthz", views.health, name="health"),
]

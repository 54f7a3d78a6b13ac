"""Every address that the web process answers."""

from __future__ import annotations

from django.urls import include, path
from wagtail.admin import urls as desk_urls

urlpatterns = [
    path("desk/", include(desk_urls)),
]

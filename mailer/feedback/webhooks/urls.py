"""Addresses of the webhooks. A last slash may be missing: a redirect would lose the post."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from mailer.feedback.webhooks import views

urlpatterns: list[URLPattern] = [
    re_path(r"^hooks/(?P<service>[a-z_]{1,16})(?:/(?P<word>[^/]{1,200}))?/?$", views.post, name="hook"),
]

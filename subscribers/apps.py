"""The Django application of people and lists."""

from __future__ import annotations

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

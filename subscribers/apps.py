"""The Django application of people and lists."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the index of addresses after migrations."""
        keep = import_module("subscribers.search.search_index").keep
        post_migrate.connect(keep, sender=self, dispatch_uid="subscribers.search.search_index")

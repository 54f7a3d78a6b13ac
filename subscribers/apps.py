"""The Django application of subscribers and lists."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from subscribers.search import search_index


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = "Subscribers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the search index after every migration, which may have dropped parts of it."""
        post_migrate.connect(
            search_index.create_if_missing, sender=self, dispatch_uid="subscribers.search_index"
        )

"""The Django application of subscribers and lists."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from subscribers.search import search_index


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = _("Subscribers")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """After every migration, make what it may have dropped of the search index, and check the key."""
        # Its tables can be imported only from here on.
        verify_address_hash_key = import_module("subscribers.verify_address_hash_key")
        post_migrate.connect(
            verify_address_hash_key.create_and_verify_key_canary,
            sender=self,
            dispatch_uid="subscribers.key_canary",
        )
        post_migrate.connect(
            search_index.create_if_missing, sender=self, dispatch_uid="subscribers.search_index"
        )

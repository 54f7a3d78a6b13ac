"""The Django application that holds every stage of the house."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_LISTENERS = (
    "mailer.approval.authorship",
    "mailer.approval.audiences",
    "mailer.feedback.engagement",
    "mailer.delivery.floods",
    "mailer.desk.forgotten",
    "mailer.feedback.departures",
    "mailer.feedback.erased",
    "mailer.feedback.merged",
    "mailer.feedback.personal",
)


class MailerConfig(AppConfig):
    name = "mailer"
    verbose_name = "Newsletters"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the listeners, each in the room whose business it is. Models exist only from here on."""
        for room in _LISTENERS:
            import_module(room).connect()

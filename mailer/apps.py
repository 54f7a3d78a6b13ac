"""The Django application that holds every stage of the house."""

from __future__ import annotations

from django.apps import AppConfig


class MailerConfig(AppConfig):
    name = "mailer"
    verbose_name = "Newsletters"
    default_auto_field = "django.db.models.BigAutoField"

"""The Django application that holds every stage of the house."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_LISTENERS = (
    "mailer.approval.authorship",
    "mailer.approval.segment_fingerprint",
    "mailer.feedback.engagement",
    "mailer.delivery.outbox.signup_alert",
    "mailer.desk.base.audit_redaction",
    "mailer.feedback.signals.on_unsubscribe",
    "mailer.feedback.signals.on_erase",
    "mailer.feedback.signals.on_merge",
    "mailer.feedback.signals.gdpr_export",
)


class MailerConfig(AppConfig):
    name = "mailer"
    verbose_name = "Newsletters"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the listeners, each in the room whose business it is. Models exist only from here on."""
        for room in _LISTENERS:
            import_module(room).connect()

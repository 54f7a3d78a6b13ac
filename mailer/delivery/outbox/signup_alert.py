"""Hears that very many sign up at once, and tells staff."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailer.delivery.outbox import alerts
from subscribers.signals import flooded

_WORDS = (
    "Very many people are signing up at this moment, or a machine is. The form asks a question now, and no "
    "more letters leave than [signup] allows. Raise its limits if these are your readers."
)


def connect() -> None:
    """Listen to floods; called once when the application is ready, harmless when called again."""
    flooded.connect(_flooded, dispatch_uid="mailer.delivery.outbox.signup_alert")


def _flooded(now: datetime, **_: Any) -> None:
    alerts.raise_alert("sign_ups", _WORDS, None, now)

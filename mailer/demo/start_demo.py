"""What every way of running the demo starts with."""

from __future__ import annotations

import threading

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from mailer.demo import mail_catcher
from mailer.demo.seed import seed


def set_up() -> None:
    """Create database, accounts, readers and stories; existing rows are not changed."""
    call_command("migrate", verbosity=0, interactive=False)
    seed(timezone.now())


def start_page() -> str:
    """URL of the start page."""
    return f"{settings.CONFIG.site.url}/demo/"


def run_mail_catcher(stop: threading.Event) -> None:
    """Run the mail server until `stop` is set."""
    mail_catcher.serve(settings.CONFIG, stop)

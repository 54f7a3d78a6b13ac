"""What every way of running the demo starts with."""

from __future__ import annotations

import threading
from http.client import HTTPConnection, HTTPException

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


def is_answering() -> bool:
    """Whether the web server of the demo answers requests."""
    connection = HTTPConnection("127.0.0.1", settings.CONFIG.web.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def run_mail_catcher(stop: threading.Event) -> None:
    """Run the mail server until `stop` is set."""
    mail_catcher.serve(settings.CONFIG, stop)

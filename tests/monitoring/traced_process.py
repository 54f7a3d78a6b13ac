"""What web and worker do, and a job that fails; prints whether OpenTelemetry was loaded for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from mailer.cli.main import start_django


def main() -> None:
    start_django(desk=True)
    from django.conf import settings
    from django.test import Client

    from mailer.job_index import Job
    from mailer.telemetry import span
    from mailer.worker import process_startup
    from mailer.worker.run_job import run_and_log_failure

    process_startup.start_tracing("worker")

    def job(now: Callable[[], datetime], stop: Callable[[], bool]) -> None:
        with span("submit batch", mailing=7, deliveries=3):
            raise ValueError("refused: planted" + "@" + "example.org")

    run_and_log_failure(Job("send mailings", 1, job), lambda: datetime.now(UTC), lambda: False)
    client = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1")
    client.get("/healthz")
    client.get("/nowhere/planted-token/")
    client.get("/unsubscribe/planted-token-" + "x" * 19 + "/")
    traced = any("telemetry" in layer for layer in settings.MIDDLEWARE)
    sys.stdout.write(f"{'opentelemetry' in sys.modules} {traced}\n")


if __name__ == "__main__":
    main()

"""Runs of the checks that staff ask for in the desk: a worker makes them, and their results stay.

Nothing slow is imported before a run begins.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.instance.models import CheckRun

# What staff call each check, by its name.
TITLES: dict[str, Promise] = {
    "configuration": _("Configuration"),
    "database": _("Database"),
    "storage": _("Storage"),
    "media": _("Pictures and uploads"),
    "files": _("Files"),
    "keys": _("Keys"),
    "audit_log": _("Audit log"),
    "accounts": _("Accounts"),
    "clock": _("Clock"),
    "worker": _("Worker"),
    "sending": pgettext_lazy("a check", "Sending"),
    "backup": _("Backup"),
    "web": _("Web process"),
    "site": _("Site"),
    "one_click": _("One-click unsubscribe"),
    "service": _("ESP"),
    "webhooks": _("Webhooks"),
    "alerts": _("Alerts"),
    "relay": _("Relay"),
    "tls": _("Encryption"),
    "spf": _("SPF"),
    "dkim": _("DKIM"),
    "dmarc": _("DMARC"),
    "reverse_dns": _("Reverse DNS"),
    "bounce_mx": _("Bounce domain"),
    "bounce_mailbox": _("Bounce mailbox"),
}
# A run that takes longer was given up: its worker died.
_LONGEST = timedelta(minutes=10)
_KEPT = 10

# "missing": no run has made the check yet.
Outcome = Literal["ok", "warning", "problem", "skipped", "missing"]
# From the best to the worst.
_OUTCOMES: tuple[Outcome, ...] = ("skipped", "ok", "warning", "problem")


def waiting_or_running(now: datetime) -> CheckRun | None:
    """The run that waits for a worker, or is being made."""
    run = CheckRun.objects.filter(finished_at=None).first()
    if run is None or (run.started_at or run.requested_at) < now - _LONGEST:
        return None
    return run


def latest_finished_run() -> CheckRun | None:
    """The last finished run."""
    return CheckRun.objects.exclude(finished_at=None).first()


def request_run(username: str, now: datetime) -> CheckRun:
    """Ask for a run; the one that is under way, where there is one."""
    return waiting_or_running(now) or CheckRun.objects.create(requested_by=username, requested_at=now)


def worst_status(run: CheckRun | None, checks: Collection[str]) -> Outcome:
    """The worst status among the run's results of these checks."""
    found = [one["status"] for one in run.results if one["check"] in checks] if run else []
    return max(found, key=_OUTCOMES.index, default="missing")


def run_requested(now: datetime) -> int:
    """Make the run that waits; how many were made. A job of the worker."""
    waiting = CheckRun.objects.filter(started_at=None).first()
    if waiting is None or not CheckRun.objects.filter(pk=waiting.pk, started_at=None).update(started_at=now):
        return 0
    _run(waiting, now)
    outdated = CheckRun.objects.values_list("pk", flat=True)[_KEPT:]
    CheckRun.objects.filter(pk__in=list(outdated)).delete()
    return 1


def _run(run: CheckRun, now: datetime) -> None:
    # DNS and HTTP clients, which a worker does not need otherwise.
    from mailer.doctor import runner
    from mailer.doctor.dns_client import Dns

    row = CheckRun.objects.filter(pk=run.pk)
    results: list[dict[str, Any]] = []

    def show(title: str) -> None:
        row.update(waiting_for=title[:120])

    for result in runner.run_checks(runner.create_context(Dns()), now, on_wait=show):
        results.append(result.as_dict())
        row.update(results=results)
    row.update(finished_at=timezone.now(), waiting_for="")

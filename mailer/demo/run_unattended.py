"""Runs the whole story of the sample unattended, for `mailer demo --once`."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from mailer.approval import snapshot_state_changes
from mailer.approval.submit import submit
from mailer.delivery.models import Mailing, OutboxMessage
from mailer.demo.demo_setup_and_readiness import run_mail_catcher, set_up
from mailer.editions.models import Edition
from mailer.job_index import JOBS
from mailer.reports.edition_state import edition_as_json
from mailer.reports.stats import latest_mailing_totals

# The unattended run gives up after this long. It needs a few seconds, and minutes on a busy machine.
PATIENCE_SECONDS = 600.0


class Unfinished(Exception):  # noqa: N818
    """The unattended run did not finish."""


def run_unattended() -> dict[str, Any]:
    """Stories → edition → two people → inboxes → bounce, run by the worker's own jobs.

    Returns the balanced account with {edition, variants, seconds}. Raises Unfinished.
    """
    started = time.monotonic()
    stop = threading.Event()
    catching = threading.Thread(target=run_mail_catcher, args=(stop,), daemon=True)
    catching.start()
    try:
        set_up()
        edition = _until(_assembled, started, "the edition was not assembled")
        writer, approver = (User.objects.get(username=name) for name in ("writer", "approver"))
        snapshot = submit(edition, writer, timezone.now())
        snapshot_state_changes.approve(snapshot, approver, snapshot.sha256, timezone.now())
        snapshot_state_changes.schedule(snapshot, approver, None, timezone.now())
        _until(lambda: _finished(edition), started, "the mailing did not finish")
        _until(lambda: latest_mailing_totals(edition).bounced > 0, started, "the bounce did not arrive")
        _until(_outbox_is_empty, started, "the mail to staff was not sent")
    finally:
        stop.set()
        catching.join(timeout=10)
    account = latest_mailing_totals(edition)
    if not account.balances:
        raise Unfinished(f"the account does not balance: {account.as_dict()}")
    return {
        **edition_as_json(edition),
        **account.as_dict(),
        "edition": edition.slug,
        "variants": snapshot.variants.count(),
        "seconds": round(time.monotonic() - started, 2),
    }


def _until(wanted: Any, started: float, otherwise: str) -> Any:
    """Run every job repeatedly until `wanted` returns a value."""
    while not (found := wanted()):
        if time.monotonic() - started > PATIENCE_SECONDS:
            raise Unfinished(f"{otherwise} within {PATIENCE_SECONDS:.0f} seconds.")
        for job in JOBS:
            job.run(timezone.now, lambda: False)
        time.sleep(0.05)
    return found


def _assembled() -> Edition | None:
    edition: Edition | None = Edition.objects.select_related("newsletter").first()
    return edition


def _finished(edition: Edition) -> bool:
    return Mailing.objects.filter(edition=edition, state=Mailing.State.DONE).exists()


def _outbox_is_empty() -> bool:
    return not OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING).exists()

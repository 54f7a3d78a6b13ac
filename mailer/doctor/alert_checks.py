"""Checks whether staff are notified when sending stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.db import DatabaseError

from mailer.config import Config
from mailer.delivery.models import AlertPost
from mailer.delivery.outbox import staff_alerts
from mailer.doctor.check_types import CheckResult
from mailer.doctor.dns_client import is_loopback_or_empty

_TEST = "To send a test alert, run: mailer alerts test"
_RECENT = timedelta(days=30)


def check_alerts(config: Config, now: datetime) -> Iterator[CheckResult]:
    """Whether anybody gets alerts, and whether webhooks take them. Posts nothing."""
    result = partial(CheckResult, "alerts", "")
    if config.demo.enabled:
        yield result(
            "skipped", ("The demo sends no alerts to other machines: they appear in the demo's inboxes.")
        )
        return
    try:
        addresses, webhooks = len(staff_alerts.languages_by_alert_recipient()), config.alerts.webhooks
    except DatabaseError:
        # The database check reports this.
        return
    if not addresses and not webhooks:
        advice = "Set [alerts] email in the configuration, or add an email address to an admin's account."
        yield result(
            "problem",
            ("Nobody is notified when sending stops: no address or webhook for alerts is set."),
            advice,
        )
        return
    mistakes = 0
    recent = AlertPost.objects.filter(alert__raised_at__gt=now - _RECENT)
    given_up = recent.filter(due_at=None, accepted_at=None).order_by("-alert__raised_at").first()
    if webhooks and given_up is not None:
        mistakes += 1
        at = f"{given_up.alert.raised_at:%-d %B, %H:%M} UTC"
        message = f"An alert that was sent at {at} was not delivered to a webhook: {given_up.reply}."
        yield result("problem", message, _TEST)
    for url in webhooks:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback_or_empty(parts.hostname):
            mistakes += 1
            message = (
                f"Alerts to the webhook at {parts.hostname} are not encrypted: others on "
                "the network can read them."
            )
            yield result(
                "warning", message, ("Use https:// for the webhooks in [alerts] of the configuration.")
            )
    if not mistakes:
        hooks = len(webhooks)
        # Numbers stand behind a colon, where no language needs a plural.
        message = f"Addresses notified when sending stops: {addresses}."
        if webhooks:
            message = f"Notified when sending stops: addresses {addresses}, webhooks {hooks}."
        if webhooks and config.alerts.secrets:
            message = f"Notified when sending stops: addresses {addresses}, signed webhooks {hooks}."
        yield result("ok", message, "")

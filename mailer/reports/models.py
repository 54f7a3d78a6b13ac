"""Cached statistics, because those of a large mailing take long to collect; addresses of calendars."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mailer.delivery.models import Mailing


class MailingStats(models.Model):
    """The statistics of a mailing as they were collected last. They can be collected again at any time."""

    mailing = models.OneToOneField(
        Mailing, primary_key=True, on_delete=models.CASCADE, related_name="cached_stats"
    )
    # stats.Stats, as its `as_dict` gives it.
    stats = models.JSONField()
    # stats.Totals and the number of unsubscribes, as they stand in `stats`: what lists of mailings need.
    totals = models.JSONField()
    unsubscribes = models.PositiveIntegerField()
    # Bounces, complaints and unsubscribes that there were: whether there is anything new to collect.
    event_count = models.PositiveIntegerField()
    # When collecting began, and how many seconds it took.
    collected_at = models.DateTimeField()
    collect_seconds = models.FloatField()

    def __str__(self) -> str:
        return f"mailing {self.mailing_id} at {self.collected_at:%Y-%m-%d %H:%M:%S}"


class CalendarAddress(models.Model):
    """The private address at which a member of staff subscribes to the calendar; deleted when it is revoked.

    The address is the token of the primary key, which is never used again.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"calendar of {self.user_id}"

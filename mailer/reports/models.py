"""Cached statistics, because collecting those of a large mailing takes longer than showing a page."""

from __future__ import annotations

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

"""Figures that are kept, because counting a large mailing takes longer than looking at a page."""

from __future__ import annotations

from django.db import models

from mailer.delivery.models import Mailing


class Tally(models.Model):
    """What was counted of a mailing the last time. Nothing is lost with it: it can be counted again."""

    mailing = models.OneToOneField(Mailing, primary_key=True, on_delete=models.CASCADE, related_name="tally")
    # counts.Counts, as its `as_dict` gives it.
    counts = models.JSONField()
    # account.Account and the number who left, as they stand in there: what lists of mailings need.
    account = models.JSONField()
    left = models.PositiveIntegerField()
    # Marks and departures that there were: whether there is anything new to count.
    signs = models.PositiveIntegerField()
    # When counting began, and how many seconds it took.
    at = models.DateTimeField()
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"mailing {self.mailing_id} at {self.at:%Y-%m-%d %H:%M:%S}"

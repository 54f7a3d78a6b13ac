"""The tables of reconfirmation: the campaign, and each subscriber who was asked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.resumable_jobs import Job


class ReconfirmationCampaign(Job):
    """Asks the subscribers of a segment whether they still want a list."""

    class State(models.TextChoices):
        SENDING = "sending", _("sending")
        WAITING = "waiting", _("waiting for answers")
        CANCELLED = "cancelled", _("cancelled")
        FINISHED = "finished", _("finished")

    ACTIVE = (State.SENDING,)

    mailing_list = models.ForeignKey("subscribers.MailingList", on_delete=models.CASCADE, related_name="+")
    # The segment's complete rule, as it was when the campaign was created, and the segment's name.
    rule = models.JSONField()
    segment_name = models.CharField(max_length=120)
    # The last day on which an answer counts.
    deadline = models.DateField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.SENDING)

    class Meta:
        verbose_name = _("reconfirmation")
        verbose_name_plural = _("reconfirmations")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.segment_name}, {self.mailing_list}"

    def progress(self) -> tuple[int, int]:
        """In emails; how many there will be is not known."""
        return self.requests.count(), 0


class ReconfirmationRequest(models.Model):
    """One subscriber who was asked."""

    campaign = models.ForeignKey(
        ReconfirmationCampaign, on_delete=models.CASCADE, related_name="requests", db_index=False
    )
    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="+")
    sent_at = models.DateTimeField()
    # When the subscriber confirmed that they still want the list.
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "subscriber"], name="reconfirmation_request_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.subscriber_id}"

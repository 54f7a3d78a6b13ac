"""A question to the people of a segment on one list, and everybody who was asked."""

from __future__ import annotations

from django.db import models


class Asking(models.Model):
    """The question: whom, until when, by whom, and how far it is."""

    class State(models.TextChoices):
        SENDING = "sending", "being asked"
        WAITING = "waiting", "waiting for answers"
        STOPPED = "stopped", "stopped"
        DECIDED = "decided", "decided"

    mailing_list = models.ForeignKey("subscribers.MailingList", on_delete=models.CASCADE, related_name="+")
    # Of the segment, whole, as it was when the question was begun; and its name.
    rule = models.JSONField()
    segment_name = models.CharField(max_length=120)
    # The last day on which an answer counts.
    until = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.SENDING)
    # Number of the last subscriber who was asked.
    position = models.BigIntegerField(default=0)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.segment_name}, {self.mailing_list}"


class Asked(models.Model):
    """One person who was asked."""

    asking = models.ForeignKey(Asking, on_delete=models.CASCADE, related_name="people", db_index=False)
    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    # When they said that they want it.
    stays_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asking", "subscriber"], name="asked_once")]

    def __str__(self) -> str:
        return f"{self.asking_id}: {self.subscriber_id}"

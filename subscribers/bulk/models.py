"""The tables of bulk jobs: the job, and each subscriber that it changed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.resumable_jobs import Job


class BulkJob(Job):
    """One action on many subscribers, by whom, and its progress."""

    class Action(models.TextChoices):
        TAG = "tag", _("add tag")
        UNTAG = "untag", _("remove tag from subscribers")
        ADD = "add", _("add subscribers to list")
        REMOVE = "remove", _("remove subscribers from list")
        SUPPRESS = "suppress", _("suppress")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

    ACTIVE = (State.RUNNING, State.UNDOING)
    BATCH_FIELDS = ("changed", "skipped", "reverted", "kept")
    # Through which the consent records of a batch came; the runner sets it, and it is not stored.
    channel: str = "desk"

    action = models.CharField(max_length=10, choices=Action.choices)
    # Primary key of the tag or the list; null for a suppression.
    target = models.BigIntegerField(null=True)
    # Its name, and the reason of the action or how the subscribers gave their consent.
    target_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    # {"ids": [primary keys]}, {"campaign": primary key}, or the fields of a search query.
    selection = models.JSONField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    # The largest primary key of a subscriber when the job was created: later ones are left alone.
    last_subscriber = models.BigIntegerField()
    # Subscribers who were changed, and who were not; changes that were reverted, and that were not.
    changed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    reverted = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("bulk action job")
        verbose_name_plural = _("bulk action jobs")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["running", "undoing"]), name="bulk_job_active"
            )
        ]

    def __str__(self) -> str:
        target = f" “{self.target_name}”" if self.target_name else ""
        return f"{self.get_action_display()}{target}".capitalize()

    def progress(self) -> tuple[int, int]:
        """By primary key while it runs, in changes while it is undone."""
        if self.state == self.State.UNDOING:
            return self.reverted + self.kept, self.changed
        return (self.position, self.last_subscriber) if self.state == self.State.RUNNING else (0, 0)


class BulkChange(models.Model):
    """One subscriber that a job changed; kept as long as the job can be undone."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="changes")
    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="+")
    # Primary key of the subscription or suppression that was created or changed; null for a tag.
    row_id = models.BigIntegerField(null=True)
    # The state that a subscription had before.
    old_state = models.CharField(max_length=12, blank=True)

    def __str__(self) -> str:
        return f"{self.job_id}: {self.subscriber_id}"

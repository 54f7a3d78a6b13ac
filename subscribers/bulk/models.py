"""A change of many people, and each person whom it changed."""

from __future__ import annotations

from django.db import models


class BulkRun(models.Model):
    """Something done to many people at once, by whom, and how far it is."""

    class Deed(models.TextChoices):
        TAG = "tag", "tag"
        UNTAG = "untag", "take a tag off"
        ADD = "add", "put on a list"
        REMOVE = "remove", "take off a list"
        SUPPRESS = "suppress", "suppress"

    class State(models.TextChoices):
        WORKING = "working", "at work"
        DONE = "done", "done"
        UNDOING = "undoing", "being undone"
        UNDONE = "undone", "undone"

    deed = models.CharField(max_length=10, choices=Deed.choices)
    # Of the tag or the list; null for a suppression.
    target = models.BigIntegerField(null=True)
    # Its name, and why it is done or how people gave their consent, in words.
    target_name = models.CharField(max_length=200, blank=True)
    words = models.CharField(max_length=500, blank=True)
    # {"ids": [numbers]}, or what `finding.Asked` is made of.
    who = models.JSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WORKING)
    # Numbers of the last subscriber of all, and of the last one (when undone: the last change) done with.
    last = models.BigIntegerField()
    position = models.BigIntegerField(default=0)
    # People changed, and people whom it left as they were; when undone: given back, and left.
    changed = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    undone_by = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True)
    # Why it stopped before its end, until somebody lets it go on or undoes it; empty: it did not.
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["working", "undoing"]), name="bulk_at_work"
            )
        ]

    def __str__(self) -> str:
        named = f" “{self.target_name}”" if self.target_name else ""
        return f"{self.get_deed_display()}{named}".capitalize()

    @property
    def at_work(self) -> bool:
        """Whether the worker goes on with it."""
        return self.state in (self.State.WORKING, self.State.UNDOING) and not self.error


class BulkChange(models.Model):
    """One person whom it changed; kept as long as it can be undone."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="changes")
    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="+")
    # Of the subscription or the suppression that was made or changed; null for a tag.
    row = models.BigIntegerField(null=True)
    # The state that a subscription had.
    before = models.CharField(max_length=12, blank=True)

    def __str__(self) -> str:
        return f"{self.run_id}: {self.subscriber_id}"

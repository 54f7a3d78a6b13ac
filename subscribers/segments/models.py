"""Tags, custom fields and saved segments."""

from __future__ import annotations

from typing import Any

from django.db import models


class Tag(models.Model):
    """A word that staff put on people."""

    name = models.CharField(max_length=60, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Tagging(models.Model):
    """A person who has a tag."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="taggings", db_index=False)
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="taggings"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tag", "subscriber"], name="tagging_once")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.subscriber_id}"


class CustomField(models.Model):
    """Something that this office wants to know of people, and of which kind it is."""

    class Kind(models.TextChoices):
        TEXT = "text", "text"
        NUMBER = "number", "number"
        DATE = "date", "date"
        CHOICE = "choice", "choice"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TEXT)
    # What can be chosen, one a line; for a choice only.
    choices = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def column(self) -> str:
        """In which column of FieldValue its values are kept."""
        return {"number": "number", "date": "date"}.get(self.kind, "text")

    @property
    def options(self) -> tuple[str, ...]:
        """What can be chosen."""
        return tuple(line.strip() for line in self.choices.splitlines() if line.strip())


class FieldValue(models.Model):
    """What is known of one person in one field; in the column of the field's kind."""

    field = models.ForeignKey(CustomField, on_delete=models.CASCADE, related_name="values", db_index=False)
    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="values")
    text = models.CharField(max_length=200, blank=True)
    number = models.FloatField(null=True)
    date = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["field", "subscriber"], name="field_value_once")]

    def __str__(self) -> str:
        return f"{self.field_id} of {self.subscriber_id}"

    @property
    def value(self) -> Any:
        """A str, float or date, by the field's kind."""
        return getattr(self, self.field.column)


class SavedSegment(models.Model):
    """A rule with a name; who is in it is asked of the tables whenever it is used."""

    name = models.CharField(max_length=120, unique=True)
    # As `rules.as_json` gives it.
    rule = models.JSONField()
    # Counts the changes of the rule.
    version = models.PositiveIntegerField(default=1)
    # Username of whoever changed the rule last.
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

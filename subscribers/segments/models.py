"""The tables of tags, custom fields and segments."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from subscribers.named_model import NamedModel


class Tag(NamedModel):
    """A label that staff put on subscribers."""

    name = models.CharField(max_length=60, unique=True, verbose_name=pgettext_lazy("of a thing", "name"))

    class Meta(NamedModel.Meta):
        verbose_name = _("tag")
        verbose_name_plural = _("tags")


class Tagging(models.Model):
    """A subscriber has a tag."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="taggings", db_index=False)
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="taggings"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tag", "subscriber"], name="tagging_once")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.subscriber_id}"


class CustomField(NamedModel):
    """An attribute of subscribers that this office defines, and its kind."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        DATE = "date", _("date")
        CHOICE = "choice", _("choice")

    name = models.CharField(max_length=60, unique=True, verbose_name=pgettext_lazy("of a thing", "name"))
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TEXT, verbose_name=_("kind"))
    # The options of a choice, one a line.
    choices = models.TextField(blank=True, verbose_name=_("choices"))

    class Meta(NamedModel.Meta):
        verbose_name = _("custom field")
        verbose_name_plural = _("custom fields")

    @property
    def column(self) -> str:
        """The column of FieldValue that holds its values."""
        return {"number": "number", "date": "date"}.get(self.kind, "text")

    @property
    def options(self) -> tuple[str, ...]:
        """The options of a choice."""
        return tuple(line.strip() for line in self.choices.splitlines() if line.strip())


class FieldValue(models.Model):
    """A subscriber's value of one custom field, in the column of the field's kind."""

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


class Segment(NamedModel):
    """A rule with a name; who matches it is queried whenever it is used."""

    name = models.CharField(max_length=120, unique=True, verbose_name=pgettext_lazy("of a thing", "name"))
    # As `rules.to_json` gives it.
    rule = models.JSONField(verbose_name=_("rule"))
    # Counts the changes of the rule.
    version = models.PositiveIntegerField(default=1, verbose_name=_("version"))
    # Username of the user who changed the rule last.
    changed_by = models.CharField(max_length=150, blank=True, verbose_name=_("last changed by"))
    changed_at = models.DateTimeField(verbose_name=_("time of the last change"))

    class Meta(NamedModel.Meta):
        verbose_name = _("segment")
        verbose_name_plural = _("segments")


class RuleCount(models.Model):
    """How many subscribers match a rule, as the worker counted them last; see `estimates`."""

    # SHA-256 of the rule, with the rules of other segments in place of their names.
    key = models.CharField(max_length=64, unique=True)
    matching = models.PositiveIntegerField()
    # How many of them are confirmed on a list and not suppressed.
    reachable = models.PositiveIntegerField()
    # Primary keys of the newest who match.
    newest = models.JSONField()
    counted_at = models.DateTimeField()
    # How long counting took.
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.matching} at {self.counted_at:%Y-%m-%d %H:%M:%S}"

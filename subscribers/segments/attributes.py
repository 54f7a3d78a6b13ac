"""What staff note about a person: tags, and values of custom fields."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from subscribers.segments.models import CustomField, FieldValue, Tag, Tagging

if TYPE_CHECKING:
    from subscribers.models import Subscriber


def tag_named(name: str) -> Tag:
    """The tag of this name, made if there was none; names differ by more than case and spaces.

    Raises ValueError for an empty name, or one of more than 60 letters.
    """
    written = " ".join(name.replace("\0", " ").split())
    if not 0 < len(written) <= 60:
        raise ValueError("A tag has 1 to 60 letters.")
    found = Tag.objects.filter(name__iexact=written).first()
    return found or Tag.objects.create(name=written)


def set_tags(person: Subscriber, names: Iterable[str]) -> None:
    """Give the person exactly these tags."""
    tags = [tag_named(name) for name in names]
    person.taggings.exclude(tag__in=tags).delete()
    Tagging.objects.bulk_create([Tagging(tag=tag, subscriber=person) for tag in tags], ignore_conflicts=True)


def parsed(field: CustomField, written: str) -> Any:
    """What somebody wrote as a str, float or date by the field's kind; None for nothing.

    Raises ValueError in words.
    """
    # No database keeps a NUL in a text.
    written = written.replace("\0", " ").strip()
    if not written:
        return None
    if field.kind == CustomField.Kind.NUMBER:
        try:
            number = float(written.replace(",", "."))
        except ValueError as error:
            raise ValueError(f"{field.name}: “{written}” is no number.") from error
        if not math.isfinite(number):
            raise ValueError(f"{field.name}: “{written}” is no number.")
        return number
    if field.kind == CustomField.Kind.DATE:
        try:
            return date.fromisoformat(written)
        except ValueError as error:
            raise ValueError(f"{field.name}: write a date as 2021-12-03.") from error
    if field.kind == CustomField.Kind.CHOICE and written not in field.options:
        raise ValueError(f"{field.name}: choose one of {', '.join(field.options)}.")
    if len(written) > 200:
        raise ValueError(f"{field.name}: 200 letters at most.")
    return written


def set_value(person: Subscriber, field: CustomField, written: str) -> None:
    """Note a value, or that none is known. Raises ValueError as `parsed`."""
    value = parsed(field, written)
    if value is None:
        FieldValue.objects.filter(field=field, subscriber=person).delete()
        return
    fresh: dict[str, Any] = {"text": "", "number": None, "date": None, field.column: value}
    FieldValue.objects.update_or_create(field=field, subscriber=person, defaults=fresh)


def known(person: Subscriber) -> dict[str, Any]:
    """Field's name to its value, ready for JSON."""
    rows = person.values.select_related("field").order_by("field__name")
    return {
        row.field.name: row.value.isoformat() if isinstance(row.value, date) else row.value for row in rows
    }


def take_over(kept: Subscriber, gone: Subscriber) -> None:
    """Two became one: whatever was noted of the other, and not of the one who is kept."""
    tags = kept.taggings.values_list("tag", flat=True)
    gone.taggings.exclude(tag__in=list(tags)).update(subscriber=kept)
    fields = kept.values.values_list("field", flat=True)
    gone.values.exclude(field__in=list(fields)).update(subscriber=kept)

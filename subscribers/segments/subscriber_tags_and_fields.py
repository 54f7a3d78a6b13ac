"""Tags and custom fields of a subscriber: read, set, and carried over when two subscribers are merged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection
from django.utils.translation import gettext

from subscribers.models import Subscriber
from subscribers.segments.models import CustomField, FieldValue, Tag, Tagging

# A day with its time, as systems export it; a day before its month; and "1 234".
_TIME_OF_DAY = re.compile(r"[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?\Z")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: ?г\.?)?")
_THOUSANDS = re.compile(r"(?<=\d)\s(?=\d{3}(?!\d))")
_MAX_TAG_LENGTH, _MAX_TEXT_LENGTH = 60, 200


def get_or_create_tag(name: str) -> Tag:
    """The tag of this name, created if there is none; case and spaces do not distinguish names.

    Raises ValueError for an empty name, or one of more than 60 characters.
    """
    written = " ".join(name.replace("\0", " ").split())
    if not 0 < len(written) <= _MAX_TAG_LENGTH:
        raise ValueError(gettext("A tag can have 1 to %(most)s characters.") % {"most": _MAX_TAG_LENGTH})
    return _tag_named(written) or Tag.objects.create(name=written)


def _tag_named(name: str) -> Tag | None:
    if found := Tag.objects.filter(name__iexact=name).first():
        return found
    if name.isascii() or connection.vendor != "sqlite":
        return None
    # SQLite folds the case of A to Z only.
    return next((tag for tag in Tag.objects.all() if tag.name.casefold() == name.casefold()), None)


def set_tags(subscriber: Subscriber, names: Iterable[str]) -> None:
    """Give the subscriber exactly these tags. Raises ValueError as `get_or_create_tag`."""
    tags = [get_or_create_tag(name) for name in names]
    subscriber.taggings.exclude(tag__in=tags).delete()
    Tagging.objects.bulk_create(
        [Tagging(tag=tag, subscriber=subscriber) for tag in tags], ignore_conflicts=True
    )


def parse_value(field: CustomField, written: str) -> Any:
    """The text as a str, float or date by the field's kind; None for an empty text.

    Raises ValueError with a message for the user.
    """
    # Databases store no NUL in a text.
    written = written.replace("\0", " ").strip()
    if not written:
        return None
    if field.kind == CustomField.Kind.NUMBER:
        try:
            number = float(_THOUSANDS.sub("", written).replace(",", "."))
        except ValueError as error:
            raise ValueError(_not_a_number(field, written)) from error
        if not math.isfinite(number):
            raise ValueError(_not_a_number(field, written))
        return number
    if field.kind == CustomField.Kind.DATE:
        try:
            return _parse_day(_TIME_OF_DAY.sub("", written))
        except ValueError as error:
            text = gettext("%(field)s: write a date as 2021-12-03.")
            raise ValueError(text % {"field": field.name}) from error
    if field.kind == CustomField.Kind.CHOICE and written not in field.options:
        values = {"field": field.name, "options": ", ".join(field.options)}
        raise ValueError(gettext("%(field)s: choose one of %(options)s.") % values)
    if len(written) > _MAX_TEXT_LENGTH:
        text = gettext("%(field)s: at most %(most)s characters.")
        raise ValueError(text % {"field": field.name, "most": _MAX_TEXT_LENGTH})
    return written


def _parse_day(written: str) -> date:
    """A day as 2021-12-03, or as 03.12.2021, which Excel writes in Russian. Raises ValueError."""
    if found := _DAY_FIRST.fullmatch(written):
        day, month, year = map(int, found.groups())
        return date(year, month, day)
    return date.fromisoformat(written)


def _not_a_number(field: CustomField, written: str) -> str:
    return gettext("%(field)s: “%(text)s” is not a number.") % {"field": field.name, "text": written}


def set_value(subscriber: Subscriber, field: CustomField, written: str) -> None:
    """Set a value, or delete it for an empty text. Raises ValueError as `parse_value`."""
    value = parse_value(field, written)
    if value is None:
        FieldValue.objects.filter(field=field, subscriber=subscriber).delete()
        return
    columns: dict[str, Any] = {"text": "", "number": None, "date": None, field.column: value}
    FieldValue.objects.update_or_create(field=field, subscriber=subscriber, defaults=columns)


def custom_field_values(subscriber: Subscriber) -> dict[str, Any]:
    """The field's name to its value, ready for JSON."""
    rows = subscriber.values.select_related("field").order_by("field__name")
    return {
        row.field.name: row.value.isoformat() if isinstance(row.value, date) else row.value for row in rows
    }


def merge_attributes(kept: Subscriber, merged: Subscriber) -> None:
    """Give the kept subscriber the tags and values of the other that it does not have."""
    tags = kept.taggings.values_list("tag", flat=True)
    merged.taggings.exclude(tag__in=list(tags)).update(subscriber=kept)
    fields = kept.values.values_list("field", flat=True)
    merged.values.exclude(field__in=list(fields)).update(subscriber=kept)

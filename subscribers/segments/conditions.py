"""The types of conditions: what each can ask, how its values are read, and the query that it becomes.

This package knows lists, countries, languages, sign-up, tags, custom fields and other segments; packages
above `register` what they know, as `mailer.feedback.segment_conditions` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subscribers import iso_codes
from subscribers.models import ConsentRecord, Subscription
from subscribers.segments.mailing_audience_query import interested_in, suppressed_condition
from subscribers.segments.models import CustomField, FieldValue, Tagging
from subscribers.segments.rule_format import Condition, InvalidRule, Value

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# The form's input for values: "lists", "countries", "languages", "tags", "segments", "date", "number",
# "text", "choices" (of the field), "none".
Widget = str


@dataclass(frozen=True)
class ConditionType:
    """One attribute of a subscriber that a condition can be about."""

    name: str
    # The attribute as the form shows it: "Lists".
    label: StrOrPromise
    # Operator to (label, widget of its values).
    operators: Mapping[str, tuple[StrOrPromise, Widget]]
    # The query on Subscriber as of a time; raises InvalidRule.
    to_q: Callable[[Condition, datetime], Q]


CONDITION_TYPES: dict[str, ConditionType] = {}


def register(condition_type: ConditionType) -> None:
    """Add a condition type; harmless when repeated."""
    CONDITION_TYPES[condition_type.name] = condition_type


def type_of(condition: Condition) -> ConditionType:
    """The type of a condition; raises InvalidRule for an unknown attribute or operator."""
    found = CONDITION_TYPES.get(condition.attribute)
    if found is None:
        raise InvalidRule(
            gettext("“%(attribute)s” is not an attribute of subscribers.")
            % {"attribute": condition.attribute}
        )
    if condition.operator not in found.operators:
        raise InvalidRule(
            gettext("%(attribute)s: “%(operator)s” is not a possible comparison.")
            % {"attribute": found.label, "operator": condition.operator}
        )
    return found


def int_values(condition: Condition) -> list[int]:
    """The values as primary keys; raises InvalidRule."""
    found = [value for value in condition.values if isinstance(value, int)]
    if len(found) != len(condition.values) or not found:
        raise InvalidRule(
            gettext("%(attribute)s: choose at least one value.") % {"attribute": _label(condition)}
        )
    return found


def require_text_values(condition: Condition, known: frozenset[str] | None = None) -> list[str]:
    """The values as texts, all of them known; raises InvalidRule."""
    found = [
        value for value in condition.values if isinstance(value, str) and value.strip() and "\0" not in value
    ]
    if len(found) != len(condition.values) or not found:
        raise InvalidRule(
            gettext("%(attribute)s: choose or write at least one value.") % {"attribute": _label(condition)}
        )
    if known is not None and (unknown := [one for one in found if one not in known]):
        raise InvalidRule(
            gettext("%(attribute)s: “%(unknown)s” is not a known value.")
            % {"attribute": _label(condition), "unknown": unknown[0]}
        )
    return found


def number_value(condition: Condition, least: float = 0, most: float = 1e12) -> float:
    """The one value as a number within bounds; raises InvalidRule."""
    value = _single(condition)
    try:
        found = float(value)
    except ValueError as error:
        raise InvalidRule(
            gettext("%(attribute)s: “%(value)s” is not a number.")
            % {"attribute": _label(condition), "value": value}
        ) from error
    if not least <= found <= most:
        raise InvalidRule(
            gettext("%(attribute)s: write a number from %(least)s to %(most)s.")
            % {"attribute": _label(condition), "least": f"{least:g}", "most": f"{most:g}"}
        )
    return found


def date_value(condition: Condition) -> date:
    """The one value as a date, "2021-12-03"; raises InvalidRule."""
    value = _single(condition)
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidRule(
            gettext("%(attribute)s: write a date as 2021-12-03.") % {"attribute": _label(condition)}
        ) from error


def _single(condition: Condition) -> Value:
    if len(condition.values) != 1 or condition.values[0] == "":
        raise InvalidRule(
            gettext("%(attribute)s: this condition needs a value.") % {"attribute": _label(condition)}
        )
    return condition.values[0]


def _label(condition: Condition) -> str:
    return str(CONDITION_TYPES[condition.attribute].label)


def _negated(condition: Condition) -> bool:
    return condition.operator.startswith("not")


def _exists(condition: Condition, found: Exists) -> Q:
    return Q(~found) if _negated(condition) else Q(found)


def _list(condition: Condition, now: datetime) -> Q:
    rows = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=int_values(condition))
    return _exists(condition, Exists(rows.filter(state=Subscription.State.CONFIRMED)))


def _country(condition: Condition, now: datetime) -> Q:
    wants = interested_in(require_text_values(condition, iso_codes.COUNTRIES))
    return ~wants if _negated(condition) else wants


def _language(condition: Condition, now: datetime) -> Q:
    reads = Q(language__in=require_text_values(condition, iso_codes.LANGUAGES))
    return ~reads if _negated(condition) else reads


def _known_since(condition: Condition, now: datetime) -> Q:
    if condition.operator in ("within", "not_within"):
        since = now - timedelta(days=int(number_value(condition, 0, 36_500)))
        return Q(created_at__gte=since) if condition.operator == "within" else Q(created_at__lt=since)
    day = date_value(condition)
    # In the site's time zone, whatever zone a member of staff has: a mailing asks without one.
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
    return Q(created_at__gte=midnight) if condition.operator == "since" else Q(created_at__lt=midnight)


def _tag(condition: Condition, now: datetime) -> Q:
    rows = Tagging.objects.filter(subscriber=OuterRef("pk"), tag__in=int_values(condition))
    return _exists(condition, Exists(rows))


def _field(condition: Condition, now: datetime) -> Q:
    field = CustomField.objects.filter(pk=condition.field or 0).first()
    if field is None:
        raise InvalidRule(gettext("The segment's rule uses a custom field that was deleted."))
    rows, operator = FieldValue.objects.filter(subscriber=OuterRef("pk"), field=field), condition.operator
    if operator in ("filled", "not_filled"):
        return _exists(condition, Exists(rows))
    if operator in ("since", "before"):
        day = date_value(condition)
        return Q(Exists(rows.filter(date__gte=day) if operator == "since" else rows.filter(date__lt=day)))
    if operator in ("at_least", "at_most"):
        amount = number_value(condition, -1e12)
        return Q(
            Exists(
                rows.filter(number__gte=amount) if operator == "at_least" else rows.filter(number__lte=amount)
            )
        )
    if operator == "contains":
        return Q(Exists(rows.filter(text__icontains=require_text_values(condition)[0])))
    if field.kind == CustomField.Kind.NUMBER:
        return _exists(condition, Exists(rows.filter(number=number_value(condition, -1e12))))
    if field.kind == CustomField.Kind.DATE:
        return _exists(condition, Exists(rows.filter(date=date_value(condition))))
    return _exists(condition, Exists(rows.filter(text__in=require_text_values(condition))))


def _pending(condition: Condition, now: datetime) -> Q:
    since = now - timedelta(days=int(number_value(condition, 0, 36_500)))
    rows = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.PENDING)
    longer = condition.operator == "not_within"
    return Q(Exists(rows.filter(created_at__lt=since) if longer else rows.filter(created_at__gte=since)))


def _suppressed(condition: Condition, now: datetime) -> Q:
    return _exists(condition, suppressed_condition())


def _self_confirmed(condition: Condition, now: datetime) -> Q:
    records = ConsentRecord.objects.filter(
        subscriber=OuterRef("pk"), event__in=[ConsentRecord.Event.CONFIRMED, ConsentRecord.Event.SUBSCRIBED]
    )
    return Q(~Exists(records)) if condition.operator == "never" else Q(Exists(records))


def _segment(condition: Condition, now: datetime) -> Q:
    raise InvalidRule("Segments within a rule are expanded before it is compiled.")


for _type in (
    ConditionType(
        "list",
        _("Lists"),
        {"on": (_("is on"), "lists"), "not_on": (_("is not on any of the lists"), "lists")},
        _list,
    ),
    ConditionType(
        "country",
        _("Countries"),
        {
            "wants": (_("gets stories about"), "countries"),
            "not_wants": (_("gets no stories about"), "countries"),
        },
        _country,
    ),
    ConditionType(
        "language",
        _("Language"),
        {"one_of": (_("is"), "languages"), "not_one_of": (_("is not"), "languages")},
        _language,
    ),
    ConditionType(
        "known_since",
        _("In the system since"),
        {
            "since": (_("on or after the date"), "date"),
            "before": (_("before"), "date"),
            "within": (_("in the last N days"), "number"),
            "not_within": (_("more than this number of days ago"), "number"),
        },
        _known_since,
    ),
    ConditionType(
        "tag",
        _("Tags"),
        {"has": (_("has one of the tags"), "tags"), "not_has": (_("has none of the tags"), "tags")},
        _tag,
    ),
    ConditionType(
        "field",
        _("Field"),
        {
            "is": (_("is"), "text"),
            "not_is": (_("is not"), "text"),
            "contains": (_("contains the text"), "text"),
            "at_least": (_("is at least (number)"), "number"),
            "at_most": (_("is at most (number)"), "number"),
            "since": (_("is on or after (date)"), "date"),
            "before": (_("is before (date)"), "date"),
            "filled": (_("is set"), "none"),
            "not_filled": (_("is not set"), "none"),
        },
        _field,
    ),
    ConditionType(
        "pending",
        _("Waiting for confirmation"),
        {
            "within": (_("for at most this number of days"), "number"),
            "not_within": (_("for more days than"), "number"),
        },
        _pending,
    ),
    ConditionType(
        "suppressed", _("Suppressed"), {"is": (_("yes"), "none"), "not": (_("no"), "none")}, _suppressed
    ),
    ConditionType(
        "self_confirmed",
        _("Subscribed or confirmed a subscription themselves"),
        {"ever": (_("yes"), "none"), "never": (_("never"), "none")},
        _self_confirmed,
    ),
    ConditionType(
        "segment",
        _("Member of a segment"),
        {
            "in": (_("is in one of the segments"), "segments"),
            "not_in": (_("is in none of the segments"), "segments"),
        },
        _segment,
    ),
):
    register(_type)

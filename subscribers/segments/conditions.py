"""Kinds of tests: what each can ask, how its values are read, and the condition that the database is asked.

The ground knows lists, countries, languages, sign-up, tags, fields and other segments; rooms above `add` what
they know, as `mailer.feedback.engagement` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from subscribers import iso_codes
from subscribers.models import ConsentRecord, Subscription
from subscribers.segments.audience import suppressed, wanting
from subscribers.segments.models import CustomField, FieldValue, Tagging
from subscribers.segments.rules import BadRule, Test, Value

# How a value is asked for: "lists", "countries", "languages", "tags", "segments", "date", "number", "text",
# "choices" (of the field), "none".
Widget = str


@dataclass(frozen=True)
class Kind:
    """One thing that can be asked about a person."""

    name: str
    # As the first words of a sentence: "Is on a list".
    label: str
    # Relation to (words, how its values are asked for).
    relations: Mapping[str, tuple[str, Widget]]
    # The condition on a Subscriber; raises BadRule.
    condition: Callable[[Test, datetime], Q]


KINDS: dict[str, Kind] = {}


def add(kind: Kind) -> None:
    """Make a kind known; adding it again changes nothing."""
    KINDS[kind.name] = kind


def kind_of(test: Test) -> Kind:
    """The kind of a test; raises BadRule for an unknown kind or relation."""
    kind = KINDS.get(test.about)
    if kind is None:
        raise BadRule(f"Nothing is known about “{test.about}”.")
    if test.relation not in kind.relations:
        raise BadRule(f"{kind.label}: “{test.relation}” cannot be asked.")
    return kind


def numbers(test: Test) -> list[int]:
    """The values as primary keys; raises BadRule."""
    found = [value for value in test.values if isinstance(value, int)]
    if len(found) != len(test.values) or not found:
        raise BadRule(f"{KINDS[test.about].label}: choose at least one.")
    return found


def words(test: Test, known: frozenset[str] | None = None) -> list[str]:
    """The values as words, all of them known; raises BadRule."""
    found = [value for value in test.values if isinstance(value, str) and value.strip() and "\0" not in value]
    if len(found) != len(test.values) or not found:
        raise BadRule(f"{KINDS[test.about].label}: choose or write at least one.")
    if known is not None and (unknown := [one for one in found if one not in known]):
        raise BadRule(f"{KINDS[test.about].label}: “{unknown[0]}” is not known.")
    return found


def quantity(test: Test, least: float = 0, most: float = 1e12) -> float:
    """The one value as a number within bounds; raises BadRule."""
    value = _only(test)
    try:
        found = float(value)
    except ValueError as error:
        raise BadRule(f"{KINDS[test.about].label}: “{value}” is no number.") from error
    if not least <= found <= most:
        raise BadRule(f"{KINDS[test.about].label}: write a number from {least:g} to {most:g}.")
    return found


def day(test: Test) -> date:
    """The one value as a date, "2021-12-03"; raises BadRule."""
    value = _only(test)
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise BadRule(f"{KINDS[test.about].label}: write a date as 2021-12-03.") from error


def _only(test: Test) -> Value:
    if len(test.values) != 1 or test.values[0] == "":
        raise BadRule(f"{KINDS[test.about].label}: one value is needed.")
    return test.values[0]


def _list(test: Test, now: datetime) -> Q:
    rows = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=numbers(test))
    return _or_not(test, Exists(rows.filter(state=Subscription.State.CONFIRMED)))


def _country(test: Test, now: datetime) -> Q:
    wants = wanting(words(test, iso_codes.COUNTRIES))
    return ~wants if test.relation.startswith("not") else wants


def _language(test: Test, now: datetime) -> Q:
    spoken = Q(language__in=words(test, iso_codes.LANGUAGES))
    return ~spoken if test.relation.startswith("not") else spoken


def _joined(test: Test, now: datetime) -> Q:
    if test.relation in ("within", "not_within"):
        since = now - timedelta(days=int(quantity(test, 0, 36_500)))
        return Q(created_at__gte=since) if test.relation == "within" else Q(created_at__lt=since)
    found = day(test)
    midnight = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return Q(created_at__gte=midnight) if test.relation == "since" else Q(created_at__lt=midnight)


def _tag(test: Test, now: datetime) -> Q:
    return _or_not(test, Exists(Tagging.objects.filter(subscriber=OuterRef("pk"), tag__in=numbers(test))))


def _field(test: Test, now: datetime) -> Q:
    field = CustomField.objects.filter(pk=test.of or 0).first()
    if field is None:
        raise BadRule("A rule asks about a field that is gone.")
    rows = FieldValue.objects.filter(subscriber=OuterRef("pk"), field=field)
    if test.relation in ("filled", "not_filled"):
        return _or_not(test, Exists(rows))
    if test.relation in ("since", "before"):
        found = day(test)
        return Q(
            Exists(rows.filter(date__gte=found) if test.relation == "since" else rows.filter(date__lt=found))
        )
    if test.relation in ("at_least", "at_most"):
        amount = quantity(test, -1e12)
        known = (
            rows.filter(number__gte=amount)
            if test.relation == "at_least"
            else rows.filter(number__lte=amount)
        )
        return Q(Exists(known))
    if test.relation == "contains":
        return Q(Exists(rows.filter(text__icontains=words(test)[0])))
    if field.kind == CustomField.Kind.NUMBER:
        return _or_not(test, Exists(rows.filter(number=quantity(test, -1e12))))
    if field.kind == CustomField.Kind.DATE:
        return _or_not(test, Exists(rows.filter(date=day(test))))
    return _or_not(test, Exists(rows.filter(text__in=words(test))))


def _waiting(test: Test, now: datetime) -> Q:
    since = now - timedelta(days=int(quantity(test, 0, 36_500)))
    rows = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.PENDING)
    long = test.relation == "not_within"
    return Q(Exists(rows.filter(created_at__lt=since) if long else rows.filter(created_at__gte=since)))


def _stopped(test: Test, now: datetime) -> Q:
    return _or_not(test, suppressed())


def _own_word(test: Test, now: datetime) -> Q:
    said = ConsentRecord.objects.filter(
        subscriber=OuterRef("pk"), event__in=[ConsentRecord.Event.CONFIRMED, ConsentRecord.Event.SUBSCRIBED]
    )
    return Q(~Exists(said)) if test.relation == "never" else Q(Exists(said))


def _or_not(test: Test, found: Exists) -> Q:
    return Q(~found) if test.relation.startswith("not") else Q(found)


def _segment(test: Test, now: datetime) -> Q:
    raise BadRule("Segments within a rule are put in before it is compiled.")


for _kind in (
    Kind("list", "Lists", {"on": ("is on", "lists"), "not_on": ("is not on", "lists")}, _list),
    Kind(
        "country",
        "Countries",
        {"wants": ("gets stories of", "countries"), "not_wants": ("gets no stories of", "countries")},
        _country,
    ),
    Kind(
        "language",
        "Language",
        {"one_of": ("is", "languages"), "not_one_of": ("is not", "languages")},
        _language,
    ),
    Kind(
        "joined",
        "Known here",
        {
            "since": ("since, or after", "date"),
            "before": ("before", "date"),
            "within": ("for no more days than", "number"),
            "not_within": ("for more days than", "number"),
        },
        _joined,
    ),
    Kind("tag", "Tags", {"has": ("has one of", "tags"), "not_has": ("has none of", "tags")}, _tag),
    Kind(
        "field",
        "Field",
        {
            "is": ("is", "text"),
            "not_is": ("is not", "text"),
            "contains": ("contains", "text"),
            "at_least": ("is at least", "number"),
            "at_most": ("is at most", "number"),
            "since": ("is on or after", "date"),
            "before": ("is before", "date"),
            "filled": ("is known", "none"),
            "not_filled": ("is not known", "none"),
        },
        _field,
    ),
    Kind(
        "waiting",
        "Waits to confirm a list",
        {"within": ("for no more days than", "number"), "not_within": ("for more days than", "number")},
        _waiting,
    ),
    Kind("stopped", "Suppressed", {"is": ("yes", "none"), "not": ("no", "none")}, _stopped),
    Kind(
        "own_word",
        "Told us themselves that they want a list",
        {"ever": ("yes", "none"), "never": ("never", "none")},
        _own_word,
    ),
    Kind(
        "segment",
        "Other segments",
        {"in": ("is in one of", "segments"), "not_in": ("is in none of", "segments")},
        _segment,
    ),
):
    add(_kind)

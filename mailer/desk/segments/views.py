"""Segments: the list, and the page that edits, counts and saves a rule.

The form of a rule consists of groups of conditions. It works without JavaScript: each button submits it.
join=all  groups=2  0-join=any  0-conditions=1  0-0-condition=language|one_of|  0-0-values=ru  0-0-values=kk …
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.log_actions import log

from mailer.desk.base.form_widgets import (
    Choices,
    content_languages,
    input_value,
    parse_non_negative_int,
    site_country_choices,
)
from mailer.desk.base.page_base_classes import StaffPage
from mailer.desk.base.tables import TableIndex, TableViewSet
from mailer.desk.subscribers.subscriber_pages import state_tone_and_label
from mailer.editions.models import Edition
from subscribers.models import MailingList
from subscribers.segments import conditions, segments
from subscribers.segments.estimates import Estimate, estimate
from subscribers.segments.models import CustomField, Segment, Tag
from subscribers.segments.rule_format import (
    Condition,
    Group,
    InvalidRule,
    Join,
    all_conditions,
    from_json,
    to_json,
)

_CHANGE, _DELETE = "subscribers.change_segment", "subscribers.delete_segment"


def condition_count_text(segment: Segment) -> str:
    """The number of conditions in the rule, as text."""
    count = sum(1 for _ in all_conditions(from_json(segment.rule)))
    return ngettext("%(count)s condition", "%(count)s conditions", count) % {"count": count}


class SegmentIndex(TableIndex):
    """The table."""

    row_url_name = "desk_segments:edit"


class SegmentViewSet(TableViewSet):
    """Segments: rules that select subscribers."""

    model = Segment
    name = "desk_segments"
    icon = "sliders"
    index_view_class = SegmentIndex
    search_fields = ["name"]
    form_fields = ["name"]
    list_display = [
        "name",
        Column("rule", label=_("Rule"), accessor=condition_count_text),
        Column("changed_by", label=_("Last changed by")),
        DateColumn("changed_at", label=_("Changed"), sort_key="changed_at"),
    ]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("new/", SegmentPage.as_view(), name="add"),
            path("<int:pk>/", SegmentPage.as_view(), name="edit"),
        ]


class SegmentPage(StaffPage, TemplateView):
    """Shows a segment (GET); edits, counts or saves its rule (POST). Only "save" stores it."""

    permission_required = "subscribers.view_segment"
    breadcrumbs_above = (("desk_segments:index", _("Segments")),)
    header_icon = "sliders"
    template_name = "desk/segments/edit.html"

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        pk = kwargs.get("pk")
        self.new = pk is None
        self.segment = Segment() if pk is None else get_object_or_404(Segment, pk=pk)
        self.name, self.error, self.estimate = self.segment.name, "", None
        self.rule = Group("all", (Group("all"),)) if pk is None else from_json(self.segment.rule)
        # Which version of the segment the form was made of.
        self.seen = (
            self.request.POST.get("seen", "") if self.request.method == "POST" else _seen(self.segment)
        )

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return bool(super().has_permission())
        deletes = self.request.POST.get("action") == "delete"
        return bool(self.request.user.has_perm(_DELETE if deletes else _CHANGE))

    def get_page_title(self) -> str:
        return self.segment.name or gettext("New segment")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if (suggested := request.GET.get("rule")) and self.new:
            self._load_suggestion(request.GET.get("name", ""), suggested)
        if not self.new or suggested:
            self._count(exactly=False)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        button = request.POST.get("action", "count")
        if button == "delete":
            return self._delete()
        self.name = request.POST.get("name", "")[:120]
        try:
            self.rule = self._posted()
            if button == "save":
                return self._save()
        except InvalidRule as error:
            self.error = str(error)
        if button in ("count", "exactly") and not self.error:
            self._count(exactly=button == "exactly")
        return self.render_to_response(self.get_context_data(**kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        editable = is_editable(self.rule)
        try:
            groups = condition_rows(self.rule, self.segment.pk) if editable else []
        except InvalidRule as error:
            groups, self.error = [], str(error)
        return super().get_context_data(
            segment=self.segment,
            name=self.name,
            join=self.rule.join,
            groups=groups,
            editable=editable,
            rule_json=json.dumps(to_json(self.rule), ensure_ascii=False, indent=2),
            conditions=available_conditions(),
            error=self.error,
            estimate=self.estimate,
            sample=[(one, *state_tone_and_label(one)) for one in self.estimate.sample]
            if self.estimate
            else [],
            seen=self.seen,
            may_change=self.request.user.has_perm(_CHANGE),
            may_delete=self.request.user.has_perm(_DELETE),
            may_view_subscribers=self.request.user.has_perm("subscribers.view_subscriber"),
            used_by=[] if self.new else usages(self.segment),
            **kwargs,
        )

    estimate: Estimate | None

    def _load_suggestion(self, name: str, rule: str) -> None:
        """Shows a rule that another page suggests, without saving it."""
        try:
            self.name, self.rule = name[:120], _parse(rule)
        except InvalidRule as error:
            self.error = str(error)

    def _posted(self) -> Group:
        rule = self.request.POST.get("rule_json")
        return rule_after_pressed_button(self.request.POST) if rule is None else _parse(rule)

    def _count(self, *, exactly: bool) -> None:
        try:
            self.estimate = estimate(self.rule, timezone.now(), exact=exactly)
        except InvalidRule as error:
            self.error = str(error)

    def _save(self) -> HttpResponse:
        user = self.request.user
        with transaction.atomic():
            if self.is_repeated("segment"):
                return redirect("desk_segments:index")
            if theirs := self._changed_meanwhile():
                self.seen = _seen(theirs)
                text = gettext(
                    "%(name)s saved this segment after you opened it: “%(segment)s”, %(rule)s. Open it in "
                    "another window to compare both. To have yours instead, save it again."
                )
                values = {
                    "name": theirs.changed_by,
                    "segment": theirs.name,
                    "rule": condition_count_text(theirs),
                }
                self.error = text % values
                return self.render_to_response(self.get_context_data())
            segments.save(self.segment, self.name, self.rule, user.get_username(), timezone.now())
            log(instance=self.segment, action="desk.segment", user=user)
        text = (
            gettext("The segment “%(segment)s” is created.")
            if self.new
            else gettext("The segment “%(segment)s” is saved.")
        )
        messages.success(self.request, text % {"segment": self.segment})
        return redirect("desk_segments:edit", self.segment.pk)

    def _changed_meanwhile(self) -> Segment | None:
        """The segment, locked, if another request saved it since the form was loaded."""
        stored = Segment.objects.select_for_update().filter(pk=self.segment.pk).first()
        changed = stored is not None and self.seen not in ("", _seen(stored))
        return stored if changed else None

    def _delete(self) -> HttpResponse:
        if self.new:
            return redirect("desk_segments:index")
        if used := usages(self.segment):
            messages.error(
                self.request,
                gettext("The segment cannot be deleted: it is used by %(users)s.")
                % {"users": ", ".join(str(one) for one in used[:3])},
            )
            return redirect("desk_segments:edit", self.segment.pk)
        try:
            with transaction.atomic():
                log(instance=self.segment, action="wagtail.delete", user=self.request.user)
                self.segment.delete()
        except ProtectedError:
            messages.error(self.request, gettext("The segment cannot be deleted: it is used by an edition."))
            return redirect("desk_segments:index")
        messages.success(self.request, gettext("The segment is deleted. Its subscribers were not changed."))
        return redirect("desk_segments:index")


def _seen(segment: Segment) -> str:
    """What a form remembers of the segment that it was made of; "" for a new one."""
    return segment.changed_at.isoformat() if segment.pk else ""


def _parse(rule: str) -> Group:
    """The rule of a JSON text; raises InvalidRule."""
    try:
        return from_json(json.loads(rule))
    except InvalidRule:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidRule(gettext("This rule is not valid JSON: %(error)s.") % {"error": error}) from error


def usages(segment: Segment) -> list[Edition | Segment]:
    """Editions, their newest drafts included, and other segments that use it."""
    pk = segment.pk
    in_draft = Q(latest_revision__content__segment=pk) | Q(latest_revision__content__excluded=pk)
    editions = Edition.objects.filter(Q(segment=pk) | Q(excluded=pk) | in_draft)
    others = [
        one for one in Segment.objects.exclude(pk=segment.pk) if _refers_to(from_json(one.rule), segment.pk)
    ]
    return [*editions.select_related("newsletter"), *others]


def _refers_to(rule: Group, segment_id: int) -> bool:
    return any(test.attribute == "segment" and segment_id in test.values for test in all_conditions(rule))


_JOINS: dict[str, Join] = {"all": "all", "any": "any", "none": "none"}
_MAX_GROUPS, _MAX_CONDITIONS = 12, 12
# Operators of each type of custom field.
_FIELD_OPERATORS = {
    "text": ("is", "not_is", "contains", "filled", "not_filled"),
    "choice": ("is", "not_is", "filled", "not_filled"),
    "number": ("is", "at_least", "at_most", "filled", "not_filled"),
    "date": ("since", "before", "filled", "not_filled"),
}


@dataclass(frozen=True)
class ConditionRow:
    """A condition as the form shows it."""

    # Name of its inputs: "0-2".
    name: str
    test: Condition
    # "Language: is".
    label: str
    # See conditions.Widget; "number", "date" and "text" are one input, "none" is none, others are checkboxes.
    widget: str
    # (value, label, whether selected), for checkboxes.
    choices: list[tuple[str, str, bool]]
    # The value of the single input.
    value: str


def is_editable(rule: Group) -> bool:
    """Whether the form can show the rule: groups of conditions, without nested groups."""
    return rule.join != "none" and all(
        isinstance(part, Group) and not any(isinstance(one, Group) for one in part.parts)
        for part in _with_groups(rule).parts
    )


def condition_rows(rule: Group, segment: int | None) -> list[tuple[Join, list[ConditionRow]]]:
    """The groups of an editable rule, each as (join, rows)."""
    choices = _Choices(segment)
    return [
        (
            group.join,
            [
                _row(f"{index}-{position}", cast(Condition, test), choices)
                for position, test in enumerate(group.parts)
            ],
        )
        for index, group in enumerate(cast("tuple[Group, ...]", _with_groups(rule).parts))
    ]


def rule_after_pressed_button(data: QueryDict) -> Group:
    """The rule in the posted form, with the action of the pressed button (`add`, `remove` …) applied."""
    groups = [_group(data, str(index)) for index in range(_count(data, "groups", _MAX_GROUPS))]
    button, _, target = data.get("action", "").partition(":")
    group_index, _, row = target.partition("-")
    index = parse_non_negative_int(group_index)
    if button == "add_group" and len(groups) < _MAX_GROUPS:
        groups.append(Group("all"))
    elif index is not None and index < len(groups):
        group = groups[index]
        if button == "add" and "|" in (chosen := data.get(f"{index}-new", "")):
            groups[index] = Group(group.join, (*group.parts, _parse_condition(chosen)))
        elif button == "remove_group":
            del groups[index]
        elif button == "remove":
            removed = parse_non_negative_int(row)
            rest = tuple(one for position, one in enumerate(group.parts) if position != removed)
            groups[index] = Group(group.join, rest)
    return Group("any" if data.get("join") == "any" else "all", tuple(groups))


def available_conditions() -> list[tuple[str, Choices]]:
    """The available conditions: a heading with its options (value, label)."""
    found: list[tuple[str, Choices]] = []
    for kind in conditions.CONDITION_TYPES.values():
        if kind.name == "field":
            for field in CustomField.objects.all():
                relations = [(name, str(kind.operators[name][0])) for name in _FIELD_OPERATORS[field.kind]]
                found.append((field.name, [(f"field|{name}|{field.pk}", label) for name, label in relations]))
            continue
        found.append(
            (
                str(kind.label),
                [(f"{kind.name}|{name}|", str(label)) for name, (label, _widget) in kind.operators.items()],
            )
        )
    return found


def _with_groups(rule: Group) -> Group:
    """The rule with every top-level condition wrapped in a group."""
    return Group(
        rule.join, tuple(part if isinstance(part, Group) else Group("all", (part,)) for part in rule.parts)
    )


def _group(data: QueryDict, index: str) -> Group:
    tests = []
    for position in range(_count(data, f"{index}-conditions", _MAX_CONDITIONS)):
        name = f"{index}-{position}"
        test = _parse_condition(data.get(f"{name}-condition", ""))
        tests.append(Condition(test.attribute, test.operator, tuple(_values(test, data, name)), test.field))
    return Group(_JOINS.get(data.get(f"{index}-join", ""), "all"), tuple(tests))


def _values(test: Condition, data: QueryDict, name: str) -> Iterator[str | int]:
    by_id = test.attribute in ("list", "tag", "segment")
    for text in map(str.strip, data.getlist(f"{name}-values")):
        value = parse_non_negative_int(text) if by_id else text or None
        if value is not None:
            yield value


def _parse_condition(written: str) -> Condition:
    about, _, rest = written.partition("|")
    relation, _, of = rest.partition("|")
    return Condition(about, relation, field=parse_non_negative_int(of))


def _count(data: QueryDict, name: str, most: int) -> int:
    raw = data.get(name, "0")
    return min(int(raw), most) if raw.isascii() and raw.isdigit() and len(raw) < 5 else 0


def _row(name: str, test: Condition, available: _Choices) -> ConditionRow:
    kind = conditions.type_of(test)
    operator, widget = kind.operators[test.operator]
    subject = kind.label
    if test.attribute == "field":
        field = available.fields.get(test.field or 0)
        subject = field.name if field else gettext("Deleted custom field")
        if field and field.kind == "choice" and widget == "text":
            widget = "choices"
        elif field and field.kind == "number" and widget == "text":
            widget = "number"
    selected = {str(value) for value in test.values}
    choices = [(value, label, value in selected) for value, label in available.of(widget, test)]
    return ConditionRow(
        name, test, f"{subject}: {operator}", widget, choices, next(iter(map(input_value, test.values)), "")
    )


class _Choices:
    """The choices of each widget, queried once."""

    def __init__(self, segment: int | None) -> None:
        self.fields = CustomField.objects.in_bulk()
        self._segment = segment
        self._found: dict[str, Choices] = {}

    def of(self, widget: str, test: Condition) -> Choices:
        if widget == "choices":
            field = self.fields[test.field or 0]
            return [(one, one) for one in field.options]
        sources: Mapping[str, Any] = {
            "lists": lambda: _by_id(MailingList.objects.all()),
            "tags": lambda: _by_id(Tag.objects.all()),
            "segments": lambda: _by_id(Segment.objects.exclude(pk=self._segment or 0)),
            "countries": site_country_choices,
            "languages": content_languages,
        }
        if widget not in sources:
            return []
        if widget not in self._found:
            self._found[widget] = list(sources[widget]())
        return self._found[widget]


def _by_id(found: Any) -> Choices:
    return [(str(one.pk), str(one)) for one in found]

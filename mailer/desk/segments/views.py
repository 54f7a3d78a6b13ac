"""The list of segments, and the page that edits, counts and saves a rule."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.log_actions import log

from mailer.desk.base.page_classes import StaffPage
from mailer.desk.base.viewsets import TableIndex, TableViewSet
from mailer.desk.segments import rule_form
from mailer.desk.subscribers.subscriber_list import state_label
from mailer.editions.models import Edition
from subscribers.segments import segments
from subscribers.segments.models import Segment
from subscribers.segments.rules import Group, InvalidRule, all_conditions, from_json, to_json
from subscribers.segments.segments import Estimate, estimate

_CHANGE, _DELETE = "subscribers.change_segment", "subscribers.delete_segment"


class SegmentPage(StaffPage, TemplateView):
    """Shows a segment (GET); edits, counts or saves its rule (POST). Only "save" stores it."""

    permission_required = "subscribers.view_segment"
    breadcrumbs_above = (("desk_segments:index", "Segments"),)
    header_icon = "sliders"
    template_name = "desk/segments/edit.html"

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        pk = kwargs.get("pk")
        self.new = pk is None
        self.segment = Segment() if pk is None else get_object_or_404(Segment, pk=pk)
        self.name, self.error, self.estimate = self.segment.name, "", None
        self.rule = Group("all", (Group("all"),)) if pk is None else from_json(self.segment.rule)

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return bool(super().has_permission())
        deletes = self.request.POST.get("action") == "delete"
        return bool(self.request.user.has_perm(_DELETE if deletes else _CHANGE))

    def get_page_title(self) -> str:
        return self.segment.name or "New segment"

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
        editable = rule_form.is_editable(self.rule)
        try:
            groups = rule_form.rows(self.rule, self.segment.pk) if editable else []
        except InvalidRule as error:
            groups, self.error = [], str(error)
        return super().get_context_data(
            segment=self.segment,
            name=self.name,
            join=self.rule.join,
            groups=groups,
            editable=editable,
            rule_json=json.dumps(to_json(self.rule), ensure_ascii=False, indent=2),
            conditions=rule_form.available_conditions(),
            error=self.error,
            estimate=self.estimate,
            sample=[(one, *state_label(one)) for one in self.estimate.sample] if self.estimate else [],
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
        return rule_form.from_post(self.request.POST) if rule is None else _parse(rule)

    def _count(self, *, exactly: bool) -> None:
        try:
            self.estimate = estimate(self.rule, timezone.now(), exact=exactly)
        except InvalidRule as error:
            self.error = str(error)

    def _save(self) -> HttpResponse:
        user = self.request.user
        segments.save(self.segment, self.name, self.rule, user.get_username(), timezone.now())
        log(instance=self.segment, action="desk.segment", user=user)
        messages.success(
            self.request, f"The segment “{self.segment}” is {'created' if self.new else 'saved'}."
        )
        return redirect("desk_segments:edit", self.segment.pk)

    def _delete(self) -> HttpResponse:
        if self.new:
            return redirect("desk_segments:index")
        if used := usages(self.segment):
            messages.error(self.request, f"The segment is used by {', '.join(str(one) for one in used[:3])}.")
            return redirect("desk_segments:edit", self.segment.pk)
        try:
            with transaction.atomic():
                log(instance=self.segment, action="wagtail.delete", user=self.request.user)
                self.segment.delete()
        except ProtectedError:
            messages.error(self.request, "The segment is used by an edition.")
            return redirect("desk_segments:index")
        messages.success(self.request, "The segment is deleted. Its subscribers were not changed.")
        return redirect("desk_segments:index")


def _parse(rule: str) -> Group:
    """The rule of a JSON text; raises InvalidRule."""
    try:
        return from_json(json.loads(rule))
    except InvalidRule:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidRule(f"Invalid JSON: {error}.") from error


def usages(segment: Segment) -> list[Edition | Segment]:
    """Editions and other segments that use it."""
    editions = Edition.objects.filter(segment=segment) | Edition.objects.filter(excluded=segment)
    others = [
        one for one in Segment.objects.exclude(pk=segment.pk) if _refers_to(from_json(one.rule), segment.pk)
    ]
    return [*editions.select_related("newsletter"), *others]


def _refers_to(rule: Group, segment_id: int) -> bool:
    return any(test.attribute == "segment" and segment_id in test.values for test in all_conditions(rule))


def rule_summary(segment: Segment) -> str:
    """The number of conditions in the rule, as text."""
    count = sum(1 for _ in all_conditions(from_json(segment.rule)))
    return f"{count} condition{'' if count == 1 else 's'}"


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
        Column("rule", label="Rule", accessor=rule_summary),
        Column("changed_by", label="Changed by"),
        DateColumn("changed_at", label="Changed", sort_key="changed_at"),
    ]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("new/", SegmentPage.as_view(), name="add"),
            path("<int:pk>/", SegmentPage.as_view(), name="edit"),
        ]

"""Editions: the list, an empty edition, number and audience, earlier versions, and deletion."""

from __future__ import annotations

import json
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.snippets.views.snippets import CreateView, DeleteView, IndexView, SnippetViewSet

from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.snapshot_state_changes import require_none_approved_and_delete_snapshots
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import last_change
from mailer.desk.base.edition_workflow import (
    OPEN_STATES,
    EditionLocked,
    change_draft,
    next_action,
    next_step_sentence,
    state_tone_and_label,
)
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.base.tables import StateColumn
from mailer.desk.editions import workbench
from mailer.desk.stories.editor import serialize_form_value
from mailer.editions import draft_blocks
from mailer.editions.assemble import (
    InvalidPeriod,
    Upcoming,
    now_or_demo_time,
    parse_period,
    record_edition_made_by_hand,
    upcoming_edition,
)
from mailer.editions.models import Edition, EditionText, Newsletter, StoryOverride
from mailer.rendering.edition_period import Kind
from mailer.reports.edition_state import edition_state, edition_states
from mailer.stories import draft_editing
from mailer.stories.draft_editing import Values
from subscribers.translate_stored_texts import translated

# Newsletters whose next edition is announced above the list.
_NEWSLETTERS = 6


class EditionFilters(WagtailFilterSet):
    """By newsletter."""

    newsletter = django_filters.ModelChoiceFilter(queryset=Newsletter.objects.all())

    class Meta:
        model = Edition
        fields: list[str] = []


def _state(edition: Edition) -> str:
    """The edition's state, which `EditionIndex` has queried for all rows."""
    return str(getattr(edition, "desk_state", "") or edition_state(edition))


def _announced(coming: Upcoming) -> dict[str, Any]:
    """When the next edition is assembled, for the list."""
    return {
        "pk": coming.newsletter.pk,
        "newsletter": coming.newsletter.name,
        "month": localized_names_and_dates.month_name(str(coming.period)),
        "at": localized_names_and_dates.format_moment(coming.at, coming.newsletter.zone) if coming.at else "",
        "ready_by": localized_names_and_dates.format_moment(coming.ready_by, coming.newsletter.zone)
        if coming.ready_by and coming.ready_by != coming.at
        else "",
        "left_to_staff": coming.left_to_staff,
        "stories": len(coming.stories),
    }


class EditionIndex(IndexView):
    """The table, newest period first. New editions are assembled."""

    def get_base_queryset(self) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter").order_by(
            "-period", "newsletter__name"
        )
        return editions

    def _get_title_column(self, *args: Any, **kwargs: Any) -> Column:
        column: Column = super()._get_title_column(*args, **kwargs)
        # Wagtail would load the latest revision of each row for its name, which no revision changes.
        column.accessor = str
        return column

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        paginator, page, rows, paginated = super().paginate_queryset(queryset, page_size)
        rows = list(rows)
        states = edition_states(rows)
        for edition in rows:
            edition.desk_state = states[edition.pk]
        if page is not None:
            page.object_list = rows
        return paginator, page, rows, paginated

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)
        now = now_or_demo_time(timezone.now())
        coming = [upcoming_edition(one, now) for one in Newsletter.objects.all()[:_NEWSLETTERS]]
        context["upcoming"] = [_announced(one) for one in coming]
        return context

    @property
    def header_buttons(self) -> list[HeaderButton]:
        if not self.request.user.has_perm("mailer.add_edition"):
            return []
        chosen = list(Newsletter.objects.all()[:6])
        return [
            HeaderButton(
                gettext("Assemble an edition of “%(one)s”") % {"one": one.name}
                if len(chosen) > 1
                else gettext("Assemble an edition"),
                url=reverse("desk_assemble", args=[one.pk]),
                icon_name="plus",
            )
            for one in chosen
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        add = self.add_url
        return (
            [Button(gettext("Create an empty edition"), url=add, icon_name="doc-empty", priority=50)]
            if add
            else []
        )

    def get_list_more_buttons(self, instance: Edition) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        state = _state(instance)
        action = next_action(instance, state, self.request.user)
        if action:
            buttons.append(Button(action.label, url=action.url, icon_name=action.icon, priority=1))
        variants = reverse("desk_edition:variants", args=[instance.pk])
        buttons.append(
            Button(gettext("Preview all variants of the edition"), url=variants, icon_name="view", priority=5)
        )
        return buttons


class EditionForm(WagtailAdminModelForm):
    """The period of an empty edition."""

    def clean_period(self) -> str:
        try:
            span = parse_period(self.cleaned_data["period"])
        except InvalidPeriod as error:
            raise ValidationError(str(error)) from error
        if span.kind is Kind.NAMED:
            text = gettext("An edition outside of the schedule has a name instead of a period.")
            raise ValidationError(text)
        return str(span)


class EditionCreateView(CreateView):
    """Makes an empty edition, which is then filled in the workbench."""

    def save_instance(self) -> Edition:
        edition: Edition = super().save_instance()
        record_edition_made_by_hand(edition, now_or_demo_time(timezone.now()))
        return edition

    def get_success_url(self) -> str:
        return reverse("desk_editions:edit", args=[self.object.pk])

    def get_success_buttons(self) -> list[Any]:
        return []


class EditionDeleteView(DeleteView):
    """Deletes an edition that was never submitted, or that was rejected and never approved before.

    Wagtail's reference index does not know snapshots.
    """

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                if edition_state(self.object) == "rejected":
                    require_none_approved_and_delete_snapshots(self.object)
                response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            text = gettext(
                "%(object)s was not deleted: an edition that was submitted for approval is "
                "kept permanently, unless it was rejected and was never approved, sent or "
                "used for a full test."
            )
            messages.error(self.request, text % {"object": self.object})
            return redirect(self.get_success_url())
        return response


class SettingsForm(forms.ModelForm[Edition]):
    """Number and audience of an edition."""

    class Meta:
        model = Edition
        fields = ("number", "segment", "excluded")
        labels = {
            "segment": gettext_lazy("Send only to subscribers of this segment"),
            "excluded": gettext_lazy("Leave out subscribers of this segment"),
        }
        help_texts = {
            "segment": gettext_lazy(
                "A segment is a saved selection of subscribers, for example by country or tag."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("segment", _("all subscribers")), ("excluded", _("nobody is left out"))):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.empty_label = label


class SettingsPage(EditionPage, FormView[SettingsForm]):
    """Number and audience of an edition."""

    page_title = gettext_lazy("Settings")
    template_name = "desk/editions/settings.html"
    form_class = SettingsForm
    # The marks of what the form was made from, after a failed POST.
    base: dict[str, str] | None = None
    post_permission = "mailer.change_edition"

    def has_permission(self) -> bool:
        return bool(self.request.user.has_perm("mailer.change_edition"))

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": draft_blocks.latest_draft(self.edition)}

    def form_valid(self, form: SettingsForm) -> HttpResponse:
        user, unlocked = current_user(self.request), "unlocked" in self.request.POST
        try:
            change_draft(
                self.edition,
                user,
                timezone.now(),
                lambda draft: self._change(draft, form),
                withdrawal_acknowledged=unlocked,
            )
        except EditionLocked as error:
            if error.submitted:
                # The page now says that it withdraws the submission.
                self.base = draft_editing.parse_value_hashes(self.request.POST.get("base", "{}"))
                return self.form_invalid(form)
            messages.error(self.request, str(error))
            return self.redirect_to("settings")
        except _ChangedMeanwhile as error:
            self.base = error.base
            for name, theirs in error.theirs.items():
                text = _(
                    "Another person changed this field while you were editing it: “%(text)s”. Save again to "
                    "keep your text."
                )
                form.add_error(name, text % {"text": theirs})
            if changed := last_change(self.edition):
                messages.warning(self.request, changed)
            return self.form_invalid(form)
        messages.success(self.request, _("The settings of the edition are saved."))
        return redirect("desk_editions:edit", self.edition.pk)

    def _change(self, draft: Edition, form: SettingsForm) -> None:
        """Set what the user changed. Raises _ChangedMeanwhile if another person changed the same."""
        base = draft_editing.parse_value_hashes(self.request.POST.get("base", "{}"))
        latest, written = (
            _settings_of(draft),
            {name: serialize_form_value(one) for name, one in form.cleaned_data.items()},
        )
        changes, conflicts = draft_editing.find_changes_and_conflicts(latest, written, base)
        if conflicts:
            theirs = {one.field: str(getattr(draft, one.field) or _("empty")) for one in conflicts}
            raise _ChangedMeanwhile(
                theirs, draft_editing.base_hashes_after_saving(latest, written, base, conflicts)
            )
        for name in changes:
            setattr(draft, name, form.cleaned_data[name])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if self.base is None:
            self.base = draft_editing.value_hashes(_settings_of(draft_blocks.latest_draft(self.edition)))
        submitted = context["overview"].state in OPEN_STATES
        return {**context, "submitted": submitted, "base": json.dumps(self.base)}


def _settings_of(draft: Edition) -> Values:
    """The fields of the form as flat values."""
    return {name: serialize_form_value(getattr(draft, name)) for name in SettingsForm.Meta.fields}


class _ChangedMeanwhile(Exception):  # noqa: N818  (an event, not an error)
    """Another person changed settings that the user changed too."""

    def __init__(self, theirs: dict[str, str], base: dict[str, str]) -> None:
        """`theirs`: by field, what it is now; `base`: the marks of what the user has now seen."""
        super().__init__(theirs)
        self.theirs, self.base = theirs, base


class RestorePage(EditionPage):
    """Shows an earlier version of an edition (GET) and makes it the latest one (POST)."""

    page_title = gettext_lazy("Earlier version of the edition")
    template_name = "desk/editions/restore.html"
    tab = gettext_lazy("Edit")
    post_permission = "mailer.change_edition"

    def has_permission(self) -> bool:
        return bool(self.request.user.has_perm("mailer.change_edition"))

    def load(self, **kwargs: Any) -> None:
        super().load(pk=parse_non_negative_int(str(kwargs["pk"])) or 0)
        self.revision = get_object_or_404(self.edition.revisions, pk=kwargs["revision_id"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return dict(
            context,
            submitted=context["overview"].state in OPEN_STATES,
            revision=self.revision,
            author=translated(user_or_system_name(self.revision.user)),
            rows=workbench.rows_of(self.revision.as_object()),
            subjects=self.revision.as_object().texts.all(),
        )

    def post(self, request: HttpRequest, pk: Any, revision_id: int) -> HttpResponse:
        earlier = self.revision.as_object()

        def restore(draft: Edition) -> None:
            draft.body, draft.left_out = earlier.body, earlier.left_out
            draft.number = earlier.number
            for name in ("segment", "excluded"):
                # Without a segment that was deleted since, more subscribers would get the edition.
                if getattr(earlier, name) or not self.revision.content.get(name):
                    setattr(draft, name, getattr(earlier, name))
            subjects = [(text.language, text.subject, text.preheader) for text in earlier.texts.all()]
            draft.texts = [EditionText(language=a, subject=b, preheader=c) for a, b, c in subjects]
            draft.overrides = [
                StoryOverride(
                    story=one.story,
                    size=one.size,
                    headlines=one.headlines,
                    picture=one.picture,
                    picture_alts=one.picture_alts,
                )
                for one in earlier.overrides.all()
            ]

        user, unlocked = current_user(request), "unlocked" in request.POST
        try:
            change_draft(self.edition, user, timezone.now(), restore, withdrawal_acknowledged=unlocked)
        except EditionLocked as error:
            if error.submitted:
                # The page now says that it withdraws the submission.
                return self.render_to_response(self.get_context_data())
            messages.error(request, str(error))
            return redirect("desk_editions:edit", self.edition.pk)
        messages.success(request, _("The earlier version is restored and is now the latest one."))
        return redirect("desk_editions:edit", self.edition.pk)


# What the comparison of two versions shows.
_COMPARED = ObjectList(
    [
        FieldPanel("body", heading=gettext_lazy("Stories")),
        InlinePanel(
            "texts",
            [FieldPanel("language"), FieldPanel("subject"), FieldPanel("preheader")],
            heading=gettext_lazy("Subject lines"),
        ),
        FieldPanel("number"),
        FieldPanel("segment"),
        FieldPanel("excluded"),
    ]
)


class EditionViewSet(SnippetViewSet):
    """Editions of newsletters. Their blocks are edited in the workbench."""

    model = Edition
    icon = "openquote"
    menu_name = "editions"
    menu_order = 110
    add_to_admin_menu = True
    admin_url_namespace = "desk_editions"
    base_url_path = "editions"
    copy_view_enabled = False
    index_view_class = EditionIndex
    index_template_name = "desk/editions/index.html"
    add_view_class = EditionCreateView
    delete_view_class = EditionDeleteView
    filterset_class = EditionFilters
    list_display = [
        "__str__",
        Column("number", label=gettext_lazy("Number")),
        StateColumn(
            "state", label=gettext_lazy("State"), accessor=lambda one: state_tone_and_label(_state(one))
        ),
        Column(
            "next_step",
            label=gettext_lazy("Next step for this edition"),
            accessor=lambda one: next_step_sentence(_state(one)),
        ),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("newsletter"), FieldPanel("period"), FieldPanel("number")])],
                heading=gettext_lazy("Newsletter and period"),
                help_text=gettext_lazy("Cannot be changed after the edition is created."),
            ),
        ],
        base_form_class=EditionForm,
    )

    @property
    def revisions_compare_view(self) -> Any:
        compare = self.revisions_compare_view_class
        template = self.get_templates("revisions_compare", fallback=compare.template_name)
        return self.construct_view(
            compare, edit_handler=_COMPARED.bind_to_model(Edition), template_name=template
        )

    @property
    def edit_view(self) -> Any:
        return workbench.WorkbenchPage.as_view()

    @property
    def revisions_revert_view(self) -> Any:
        return RestorePage.as_view()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter")
        return editions

"""The list of editions and the edit form."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.snippets.views.snippets import DeleteView, EditView, IndexView, SnippetViewSet

from mailer.desk.base.edition_workflow import next_action, next_step_label, overview, state_label
from mailer.desk.base.forms import LanguageSelect, TranslationsForm
from mailer.desk.base.tables import StateColumn
from mailer.desk.editions import preview
from mailer.editions.models import Edition, Newsletter
from mailer.reports.edition_state import edition_state

_FIXED = ("newsletter", "period", "number")


class EditionForm(TranslationsForm):
    """An edition. Newsletter, period and number cannot change once it exists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in _FIXED:
                if name in self.fields:
                    self.fields[name].disabled = True


class EditionFilters(WagtailFilterSet):
    """By newsletter."""

    newsletter = django_filters.ModelChoiceFilter(queryset=Newsletter.objects.all())

    class Meta:
        model = Edition
        fields: list[str] = []


def _state(edition: Edition) -> str:
    """The edition's state, queried once per row."""
    if not hasattr(edition, "desk_state"):
        edition.desk_state = edition_state(edition)
    return str(edition.desk_state)


class EditionIndex(IndexView):
    """The table, newest period first. New editions are assembled."""

    def get_base_queryset(self) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter").order_by(
            "-period", "newsletter__name"
        )
        return editions

    @property
    def header_buttons(self) -> list[HeaderButton]:
        if not self.request.user.has_perm("mailer.add_edition"):
            return []
        chosen = list(Newsletter.objects.all()[:6])
        return [
            HeaderButton(
                f"Assemble {one.name}" if len(chosen) > 1 else "Assemble an edition",
                url=reverse("desk_assemble", args=[one.pk]),
                icon_name="plus",
            )
            for one in chosen
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        add = self.add_url
        return [Button("Create an empty edition", url=add, icon_name="doc-empty", priority=50)] if add else []

    def get_list_more_buttons(self, instance: Edition) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        state = _state(instance)
        action = next_action(instance, state, self.request.user)
        if action:
            buttons.append(Button(action.label, url=action.url, icon_name=action.icon, priority=1))
        variants = reverse("desk_edition:variants", args=[instance.pk])
        buttons.append(Button("Preview all variants", url=variants, icon_name="view", priority=5))
        return buttons


class EditionEdit(EditView):
    """The form, under the same header as the edition's other pages."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["overview"] = overview(self.live_object, self.request.user)
        context["current_tab"] = "Edit"
        return context

    def get_side_panels(self) -> Any:
        """Removes Wagtail's status panel: its "live" could be mistaken for "sent"."""
        panels = super().get_side_panels()
        return type(panels)([panel for panel in panels if panel.name != "status"])


class EditionDeleteView(DeleteView):
    """Deletes an edition that was never submitted. Wagtail's reference index does not know snapshots."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            reason = "it was submitted, and submitted editions are kept permanently."
            messages.error(self.request, f"{self.object} was not deleted: {reason}")
            return redirect(self.get_success_url())
        return response


class EditionViewSet(SnippetViewSet):
    """Editions of newsletters."""

    model = Edition
    icon = "openquote"
    menu_order = 110
    add_to_admin_menu = True
    admin_url_namespace = "desk_editions"
    base_url_path = "editions"
    copy_view_enabled = False
    index_view_class = EditionIndex
    edit_view_class = EditionEdit
    delete_view_class = EditionDeleteView
    edit_template_name = "desk/editions/edit.html"
    preview_on_add_view_class = preview.PreviewOnCreate
    preview_on_edit_view_class = preview.PreviewOnEdit
    revisions_view_class = preview.PreviewRevision
    filterset_class = EditionFilters
    list_display = [
        "__str__",
        Column("number", label="Number"),
        StateColumn("state", label="State", accessor=lambda one: state_label(_state(one))),
        Column("next_step", label="Next step", accessor=lambda one: next_step_label(_state(one))),
    ]
    edit_handler = ObjectList(
        [
            FieldPanel("body", heading="Content"),
            InlinePanel(
                "texts",
                [
                    FieldPanel("language", widget=LanguageSelect),
                    FieldPanel("subject"),
                    FieldPanel("preheader"),
                ],
                heading="Subject lines",
                label="language",
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("segment"), FieldPanel("excluded")])],
                heading="Audience",
                help_text="Subscribers of the newsletter’s lists, optionally limited by segments. "
                "A subscriber on several lists receives one email.",
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("newsletter"), FieldPanel("period"), FieldPanel("number")])],
                heading="Newsletter and period",
                help_text="Cannot be changed once the edition exists.",
            ),
        ],
        base_form_class=EditionForm,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter")
        return editions

"""The tables that define tags and custom fields of subscribers."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import IndexView

from mailer.desk.base.tables import DeskViewSet
from subscribers.segments.models import CustomField, Tag


class TagIndex(IndexView):
    """Tags with their numbers of subscribers."""

    def get_base_queryset(self) -> QuerySet[Tag]:
        return Tag.objects.annotate(subscriber_count=Count("taggings"))


class TagViewSet(DeskViewSet):
    """Tags that staff add to subscribers."""

    model = Tag
    name = "desk_tags"
    icon = "tag"
    index_view_class = TagIndex
    list_display = ["name", Column("subscriber_count", label=_("Subscribers"), sort_key="subscriber_count")]
    search_fields = ["name"]
    panels = [FieldPanel("name")]


class FieldForm(WagtailAdminModelForm):
    """A custom field. Its kind cannot change once it has values."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.values.exists():
            self.fields["kind"].disabled = True
            self.fields["kind"].help_text = gettext(
                "Cannot be changed: some subscribers have values in this field."
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") == CustomField.Kind.CHOICE and not cleaned.get("choices", "").strip():
            self.add_error("choices", gettext("Enter the choices of the field, one per line."))
        return cleaned


class FieldViewSet(DeskViewSet):
    """Custom fields of subscribers."""

    model = CustomField
    name = "desk_fields"
    icon = "form"
    list_display = ["name", Column("kind", label=_("Type"), accessor="get_kind_display")]
    search_fields = ["name"]
    edit_handler = ObjectList(
        [
            FieldPanel("name"),
            FieldPanel("kind"),
            FieldPanel(
                "choices", help_text=_("For a field of type choice: the possible values, one per line.")
            ),
        ],
        base_form_class=FieldForm,
    )

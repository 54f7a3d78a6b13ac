"""Tags and custom fields in the form about a person, and the tables in which admins name them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.utils import timezone
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, ObjectList, Panel
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.parse_int import as_written
from subscribers import addresses, merge
from subscribers.consent import evidence
from subscribers.consent.evidence import Act, How, Word
from subscribers.models import Subscriber
from subscribers.responses import masked
from subscribers.segments import attributes
from subscribers.segments.models import CustomField, Tag
from subscribers.suppression import suppression


class SubscriberForm(WagtailAdminModelForm):
    """A reader, with what staff note of them; the address is kept in its one written form."""

    def clean_email(self) -> str:
        try:
            written = addresses.normalise(self.cleaned_data["email"])
        except ValueError as error:
            raise ValidationError(f"The address {error}.") from error
        before = self.instance.email if self.instance.pk else ""
        stopped = suppression.in_force(before) if before not in ("", written) else None
        if stopped is not None and stopped.reason in merge.PERSONAL:
            raise ValidationError(
                f"This person is suppressed ({stopped.get_reason_display()}), and another address would have "
                "mail sent to them again. Lift the suppression first, if that is right."
            )
        return written

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field in CustomField.objects.all():
            try:
                attributes.parsed(field, self.data.get(f"note-{field.pk}", ""))
            except ValueError as error:
                self.add_error(None, str(error))
        if any(len(name) > 60 for name in self._tags()):
            self.add_error(None, "A tag has 1 to 60 letters.")
        return cleaned

    def save(self, commit: bool = True) -> Any:
        before = str(self.initial.get("email", "")) if self.instance.pk else ""
        person = super().save(commit)
        if before and before != person.email:
            self._moved(person, before)
        # Where the form was posted without the part about notes, nothing is known of them.
        if "tags" in self.data:
            attributes.set_tags(person, self._tags())
            for field in CustomField.objects.all():
                attributes.set_value(person, field, self.data.get(f"note-{field.pk}", ""))
        return person

    def _moved(self, person: Subscriber, before: str) -> None:
        """No file brings the old address back, and the ledger tells who gave them another."""
        now, source = timezone.now(), f"from {masked(before)} to {masked(person.email)}"
        merge.moved(person, addresses.address_hash(before), now)
        word = Word(How.DESK, source=source, vouched_by=str(self.for_user or ""))
        evidence.record(Act.MOVED, [person.pk], [None], word, now)

    def _tags(self) -> list[str]:
        return [name for name in self.data.get("tags", "").split(",") if name.strip()]


class NotesPanel(Panel):
    """Inputs for tags and for every custom field; the form reads them by their names."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/people/notes.html"

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            person, data = self.instance, self.form.data
            known = {row.field_id: row for row in person.values.select_related("field")} if person.pk else {}
            rows = []
            for field in CustomField.objects.all():
                written = as_written(known[field.pk].value) if field.pk in known else ""
                rows.append((field, data.get(f"note-{field.pk}", written)))
            tags = person.taggings.select_related("tag").order_by("tag__name") if person.pk else []
            return {
                **context,
                "rows": rows,
                "tags": data.get("tags", ", ".join(one.tag.name for one in tags)),
                "known_tags": Tag.objects.all()[:200],
            }


class TagIndex(IndexView):
    """The tags, with how many people have each."""

    def get_base_queryset(self) -> QuerySet[Tag]:
        return Tag.objects.annotate(people=Count("taggings"))


class TagViewSet(ModelViewSet):
    """Words that staff put on people."""

    model = Tag
    name = "desk_tags"
    url_prefix = "tags"
    icon = "tag"
    menu_label = "Tags"
    menu_name = "tags"
    copy_view_enabled = False
    index_view_class = TagIndex
    list_display = ["name", Column("people", label="People", sort_key="people")]
    search_fields = ["name"]
    search_backend_name = None
    panels = [FieldPanel("name")]


class FieldForm(WagtailAdminModelForm):
    """A field; one that people have values in keeps its kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.values.exists():
            self.fields["kind"].disabled = True
            self.fields["kind"].help_text = "Fixed: something is noted in it already."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") == CustomField.Kind.CHOICE and not cleaned.get("choices", "").strip():
            self.add_error("choices", "Write what can be chosen, one a line.")
        return cleaned


class FieldViewSet(ModelViewSet):
    """What this office wants to know of people."""

    model = CustomField
    name = "desk_fields"
    url_prefix = "fields"
    icon = "form"
    menu_label = "Fields"
    menu_name = "fields"
    copy_view_enabled = False
    list_display = ["name", Column("kind", label="Kind", accessor="get_kind_display")]
    search_fields = ["name"]
    search_backend_name = None
    edit_handler = ObjectList(
        [
            FieldPanel("name"),
            FieldPanel("kind"),
            FieldPanel("choices", help_text="For a choice: what can be chosen, one a line."),
        ],
        base_form_class=FieldForm,
    )

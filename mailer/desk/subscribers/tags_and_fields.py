"""The form of a subscriber with tags and custom fields, and the tables that define those."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, ObjectList, Panel
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import IndexView

from mailer.desk.base.edit_conflicts import PlainInput
from mailer.desk.base.forms import input_value
from mailer.desk.base.tables import DeskViewSet
from subscribers import addresses, consent, former_addresses, merge
from subscribers import suppression as suppress
from subscribers.addresses import mask_address
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import Subscriber
from subscribers.segments import tag_and_field_values
from subscribers.segments.models import CustomField, Tag
from subscribers.translate_stored_texts import translated


class SubscriberForm(WagtailAdminModelForm):
    """A subscriber with tags and custom fields. The address is normalised."""

    def clean_email(self) -> str:
        try:
            email = addresses.normalise(self.cleaned_data["email"])
        except ValueError as error:
            raise ValidationError(
                gettext("This email address %(error)s.") % {"error": translated(str(error))}
            ) from error
        before = self.instance.email if self.instance.pk else ""
        suppression = suppress.active_suppression(before) if before not in ("", email) else None
        if suppression is not None and suppression.reason in merge.PERSONAL_REASONS:
            raise ValidationError(
                gettext(
                    "This subscriber is suppressed (%(reason)s). Changing the address would send them "
                    "emails again. Remove the suppression first, if that is correct."
                )
                % {"reason": suppression.get_reason_display()}
            )
        return email

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field in CustomField.objects.all():
            try:
                tag_and_field_values.parse_value(field, self.data.get(f"field-{field.pk}", ""))
            except ValueError as error:
                self.add_error(None, str(error))
        if any(len(name) > 60 for name in self._tags()):
            self.add_error(None, gettext("A tag must have 1 to 60 characters."))
        return cleaned

    @cached_property
    def plain_inputs(self) -> dict[str, PlainInput]:
        """Tags and custom fields of `AttributesPanel`, by the names of their inputs."""
        subscriber = self.instance
        tags = subscriber.taggings.select_related("tag").order_by("tag__name") if subscriber.pk else []
        known = (
            {row.field_id: row.value for row in subscriber.values.select_related("field")}
            if subscriber.pk
            else {}
        )
        inputs = {"tags": PlainInput(gettext("Tags"), ", ".join(one.tag.name for one in tags))}
        for field in CustomField.objects.all():
            saved = input_value(known[field.pk]) if field.pk in known else ""
            inputs[f"field-{field.pk}"] = PlainInput(field.name, saved)
        return inputs

    def save(self, commit: bool = True) -> Any:
        before = str(self.initial.get("email", "")) if self.instance.pk else ""
        subscriber = super().save(commit)
        if before and before != subscriber.email:
            self._record_address_change(subscriber, before)
        # A form that was posted without these inputs leaves tags and fields unchanged.
        if "tags" in self.data:
            tag_and_field_values.set_tags(subscriber, self._tags())
            for field in CustomField.objects.all():
                tag_and_field_values.set_value(subscriber, field, self.data.get(f"field-{field.pk}", ""))
        return subscriber

    def _record_address_change(self, subscriber: Subscriber, before: str) -> None:
        """Keeps imports from adding the old address again, and records the change in the consent ledger."""
        now, source = (
            timezone.now(),
            f"from {mask_address(before)} to {mask_address(subscriber.email)}",
        )
        former_addresses.record_address_change(subscriber, addresses.address_hash(before), now)
        evidence = Evidence(Channel.DESK, source=source, attested_by=str(self.for_user or ""))
        consent.record(Event.ADDRESS_CHANGED, [subscriber.pk], [None], evidence, now)

    def _tags(self) -> list[str]:
        return [name for name in self.data.get("tags", "").split(",") if name.strip()]


class AttributesPanel(Panel):
    """Inputs for tags and custom fields; SubscriberForm reads them by their names."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/attributes_panel.html"

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            data, saved = self.form.data, self.form.plain_inputs
            shown = {name: data.get(name, one.saved) for name, one in saved.items()}
            return {
                **context,
                "rows": [(field, shown[f"field-{field.pk}"]) for field in CustomField.objects.all()],
                "tags": shown["tags"],
                "known_tags": Tag.objects.all()[:200],
            }


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

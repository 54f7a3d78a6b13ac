"""The form of a subscriber with their tags and custom fields."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel

from mailer.desk.base.edit_conflicts import PlainInput
from mailer.desk.base.form_widgets import input_value
from subscribers import addresses, consent, former_addresses_and_merged_ids, merge
from subscribers import suppression as suppress
from subscribers.addresses import mask_address
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import Subscriber
from subscribers.segments import subscriber_tags_and_fields
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
        if email != before and suppress.is_erased(email):
            raise ValidationError(
                gettext(
                    "This address was erased at its owner’s request. Only its owner can subscribe it again, "
                    "on the sign-up page."
                ),
                code="erased",
            )
        return email

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field in CustomField.objects.all():
            try:
                subscriber_tags_and_fields.parse_value(field, self.data.get(f"field-{field.pk}", ""))
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
        is_new = self.instance.pk is None
        before = "" if is_new else str(self.initial.get("email", ""))
        subscriber = super().save(commit)
        preferences = subscriber.language, tuple(subscriber.countries)
        if not is_new and preferences != (self.initial["language"], tuple(self.initial["countries"])):
            self._record_preferences(subscriber)
        if before and before != subscriber.email:
            self._record_address_change(subscriber, before)
        # A form that was posted without these inputs leaves tags and fields unchanged.
        if "tags" in self.data:
            subscriber_tags_and_fields.set_tags(subscriber, self._tags())
            for field in CustomField.objects.all():
                subscriber_tags_and_fields.set_value(
                    subscriber, field, self.data.get(f"field-{field.pk}", "")
                )
        return subscriber

    def _record_address_change(self, subscriber: Subscriber, before: str) -> None:
        """Keeps imports from adding the old address again, and records the change in the consent ledger."""
        now, source = (
            timezone.now(),
            f"from {mask_address(before)} to {mask_address(subscriber.email)}",
        )
        former_addresses_and_merged_ids.record_address_change(subscriber, addresses.address_hash(before), now)
        evidence = Evidence(Channel.DESK, source=source, attested_by=str(self.for_user or ""))
        consent.record(Event.ADDRESS_CHANGED, [subscriber.pk], [None], evidence, now)

    def _record_preferences(self, subscriber: Subscriber) -> None:
        """Records changed preferences in the consent ledger, as the API does."""
        chosen = f"{subscriber.language}: {', '.join(subscriber.countries) or 'every country'}"
        evidence = Evidence(Channel.DESK, source=chosen, attested_by=str(self.for_user or ""))
        consent.record(Event.PREFERENCES, [subscriber.pk], [None], evidence, timezone.now())

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

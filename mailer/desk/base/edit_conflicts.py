"""Forms that edit a row while another person saves it: both keep what they changed, and conflicts are shown.

The form holds a hash of every value that it was made of. When it is sent, a field that only the other person
changed keeps their value, and a field that both changed is an error that names both values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.core.signing import BadSignature, Signer
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from wagtail.admin import messages
from wagtail.admin.views.generic import EditView
from wagtail.log_actions import registry
from wagtail.models import Revision, RevisionMixin

from mailer import staff_localization
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.desk.base.page_base_classes import current_user
from mailer.stories import draft_editing
from mailer.stories.draft_editing import Conflict, Values

# The hidden input with the hashes.
BASE = "saved_values"
# Between the name of a formset and the key of one of its rows, in names of values.
_ROW = "/"


class _BaseField(forms.CharField):
    """The hashes of the values that a form was made of. They are no change of the form's."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


def _text(value: Any) -> str:
    """The value of a field as text, the same for the value that is saved and the one that a form sends."""
    if value is None or value is False:
        return ""
    if value is True:
        return "on"
    if isinstance(value, UploadedFile):
        return f"{value.name} ({value.size})"
    if isinstance(value, File):
        return value.name or ""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, Mapping):
        return json.dumps({str(key): _text(one) for key, one in value.items()}, sort_keys=True)
    if hasattr(value, "isoformat"):
        if isinstance(value, datetime) and timezone.is_aware(value):
            value = value.astimezone(UTC)
        return str(value.isoformat())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return str(value).replace("\r\n", "\n").strip()


def _flat(one: forms.Field, value: Any) -> str:
    """`_text`, in one order where the order has no meaning."""
    if isinstance(value, (list, tuple, set, models.QuerySet)):
        named = isinstance(one, forms.ModelMultipleChoiceField)
        parts = [_text(part) if named or not isinstance(part, models.Model) else str(part) for part in value]
        return ",".join(parts if getattr(one.widget, "ordered", False) else sorted(parts))
    return _text(value)


def _fields(form: forms.BaseForm) -> dict[str, forms.Field]:
    return {name: one for name, one in form.fields.items() if name != BASE and not one.disabled}


def _rows(form: forms.BaseForm) -> Mapping[str, Any]:
    """The formsets of rows that belong to the row, by name."""
    return cast("Mapping[str, Any]", getattr(form, "formsets", {}))


def _plain_inputs(form: forms.BaseForm) -> Mapping[str, PlainInput]:
    """Inputs of panels that the form reads by their names without having fields for them."""
    return cast("Mapping[str, PlainInput]", getattr(form, "plain_inputs", {}))


@dataclass(frozen=True)
class PlainInput:
    """An input without a field of its form: its label, and the text that is saved."""

    label: str
    saved: str
    # False if it stands for other inputs: a change by another person is then a conflict in any case.
    merges: bool = True


def _key_field(formset: Any) -> str:
    """The field that tells the formset's rows apart, such as the language of a text."""
    parent = formset.fk.name
    for constraint in formset.model._meta.total_unique_constraints:
        rest = [name for name in constraint.fields if name != parent]
        if len(rest) == 1 and parent in constraint.fields:
            return str(rest[0])
    raise ImproperlyConfigured(f"{formset.model} needs a unique constraint of {parent} and one other field.")


def _row_fields(child: forms.BaseForm) -> list[str]:
    """The fields of a formset's row, without those of the formset itself."""
    own = {forms.formsets.DELETION_FIELD_NAME, forms.formsets.ORDERING_FIELD_NAME, "id"}
    return [name for name in child.fields if name not in own]


def _saved_rows(formset: Any) -> dict[str, Any]:
    """The form of each saved row, by key."""
    key = _key_field(formset)
    return {_text(child.initial.get(key)): child for child in formset.initial_forms}


def saved_values(form: forms.BaseForm) -> Values:
    """What is saved, by field: `form` is unbound and made of the row."""
    values = {name: _flat(one, form.get_initial_for_field(one, name)) for name, one in _fields(form).items()}
    values |= {name: _text(one.saved) for name, one in _plain_inputs(form).items()}
    for name, formset in _rows(form).items():
        for key, child in _saved_rows(formset).items():
            texts = [_text(child.initial.get(part)) for part in _row_fields(child)]
            values[f"{name}{_ROW}{key}"] = json.dumps(texts)
    return values


def _clean(form: forms.BaseForm, name: str) -> Any:
    """The field's value as sent; one that is not valid stays as it is."""
    bound = form[name]
    try:
        if isinstance(bound.field, forms.FileField):
            return bound.field.clean(bound.data, bound.initial)
        return bound.field.clean(bound.data)
    except ValidationError:
        return bound.data


def _sent_rows(formset: Any) -> dict[str, Any]:
    """The form of each row that was sent and not deleted, by key."""
    key = _key_field(formset)
    found: dict[str, Any] = {}
    for child in formset.forms:
        deleted = forms.formsets.DELETION_FIELD_NAME in child.fields and _clean(
            child, forms.formsets.DELETION_FIELD_NAME
        )
        texts = [_text(_clean(child, part)) for part in _row_fields(child)]
        if not deleted and any(texts):
            found.setdefault(_text(_clean(child, key)), child)
    return found


def sent_values(form: forms.BaseForm) -> Values:
    """What was sent, by field: `form` is bound."""
    values = {name: _flat(one, _clean(form, name)) for name, one in _fields(form).items()}
    values |= {name: _text(form.data.get(name, "")) for name in _plain_inputs(form) if name in form.data}
    for name, formset in _rows(form).items():
        for key, child in _sent_rows(formset).items():
            texts = [_text(_clean(child, part)) for part in _row_fields(child)]
            values[f"{name}{_ROW}{key}"] = json.dumps(texts)
    return values


def _is_plain(_name: str) -> bool:
    """No value is rich text as Wagtail's editor sends it."""
    return False


@dataclass
class Merge:
    """What becomes of a form that was made before another person saved."""

    # Names of values that keep what the other person saved.
    kept: list[str] = field(default_factory=list)
    conflicts: tuple[Conflict, ...] = ()


def find_kept_and_conflicting_fields(saved: Values, sent: Values, base_hashes: Mapping[str, str]) -> Merge:
    """Which values stay as they are saved, and which both changed. `base_hashes`: of the form's start."""
    empty = draft_editing.value_hashes({"": ""}, _is_plain)[""]
    names = {**saved, **sent}
    # A field that was left out changes nothing; a row that was left out was removed.
    written = {name: sent.get(name, "") for name in names if name in sent or _ROW in name}
    known = {name: base_hashes.get(name, empty) for name in names if name in base_hashes or _ROW in name}
    _changes, conflicts = draft_editing.find_changes_and_conflicts(saved, written, known, _is_plain)
    now, mine = (draft_editing.value_hashes(values, _is_plain) for values in (saved, written))
    kept = [
        name
        for name in written
        if name in known and mine[name] == known[name] and now.get(name, empty) != known[name]
    ]
    return Merge(kept, conflicts)


class EditGuard:
    """Mixin for a view that edits `self.object` with a form, in front of the view's own bases.

    The form is merged with what another person saved meanwhile; the row is locked until it is saved.
    """

    if TYPE_CHECKING:
        request: HttpRequest
        object: Any
        get_object: Callable[[], Any]

    _reads_saved = False
    _merged: Merge | None = None
    _saved: forms.BaseForm | None = None
    _opened: datetime | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with transaction.atomic():
            self.lock_object()
            self._merge(request)
            response: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def lock_object(self) -> None:
        """Load the row anew, and let nobody else save it before this request ends."""
        row = self.object if hasattr(self, "object") else self.get_object()
        type(row)._base_manager.select_for_update().filter(pk=row.pk).first()
        self.object = self.get_object()

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()  # type: ignore[misc]
        if self._reads_saved:
            return {name: value for name, value in kwargs.items() if name not in ("data", "files")}
        return kwargs

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)  # type: ignore[misc]
        form.fields[BASE] = _BaseField()
        if form.is_bound and self._merged is not None:
            self._apply(form, self._merged)
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        form = context["form"]
        if not form.is_bound:
            form.initial[BASE] = self._base(form)
        # No script asks for it.
        context["edit_handler_data"] = None
        return context

    def get_bound_panel(self, form: Any) -> Any:
        """Wagtail's panel, without describing it for scripts, for which each widget is rendered once more."""
        panel: Any = super().get_bound_panel(form)  # type: ignore[misc]
        if panel is not None:
            panel.telepath_pack = lambda context: (panel.telepath_adapter_name, [])
        return panel

    def _saved_form(self) -> Any:
        self._reads_saved = True
        try:
            return self.get_form()
        finally:
            self._reads_saved = False

    def _signer(self) -> Signer:
        """The hashes of one row and one person are of no use in another's form."""
        return Signer(salt=f"{BASE} {self.object._meta.label} {self.object.pk} {self.request.user.pk}")

    def _base(self, form: forms.BaseForm) -> str:
        hashes = draft_editing.value_hashes(saved_values(form), _is_plain)
        return self._signer().sign(json.dumps({"at": timezone.now().isoformat(), "marks": hashes}))

    def _merge(self, request: HttpRequest) -> None:
        """Compare what was sent with what is saved now. A form without hashes is taken as it is."""
        try:
            base = json.loads(self._signer().unsign(request.POST.get(BASE, "")))
        except BadSignature:
            return
        saved, sent = self._saved_form(), self.get_form()
        self._opened = parse_datetime(base["at"])
        merged = find_kept_and_conflicting_fields(saved_values(saved), sent_values(sent), base["marks"])
        merged = _without_whole_inputs(merged, _plain_inputs(saved))
        data = request.POST.copy()
        data[BASE] = self._base(saved)
        for name, one in _plain_inputs(saved).items():
            if name in merged.kept or (not one.merges and name in data):
                data[name] = one.saved
        for name, formset in _rows(saved).items():
            changed = [*merged.kept, *(one.field for one in merged.conflicts)]
            if any(one.startswith(f"{name}{_ROW}") for one in changed):
                _rewrite_rows(data, formset, _rows(sent)[name], _kept_rows(name, merged))
        request.POST = data  # type: ignore[assignment]  # Django lets it be set
        self._merged, self._saved = merged, saved
        self._report(merged)

    def _apply(self, form: forms.BaseForm, merged: Merge) -> None:
        """Let the form save and show the other person's values, and refuse it where both changed one."""
        full_clean, kept = form.full_clean, [name for name in merged.kept if name in form.fields]

        def clean_merged() -> None:
            for name in kept:
                # Django takes the saved value of such a field, whatever was sent.
                form.fields[name].disabled = True
            full_clean()
            for name in kept:
                form.fields[name].disabled = False
            for conflict in merged.conflicts:
                self._refuse(form, conflict)

        for name in kept:
            form.fields[name].bound_data = _saved_data  # type: ignore[method-assign]
        form.full_clean = clean_merged  # type: ignore[method-assign]

    def _refuse(self, form: forms.BaseForm, conflict: Conflict) -> None:
        saved = cast(forms.BaseForm, self._saved)
        text = gettext(
            "Another person saved this meanwhile: “%(theirs)s”. Your text is still in the "
            "form. Save again to use yours instead."
        ) % {"theirs": displayed_saved_value(saved, conflict.field) or gettext("empty")}
        if conflict.field in form.fields:
            form.add_error(conflict.field, text)
        else:
            form.add_error(None, f"{field_label(saved, conflict.field)}: {text}")

    def _report(self, merged: Merge) -> None:
        """Say who saved the row meanwhile, and which of their fields are kept."""
        if not merged.kept and not merged.conflicts:
            return
        parts = [self._who()]
        if merged.kept:
            names = list(
                dict.fromkeys(field_label(cast(forms.BaseForm, self._saved), one) for one in merged.kept)
            )
            parts.append(
                gettext("Your changes to these fields are kept: %(fields)s.") % {"fields": ", ".join(names)}
            )
        if merged.conflicts:
            parts.append(gettext("Your changes are not saved yet: see the marked fields."))
        (messages.warning if merged.conflicts else messages.info)(self.request, " ".join(parts))

    def _who(self) -> str:
        entry = (
            registry.get_logs_for_instance(self.object)
            .filter(timestamp__gt=self._opened)
            .select_related("user")
            .order_by("-timestamp")
            .first()
        )
        if entry is None or entry.user is None:
            return gettext("This page was saved by another person after you opened it.")
        at = date_format(timezone.localtime(entry.timestamp), "DATETIME_FORMAT")
        if entry.user.pk == current_user(self.request).pk:
            return gettext("You saved this page on %(at)s in another window, after you opened it here.") % {
                "at": at
            }
        return gettext("%(name)s saved this page on %(at)s, after you opened it.") % {
            "name": user_or_system_name(entry.user),
            "at": at,
        }


def last_change(row: RevisionMixin) -> str:
    """A sentence that says who saved the newest version of a row, and when; empty when nobody is known."""
    revision = (
        Revision.objects.for_instance(row).select_related("user").order_by("-created_at", "-pk").first()
    )
    if revision is None or revision.user is None:
        return ""
    at = date_format(timezone.localtime(revision.created_at), "DATETIME_FORMAT")
    return gettext("The last change to this page was made by %(name)s on %(at)s.") % {
        "name": user_or_system_name(revision.user),
        "at": at,
    }


def _without_whole_inputs(merged: Merge, plain: Mapping[str, PlainInput]) -> Merge:
    """Inputs that stand for others cannot keep what the other person saved; they are conflicts."""
    whole = [name for name in merged.kept if name in plain and not plain[name].merges]
    found = tuple(Conflict(name, plain[name].saved, "") for name in whole)
    return Merge([name for name in merged.kept if name not in whole], (*merged.conflicts, *found))


class GuardedEditView(EditGuard, EditView):
    """Wagtail's view for the desk's viewsets."""


def guard_wagtail_view(view: type[EditView]) -> None:
    """Guard a view that Wagtail itself registers."""
    if not issubclass(view, EditGuard):
        view.__bases__ = (EditGuard, *view.__bases__)


def _saved_data(data: Any, initial: Any) -> Any:
    """Instead of a field's `bound_data`: it shows what is saved, whatever was sent."""
    return initial


def _kept_rows(name: str, merged: Merge) -> set[str]:
    """The keys of the formset's rows that keep what the other person saved."""
    prefix = f"{name}{_ROW}"
    return {one.removeprefix(prefix) for one in merged.kept if one.startswith(prefix)}


def _rewrite_rows(data: QueryDict, saved: Any, sent: Any, kept: set[str]) -> None:
    """Write the formset's rows anew, with the ids of those that are saved now.

    Rows of `kept` are as they are saved; all others as they were sent, and deleted if they were not sent.
    """
    now, mine, prefix = _saved_rows(saved), _sent_rows(sent), sent.prefix
    contents = {
        key: {name: data.getlist(child.add_prefix(name)) for name in _row_fields(child)}
        for key, child in mine.items()
    }
    for name in [one for one in data if one.startswith(f"{prefix}-") and not one.endswith("_NUM_FORMS")]:
        del data[name]
    added = [key for key in mine if key not in now and key not in kept]
    data[f"{prefix}-TOTAL_FORMS"] = str(len(now) + len(added))
    data[f"{prefix}-INITIAL_FORMS"] = str(len(now))
    for place, key in enumerate([*now, *added]):
        row = f"{prefix}-{place}"
        if key in now:
            data[f"{row}-id"] = str(now[key].instance.pk)
            data[f"{row}-ORDER"] = str(place + 1)
        if key in contents and key not in kept:
            for name, values in contents[key].items():
                data.setlist(f"{row}-{name}", values)
            continue
        for name in _row_fields(now[key]):
            data[f"{row}-{name}"] = _text(now[key].initial.get(name))
        if key not in kept:
            data[f"{row}-{forms.formsets.DELETION_FIELD_NAME}"] = "on"


def field_label(form: forms.BaseForm, name: str) -> str:
    """What staff call a value: "Name", or "Tagline: Russian"."""
    if name in form.fields:
        return str(form[name].label)
    if name in (plain := _plain_inputs(form)):
        return plain[name].label
    formset, _slash, key = name.partition(_ROW)
    model = _rows(form)[formset].model
    named = staff_localization.language_name(key) if _key_field(_rows(form)[formset]) == "language" else key
    values = {"part": capfirst(str(model._meta.verbose_name)), "language": named}
    return gettext("%(part)s in %(language)s") % values


def displayed_saved_value(form: forms.BaseForm, name: str) -> str:
    """The saved value as staff read it; "" for an empty one."""
    if name in (plain := _plain_inputs(form)):
        return plain[name].saved
    formset, _slash, key = name.partition(_ROW)
    if name not in form.fields:
        child = _saved_rows(_rows(form)[formset]).get(key)
        shown = (
            [one for one in _row_fields(child) if one != _key_field(_rows(form)[formset])] if child else []
        )
        return ", ".join(_shown(child, one) for one in shown)
    return _shown(form, name)


def _shown(form: Any, name: str) -> str:
    one, value = form.fields[name], form.get_initial_for_field(form.fields[name], name)
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(one, forms.ModelMultipleChoiceField):
        return ", ".join(map(str, one.clean(value or []) if value else []))
    if isinstance(one, forms.ModelChoiceField):
        return str(one.clean(value)) if value else ""
    if isinstance(one, (forms.ChoiceField, forms.MultipleChoiceField)):
        labels = {str(key): str(text) for key, text in _choices(one)}
        values = value if isinstance(value, (list, tuple)) else [value]
        return ", ".join(labels.get(str(part), str(part)) for part in values if part not in (None, ""))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text}" for key, text in value.items())
    return _text(value)


def _choices(one: Any) -> Iterable[tuple[Any, Any]]:
    for key, text in one.choices:
        if isinstance(text, (list, tuple)):
            yield from text
        else:
            yield key, text

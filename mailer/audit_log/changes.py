"""Which fields a member of staff changed, from what to what: kept in the data of the audit log's entry.

Before the first save of an object in a request of the desk, its stored values are noted; the entry about it
gets those that differ from what is stored then. So it does not matter which form or view saved it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.signals import m2m_changed, pre_save
from wagtail.log_actions import get_active_log_context
from wagtail.models import ModelLogEntry

# The key of the changes in an entry's data: {field: [before, after]}.
CHANGES = "changes"
_NOTED = "_mailer_values_before"
_LONGEST = 300
# Fields that change automatically.
_IGNORED = {"id", "updated_at", "last_login", "date_joined", "created_at", "latest_revision"}
# Values that stand in no log.
_SECRET = {"password"}
_HIDDEN = "(not shown)"
# By model: its values beside its fields.
_MORE: dict[str, Callable[[Any], Mapping[str, Any]]] = {}
_AUDITED: set[str] = set()


def add_changes_to_log_entries(
    model: type[models.Model], extra_values: Callable[[Any], Mapping[str, Any]] | None = None
) -> None:
    """Write the changes of a model's objects into their entries; `extra_values` gives more of them."""
    label = model._meta.label
    _AUDITED.add(label)
    if extra_values is not None:
        _MORE[label] = extra_values
    pre_save.connect(_before_save, sender=model, dispatch_uid=f"audit-changes-{label}")
    for relation in model._meta.many_to_many:
        through = getattr(model, relation.name).through
        m2m_changed.connect(
            _before_m2m, sender=through, dispatch_uid=f"audit-changes-{label}-{relation.name}"
        )


def connect_signals() -> None:
    """Complete every entry before it is stored. Called once when the application is ready."""
    pre_save.connect(_before_entry, sender=ModelLogEntry, dispatch_uid="mailer.audit_log.changes")


def stored_field_values(instance: models.Model) -> dict[str, str]:
    """An object's stored values as text, by the names of the fields; {} if it is not stored."""
    stored = type(instance)._base_manager.filter(pk=instance.pk).first() if instance.pk else None
    if stored is None:
        return {}
    values: dict[str, Any] = {}
    for one in stored._meta.concrete_fields:
        if one.name not in _IGNORED and not isinstance(one, models.BinaryField):
            values[one.name] = getattr(stored, one.name)
    for relation in stored._meta.many_to_many:
        values[relation.name] = sorted(map(str, getattr(stored, relation.name).all()))
    values.update(_MORE.get(stored._meta.label, lambda _: {})(stored))
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list, tuple)):
        value = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False) if value else ""
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _noted() -> dict[tuple[str, str], dict[str, str]] | None:
    """The values before of this request of the desk; None outside of one."""
    context = get_active_log_context()
    if context.user is None:
        return None
    if not hasattr(context, _NOTED):
        setattr(context, _NOTED, {})
    noted: dict[tuple[str, str], Any] = getattr(context, _NOTED)
    return noted


def _note(instance: models.Model) -> None:
    noted = _noted()
    if noted is None:
        return
    # A new object has no primary key yet; its entry finds no values, which is the same.
    key = (instance._meta.label, str(instance.pk))
    if instance.pk is not None and key not in noted:
        noted[key] = stored_field_values(instance)


def _before_save(sender: type[models.Model], instance: models.Model, raw: bool = False, **_: Any) -> None:
    if not raw and not instance._state.adding:
        _note(instance)


def _before_m2m(instance: models.Model, action: str, reverse: bool, **_: Any) -> None:
    if not reverse and action in ("pre_add", "pre_remove", "pre_clear"):
        _note(instance)


def _before_entry(instance: ModelLogEntry, **_: Any) -> None:
    noted = _noted()
    if instance.pk is not None or noted is None or instance.content_type_id is None or instance.deleted:
        return
    model = instance.content_type.model_class()
    if model is None:
        return
    before = noted.pop((model._meta.label, instance.object_id), None)
    is_new = instance.action == "wagtail.create" and model._meta.label in _AUDITED
    if before is None and not is_new:
        return
    after = stored_field_values(model(pk=instance.object_id))
    changed = changed_values({} if is_new else before or {}, after)
    if changed:
        instance.data = {**instance.data, CHANGES: changed}


def changed_values(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """[before, after] of each value that differs."""
    names = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
    return {
        name: [_HIDDEN] * 2 if name in _SECRET else [before.get(name, ""), after.get(name, "")]
        for name in names
    }

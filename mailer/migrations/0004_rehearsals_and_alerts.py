"""Rehearsals beside the one real mailing of a copy, and alerts.

A rehearsal needs a copy that is open and no more; who it goes to can never be changed, so no rehearsal
becomes a mailing to readers.
"""

from __future__ import annotations

import importlib

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from mailer.migrations import _triggers
from mailer.migrations._triggers import Trigger

_SEAL = importlib.import_module("mailer.migrations.0002_seal")
BEFORE = [trigger for trigger in _SEAL.TRIGGERS if trigger.table == "mailer_mailing"]

_NOT_OPEN = (
    "NOT EXISTS (SELECT 1 FROM mailer_frozencopy c WHERE c.id = NEW.copy_id"
    " AND c.edition_id = NEW.edition_id AND c.state IN ('submitted', 'approved', 'scheduled'))"
)
_UNFIT = f"((NEW.rehearsal_to = '' AND {_SEAL.UNSEALED_MAILING}) OR (NEW.rehearsal_to <> '' AND {_NOT_OPEN}))"
_MOVED = "NEW.copy_id <> OLD.copy_id OR NEW.rehearsal_to <> OLD.rehearsal_to"
AFTER = [
    Trigger("seal_mailing", "INSERT", "mailer_mailing", _UNFIT, "only a sealed copy can be sent"),
    Trigger(
        "seal_sending",
        "UPDATE",
        "mailer_mailing",
        f"{_MOVED} OR (NEW.state = 'sending' AND {_UNFIT})",
        "only a sealed copy can be sent",
    ),
]


def _drop_before(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _triggers.drop(editor, BEFORE)


def _create_before(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _triggers.create(editor, BEFORE)


def _create_after(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _triggers.create(editor, AFTER)


def _drop_after(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _triggers.drop(editor, AFTER)


class Migration(migrations.Migration):
    dependencies = [("mailer", "0003_pace_and_steps")]

    operations = [
        # SQLite makes the table anew where a column changes, and forgets its triggers.
        migrations.RunPython(_drop_before, _create_before),
        migrations.AlterField(
            model_name="mailing",
            name="copy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="mailings",
                to="mailer.frozencopy",
            ),
        ),
        migrations.AlterModelOptions(name="mailing", options={"ordering": ["-created_at", "-pk"]}),
        migrations.AddField(
            model_name="mailing",
            name="rehearsal_to",
            field=models.CharField(blank=True, default="", max_length=320),
        ),
        migrations.AddField(
            model_name="mailing",
            name="rehearsal_limit",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="mailing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rehearsal_to", "")), fields=("copy",), name="mailing_one_real"
            ),
        ),
        migrations.RunPython(_create_after, _drop_after),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=80, unique=True)),
                ("kind", models.CharField(max_length=60)),
                (
                    "mailing",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="mailer.mailing",
                    ),
                ),
                ("words", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                ("post_at", models.DateTimeField(null=True)),
                ("posts", models.PositiveSmallIntegerField(default=0)),
            ],
            options={"ordering": ["-at"]},
        ),
    ]

"""The consent ledger, whose rows the database lets nobody change."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from subscribers.migrations import _append_only

_NAME, _TABLE = "consent_only_added", "subscribers_consentrecord"
# Merging two people moves rows to one of them; time empties network and agent.
_FIXED = ("mailing_list_id", "act", "how", "at", "text_id", "source", "vouched_by")


def _guard(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _append_only.create(editor, _NAME, _TABLE, _FIXED)


def _unguard(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    _append_only.drop(editor, _NAME, _TABLE)


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0003_tracking_agreed"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("language", models.CharField(max_length=12)),
                ("text", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="ConsentRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("asked", "asked for it"),
                            ("confirmed", "confirmed by the link in our letter"),
                            ("joined", "joined"),
                            ("imported", "put on the list by an import"),
                            ("added", "put on the list by staff"),
                            ("restored", "put back on the list"),
                            ("left", "left"),
                            ("ended", "taken off the list"),
                            ("chose", "changed what they get"),
                            ("moved", "changed their address"),
                            ("tracking_on", "agreed that clicks are counted for them"),
                            ("tracking_off", "wants no clicks counted for them"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("form", "the sign-up form"),
                            ("letter", "the link in a letter of ours"),
                            ("preferences", "their preferences page"),
                            ("one_click", "the unsubscribe button of a mail"),
                            ("mail", "a mail to us"),
                            ("service", "the service that sends our mail"),
                            ("import", "an import"),
                            ("desk", "the desk"),
                            ("command", "the command line"),
                            ("verdict", "a rule about what came back"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("source", models.CharField(blank=True, max_length=200)),
                ("vouched_by", models.CharField(blank=True, max_length=150)),
                ("network", models.CharField(blank=True, max_length=49)),
                ("agent", models.CharField(blank=True, max_length=200)),
                (
                    "mailing_list",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.mailinglist",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="consents",
                        to="subscribers.subscriber",
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="subscribers.consenttext",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            models.Q(("network", ""), _negated=True),
                            models.Q(("agent", ""), _negated=True),
                            _connector="OR",
                        ),
                        fields=["at"],
                        name="consent_with_details",
                    )
                ],
            },
        ),
        migrations.RunPython(_guard, _unguard),
    ]

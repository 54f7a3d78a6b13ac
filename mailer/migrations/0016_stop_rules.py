"""Copies and what became of them by provider and hour, and what the stop rules did about it."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0015_returned_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="Intervention",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "deed",
                    models.CharField(
                        choices=[
                            ("warned", "staff were warned"),
                            ("braked", "slowed down"),
                            ("paused", "paused"),
                        ],
                        max_length=8,
                    ),
                ),
                ("sign", models.CharField(max_length=12)),
                ("provider", models.CharField(blank=True, max_length=255)),
                ("cases", models.PositiveIntegerField()),
                ("of", models.PositiveIntegerField()),
                ("limit", models.FloatField()),
                ("seen", models.PositiveIntegerField()),
                ("words", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
                ("counted_from", models.DateTimeField()),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="ProviderHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=255)),
                ("since", models.DateTimeField()),
                ("tried", models.PositiveIntegerField(default=0)),
                ("accepted", models.PositiveIntegerField(default=0)),
                ("bounced", models.PositiveIntegerField(default=0)),
                ("blocked", models.PositiveIntegerField(default=0)),
                ("complained", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="feedbackevent",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="mailing",
            name="counted_from",
            field=models.DateTimeField(null=True),
        ),
        # What came back before the rules were there stops nothing.
        migrations.RunSQL("UPDATE mailer_feedbackevent SET counted_at = at", migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="feedbackevent",
            index=models.Index(
                condition=models.Q(("counted_at__isnull", True)), fields=["id"], name="feedback_uncounted"
            ),
        ),
        migrations.AddField(
            model_name="intervention",
            name="mailing",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="interventions",
                to="mailer.mailing",
            ),
        ),
        migrations.AddField(
            model_name="providerhour",
            name="mailing",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="hours",
                to="mailer.mailing",
            ),
        ),
        migrations.AddConstraint(
            model_name="intervention",
            constraint=models.UniqueConstraint(
                fields=("mailing", "counted_from", "provider", "sign", "deed", "seen"),
                name="intervention_once",
            ),
        ),
        migrations.AddIndex(
            model_name="providerhour",
            index=models.Index(fields=["since"], name="provider_hour_since"),
        ),
        migrations.AddConstraint(
            model_name="providerhour",
            constraint=models.UniqueConstraint(
                fields=("mailing", "provider", "since"), name="provider_hour_once"
            ),
        ),
    ]

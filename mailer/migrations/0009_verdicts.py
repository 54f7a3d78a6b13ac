"""Verdicts with their evidence, outages that hold them, and warnings; an event is found by its origin."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

_OUTAGE_STATES = [
    ("watched", "watched"),
    ("open", "waiting for a decision"),
    ("confirmed", "the addresses were stopped"),
    ("dismissed", "the addresses were kept"),
    ("over", "over by itself"),
]
_VERDICT_STATES = [
    ("standing", "stopped"),
    ("held", "held for a decision"),
    ("probing", "being asked"),
    ("dismissed", "dropped"),
    ("reversed", "taken back"),
]
_RULES = [
    ("hard_bounce", "the address does not exist"),
    ("two_hard_bounces", "bounces say that the address does not exist"),
    ("soft_bounces", "mail kept coming back"),
    ("complaint", "marked as unwanted"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0008_clicks_and_opens"),
        ("subscribers", "0002_reopened"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="stopped",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="path",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.RemoveConstraint(model_name="feedbackevent", name="feedback_once"),
        migrations.AlterField(
            model_name="feedbackevent",
            name="origin",
            field=models.CharField(blank=True, max_length=128, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="feedbackevent",
            name="address_hash",
            field=models.BinaryField(max_length=16, null=True),
        ),
        migrations.CreateModel(
            name="Outage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=255)),
                ("state", models.CharField(choices=_OUTAGE_STATES, default="watched", max_length=10)),
                ("readers", models.PositiveIntegerField()),
                ("began_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "ordering": ["-began_at", "-pk"],
                "indexes": [models.Index(fields=["domain", "began_at"], name="outage_of_domain")],
            },
        ),
        migrations.CreateModel(
            name="Verdict",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subscriber", models.BigIntegerField()),
                ("address_hash", models.BinaryField(max_length=16)),
                ("domain", models.CharField(max_length=255)),
                ("state", models.CharField(choices=_VERDICT_STATES, max_length=10)),
                ("rule", models.CharField(choices=_RULES, max_length=20)),
                ("because", models.CharField(max_length=300)),
                ("was_fine", models.BooleanField(default=False)),
                ("at", models.DateTimeField()),
                ("stood_at", models.DateTimeField(null=True)),
                ("ended_lists", models.JSONField(default=list)),
                ("asked_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("events", models.ManyToManyField(related_name="verdicts", to="mailer.feedbackevent")),
                (
                    "outage",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="verdicts",
                        to="mailer.outage",
                    ),
                ),
                (
                    "probe",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="mailer.outboxmessage",
                    ),
                ),
                (
                    "suppression",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="verdicts",
                        to="subscribers.suppression",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(fields=["subscriber", "at"], name="verdict_of_reader"),
                    models.Index(fields=["address_hash", "state"], name="verdict_of_address"),
                    models.Index(fields=["domain", "stood_at"], name="verdict_of_domain"),
                    models.Index(fields=["state", "at"], name="verdict_in_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(state__in=["standing", "held", "probing"]),
                        fields=("address_hash",),
                        name="verdict_one_open",
                    )
                ],
            },
        ),
    ]

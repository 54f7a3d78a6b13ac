"""Pace that workers share, mailings in steps, delivery at the readers' own hour."""

from __future__ import annotations

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0002_seal"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=120, unique=True)),
                ("data", models.JSONField(default=dict)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name="frozencopy",
            name="local_hour",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="mailing",
            name="released_up_to",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="mailing",
            name="step",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="mailing",
            name="step_at",
            field=models.DateTimeField(null=True),
        ),
    ]

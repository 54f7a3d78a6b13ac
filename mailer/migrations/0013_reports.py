"""Figures that are kept, and small indexes that tell whether there is anything new to count."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0012_refusals_read"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "mailing",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="tally",
                        serialize=False,
                        to="mailer.mailing",
                    ),
                ),
                ("counts", models.JSONField()),
                ("account", models.JSONField()),
                ("left", models.PositiveIntegerField()),
                ("signs", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("seconds", models.FloatField()),
            ],
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("bounced_at__isnull", False)),
                fields=["mailing", "state"],
                name="delivery_bounced",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("complained_at__isnull", False)),
                fields=["mailing", "state"],
                name="delivery_complained",
            ),
        ),
        migrations.AddIndex(
            model_name="feedbackevent",
            index=models.Index(fields=["newsletter", "kind", "at"], name="feedback_of_newsletter"),
        ),
    ]

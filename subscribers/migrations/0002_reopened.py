"""After a complaint a person may let the reader come back; the reader's own sign-up does the rest."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="suppression",
            name="reopened_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="suppression",
            name="reopened_by",
            field=models.CharField(blank=True, max_length=150),
        ),
    ]

"""Readers may pause until a day of their choice."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0005_sign_up_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="subscriber",
            name="paused_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]

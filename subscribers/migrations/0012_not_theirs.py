"""Addresses that were never the reader's."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0011_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="formeraddress",
            name="own",
            field=models.BooleanField(default=True),
        ),
    ]

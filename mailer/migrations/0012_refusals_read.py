"""Each refusal in the ledger is read once by the feedback stage, which finds the unread ones at any size."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0011_ways_in"),
    ]

    operations = [
        migrations.AddField(
            model_name="outage",
            name="returned",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AlterField(
            model_name="outage",
            name="readers",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="refusal_read_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=Q(state="refused", refusal_read_at__isnull=True),
                fields=["id"],
                name="delivery_refusal_unread",
            ),
        ),
    ]

"""Every event knows where it came from, so that nothing counts twice, and by which rule it was classified."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0005_ledger_references"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedbackevent",
            name="origin",
            field=models.CharField(blank=True, max_length=128),
        ),
        migrations.AddField(
            model_name="feedbackevent",
            name="rule",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddConstraint(
            model_name="feedbackevent",
            constraint=models.UniqueConstraint(
                condition=~Q(origin=""), fields=("origin",), name="feedback_once"
            ),
        ),
    ]

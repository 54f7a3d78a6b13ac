"""Events are found by their mailing, and know whose mail system they came from."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0006_feedback_origin"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedbackevent",
            name="mailing",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="events",
                to="mailer.mailing",
            ),
        ),
        migrations.AddField(
            model_name="feedbackevent",
            name="provider",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddIndex(
            model_name="feedbackevent",
            index=models.Index(fields=["mailing", "kind", "bounce_class"], name="feedback_of_mailing"),
        ),
    ]

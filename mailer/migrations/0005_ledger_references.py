"""The ledger's references are kept by planning, which writes a million of them at once."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0004_rehearsals_and_alerts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="mailing",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="mailer.mailing",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="variant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="mailer.frozenvariant",
            ),
        ),
    ]

"""The index of a mailing's account is of all but those that were accepted: the many cost nothing more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailer", "0018_claims"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_account",
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "accepted"), _negated=True),
                fields=["mailing", "state", "reason"],
                name="delivery_missed",
            ),
        ),
    ]

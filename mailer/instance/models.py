"""The installation that the database belongs to, and whether it may send."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# The key of the only row.
_ONLY = 1
# Ids that a copy leaves out: more than the original can have given to new rows since. A mailing has as many
# deliveries as it has readers.
_LEFT_OUT, _LEFT_OUT_OF_DELIVERIES = 100_000, 10_000_000


def new_identity() -> str:
    """A random name of an installation."""
    return secrets.token_hex(16)


class Instance(models.Model):
    """The identity of the installation, and what is recorded of it as a whole; one row.

    In no-send mode nothing leaves the installation: see instance.no_send_status.
    """

    class Reason(models.TextChoices):
        RESTORED = "restored", _("this installation was restored from a backup")
        COPIED = "copied", _("the database is a copy, or was moved to another server or disk")
        OLDER = "older", _("the database was restored to an earlier state")
        MOVED = "moved", _("the data were moved to another database, which is used instead")
        PAUSED = "paused", _("a server administrator paused sending")

    # The machines of the installation have it in a file. A copy gets another one.
    identity = models.CharField(max_length=32, default=new_identity)
    # Which database server or file this was, when a process started last;
    # see instance.database_copy_detection.
    database = models.CharField(max_length=64, blank=True)
    # When a worker ran last. Machines note it too, and so recognise a database that was put back.
    seen_at = models.DateTimeField(default=timezone.now)
    # When its last backup was finished and verified.
    last_backup_at = models.DateTimeField(null=True)
    # Since when nothing is sent, and why; null: mail is sent.
    no_send_since = models.DateTimeField(null=True)
    no_send_reason = models.CharField(max_length=8, choices=Reason.choices, blank=True)

    def __str__(self) -> str:
        return gettext("this installation")


class CheckRun(models.Model):
    """A run of the doctor's checks that staff asked for; a worker makes it. The last ones stay."""

    requested_at = models.DateTimeField(default=timezone.now)
    # The username of who asked.
    requested_by = models.CharField(max_length=150)
    # When a worker began and finished; null: not yet.
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # What is being waited for.
    waiting_for = models.CharField(max_length=120, blank=True)
    # In order, each as doctor.check.CheckResult.as_dict.
    results = models.JSONField(default=list)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"checks of {self.requested_at:%Y-%m-%d %H:%M}"


class SkippedStep(models.Model):
    """A step of the set-up checklist that staff decided not to do."""

    # As in desk.base.setup_progress: "dns".
    step = models.CharField(max_length=30, unique=True)
    reason = models.CharField(max_length=200)
    # The username of who decided.
    skipped_by = models.CharField(max_length=150)
    skipped_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.step


def load_instance() -> Instance | None:
    """The row; None in a database that no process of an installation has used yet."""
    return Instance.objects.filter(pk=_ONLY).first()


def get_or_create_instance(now: datetime, database: str) -> Instance:
    """The row, which is created where it is missing."""
    return Instance.objects.get_or_create(pk=_ONLY, defaults={"seen_at": now, "database": database})[0]


def record_backup(now: datetime) -> None:
    """A backup that was made at `now` is finished."""
    Instance.objects.filter(pk=_ONLY).update(last_backup_at=now)


def begin_or_replace_no_send(reason: Instance.Reason, now: datetime, **values: Any) -> bool:
    """Stop sending for this reason; False if another process did first. `values`: other columns to set.

    A reason that asks what a copy sent in the meantime is not replaced by one that does not.
    """
    rows = Instance.objects.filter(pk=_ONLY)
    if reason == Instance.Reason.PAUSED:
        rows = rows.filter(no_send_since=None)
    with transaction.atomic():
        begun = bool(rows.update(no_send_since=now, no_send_reason=reason, **values))
        if begun and reason in _UNAWARE:
            _leave_out_ids()
    return begun


# The database does not know what the original did since.
_UNAWARE = (Instance.Reason.RESTORED, Instance.Reason.COPIED, Instance.Reason.OLDER)


def _leave_out_ids() -> None:
    """Let new rows have ids that the original cannot have given since.

    Links, envelope senders and Message-IDs of its mail name subscribers and deliveries by their ids: with the
    same ids here, they would open the pages, and stop the mail, of other people.
    """
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for model in (
            one for name in ("mailer", "subscribers") for one in apps.get_app_config(name).get_models()
        ):
            table, key = model._meta.db_table, model._meta.pk
            if table not in existing or not isinstance(key, models.AutoField):
                continue
            count = _LEFT_OUT_OF_DELIVERIES if model.__name__ == "Delivery" else _LEFT_OUT
            if connection.vendor == "postgresql":
                sequence = "pg_get_serial_sequence(%s, %s)"
                cursor.execute(
                    f"SELECT setval({sequence}, nextval({sequence}) + %s)",
                    [table, key.column, table, key.column, count],
                )
                continue
            cursor.execute("UPDATE sqlite_sequence SET seq = seq + %s WHERE name = %s", [count, table])
            if not cursor.rowcount:
                # No row was ever added to it.
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, count])


def end_no_send() -> None:
    """Send again."""
    Instance.objects.filter(pk=_ONLY).update(no_send_since=None, no_send_reason="")

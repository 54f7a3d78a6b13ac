"""The tables of an import: the job, rows that wait, what was changed, and rows that were rejected."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.resumable_jobs import Job

# Every change that was undone is counted in one of these.
UNDO_STATS = ("removed", "restored", "kept")


class ImportJob(Job):
    """One file for one list: who uploaded it, who applied it, and the result."""

    class State(models.TextChoices):
        MAPPING = "mapping", _("waiting for the mapping of columns")
        READING = "reading", _("the file is being checked")
        READY = "ready", _("ready to be imported")
        APPLYING = "applying", _("being imported")
        APPLIED = "applied", _("imported")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")
        DISCARDED = "discarded", _("discarded")
        FAILED = "failed", _("file could not be read")

    ACTIVE = (State.APPLYING, State.UNDOING)
    BATCH_FIELDS = ("last_line", "result", "undo_result")

    file_name = models.CharField(max_length=200)
    # Of the file's bytes, hexadecimal; empty until it was read.
    sha256 = models.CharField(max_length=64, blank=True)
    mailing_list = models.ForeignKey("subscribers.MailingList", on_delete=models.CASCADE, related_name="+")
    # How these people gave their consent, as text.
    source = models.CharField(max_length=200)
    # Language code for rows in which the file has none.
    language = models.CharField(max_length=12)
    # How to read the file: encoding, delimiter, columns (column to field); what is missing is detected.
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices)
    # Name of the uploaded file while it waits to be read; empty for a file that a command reads.
    upload = models.CharField(max_length=100, blank=True)
    applied_by = models.CharField(max_length=150, blank=True)
    applied_at = models.DateTimeField(null=True)

    # ImportStats by name: what the dry run expects, and what was applied; then UNDO_STATS of undoing.
    expected = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    undo_result = models.JSONField(default=dict)
    # Lines of some rows of each outcome.
    samples = models.JSONField(default=dict)
    last_line = models.PositiveIntegerField(default=0)
    # Whether addresses that the file marks as do-not-mail are suppressed.
    suppress_do_not_mail = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = _("imports of subscribers")
        verbose_name = _("import")
        indexes = [models.Index(fields=["state"], name="import_job_state")]

    def __str__(self) -> str:
        return f"{self.file_name}: {self.state}"

    def progress(self) -> tuple[int, int]:
        """In changes while it is undone, in lines while it is applied, in bytes while it is read."""
        if self.state == self.State.UNDOING:
            total = self.result["added"] + self.result["updated"]
            return sum(self.undo_result.get(name, 0) for name in UNDO_STATS), total
        if self.state == self.State.APPLYING:
            return self.position, self.last_line
        if self.state == self.State.READING:
            return self.position, self.options.get("size", 0)
        return 0, 0


class _JobRow(models.Model):
    """Rows by the million: without a constraint that is checked for each, and with one index."""

    job = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class _FileRow(_JobRow):
    line = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"line {self.line} of import {self.job_id}"


class ImportRow(_FileRow):
    """A valid row of the file that waits to be applied."""

    address_hash = models.BinaryField(max_length=16)
    email = models.CharField(max_length=254)
    name = models.CharField(max_length=200)
    language = models.CharField(max_length=12)
    # As CountriesField stores them.
    countries = models.CharField(max_length=800)
    # A doubt about the address or the name, see `ValidRow`.
    warning = models.CharField(max_length=300)
    # Tags and values of custom fields, JSON; mostly empty.
    attributes = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["job", "line"], name="import_row_line")]


class RejectedRow(_FileRow):
    """A row that was not imported, and why."""

    class Kind(models.TextChoices):
        INVALID = "invalid", _("invalid")
        DO_NOT_MAIL = "do_not_mail", _("marked as do-not-mail in the file")
        DUPLICATE = "duplicate", _("duplicate within the file")
        SUPPRESSED = "suppressed", _("suppressed")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed before the import")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    reason = models.CharField(max_length=300)
    # What the file says about the person, a `statuses.Status`; empty where that is not the reason.
    status = models.CharField(max_length=16, blank=True, default="")
    # Where the row has an address: erasure finds the row by it.
    address_hash = models.BinaryField(max_length=16, null=True)
    # The cells as they are in the file, a JSON array; of rows that were compared only the address.
    cells = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["job", "line"], name="rejected_row_line")]


class ImportChange(_JobRow):
    """What was changed of one subscriber; undoing reverts it."""

    class Kind(models.TextChoices):
        NEW = "new", _("subscriber was not known before")
        JOINS = "joins", _("subscriber was already known, and was added to the list")
        CONFIRMS = "confirms", _("subscription was waiting for confirmation")
        CHANGES = "changes", _("subscriber was already on the list")

    # Not a foreign key: the subscriber may be erased since.
    subscriber = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # Where name, language or countries were changed: each before and after; otherwise null.
    old_name = models.CharField(max_length=200, null=True)  # noqa: DJ001  (null: nothing was changed)
    old_language = models.CharField(max_length=12, null=True)  # noqa: DJ001
    old_countries = models.CharField(max_length=800, null=True)  # noqa: DJ001
    new_name = models.CharField(max_length=200, null=True)  # noqa: DJ001
    new_language = models.CharField(max_length=12, null=True)  # noqa: DJ001
    new_countries = models.CharField(max_length=800, null=True)  # noqa: DJ001
    # Tags and values of custom fields that were added or changed, JSON; mostly empty.
    attributes = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["job", "id"], name="import_change_of_job")]

    def __str__(self) -> str:
        return f"{self.subscriber} {self.kind} by import {self.job_id}"

"""An import's tables: what was brought by whom, rows that wait, what was changed, and who was not taken."""

from __future__ import annotations

from django.db import models


class ImportRun(models.Model):
    """One file for one list: who brought it, who applied it, and what came of it."""

    class State(models.TextChoices):
        MAPPING = "mapping", "waiting for its columns to be named"
        READING = "reading", "being read"
        READY = "ready", "waiting to be applied"
        APPLYING = "applying", "being applied"
        APPLIED = "applied", "applied"
        UNDOING = "undoing", "being undone"
        UNDONE = "undone", "undone"
        DISCARDED = "discarded", "discarded"
        FAILED = "failed", "could not be read"

    file_name = models.CharField(max_length=200)
    # Of the file's bytes, hexadecimal; empty until it was read.
    sha256 = models.CharField(max_length=64, blank=True)
    mailing_list = models.ForeignKey("subscribers.MailingList", on_delete=models.CASCADE, related_name="+")
    # How these people gave their consent, in words.
    source = models.CharField(max_length=200)
    # The language of those about whom the file says none.
    language = models.CharField(max_length=12)
    # How the file is to be read: encoding, delimiter, mapping (column: field); what is missing is detected.
    reading = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices)
    # A file's name in the storage while it waits to be read; empty for one that a command reads.
    stored = models.CharField(max_length=100, blank=True)
    # Why it could not be read, or why it does not go on.
    error = models.TextField(blank=True)

    brought_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    applied_by = models.CharField(max_length=150, blank=True)
    applied_at = models.DateTimeField(null=True)
    # Who undid or discarded it.
    ended_by = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(null=True)

    # Figures by name: what would happen, what happened, and what undoing did.
    foreseen = models.JSONField(default=dict)
    done = models.JSONField(default=dict)
    undone = models.JSONField(default=dict)
    # Lines of some rows of each kind.
    samples = models.JSONField(default=dict)
    last_line = models.PositiveIntegerField(default=0)
    # Whether those of whom the file says that they are gone are suppressed.
    stops_gone = models.BooleanField(default=False)
    # How far the present work has come: a line of the file, or the id of an ImportChange.
    position = models.BigIntegerField(default=0)
    # Who is at work, and until when nobody else may take over.
    worker = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state"], name="import_state")]

    def __str__(self) -> str:
        return f"{self.file_name}: {self.state}"


class _OfRun(models.Model):
    """Rows that come by the million: no constraint is checked for each, and no more than one index kept."""

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class ImportRow(_OfRun):
    """A person of the file who waits to be applied."""

    line = models.PositiveIntegerField()
    address_hash = models.BinaryField(max_length=16)
    email = models.CharField(max_length=254)
    name = models.CharField(max_length=200)
    language = models.CharField(max_length=12)
    # As CountriesField keeps them.
    countries = models.CharField(max_length=800)
    # What a person should look at: see checking.
    flag = models.CharField(max_length=300)
    # Tags and values of custom fields, JSON; mostly empty.
    notes = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["run", "line"], name="import_row_line")]

    def __str__(self) -> str:
        return f"line {self.line} of import {self.run_id}"


class ImportRefusal(_OfRun):
    """A row that was not taken, and why."""

    class Kind(models.TextChoices):
        REFUSED = "refused", "not a person who can be added"
        GONE = "gone", "gone, as the file says"
        DUPLICATE = "duplicate", "named before in the file"
        SUPPRESSED = "suppressed", "suppressed"
        LEFT = "left", "left before"

    line = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    reason = models.CharField(max_length=300)
    # Where the row has an address: what erasing finds it by.
    address_hash = models.BinaryField(max_length=16, null=True)
    # The cells as they stood in the file, a JSON array; only the address of those who were compared.
    cells = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["run", "line"], name="import_refusal_line")]

    def __str__(self) -> str:
        return f"line {self.line} of import {self.run_id}: {self.kind}"


class ImportChange(_OfRun):
    """What was done to one person: what undoing goes by."""

    class Kind(models.TextChoices):
        NEW = "new", "was not known before"
        JOINS = "joins", "was known, and put on the list"
        CONFIRMS = "confirms", "had asked for the list, and was waiting"
        CHANGES = "changes", "was on the list, and changed"

    # No foreign key: the person may be erased since.
    subscriber = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # Where name, language or countries were changed: each before and after; otherwise null.
    old_name = models.CharField(max_length=200, null=True)  # noqa: DJ001  (null: nothing was changed)
    old_language = models.CharField(max_length=12, null=True)  # noqa: DJ001
    old_countries = models.CharField(max_length=800, null=True)  # noqa: DJ001
    new_name = models.CharField(max_length=200, null=True)  # noqa: DJ001
    new_language = models.CharField(max_length=12, null=True)  # noqa: DJ001
    new_countries = models.CharField(max_length=800, null=True)  # noqa: DJ001
    # Tags and values of custom fields that were noted, JSON; mostly empty.
    notes = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="import_change_of_run")]

    def __str__(self) -> str:
        return f"{self.subscriber} {self.kind} by import {self.run_id}"

"""The chain of the audit log: a record of each entry, authenticated together with the record before it."""

from __future__ import annotations

from django.db import models
from wagtail.models import ModelLogEntry


class AuditRecord(models.Model):
    """Digests of an entry, and a MAC over them and the record before. Only `salt` can be emptied later."""

    # 1, 2, 3 … without a gap.
    sequence = models.BigIntegerField(primary_key=True)
    entry = models.ForeignKey(ModelLogEntry, on_delete=models.DO_NOTHING, related_name="+")
    # Whether label and data of an entry were replaced, because they named an erased subscriber.
    redaction = models.BooleanField(default=False)
    # SHA-256 of who did what to which object, and when.
    fixed_digest = models.BinaryField(max_length=32)
    # SHA-256 of the salt, label and data. Without the salt nothing can be learned from it by trying.
    content_digest = models.BinaryField(max_length=32)
    # Random; empty once label and data were replaced.
    salt = models.BinaryField(max_length=16)
    # HMAC-SHA-256 of the MAC before and of this record, with the key of the audit log.
    mac = models.BinaryField(max_length=32, unique=True)

    def __str__(self) -> str:
        return f"audit record {self.sequence} of entry {self.entry_id}"

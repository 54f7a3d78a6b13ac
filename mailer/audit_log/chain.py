"""Appends to the audit log's chain, redacts entries without breaking it, and verifies it.

Each entry gets a record with digests of its parts, authenticated (HMAC) together with the record before. An
entry that is changed, deleted, reordered or written past the application no longer fits. Label and data have
a digest of their own, with a random salt: when a subscriber is erased, they are replaced, the salt is
deleted, and a further record authenticates what they are now.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Literal, NamedTuple

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models.signals import post_save
from wagtail.models import ModelLogEntry
from wagtail.models.audit_log import ModelLogEntryManager

from mailer.audit_log.models import AuditRecord
from mailer.insert_rows import insert_rows

# Key of the advisory lock on PostgreSQL; any fixed number.
_LOCK = 0x6175_6469_7400
_SALT_OCTETS = 16
_CHUNK = 2000
# Problems listed of each verification.
_LISTED = 20
_NO_MAC = b""
_ENCODER = DjangoJSONEncoder(sort_keys=True, separators=(",", ":"))

# broken: the record does not follow from those before it, or one is missing. changed: the entry is not as it
# was. deleted: there is no entry. unchained: an entry was written past the application.
Problem = Literal["broken", "changed", "deleted", "unchained"]


@dataclass
class Verification:
    """What `verify` found."""

    # Entries that were compared.
    entries: int = 0
    # The last MAC, hexadecimal. Noted elsewhere, it shows later whether the end of the log was cut off.
    head: str = ""
    count: int = 0
    # The first problems, each with the sequence number ("broken") or the id of the entry.
    problems: list[tuple[Problem, int]] = field(default_factory=list)

    def add(self, problem: Problem, number: int) -> None:
        self.count += 1
        if len(self.problems) < _LISTED:
            self.problems.append((problem, number))


def append(entry_id: int) -> None:
    """Chain a new entry, in the caller's transaction; other writers wait for its end."""
    append_all([entry_id])


def append_all(entry_ids: Collection[int]) -> None:
    """Chain new entries, oldest first: those that were stored at once, without a signal for each."""
    with transaction.atomic():
        _lock()
        _append(entry_ids, redaction=False)


def redact(entry: ModelLogEntry, label: str, data: dict[str, Any]) -> None:
    """Replace label and data of an entry; what they were can neither be read nor guessed afterwards."""
    with transaction.atomic():
        _lock()
        AuditRecord.objects.filter(entry=entry).update(salt=b"")
        ModelLogEntry.objects.filter(pk=entry.pk).update(label=label, data=data)
        _append([entry.pk], redaction=True)
    entry.label, entry.data = label, data


def verify() -> Verification:
    """Compare all entries with the chain. Writers wait only if it finds a problem."""
    found = _verify()
    if found.count:
        # Entries may have been written or redacted meanwhile: once more, without other writers.
        with transaction.atomic():
            _lock()
            found = _verify()
    return found


def _verify() -> Verification:
    found = Verification()
    latest = _verify_records(found)
    for row in _rows(ModelLogEntry.objects.order_by("pk")):
        found.entries += 1
        record = latest.pop(row.pk, None)
        if record is None:
            found.add("unchained", row.pk)
        elif record != _Digests(row.fixed_digest(), row.content_digest(record.salt), record.salt):
            found.add("changed", row.pk)
    for entry_id in latest:
        found.add("deleted", entry_id)
    return found


def connect_signals() -> None:
    """Chain every entry that is written from now on. Called once when the application is ready."""
    post_save.connect(_on_entry, sender=ModelLogEntry, dispatch_uid="mailer.audit_log.chain")
    # Wagtail writes an entry outside of a transaction where the caller has none: an interruption must not
    # leave it without its record.
    if not hasattr(ModelLogEntryManager.log_action, "__wrapped__"):
        ModelLogEntryManager.log_action = transaction.atomic(ModelLogEntryManager.log_action)


def _on_entry(instance: ModelLogEntry, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw:
        append(instance.pk)


def _lock() -> None:
    """Let one transaction at a time append. On SQLite there is one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _append(entry_ids: Collection[int], *, redaction: bool) -> None:
    last = AuditRecord.objects.order_by("-sequence").values_list("sequence", "mac").first()
    sequence, mac = (last[0], bytes(last[1])) if last else (0, _NO_MAC)
    records = []
    # Read back, because a database stores numbers and times in its own way.
    entries = ModelLogEntry.objects.filter(pk__in=entry_ids).order_by("pk")
    for row in map(_Row._make, entries.values_list(*_Row._fields)):
        salt, sequence = secrets.token_bytes(_SALT_OCTETS), sequence + 1
        digests = _Digests(row.fixed_digest(), row.content_digest(salt), salt)
        mac = _mac(mac, sequence, row.pk, redaction, digests)
        records.append((sequence, row.pk, redaction, *digests, mac))
    columns = ("sequence", "entry_id", "redaction", "fixed_digest", "content_digest", "salt", "mac")
    insert_rows(AuditRecord, columns, records, keys_wanted=False)


class _Digests(NamedTuple):
    fixed: bytes
    content: bytes
    salt: bytes


def _mac(before: bytes, sequence: int, entry_id: int, redaction: bool, digests: _Digests) -> bytes:
    numbers = sequence.to_bytes(8) + entry_id.to_bytes(8) + bytes([redaction])
    message = b"".join((before, numbers, digests.fixed, digests.content))
    return hmac.digest(settings.AUDIT_LOG_KEY.encode(), message, "sha256")


def _verify_records(found: Verification) -> dict[int, _Digests]:
    """The newest digests of each entry."""
    latest: dict[int, _Digests] = {}
    before, expected = _NO_MAC, 1
    columns = ("sequence", "entry_id", "redaction", "fixed_digest", "content_digest", "salt", "mac")
    records = AuditRecord.objects.order_by("sequence").values_list(*columns)
    for sequence, entry_id, redaction, fixed, content, salt, mac in records.iterator(_CHUNK):
        digests = _Digests(bytes(fixed), bytes(content), bytes(salt))
        right = _mac(before, sequence, entry_id, redaction, digests)
        if sequence != expected or not hmac.compare_digest(right, bytes(mac)):
            found.add("broken", sequence)
        latest[entry_id] = digests
        before, expected = bytes(mac), sequence + 1
    found.head = before.hex()
    return latest


class _Row(NamedTuple):
    """An entry as the database has it."""

    pk: int
    content_type_id: int | None
    object_id: str
    action: str
    user_id: int | None
    timestamp: Any
    uuid: Any
    revision_id: int | None
    content_changed: bool
    deleted: bool
    label: str
    data: Any

    def fixed_digest(self) -> bytes:
        """SHA-256 of all but label and data."""
        fixed = [*self[:-2]]
        fixed[self._fields.index("timestamp")] = self.timestamp.astimezone(UTC).isoformat()
        return hashlib.sha256(_canonical(fixed)).digest()

    def content_digest(self, salt: bytes) -> bytes:
        """SHA-256 of label and data."""
        return hashlib.sha256(salt + _canonical([self.label, self.data])).digest()


def _rows(entries: Any) -> Iterator[_Row]:
    return map(_Row._make, entries.values_list(*_Row._fields).iterator(_CHUNK))


def _canonical(value: Any) -> bytes:
    """JSON that is the same for equal values."""
    return _ENCODER.encode(value).encode()

"""The audit log: no entry can be changed unnoticed, and an erased subscriber leaves no trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, connections, transaction
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from mailer.audit_log import chain
from mailer.audit_log.models import AuditRecord
from mailer.doctor import local_checks
from mailer.migrations import _triggers
from subscribers.models import MailingList
from subscribers.privacy.erasure import erase_and_suppress
from tests.subscribers.conftest import NOW, Join, join, monthly  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def entries(db: None) -> list[ModelLogEntry]:
    user = User.objects.create_user("writer")
    row = MailingList.objects.create(slug="audited", name="Audited")
    data = {"to": "a place", "number": 3, "share": 1e16, "nested": {"b": [1, None], "a": "Ö"}}
    return [log(instance=row, action="wagtail.edit", user=user, data=data, title=str(n)) for n in range(3)]


@contextmanager
def without_triggers() -> Iterator[None]:
    """What a person with the database's password can do."""
    with (
        connection.schema_editor(atomic=False) if connection.vendor == "postgresql" else transaction.atomic()
    ):
        with connection.cursor() as cursor:
            for trigger in _triggers.TRIGGERS:
                on = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
                if trigger.name.startswith("audit_"):
                    cursor.execute(f"DROP TRIGGER {trigger.name}{on}")
        yield
    _triggers.restore_missing()


def problems() -> list[tuple[str, int]]:
    return list(chain.verify().problems)


def test_entries_are_chained_as_they_are_written(entries: list[ModelLogEntry]) -> None:
    found = chain.verify()
    assert (found.problems, found.entries) == ([], ModelLogEntry.objects.count())
    assert found.head == bytes(AuditRecord.objects.latest("sequence").mac).hex()
    (result,) = local_checks.check_audit_log()
    assert result.status == "ok"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wagtailcore_modellogentry SET user_id = NULL",
        "UPDATE wagtailcore_modellogentry SET action = 'wagtail.create'",
        "UPDATE wagtailcore_modellogentry SET label = 'another'",
        "UPDATE wagtailcore_modellogentry SET data = '{}'",
        "DELETE FROM wagtailcore_modellogentry",
        "DELETE FROM mailer_auditrecord",
        "UPDATE mailer_auditrecord SET mac = content_digest",
        "UPDATE mailer_auditrecord SET salt = fixed_digest",
    ],
)
def test_the_database_refuses_every_change(entries: list[ModelLogEntry], statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="only added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert problems() == []


def test_changes_past_the_triggers_are_found(entries: list[ModelLogEntry]) -> None:
    first, second, third = (entry.pk for entry in entries)
    with without_triggers():
        ModelLogEntry.objects.filter(pk=first).update(label="another")
        ModelLogEntry.objects.filter(pk=second).update(user=None)
        connection.cursor().execute("DELETE FROM mailer_auditrecord WHERE entry_id = %s", [third])
    assert set(problems()) == {("changed", first), ("changed", second), ("unchained", third)}
    assert [one.status for one in local_checks.check_audit_log()] == ["problem"]


def test_a_forged_record_does_not_fit(entries: list[ModelLogEntry]) -> None:
    sequence = AuditRecord.objects.earliest("sequence").sequence
    with without_triggers():
        AuditRecord.objects.filter(sequence=sequence).update(content_digest=b"x" * 32)
    assert ("broken", sequence) in problems()


def test_a_missing_trigger_is_a_problem_and_comes_back(entries: list[ModelLogEntry]) -> None:
    on = " ON wagtailcore_modellogentry" if connection.vendor == "postgresql" else ""
    connection.cursor().execute(f"DROP TRIGGER audit_entry_kept{on}")
    assert [one.status for one in local_checks.check_audit_log()] == ["problem"]
    _triggers.restore_missing()
    assert [one.status for one in local_checks.check_audit_log()] == ["ok"]
    if connection.vendor == "postgresql":
        # There it can be switched off as well.
        connection.check_constraints()
        connection.cursor().execute("ALTER TABLE wagtailcore_modellogentry DISABLE TRIGGER audit_entry_kept")
        assert [one.status for one in local_checks.check_audit_log()] == ["problem"]
        _triggers.restore_missing()
        assert [one.status for one in local_checks.check_audit_log()] == ["ok"]


def test_erasure_removes_a_subscriber_from_old_entries_and_the_chain_still_fits(
    entries: list[ModelLogEntry],
    join: Join,  # noqa: F811
) -> None:
    person = join("aigul", name="Aigul")
    changes = {"email": ["aigul@example.org", "aigul2@example.org"], "name": ["Aigul", "Aigul A."]}
    theirs = log(instance=person, action="wagtail.edit", data={"changes": changes})
    other = log(
        instance=MailingList.objects.first(), action="wagtail.edit", data={"to": "mail of aigul@example.org"}
    )
    before = {record.entry_id: bytes(record.salt) for record in AuditRecord.objects.all()}
    erase_and_suppress("aigul@example.org", NOW)
    for entry in (theirs, other):
        entry.refresh_from_db()
        assert "igul" not in f"{entry.label} {entry.data}"
    assert set(theirs.data["changes"]) == {"email", "name"}
    assert problems() == []
    # Nobody can try addresses against the old digest.
    for record in AuditRecord.objects.filter(entry__in=[theirs.pk, other.pk], redaction=False):
        assert bytes(record.salt) == b"" and before[record.entry_id]
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelLogEntry.objects.filter(pk=theirs.pk).update(label="aigul@example.org")


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_make_one_chain(settings: object) -> None:
    row = MailingList.objects.create(slug="audited", name="Audited")
    start = Barrier(4)

    def write() -> None:
        for _ in range(5):
            with transaction.atomic():
                log(instance=row, action="wagtail.edit")

    def write_at_once() -> None:
        start.wait()
        try:
            write()
        finally:
            connections.close_all()

    if connection.vendor == "sqlite":
        # A database in memory has one connection, so that the writers take turns.
        for _ in range(4):
            write()
    else:
        threads = [Thread(target=write_at_once) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert AuditRecord.objects.count() == 20
    assert problems() == []

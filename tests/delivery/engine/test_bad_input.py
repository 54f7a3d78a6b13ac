"""One bad address or sender does not stop the other messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from mailer.approval import snapshot_hashes
from mailer.approval.models import Approval, Snapshot
from mailer.delivery.models import Mailing
from subscribers.models import Subscriber
from tests.delivery.cast import balances, readers, released, send, states

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.mark.parametrize("address", ['"two words"@example.net', f"{'a' * 70}@example.net"])
def test_an_address_that_no_header_can_carry_is_refused_and_delays_no_other(relay, address):
    readers(5)
    mailing = released()
    Subscriber.objects.filter(email="reader-2@example.net").update(email=address)
    summary = send()
    assert states(mailing) == {"accepted": 4, "refused": 1}
    assert summary.finished == [mailing.pk] and balances(mailing)


def test_a_mailing_with_unusable_headers_is_paused(relay):
    readers(3)
    mailing = released()
    # As of a version that let such a sender be submitted.
    snapshot = mailing.snapshot
    manifest = json.loads(snapshot.manifest)
    manifest["sender"]["email"] = "news@bücher.example"
    text = snapshot_hashes.canonical_json(manifest)
    with without_triggers():
        Snapshot.objects.filter(pk=snapshot.pk).update(manifest=text, sha256=snapshot_hashes.sha256_hex(text))
        Approval.objects.filter(snapshot=snapshot).update(sha256=snapshot_hashes.sha256_hex(text))
    assert send().accepted == 0
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED and "From" in mailing.reason
    assert balances(mailing)


@contextmanager
def without_triggers() -> Iterator[None]:
    """What only somebody with the database in hand can do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            yield
            cursor.execute("SET session_replication_role = origin")
            return
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'mailer_%'"
        )
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in triggers:
            cursor.execute(statement)

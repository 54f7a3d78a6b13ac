"""A restored installation sends nothing until that is confirmed; then it goes on, nobody is mailed twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backup import office
from tests.delivery.relay import Relay
from tests.waiting import until

pytestmark = [
    pytest.mark.sqlite,
    pytest.mark.django_db,
    pytest.mark.journey,
    pytest.mark.xdist_group("backup"),
]


def totals(folder: Path, edition: str, **variables: str) -> dict[str, Any]:
    (found,) = office.mailer(folder, "edition", "report", edition, **variables)
    parts = ("planned", "claimed", "accepted", "deferred", "refused", "in_doubt")
    assert found["audience"] == sum(found[one] for one in parts) + sum(found["excluded"].values())
    return found


def edition_of(folder: Path) -> str:
    ((slug,),) = office.query(
        folder, "SELECT slug FROM mailer_edition WHERE id IN (SELECT edition_id FROM mailer_mailing)"
    )
    return str(slug)


def ask_for_password(folder: Path) -> None:
    """Write a row that the worker answers within seconds, whether or not it may send."""
    with closing(sqlite3.connect(folder / "mailer.db", timeout=60)) as database:
        database.execute(
            "INSERT INTO mailer_passwordresetrequest (login, network, created_at)"
            " VALUES ('nobody', '', '2026-01-01 00:00:00')"
        )
        database.commit()


def test_a_restored_installation_sends_nothing_until_confirmed_and_then_the_rest(
    half_sent: tuple[Path, list[str]], restored: Path, tmp_path: Path
) -> None:
    _, sent = half_sent
    # Other tests look at what was restored.
    restored = shutil.copytree(restored, tmp_path / "office", symlinks=True)
    edition = edition_of(restored)
    before = totals(restored, edition)
    assert before["accepted"] == len([one for one in sent if one.startswith("reader-")])
    with Relay() as relay, office.Worker(restored, relay.port):
        # Several rounds of every job.
        for _ in range(3):
            ask_for_password(restored)
            until(lambda: not office.query(restored, "SELECT 1 FROM mailer_passwordresetrequest"))
        assert relay.commands == []
        (state,) = office.mailer(restored, "resume-sending", "--go-on", edition, "--yes")
        assert state == {"no_send": None}
        until(lambda: office.query(restored, "SELECT 1 FROM mailer_mailing WHERE state = 'done'"))
        # Without the notices to staff, of which there may be several.
        received = Counter(one for one in (*sent, *relay.recipients()) if one.startswith("reader-"))
    after = totals(restored, edition)
    # The worker was stopped in order, so nothing was in doubt, and everybody has it once.
    assert after["accepted"] == office.READERS
    assert len(received) == office.READERS and set(received.values()) == {1}

"""`mailer move-database`: in the middle of a paused mailing to PostgreSQL, where it goes on and balances."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from tests import programs
from tests.backup import office
from tests.backup.test_sending_elsewhere import edition_of, totals
from tests.delivery.relay import Relay
from tests.postgres import Server
from tests.waiting import until

pytestmark = [
    *(pytest.mark.sqlite, pytest.mark.django_db, pytest.mark.journey),
    *(pytest.mark.postgres, pytest.mark.xdist_group("backup")),
]


@pytest.fixture
def paused(half_sent: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """A copy of the installation, which an operator has confirmed; its mailing is paused."""
    folder = tmp_path / "office"
    shutil.copytree(half_sent[0], folder)
    # Another file is a copy, whose mailings are paused when sending is resumed.
    office.mailer(folder, "resume-sending", "--yes")
    assert office.query(folder, "SELECT state FROM mailer_mailing") == [("paused",)]
    return folder


def test_a_paused_mailing_goes_on_in_postgresql(
    half_sent: tuple[Path, list[str]], paused: Path, postgres: Server
) -> None:
    _, sent = half_sent
    url = postgres.empty("moved")
    edition = edition_of(paused)
    before = totals(paused, edition)
    # Killed while it copies, it goes on where it was.
    command = [sys.executable, "-m", "mailer", "move-database", "--json"]
    environment = office.environment(MAILER_CONFIG=str(paused / "config.toml"), MAILER_MOVE_TO=url)
    with programs.Popen(command, env=environment, cwd=office.ROOT, stdout=subprocess.DEVNULL) as process:
        until(lambda: _is_loading(url))
        process.send_signal(signal.SIGKILL)
    refused = programs.run(
        [sys.executable, "-m", "mailer", "worker"],
        env={**environment, "MAILER_DATABASE__URL": url},
        cwd=office.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert refused.returncode == 1 and "move-database" in refused.stderr
    *tables, _ = office.mailer(paused, "move-database", MAILER_MOVE_TO=url)
    assert sum(one["rows"] for one in tables) > 500
    assert office.problems(paused, MAILER_DATABASE__URL=url) == []
    assert totals(paused, edition, MAILER_DATABASE__URL=url) == before
    with psycopg.connect(url) as database:
        ((name,),) = database.execute(
            "SELECT name FROM subscribers_subscriber ORDER BY id LIMIT 1"
        ).fetchall()
        assert name == office.AWKWARD
        # The database keeps its rules again.
        with pytest.raises(psycopg.errors.IntegrityError):
            database.execute("DELETE FROM wagtailcore_modellogentry")
    with Relay() as relay, office.Worker(paused, relay.port, MAILER_DATABASE__URL=url):
        office.mailer(paused, "edition", "resume", edition, MAILER_DATABASE__URL=url)
        until(lambda: _is_sent(url), interval=0.2)
        # Without the notices to staff, of which there may be several.
        received = Counter(one for one in (*sent, *relay.recipients()) if one.startswith("reader-"))
    after = totals(paused, edition, MAILER_DATABASE__URL=url)
    assert after["state"] == "sent"
    assert after["accepted"] == office.READERS
    assert len(received) == office.READERS and set(received.values()) == {1}
    # The former database is kept, and sends nothing.
    assert office.query(paused, "SELECT no_send_reason FROM mailer_instance") == [("moved",)]
    assert totals(paused, edition) == before


def _is_loading(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as database:
        ((table,),) = database.execute("SELECT to_regclass('mailer_load')").fetchall()
        return table is not None


def _is_sent(url: str) -> bool:
    """Looked up here: a command would start a process each time."""
    with psycopg.connect(url, autocommit=True) as database:
        return database.execute("SELECT 1 FROM mailer_mailing WHERE state = 'done'").fetchone() is not None


def test_a_running_worker_and_a_target_with_tables_are_refused(
    paused: Path, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.empty("occupied")
    with psycopg.connect(url) as database:
        database.execute("CREATE TABLE mine (id integer)")
    with pytest.raises(AssertionError, match="not empty"):
        office.mailer(paused, "move-database", MAILER_MOVE_TO=url)
    with Relay() as relay, office.Worker(paused, relay.port):
        until(lambda: "worker_started" in (tmp_path / "office-worker.log").read_text())
        with pytest.raises(AssertionError, match="stop it first"):
            office.mailer(paused, "move-database", MAILER_MOVE_TO=url)
    assert os.listdir(tmp_path) != []

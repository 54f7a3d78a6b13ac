"""The database or the disk fails: no delivery is lost, and none is sent twice."""

from __future__ import annotations

import signal
import time

import pytest

from tests.delivery.relay import Relay, Script
from tests.delivery.worker_process import CONNECTIONS, repeats, until_taken
from tests.waiting import SAFETY_SECONDS

pytestmark = pytest.mark.django_db
READERS = 100
on_postgresql = pytest.mark.parametrize(
    "url",
    [pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")])],
    indirect=True,
)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def sent_with_trouble(worker, relay, pid):
    """Wait until something went wrong; what it was in words, once the worker was asked to stop."""
    limit = time.monotonic() + SAFETY_SECONDS
    while not (troubles := worker.report()["troubles"]) and time.monotonic() < limit:
        time.sleep(0.1)
    assert worker.end(pid, signal.SIGTERM) == 0
    return troubles


def everybody_once(worker, relay, interruptions, readers=READERS):
    """Send the rest; then everybody has the mail, and few have it twice."""
    assert worker.end(worker.start()) == 0
    report = worker.report()
    assert set(relay.recipients()) == {f"reader-{number}@example.net" for number in range(readers)}
    assert repeats(relay) <= CONNECTIONS * interruptions
    assert report["state"] == "done" and report["journals"] == 0
    assert report["accepted"] + report["in_doubt"] == readers


@on_postgresql
def test_a_restart_of_the_database_loses_no_message(program, postgres):
    with Relay(Script(latency=0.02)) as relay:
        worker = program(relay, sending__in_doubt_wait_minutes=0)
        worker.ask(f"prepare {READERS}")
        pid = worker.start()
        for sent in (10, 50):
            until_taken(relay, sent)
            postgres.stop()
            time.sleep(0.3)
            postgres.start()
        # The same process goes on.
        assert worker.end(pid) == 0
        everybody_once(worker, relay, 2)


@on_postgresql
@pytest.mark.parametrize("octets", [50, 300_000], ids=["from the first", "on the way"])
def test_a_full_disk_under_the_journal_stops_sending(program, octets):
    # So wordy that the journal soon outgrows what it reserves at first.
    wordy, many = "250 2.0.0 taken, " + "and here is why: " * 30, 700
    with Relay(Script(latency=0.001, dot=lambda to: wordy)) as relay:
        worker = program(relay, sending__in_doubt_wait_minutes=0)
        worker.ask(f"prepare {many}")
        troubles = sent_with_trouble(worker, relay, worker.start(f"file={octets}"))
        assert troubles and all("attempt journal cannot be written" in words for words in troubles)
        assert (relay.taken == []) == (octets == 50)
        everybody_once(worker, relay, len(troubles), many)


@on_sqlite
def test_a_full_disk_under_the_database_stops_sending_and_loses_no_reply(program):
    wordy = "250 2.0.0 taken, " + "and here is why: " * 20
    with Relay(Script(latency=0.02, dot=lambda to: wordy)) as relay:
        worker = program(relay, sending__in_doubt_wait_minutes=0)
        worker.ask(f"prepare {READERS}")
        troubles = sent_with_trouble(worker, relay, worker.start("pages=1"))
        assert any("full" in words for words in troubles)
        relay.script.dot = lambda to: None
        everybody_once(worker, relay, len(troubles))

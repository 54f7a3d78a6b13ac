from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from django.db import DatabaseError

from mailer.tracking.record_events import WriteBuffer, hash_client

pytestmark = pytest.mark.both_databases


class Table:
    """Takes what is written, unless it is down."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.batches: list[int] = []
        self.down = False

    def write(self, batch: Sequence[int]) -> None:
        if self.down:
            raise DatabaseError("attempt to write a readonly database")
        self.batches.append(len(batch))
        self.rows += batch


def test_items_from_many_threads_are_written_once_each_in_batches() -> None:
    table = Table()
    buffer = WriteBuffer(table.write, batch_size=100)
    threads = [
        threading.Thread(target=lambda start: [buffer.put(start + n) for n in range(500)], args=(1000 * k,))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    buffer.flush()
    assert sorted(table.rows) == [1000 * k + n for k in range(4) for n in range(500)]
    assert set(table.batches) == {100}


def test_items_that_fail_to_be_written_stay_in_order() -> None:
    table = Table()
    buffer = WriteBuffer(table.write, batch_size=2)
    table.down = True
    for number in range(5):
        buffer.put(number)
    buffer.flush()
    assert table.rows == []
    table.down = False
    buffer.flush()
    assert table.rows == [0, 1, 2, 3, 4]


def test_items_beyond_the_capacity_are_dropped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    buffer = WriteBuffer(table.write, capacity=3)
    for number in range(10):
        buffer.put(number)
    buffer.flush()
    assert table.rows == [0, 1, 2]
    assert "action=buffer_full dropped=7" in caplog.text


def test_a_started_buffer_writes_regularly_and_when_it_stops() -> None:
    table, written = Table(), threading.Event()

    def write(batch: Sequence[int]) -> None:
        table.write(batch)
        written.set()

    buffer = WriteBuffer(write, interval_seconds=0.01)
    buffer.start()
    buffer.put(1)
    assert written.wait(60)
    assert table.rows == [1]
    buffer.stop()
    buffer.put(2)
    buffer.stop()
    assert table.rows == [1, 2]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_writes_only_its_own_items() -> None:
    reading, writing = os.pipe()
    written = threading.Event()

    def write(batch: Sequence[int]) -> None:
        os.write(writing, bytes(batch))
        written.set()

    buffer = WriteBuffer(write, interval_seconds=0.01)
    # Started first, so that only the parent's own thread could write what it takes before the fork.
    buffer.start()
    buffer.put(1)
    assert written.wait(60)
    if not (child := os.fork()):
        written.clear()
        buffer.put(2)
        os._exit(0 if written.wait(60) else 1)
    assert os.waitpid(child, 0)[1] == 0
    buffer.stop()
    assert sorted(os.read(reading, 10)) == [1, 2]


def test_the_client_hash_changes_daily() -> None:
    day = date(2021, 12, 3)
    assert hash_client("198.51.100.7", "agent", day) != hash_client(
        "198.51.100.7", "agent", day + timedelta(days=1)
    )

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import pytest
from django.db import DatabaseError

from mailer.tracking.buffer import Buffer

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


def test_what_many_threads_put_is_written_once_each_in_batches() -> None:
    table = Table()
    buffer = Buffer(table.write, batch=100)
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


def test_what_the_database_does_not_take_waits_in_its_order() -> None:
    table = Table()
    buffer = Buffer(table.write, batch=2)
    table.down = True
    for number in range(5):
        buffer.put(number)
    buffer.flush()
    assert table.rows == []
    table.down = False
    buffer.flush()
    assert table.rows == [0, 1, 2, 3, 4]


def test_memory_is_bounded_and_what_is_lost_is_told(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    buffer = Buffer(table.write, most=3)
    for number in range(10):
        buffer.put(number)
    buffer.flush()
    assert table.rows == [0, 1, 2]
    assert "action=buffer_full lost=7" in caplog.text


def test_once_started_it_writes_by_itself_and_at_the_end() -> None:
    table = Table()
    buffer = Buffer(table.write, every=0.01)
    buffer.start()
    buffer.put(1)
    deadline = time.monotonic() + 10
    while not table.rows and time.monotonic() < deadline:
        time.sleep(0.01)
    assert table.rows == [1]
    buffer.stop()
    buffer.put(2)
    buffer.stop()
    assert table.rows == [1, 2]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forked_from_another_writes_its_own_and_only_its_own() -> None:
    reading, writing = os.pipe()
    buffer = Buffer(lambda batch: os.write(writing, bytes(batch)) and None, every=0.01)
    buffer.put(1)
    buffer.start()
    time.sleep(0.1)
    if not (child := os.fork()):
        buffer.put(2)
        time.sleep(0.5)
        os._exit(0)
    os.waitpid(child, 0)
    buffer.stop()
    assert sorted(os.read(reading, 10)) == [1, 2]

"""A parser that is made to take everything ends alone; its parent goes on with a clear error."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import pytest

from subscribers.limited_process import LimitExceeded, ProcessLimits, require_xml_depth_at_most, run_lines

MODULE = "tests.subscribers.greedy_process"


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as one:
        one.write(b"first line\n")
        one.flush()
        yield one


@pytest.mark.parametrize(
    ("how", "limits"),
    [
        ("memory", ProcessLimits(memory=200 << 20)),
        ("time", ProcessLimits(cpu_seconds=1)),
        ("silence", ProcessLimits(silence_seconds=0.5)),
        ("line", ProcessLimits(line=100_000)),
        ("crash", ProcessLimits()),
    ],
)
def test_a_process_that_exceeds_a_limit_is_ended(file: IO[bytes], how: str, limits: ProcessLimits) -> None:
    read: list[bytes] = []
    with pytest.raises(LimitExceeded):
        read.extend(run_lines(MODULE, file, limits, how))
    assert set(read) <= {b"first line"}


def test_a_process_within_its_limits_is_read_to_its_end(file: IO[bytes]) -> None:
    assert list(run_lines(MODULE, file, ProcessLimits(), "fine")) == [b"first line"]


def test_deep_xml_is_refused_long_before_its_end() -> None:
    def deep() -> Iterator[bytes]:
        yield b"<a>" * 200
        raise AssertionError("the rest was read as well")

    with pytest.raises(ValueError, match="nested"):
        require_xml_depth_at_most(deep())
    require_xml_depth_at_most(iter([b"<a>" * 90, b"</a>" * 90, b""]))
    require_xml_depth_at_most(iter([b"not XML", b""]))

"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
# A limit that only a hung test reaches. It costs nothing while things work, so it suits any machine.
SAFETY_SECONDS = 300.0


def until(condition: Callable[[], T], what: str = "the condition", interval: float = 0.02) -> T:
    """Poll `condition` every `interval` seconds; return its first true value.

    Fails the test, naming `what`, after SAFETY_SECONDS.
    """
    limit = time.monotonic() + SAFETY_SECONDS
    while not (found := condition()):
        if time.monotonic() > limit:
            pytest.fail(f"{what} did not come about within {SAFETY_SECONDS:.0f} seconds")
        time.sleep(interval)
    return found

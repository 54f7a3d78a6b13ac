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


def totp_counter(use_within: float = 2.0) -> int:
    """The present step of 30 seconds (RFC 6238 §4.2), of which so many seconds are left: a code of the step
    before is accepted for as long."""
    left = 30 - time.time() % 30
    if left < use_within:
        time.sleep(left)
    return int(time.time()) // 30

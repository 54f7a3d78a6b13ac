"""Keeps the memory of long-running processes small: glibc's allocator holds on to memory for every thread."""

from __future__ import annotations

import ctypes
import threading
import time

# glibc's malloc.h
_M_ARENA_MAX = -8
# By default nearly every thread has an arena of its own, and web and worker take some 15 MB more each.
# Python's own allocator serves most requests, so that threads hardly ever wait for one of two.
_ARENAS = 2
_TRIM_SECONDS = 60.0


def limit_arenas() -> None:
    """Let all threads share a few arenas. Call it before threads are started; no effect without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Return free memory to the system, some milliseconds' work; no effect without glibc."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def start_trimming() -> None:
    """Trim once a minute, in a thread that ends with the process."""

    def repeat() -> None:
        while True:
            time.sleep(_TRIM_SECONDS)
            trim()

    threading.Thread(target=repeat, name="trim-memory", daemon=True).start()

"""HTTP responses limited in time and size, whatever the server sends.

A timeout limits each wait for octets only: a server that sends one now and then would hold a thread for ever.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from socket import socket
from typing import Any

# The octets of a response, head included, and of its decoded body, at most.
MAX_OCTETS = 1 << 20
# The time in which a response must end, in read timeouts.
_MAX_TIMEOUTS = 4


class _LimitedReader(io.RawIOBase):
    """Reads a response. Raises TimeoutError after `seconds` (None: never), and OSError after MAX_OCTETS."""

    def __init__(self, raw: io.RawIOBase, seconds: float | None) -> None:
        self._raw = raw
        self._until = None if seconds is None else time.monotonic() + seconds
        self._octets = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None and time.monotonic() >= self._until:
            raise TimeoutError("the response did not end in time")
        if self._octets > MAX_OCTETS:
            raise OSError("the response is too long")
        count = self._raw.readinto(buffer)
        self._octets += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class LimitedResponse(HTTPResponse):
    """For the `response_class` of a connection."""

    def __init__(self, sock: socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        timeout = sock.gettimeout()
        reader = _LimitedReader(self.fp.detach(), timeout and _MAX_TIMEOUTS * timeout)
        self.fp = io.BufferedReader(reader)

"""One connection to a mail server as octets and replies: commands out, replies in, each with its time-out."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from mailer.delivery.smtp.reply import NotAReply, Reader, Reply

# Seconds that taking leave may last.
_CLOSING = 2.0
# Octets that the system takes at once: a whole message, as a rule, so that it costs one call.
_SEND_BUFFER = 256 * 1024
# Pieces that it takes in one call.
_MOST_PIECES = os.sysconf("SC_IOV_MAX")


class ConnectionLost(Exception):  # noqa: N818  (an event, in the field's own words)
    """The connection ended, or the server stayed silent too long."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds, by default as RFC 5321 §4.5.3.2 asks."""

    connect: float = 60
    greeting: float = 300
    command: float = 300
    data: float = 120
    # After the final dot: long, because giving up here means not knowing.
    dot: float = 600


class Wire(asyncio.Protocol):
    """Writes octets, keeps replies in order, and knows whether the last octet has left this process."""

    def __init__(self) -> None:
        self._reader = Reader()
        # Replies that came and were not taken yet, in order.
        self.replies: deque[Reply] = deque()
        # Takes, if there is one, replies as they come; it is given none when the connection has ended.
        self.listener: Callable[[Sequence[Reply]], None] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        # Why the connection ended; empty while it has not.
        self.lost: str = ""
        self._ended = asyncio.Event()
        # By the loop's clock: until when a reply is waited for (0: none is), what looks at that, and when.
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        # Of the connection, while what is written goes to the system as it is.
        self._descriptor: int | None = None
        # Whether everything written has been handed to the system.
        self.flushed = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if transport.get_extra_info("ssl_object") is None:
            self._descriptor = connection.fileno()
        # With a limit of zero, pause_writing means precisely "something is still here".
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        try:
            replies = self._reader.feed(data)
        except NotAReply as error:
            self.abort(str(error))
            return
        if not replies:
            return
        if self.listener is not None and not self.replies:
            self.listener(replies)
        else:
            self.replies.extend(replies)
            self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or (str(exc) if exc else "the server closed the connection")
        self._ended.set()
        if self._alarm is not None:
            self._alarm.cancel()
        self._wake()

    def pause_writing(self) -> None:
        self.flushed = False

    def resume_writing(self) -> None:
        self.flushed = True

    @property
    def alive(self) -> bool:
        return not self.lost and self._transport is not None and not self._transport.is_closing()

    def write(self, octets: bytes) -> None:
        """Raises ConnectionLost."""
        self._open().write(octets)

    def write_pieces(self, pieces: Sequence[bytes], size: int) -> None:
        """Write octets in pieces, `size` together. Raises ConnectionLost."""
        transport = self._open()
        if self._descriptor is None or not self.flushed or len(pieces) > _MOST_PIECES:
            transport.writelines(pieces)
            return
        # A loop holds Python's lock while the system copies a message; this lets the ledger's thread go on.
        try:
            sent = os.writev(self._descriptor, pieces)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            # Nothing of it left.
            self.flushed = False
            self.abort(str(error))
            raise ConnectionLost(self.lost) from error
        if sent < size:
            transport.write(b"".join(pieces)[sent:])

    def _open(self) -> asyncio.Transport:
        transport = self._transport
        if self.lost or transport is None or transport.is_closing():
            raise ConnectionLost(self.lost or "the connection is closed")
        return transport

    def expect(self, seconds: float) -> None:
        """From now on a reply is expected within so many seconds; 0: none is."""
        self._deadline = deadline = self._loop.time() + seconds if seconds else 0.0
        # An alarm that is set for earlier will set itself again then.
        if seconds and deadline < self._alarm_at:
            self._set_alarm(deadline)

    async def reply(self, seconds: float) -> Reply:
        """The next reply in order. Raises ConnectionLost, also when none came in time."""
        if not self.replies:
            await self._arrival(seconds)
        return self.replies.popleft()

    async def _arrival(self, seconds: float) -> None:
        self.expect(seconds)
        try:
            while not self.replies:
                if self.lost:
                    raise ConnectionLost(self.lost)
                self._waiting = self._loop.create_future()
                await self._waiting
        finally:
            self._deadline = 0.0
            self._waiting = None

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, math.inf
        if not self._deadline or self.lost:
            return
        if self._loop.time() < self._deadline:
            self._set_alarm(self._deadline)
        else:
            self.abort("no reply within the time that is allowed")

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt the connection. Raises ConnectionLost, also when words came in clear after the go-ahead."""
        if self._transport is None or self._reader.clear() or self.replies:
            # RFC 3207 §6: nothing said in clear may be believed after the change.
            raise ConnectionLost("the server said more in clear than it should before encryption")
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError) as error:
            raise ConnectionLost(f"encryption failed: {error}") from error
        if encrypted is None:
            raise ConnectionLost("the connection ended while encryption was agreed")
        self._transport = encrypted
        self._descriptor = None
        encrypted.set_write_buffer_limits(high=0)

    def abort(self, because: str) -> None:
        """End the connection at once, dropping what was not handed over."""
        self.lost = self.lost or because
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def close(self) -> None:
        """End the connection, and wait until the system has it back."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_CLOSING):
                await self._ended.wait()
        except TimeoutError:
            self._transport.abort()

    def _wake(self) -> None:
        if self.listener is not None:
            replies = tuple(self.replies)
            self.replies.clear()
            self.listener(replies)
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

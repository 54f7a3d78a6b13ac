"""One TCP connection to a mail server: writes commands, parses replies, and applies a timeout to each
reply."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from mailer.delivery.smtp.reply import MalformedReply, Reply, ReplyParser

# Seconds that closing a connection may take.
_CLOSE_TIMEOUT = 2.0
# Send buffer of the socket: usually holds a whole message, so that sending it costs one system call.
_SEND_BUFFER = 256 * 1024
# Buffers that one writev() call accepts.
_MAX_BUFFERS = os.sysconf("SC_IOV_MAX")


class ConnectionLost(Exception):  # noqa: N818  (an event, not an error)
    """The connection ended, or the server did not reply in time."""


class SmtpTransport(asyncio.Protocol):
    """Writes bytes, keeps replies in order, and knows whether the last byte has left this process."""

    def __init__(self) -> None:
        self._parser = ReplyParser()
        # Replies that arrived and were not read yet, in order.
        self.replies: deque[Reply] = deque()
        # If set, gets replies as they arrive, and an empty sequence when the connection has ended.
        self.listener: Callable[[Sequence[Reply]], None] | None = None
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        # Why the connection ended; empty while it is open.
        self.lost_reason: str = ""
        self._ended = asyncio.Event()
        # Loop time by which a reply must arrive (0: none is expected), the timer that checks it, and when it
        # fires.
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        # File descriptor of an unencrypted connection, for writev().
        self._descriptor: int | None = None
        # Whether everything written has been handed to the operating system.
        self.flushed = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if transport.get_extra_info("ssl_object") is None:
            self._descriptor = connection.fileno()
        # With a limit of zero, pause_writing means that some bytes are still in our buffer.
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        try:
            replies = self._parser.feed(data)
        except MalformedReply as error:
            self.abort(str(error))
            return
        if not replies:
            return
        if self.listener is not None and not self.replies:
            self.listener(replies)
        else:
            self.replies.extend(replies)
            self._notify()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_reason = self.lost_reason or (str(exc) if exc else "the server closed the connection")
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self._notify()

    def pause_writing(self) -> None:
        self.flushed = False

    def resume_writing(self) -> None:
        self.flushed = True

    @property
    def alive(self) -> bool:
        return not self.lost_reason and self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Raises ConnectionLost."""
        self._open().write(data)

    def write_pieces(self, pieces: Sequence[bytes], size: int) -> None:
        """Write buffers of `size` bytes in total. Raises ConnectionLost."""
        transport = self._open()
        if self._descriptor is None or not self.flushed or len(pieces) > _MAX_BUFFERS:
            # Encrypted, each buffer would become a record of its own.
            transport.write(b"".join(pieces))
            return
        # asyncio holds the GIL while the kernel copies a message; writev() releases it for the ledger's
        # thread.
        try:
            sent = os.writev(self._descriptor, pieces)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            # The kernel took no byte of it.
            self.flushed = False
            self.abort(str(error))
            raise ConnectionLost(self.lost_reason) from error
        if sent < size:
            transport.write(b"".join(pieces)[sent:])

    def _open(self) -> asyncio.Transport:
        transport = self._transport
        if self.lost_reason or transport is None or transport.is_closing():
            raise ConnectionLost(self.lost_reason or "the connection is closed")
        return transport

    def expect_reply(self, seconds: float) -> None:
        """Abort the connection unless a reply arrives within `seconds`; 0: no reply is expected."""
        self._deadline = deadline = self._loop.time() + seconds if seconds else 0.0
        # A timer that fires earlier sets itself again.
        if seconds and deadline < self._timer_at:
            self._set_timer(deadline)

    async def read_reply(self, seconds: float) -> Reply:
        """Return the next reply. Raises ConnectionLost, also if none arrives within `seconds`."""
        if not self.replies:
            await self._wait_for_reply(seconds)
        return self.replies.popleft()

    async def _wait_for_reply(self, seconds: float) -> None:
        self.expect_reply(seconds)
        try:
            while not self.replies:
                if self.lost_reason:
                    raise ConnectionLost(self.lost_reason)
                self._reader = self._loop.create_future()
                await self._reader
        finally:
            self._deadline = 0.0
            self._reader = None

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._on_timer), at

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if not self._deadline or self.lost_reason:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self.abort("no reply within the time allowed")

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt the connection. Raises ConnectionLost, also if the server sent data before the
        handshake."""
        if self._transport is None or self._parser.clear() or self.replies:
            # RFC 3207 §6: nothing received before encryption may be trusted afterwards.
            raise ConnectionLost("the server sent more data in clear than it should before encryption")
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError) as error:
            raise ConnectionLost(f"encryption failed: {error}") from error
        if encrypted is None:
            raise ConnectionLost("the connection ended during the TLS handshake")
        self._transport = encrypted
        self._descriptor = None
        encrypted.set_write_buffer_limits(high=0)

    def abort(self, reason: str) -> None:
        """End the connection at once and drop what is still in our buffer."""
        self.lost_reason = self.lost_reason or reason
        if self._transport is not None:
            self._transport.abort()
        self._notify()

    async def close(self) -> None:
        """End the connection and wait until it is closed."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._ended.wait()
        except TimeoutError:
            self._transport.abort()

    def _notify(self) -> None:
        """Pass buffered replies, or the end of the connection, to the listener or the waiting reader."""
        if self.listener is not None:
            replies = tuple(self.replies)
            self.replies.clear()
            self.listener(replies)
        elif self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

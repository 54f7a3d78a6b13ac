"""One TCP connection to a mail server: writes commands, parses replies, and applies a timeout to each
reply."""

from __future__ import annotations

import asyncio
import contextlib
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
# Bytes that are decrypted at once; replies are shorter.
_READ_BYTES = 1 << 12


class ConnectionLost(Exception):  # noqa: N818  (an event, not an error)
    """The connection ended, or the server did not reply in time."""


class SmtpTransport(asyncio.Protocol):
    """Writes bytes, keeps replies in order, and knows whether the last byte has left this process."""

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "") -> None:
        """With a TLS context, the connection is encrypted from its start; `host` as in start_tls()."""
        self._implicit_tls = (context, host) if context is not None else None
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
        # For writev(); None before the connection is open.
        self._descriptor: int | None = None
        self._tls: _Tls | None = None
        # Pending while the TLS handshake is.
        self._handshake: asyncio.Future[None] | None = None
        # Whether everything written has been handed to the operating system.
        self.flushed = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._descriptor = connection.fileno()
        # With a limit of zero, pause_writing means that some bytes are still in our buffer.
        self._transport.set_write_buffer_limits(high=0)
        if self._implicit_tls is not None:
            self._begin_tls(*self._implicit_tls)

    def data_received(self, data: bytes) -> None:
        tls, reason = self._tls, ""
        try:
            replies = self._parser.feed(data if tls is None else self._decrypt(tls, data))
        except MalformedReply as error:
            replies, reason = error.replies, str(error)
        except ssl.SSLError as error:
            self.abort(f"encryption failed: {error}")
            return
        if reason:
            # Nothing more is sent; what came before is read.
            self.lost_reason = self.lost_reason or reason
        if replies:
            if self.listener is not None and not self.replies:
                self.listener(replies)
            else:
                self.replies.extend(replies)
                self._notify()
        if reason or (tls is not None and tls.end_reason):
            # Only now: the reply to a final dot may have come together with the end.
            self.abort(reason or (tls.end_reason if tls else ""))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_reason = self.lost_reason or (str(exc) if exc else "the server closed the connection")
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._handshake is not None and not self._handshake.done():
            self._handshake.set_exception(ConnectionLost("the connection ended during the TLS handshake"))
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
        transport = self._open()
        transport.write(data if self._tls is None else self._encrypt(self._tls, data))

    def write_pieces(self, pieces: Sequence[bytes], size: int) -> None:
        """Write buffers of `size` bytes in total. Raises ConnectionLost."""
        try:
            transport = self._open()
        except ConnectionLost:
            self.flushed = False
            raise
        if self._tls is not None:
            # Each buffer would become a record of its own. Encrypting has released the GIL already.
            transport.write(self._encrypt(self._tls, b"".join(pieces)))
            return
        if self._descriptor is None or not self.flushed or len(pieces) > _MAX_BUFFERS:
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
        self._begin_tls(context, host)
        await self.finish_handshake(seconds)

    def _begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        self._tls, self._handshake = _Tls(context, host), self._loop.create_future()
        self._continue_handshake(self._tls, self._handshake)

    async def finish_handshake(self, seconds: float) -> None:
        """Wait until the TLS handshake is finished. Raises ConnectionLost."""
        assert self._handshake is not None
        try:
            async with asyncio.timeout(seconds):
                await self._handshake
        except TimeoutError as error:
            raise ConnectionLost("the TLS handshake was not finished within the time allowed") from error
        except ssl.SSLError as error:
            raise ConnectionLost(f"encryption failed: {error}") from error
        finally:
            self._handshake = None

    def _continue_handshake(self, tls: _Tls, handshake: asyncio.Future[None]) -> None:
        try:
            tls.shake_hands()
        except ssl.SSLError as error:
            handshake.set_exception(error)
        if (data := tls.outgoing()) and self.alive:
            self._open().write(data)
        if tls.established:
            handshake.set_result(None)

    def _encrypt(self, tls: _Tls, data: bytes) -> bytes:
        try:
            return tls.encrypt(data)
        except ssl.SSLError as error:
            # As when the server begins a second handshake, which nobody needs here. Nothing was sent.
            self.flushed = False
            self.abort(f"encryption failed: {error}")
            raise ConnectionLost(self.lost_reason) from error

    def _decrypt(self, tls: _Tls, data: bytes) -> bytes:
        """What the server sent, in clear; also continues the handshake. Raises SSLError."""
        tls.receive(data)
        if self._handshake is not None and not self._handshake.done():
            self._continue_handshake(tls, self._handshake)
            if not tls.established:
                return b""
        clear = tls.decrypt()
        if (answer := tls.outgoing()) and self.alive:
            # Such as an update of the keys.
            self._open().write(answer)
        return clear

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
        if self._tls is not None and self.alive:
            self._transport.write(self._tls.close())
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


class _Tls:
    """TLS between buffers. asyncio's transport takes half as much processor time again for a message."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        # Whether the handshake is finished.
        self.established = False
        # Why the server sends nothing more that can be read; empty while it may.
        self.end_reason = ""

    def shake_hands(self) -> None:
        """Take the next step of the handshake; sets `established`. Raises SSLError."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._object.do_handshake()
            self.established = True

    def receive(self, data: bytes) -> None:
        self._incoming.write(data)

    def outgoing(self) -> bytes:
        """Encrypted bytes to be sent."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """What to send for these bytes."""
        sent, size = self._object.write(data), len(data)
        if sent < size:
            view = memoryview(data)
            while sent < size:
                # One record.
                sent += self._object.write(view[sent:])
        return self._outgoing.read()

    def decrypt(self) -> bytes:
        """What has been received, in clear; sets `end_reason`."""
        clear = b""
        try:
            # Where nothing is left, read() would raise SSLWantReadError.
            while self._incoming.pending or self._object.pending():
                data = self._object.read(_READ_BYTES)
                if not data:
                    self.end_reason = "the server closed the connection"
                    break
                clear += data
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # What came before it is whole.
            self.end_reason = f"encryption failed: {error}"
        return clear

    def close(self) -> bytes:
        """What to send last: the end of our side."""
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        return self._outgoing.read()

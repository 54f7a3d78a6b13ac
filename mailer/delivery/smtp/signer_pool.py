"""Processes that sign envelopes with DKIM, one for each core.

A signature takes several times what everything else takes of a message. Threads would sign on all cores as
well, because OpenSSL releases Python's global lock, but waiting for that lock costs a third of a signature
each time. Only digests and signatures pass between the processes; `signing_process` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby, islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer.delivery.smtp.dkim import Key
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.signing_process import NUMBER, DigestSigner, sign_round_robin

log = logging.getLogger(__name__)
_PROGRAM = Path(__file__).with_name("signing_process.py")
# More processes would sign more than one thread sends.
_MAX_PROCESSES = 8
# For fewer envelopes at a time, starting the processes costs more than they gain.
_WORTHWHILE = 400
# Envelopes that a process signs before it hands them over: some twenty milliseconds of its time.
CHUNK = 128
# Chunks that a process has at a time; while it signs one, the next one waits. The buffers of its socket hold
# both, and the signatures, so that neither end waits for the other.
_MAX_CHUNKS = 2
# Seconds that a chunk may take before its process counts as dead.
_PATIENCE = 60.0
_ED25519_BYTES = 64


class ThreadSigner:
    """Signs envelopes in the thread that calls it; only one thread may use it."""

    def __init__(self) -> None:
        self._keys: tuple[Key, ...] = ()
        self._signers: list[DigestSigner] = []

    def sign(self, envelopes: Sequence[Envelope]) -> None:
        """Sign envelopes; many at a time cost less than one after another."""
        for keys, group in groupby(envelopes, lambda one: one.signature.keys if one.signature else ()):
            if keys and keys is not self._keys:
                self._keys, self._signers = keys, [DigestSigner(key.private) for key in keys]
            chunk = list(group)
            signatures = iter(sign_round_robin([one.sign for one in self._signers], _digests(chunk)))
            for envelope in chunk:
                if envelope.signature is not None:
                    envelope.add_signature(envelope.signature.fields(islice(signatures, len(keys))))


class SignerPool:
    """Signs envelopes and hands them over in chunks.

    Its methods belong to the loop's thread, except `start`, which may be called before.
    """

    def __init__(
        self, take: Callable[[int], list[Envelope]], hand_over: Callable[[list[Envelope]], None]
    ) -> None:
        """`take` returns up to so many envelopes that are not signed yet, and none when nothing waits.
        `hand_over` is called with signed envelopes; those whose process died are not signed."""
        self._take, self._hand_over = take, hand_over
        self._keys: tuple[Key, ...] = ()
        # Chunks to be signed before anything else is taken.
        self._waiting: deque[list[Envelope]] = deque()
        self._processes: list[_SigningProcess] = []

    def start(self, first: Envelope, count: int) -> bool:
        """Start the processes that are not running, for about `count` envelopes with the keys of `first`.

        False if they are better signed without.
        """
        cores = len(os.sched_getaffinity(0))
        if cores == 1 or (count < _WORTHWHILE and not self._processes):
            return False
        assert first.signature is not None
        keys = first.signature.keys
        self._keys = self._keys or keys
        try:
            for _ in range(min(cores, _MAX_PROCESSES) - len(self._processes)):
                self._processes.append(_SigningProcess(self._keys, self._on_signed, self._on_end))
        except OSError as error:
            log.warning("action=signing_process_failed reason=%s", error.strerror)
        return bool(self._processes) and keys is self._keys

    def sign(self, envelopes: list[Envelope]) -> None:
        """Sign these, after `start` said so, and then what can be taken."""
        self._waiting.append(envelopes)
        self._distribute()

    def close(self) -> list[Envelope]:
        """End the processes; returns the envelopes that are not handed over."""
        processes, self._processes = self._processes, []
        left = [*self._waiting]
        self._waiting.clear()
        for process in processes:
            left += process.close()
        return [envelope for chunk in left for envelope in chunk]

    def _distribute(self) -> None:
        while process := min(self._processes, key=lambda one: len(one.chunks), default=None):
            if len(process.chunks) >= _MAX_CHUNKS or not (chunk := self._next_chunk()):
                return
            process.submit(chunk)
        while chunk := self._next_chunk():
            self._hand_over(chunk)

    def _next_chunk(self) -> list[Envelope]:
        if self._waiting:
            return self._waiting.popleft()
        return self._take(CHUNK)

    def _on_signed(self, chunk: list[Envelope]) -> None:
        self._distribute()
        self._hand_over(chunk)

    def _on_end(self, process: _SigningProcess) -> None:
        """A process died: the others sign what it did not, or the session that sends it."""
        log.warning("action=signing_process_ended process=%d", process.pid)
        self._processes.remove(process)
        self._waiting.extendleft(process.close())
        self._distribute()


class _SigningProcess:
    """One process, and the chunks that it is signing."""

    def __init__(
        self,
        keys: Sequence[Key],
        on_signed: Callable[[list[Envelope]], None],
        on_end: Callable[[_SigningProcess], None],
    ) -> None:
        """Raises OSError."""
        self.chunks: deque[list[Envelope]] = deque()
        self._on_signed, self._on_end = on_signed, on_end
        self._sizes = [_signature_bytes(key) for key in keys]
        # Signatures of the first chunk that have arrived.
        self._received = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Fires if the first chunk takes too long.
        self._timer: asyncio.TimerHandle | None = None
        # -P: it does not search the folder of the program for modules.
        command = [sys.executable, "-P", str(_PROGRAM)]
        with contextlib.ExitStack() as opened:
            own, other = socket.socketpair()
            opened.enter_context(own)
            with other:
                self._process = subprocess.Popen(command, stdin=other.fileno())  # noqa: S603  (our own module)
            opened.callback(self._end)
            # Raises if the process has ended already.
            own.sendall(NUMBER.pack(len(keys)) + b"".join(map(_with_length, keys)))
            own.setblocking(False)
            opened.pop_all()
        self._socket = own
        self.pid = self._process.pid

    def submit(self, chunk: list[Envelope]) -> None:
        """Sign this chunk after the others; in the loop's thread."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket, self._read)
        self.chunks.append(chunk)
        self._set_timer(self._loop)
        digests = _digests(chunk)
        # If it has ended, so that this fails, _read is called as well.
        with contextlib.suppress(OSError):
            self._socket.send(NUMBER.pack(len(digests)) + b"".join(digests))

    def close(self) -> list[list[Envelope]]:
        """End the process; returns the chunks that it did not sign."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()
        self._end()
        return list(self.chunks)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(_PATIENCE, self._on_end, self) if self.chunks else None

    def _read(self) -> None:
        assert self._loop is not None
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._on_end(self)
            return
        self._received += data
        each = sum(self._sizes)
        while self.chunks and len(self._received) >= (size := each * len(self.chunks[0])):
            signatures = bytes(self._received[:size])
            del self._received[:size]
            chunk = self.chunks.popleft()
            self._set_timer(self._loop)
            self._add_signatures(chunk, signatures)
            self._on_signed(chunk)

    def _add_signatures(self, chunk: list[Envelope], signatures: bytes) -> None:
        at = 0
        for envelope in chunk:
            own = []
            for size in self._sizes:
                own.append(signatures[at : at + size])
                at += size
            assert envelope.signature is not None
            envelope.add_signature(envelope.signature.fields(own))


def _digests(envelopes: Sequence[Envelope]) -> list[bytes]:
    """What has to be signed for these, with each key in turn."""
    return [digest for one in envelopes if one.signature for digest in one.signature.digests]


def _signature_bytes(key: Key) -> int:
    return key.private.key_size // 8 if isinstance(key.private, RSAPrivateKey) else _ED25519_BYTES


def _with_length(key: Key) -> bytes:
    der = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return NUMBER.pack(len(der)) + der

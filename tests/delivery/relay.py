"""A real SMTP server on loopback: a Script decides its replies, and it keeps everything that it receives."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

# In place of a reply: the server closes the connection.
DROP = "DROP"


@dataclass(frozen=True)
class Taken:
    """A message whose final dot arrived."""

    sender: str
    recipient: str
    message: bytes
    # The server's reply.
    reply: str
    # When its final dot arrived, by time.monotonic().
    at: float = 0.0

    @property
    def message_id(self) -> str:
        found = re.search(rb"(?im)^Message-ID:\s*(<[^>]+>)", self.message)
        return found[1].decode() if found else ""


@dataclass
class Script:
    """The replies of the server. Functions get the recipient (or sender) and return a reply, or None for the
    usual one."""

    greeting: str | Callable[[], str] = "220 test ready"
    offers: tuple[str, ...] = ("PIPELINING", "SIZE 10000000", "ENHANCEDSTATUSCODES")
    # Seconds before the reply to a final dot, and additional ones for single recipients.
    latency: float = 0
    slow: Callable[[str], float] = lambda recipient: 0
    ehlo: str = ""
    mail: Callable[[str], str | None] = lambda sender: None
    rcpt: Callable[[str], str | None] = lambda recipient: None
    data: Callable[[str], str | None] = lambda recipient: None
    dot: Callable[[str], str | None] = lambda recipient: None
    # Messages after which a connection gets 421 at the next MAIL.
    per_connection: int = 0
    # Messages after which the server closes a connection without a reply, whatever was pipelined behind the
    # last dot.
    hangs_up_after: int = 0
    login: tuple[str, str] | None = None
    mechanisms: str = "PLAIN LOGIN"
    # In place of the reply to AUTH.
    auth: str = ""
    tls: ssl.SSLContext | None = None
    # Whether TLS is implicit.
    implicit: bool = False
    # In place of the 220 reply to STARTTLS.
    starttls: str = ""
    # Sent in clear after the 220 reply to STARTTLS, as an attacker would.
    behind_starttls: bytes = b""
    # Whether only the beginning of each message is kept.
    headers_only: bool = False
    # Whether DATA gets 354 although no recipient was accepted.
    careless: bool = False


@dataclass
class Relay:
    """The server, in a thread of its own. A context manager."""

    script: Script = field(default_factory=Script)
    taken: list[Taken] = field(default_factory=list)
    # Every command line as received.
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    # Messages whose final dot was followed by pipelined commands.
    pipelined: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def accepted(self) -> list[Taken]:
        return [taken for taken in self.taken if taken.reply.startswith("2")]

    def kept(self) -> list[Taken]:
        """Messages that were not rejected, also those whose reply was never sent."""
        return [taken for taken in self.taken if taken.reply[0] not in "45"]

    def recipients(self) -> list[str]:
        """Of accepted messages, sorted."""
        return sorted(taken.recipient for taken in self.accepted())

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        tls = self.script.tls if self.script.implicit else None
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=2**24, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
        # Closed transports release their sockets in the loop's next turns.
        await asyncio.sleep(0.01)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await _Connection(self, reader, writer).serve()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


class _Dropped(ConnectionError):  # noqa: N818
    pass


class _Connection:
    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay, self.script = relay, relay.script
        self.reader, self.writer = reader, writer
        self.sender, self.recipient, self.served = "", "", 0
        self.encrypted = relay.script.implicit

    async def serve(self) -> None:
        greeting = self.script.greeting
        greeting = greeting() if callable(greeting) else greeting
        self.say(greeting)
        if not greeting.startswith("2"):
            return
        while True:
            line = (await self.reader.readuntil(b"\n")).decode().rstrip("\r\n")
            self.relay.commands.append(line)
            verb = line.split(" ", 1)[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                self.say("502 5.5.1 unknown")
            else:
                await handler(line)

    def say(self, reply: str) -> None:
        if reply == DROP:
            self.writer.transport.abort()
            raise _Dropped
        text = reply.replace("\n", "\r\n")
        self.writer.write(text.encode() + b"\r\n")
        if text.startswith("421"):
            raise _Dropped

    async def do_ehlo(self, line: str) -> None:
        if self.script.ehlo:
            self.say(self.script.ehlo)
            return
        offers = [*self.script.offers]
        if self.script.tls and not self.encrypted:
            offers.append("STARTTLS")
        if self.script.login and (self.encrypted or not self.script.tls):
            offers.append(f"AUTH {self.script.mechanisms}")
        lines = ["test", *offers]
        for offer in lines[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {lines[-1]}")

    async def do_helo(self, line: str) -> None:
        self.say("250 test")

    async def do_starttls(self, line: str) -> None:
        if self.script.starttls:
            self.say(self.script.starttls)
            return
        self.writer.write(b"220 go ahead\r\n" + self.script.behind_starttls)
        await self.writer.start_tls(self.script.tls)
        self.encrypted = True

    async def do_auth(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        if mechanism not in self.script.mechanisms.split():
            self.say("504 5.5.4 no such mechanism")
            return
        right = await getattr(self, f"_{mechanism.lower().replace('-', '_')}")(*map(b64decode, initial))
        self.say(self.script.auth or ("235 2.7.0 ok" if right else "535 5.7.8 no"))

    async def _plain(self, response: bytes | None = None) -> bool:
        if response is None:
            response = await self.ask(b"")
        return response == b"\0%s\0%s" % self._wanted()

    async def _login(self) -> bool:
        return (await self.ask(b"User Name\0"), await self.ask(b"Password\0")) == self._wanted()

    async def _cram_md5(self) -> bool:
        name, secret = self._wanted()
        response = await self.ask(b"<1.2@test>")
        return response == name + b" " + hmac.new(secret, b"<1.2@test>", "md5").hexdigest().encode()

    async def _xoauth2(self, response: bytes) -> bool:
        if response == b"user=%s\1auth=Bearer %s\1\1" % self._wanted():
            return True
        assert await self.ask(b'{"status":"401","schemes":"bearer"}') == b""
        return False

    def _wanted(self) -> tuple[bytes, bytes]:
        assert self.script.login is not None
        name, secret = self.script.login
        return name.encode(), secret.encode()

    async def ask(self, challenge: bytes) -> bytes:
        self.say(f"334 {b64encode(challenge).decode()}")
        return b64decode(await self.reader.readuntil(b"\n"))

    async def do_rset(self, line: str) -> None:
        self.sender = self.recipient = ""
        self.say("250 ok")

    async def do_mail(self, line: str) -> None:
        if self.script.per_connection and self.served >= self.script.per_connection:
            self.say("421 4.7.0 enough for one connection")
        sender = line.split("<", 1)[1].split(">", 1)[0]
        if self.sender:
            self.say("503 5.5.1 nested MAIL")
            return
        reply = self.script.mail(sender) or "250 2.1.0 ok"
        if reply.startswith("2"):
            self.sender, self.recipient = sender, ""
        self.say(reply)

    async def do_rcpt(self, line: str) -> None:
        recipient = line.split("<", 1)[1].split(">", 1)[0]
        if not self.sender:
            self.say("503 5.5.1 MAIL first")
            return
        reply = self.script.rcpt(recipient) or "250 2.1.5 ok"
        if reply.startswith("2"):
            self.recipient = recipient
        self.say(reply)

    async def do_data(self, line: str) -> None:
        if not self.recipient and not (self.script.careless and self.sender):
            self.say("503 5.5.1 no recipient")
            return
        early = self.script.data(self.recipient)
        if early:
            self.say(early)
            return
        self.say("354 go on")
        message = bytearray()
        while (line_in := await self.reader.readuntil(b"\n")) != b".\r\n":
            assert line_in.endswith(b"\r\n"), "a bare LF was received"
            message += line_in[1:] if line_in.startswith(b".") else line_in
        self.served += 1
        self.relay.pipelined += bool(self.reader._buffer)
        recipient = self.recipient
        reply = self.script.dot(recipient) or f"250 2.0.0 queued as {len(self.relay.taken) + 1}"
        if recipient:
            kept = bytes(message[:4_000] if self.script.headers_only else message)
            self.relay.taken.append(Taken(self.sender, recipient, kept, reply, time.monotonic()))
        else:
            reply = "554 5.5.1 no recipient"
        self.sender = self.recipient = ""
        seconds = self.script.latency + self.script.slow(recipient)
        if seconds:
            await asyncio.sleep(seconds)
        self.say(reply)
        if self.served == self.script.hangs_up_after:
            raise _Dropped

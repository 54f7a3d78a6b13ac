"""A small IMAP server that can do as little as a test wants, and fails where it says."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from base64 import b64decode, b64encode
from typing import Any

_COMMAND = re.compile(rb"(\S+) (UID )?(\S+) ?(.*)", re.IGNORECASE)


class Imapd(socketserver.ThreadingTCPServer):
    """Listens while it is entered; one folder, and what the test set."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *offers: str) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.offers = offers
        self.messages: dict[int, bytes] = {}
        self.deleted: set[int] = set()
        self.copies: list[tuple[str, bytes]] = []
        # Commands that are refused: "FETCH 2".
        self.refused: set[str] = set()
        # Every command that came, without its tag.
        self.heard: list[str] = []
        # What is said to a client that idles: to be set by the test.
        self.idling = threading.Event()
        self.news = b""
        # What is sent before IDLE is confirmed.
        self.early_news = b""
        self.greeting = b"* OK ready\r\n"
        # Why a token is refused, in JSON; empty: it is good.
        self.complaint = b""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> Imapd:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    server: Imapd

    def handle(self) -> None:
        self.wfile.write(self.server.greeting)
        while line := self.rfile.readline():
            match = _COMMAND.match(line.strip())
            assert match is not None
            tag, _, verb, rest = match.groups()
            command = verb.decode().upper()
            self.server.heard.append(f"{command} {rest.decode()}".strip())
            if any(self.server.heard[-1].startswith(refused) for refused in self.server.refused):
                self.wfile.write(tag + b" NO [SERVERBUG] not now\r\n")
                continue
            answer = getattr(self, f"do_{command}", lambda rest: None)(rest)
            self.wfile.write(tag + (answer or b" OK done\r\n"))
            if command == "LOGOUT":
                return

    def do_CAPABILITY(self, rest: bytes) -> None:  # noqa: N802
        self.wfile.write(f"* CAPABILITY IMAP4rev1 {' '.join(self.server.offers)}\r\n".encode())

    def do_AUTHENTICATE(self, rest: bytes) -> bytes | None:  # noqa: N802
        self.wfile.write(b"+ \r\n")
        self.server.heard.append(b64decode(self.rfile.readline()).decode())
        if not self.server.complaint:
            return None
        self.wfile.write(b"+ " + b64encode(self.server.complaint) + b"\r\n")
        assert self.rfile.readline() == b"\r\n"
        return b" NO AUTHENTICATE failed.\r\n"

    def do_SELECT(self, rest: bytes) -> None:  # noqa: N802
        self.wfile.write(b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n")

    def do_SEARCH(self, rest: bytes) -> None:  # noqa: N802
        uids = sorted(self.server.messages.keys() - self.server.deleted)
        self.wfile.write(b"* SEARCH %s\r\n" % " ".join(map(str, uids)).encode())

    def do_FETCH(self, rest: bytes) -> None:  # noqa: N802
        uid = int(rest.split()[0])
        content = self.server.messages.get(uid)
        self.wfile.write(b"* 1 FETCH (FLAGS (\\Seen))\r\n")
        if content is not None:
            head = b"* 1 FETCH (UID %d BODY[]<0> " % uid
            self.wfile.write(head + (b"{%d}\r\n%s)\r\n" % (len(content), content) if content else b'"")\r\n'))

    def do_STORE(self, rest: bytes) -> None:  # noqa: N802
        if b"Deleted" in rest:
            self.server.deleted.add(int(rest.split()[0]))

    def do_COPY(self, rest: bytes) -> None:  # noqa: N802
        uid, folder = rest.split(b" ", 1)
        self.server.copies.append((folder.decode(), self.server.messages[int(uid)]))

    def do_EXPUNGE(self, rest: bytes) -> None:  # noqa: N802
        self.server.messages.pop(int(rest), None)

    def do_IDLE(self, rest: bytes) -> None:  # noqa: N802
        self.wfile.write(self.server.early_news + b"+ idling\r\n")
        self.server.idling.set()
        if self.server.news:
            self.wfile.write(self.server.news)
        if self.rfile.readline().strip().upper() != b"DONE":
            # RFC 2177: a client that idles may send nothing else.
            self.wfile.write(b"* BYE Expected DONE\r\n")
            self.connection.shutdown(socket.SHUT_RDWR)

"""POP3 with a server that fails where the test says; tests/real uses a real server."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from mailer.config.sections import Bounces
from mailer.feedback.sources import pop3_maildir
from mailer.feedback.sources.base import MailboxError, MessageUnavailable


class Pop3d(socketserver.ThreadingTCPServer):
    """Two messages, and commands that are refused: "RETR 1"."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.refused: set[str] = set()
        self.heard: list[str] = []


class _Session(socketserver.StreamRequestHandler):
    server: Pop3d

    def handle(self) -> None:
        self.wfile.write(b"+OK ready\r\n")
        while line := self.rfile.readline().decode().strip():
            self.server.heard.append(line)
            if line in self.server.refused:
                self.wfile.write(b"-ERR not now\r\n")
            elif line == "UIDL":
                self.wfile.write(b"+OK\r\n1 one\r\n2 two\r\n.\r\n")
            elif line.startswith("RETR"):
                self.wfile.write(b"+OK\r\nSubject: %s\r\n\r\n..\r\n.\r\n" % line[-1:].encode())
            else:
                self.wfile.write(b"+OK\r\n")


@pytest.fixture
def server() -> Iterator[Pop3d]:
    with Pop3d() as listening:
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield listening
        listening.shutdown()


def settings(server: Pop3d) -> Bounces:
    return Bounces(
        pop3_host="127.0.0.1",
        pop3_port=server.server_address[1],
        pop3_security="none",
        pop3_username="b",
        pop3_password="p",
    )


def test_a_refused_retr_or_dele_leaves_the_message(server: Pop3d) -> None:
    server.refused = {"RETR 1", "DELE 2"}
    with pop3_maildir.open_pop3(settings(server)) as mailbox:
        assert mailbox.list_new() == ["one", "two"]
        with pytest.raises(MessageUnavailable, match="not now"):
            mailbox.fetch("one")
        assert mailbox.fetch("two") == b"Subject: 2\r\n\r\n.\r\n"
        with pytest.raises(MessageUnavailable, match="not now"):
            mailbox.acknowledge("two")
    assert server.heard[-1] == "QUIT"


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("PASS p", "refuses our sign-in as b: -ERR not now. See .bounces. pop3_username"),
        ("UIDL", "replied: -ERR not now"),
        ("QUIT", "replied: -ERR not now"),
    ],
)
def test_a_refusal_is_reported_with_the_servers_text(server: Pop3d, refused: str, words: str) -> None:
    server.refused = {refused}
    with pytest.raises(MailboxError, match=words), pop3_maildir.open_pop3(settings(server)) as mailbox:
        mailbox.list_new()


def test_a_password_is_never_sent_unencrypted_over_the_network() -> None:
    away = Bounces(pop3_host="mail.example.org", pop3_security="none")
    with pytest.raises(MailboxError, match="pop3_security to tls"), pop3_maildir.open_pop3(away):
        pass

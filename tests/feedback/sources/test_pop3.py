"""POP3 with a server that fails where it says; what real ones do is tested with a real one."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from mailer.config.bounces import Bounces
from mailer.feedback.sources import pop3
from mailer.feedback.sources.mailbox import MailboxError, MessageStays


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


def test_a_message_that_the_server_cannot_show_or_delete_stays_and_the_next_is_read(server: Pop3d) -> None:
    server.refused = {"RETR 1", "DELE 2"}
    with pop3.opened(settings(server)) as mailbox:
        assert mailbox.arrived() == ["one", "two"]
        with pytest.raises(MessageStays, match="not now"):
            mailbox.content("one")
        assert mailbox.content("two") == b"Subject: 2\r\n\r\n.\r\n"
        with pytest.raises(MessageStays, match="not now"):
            mailbox.taken("two")
    assert server.heard[-1] == "QUIT"


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("PASS p", "refuses our sign-in as b: -ERR not now. See .bounces. pop3_username"),
        ("UIDL", "answered: -ERR not now"),
        ("QUIT", "answered: -ERR not now"),
    ],
)
def test_what_a_server_refuses_is_told_with_its_words(server: Pop3d, refused: str, words: str) -> None:
    server.refused = {refused}
    with pytest.raises(MailboxError, match=words), pop3.opened(settings(server)) as mailbox:
        mailbox.arrived()


def test_a_password_goes_over_no_network_in_clear() -> None:
    away = Bounces(pop3_host="mail.example.org", pop3_security="none")
    with pytest.raises(MailboxError, match="pop3_security to tls"), pop3.opened(away):
        pass

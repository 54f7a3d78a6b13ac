"""Mailboxes of each kind as the tests of intake use them: mail is put in, and taken in by us."""

from __future__ import annotations

import imaplib
import smtplib
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mailer.config.sections import Bounces
from mailer.feedback.sources import imap, pop3_maildir
from mailer.feedback.sources.poll import Source
from tests.real.servers import HOST, PASSWORD, Dovecot


class Folder:
    """A Maildir."""

    def __init__(self, folder: Path) -> None:
        self._new = folder / "new"
        self._new.mkdir()
        self._count = 0
        self.source = Source(
            "maildir", "maildir:here", timedelta(), lambda now: pop3_maildir.open_maildir(folder)
        )

    def put(self, raw: bytes) -> None:
        self._count += 1
        (self._new / f"{self._count:05}.host").write_bytes(raw)

    def lose(self) -> None:
        """Another program takes all messages."""
        for path in self._new.iterdir():
            path.unlink()


class Account:
    """A mailbox of Dovecot; every test has one of its own."""

    def __init__(
        self, dovecot: Dovecot, user: str, kind: str, timing: imap.Timing | None = None, **settings: object
    ) -> None:
        self._dovecot, self.user, self._kind = dovecot, user, kind
        self._timing = timing or imap.Timing()
        ports = {"imap": dovecot.imap, "pop3": dovecot.pop3}
        usual = {
            "host": HOST,
            "port": ports[kind],
            "security": "none",
            "username": user,
            "password": PASSWORD,
        }
        self.bounces = Bounces(**{f"{kind}_{key}": value for key, value in (usual | settings).items()})
        # The position that is saved between two polls.
        self.position = ""
        self.source = Source(kind, f"{kind}:{user}", timedelta(minutes=1), self.opened)

    def opened(self, now=None):
        if self._kind == "pop3":
            return pop3_maildir.open_pop3(self.bounces)
        return imap.open_mailbox(
            self.bounces,
            None,
            self.position,
            lambda position: setattr(self, "position", position),
            timing=self._timing,
        )

    def put(self, raw: bytes) -> None:
        with smtplib.LMTP("127.0.0.1", self._dovecot.lmtp) as server:
            server.sendmail("", [self.user], raw)

    def lose(self) -> None:
        with self.client() as other:
            other.select()
            other.store("1:*", "+FLAGS", r"(\Deleted)")
            other.expunge()

    def flags(self, folder: str = "INBOX") -> list[bytes]:
        """The flags of every message in a folder, as another program sees them."""
        with self.client() as other:
            if other.select(folder, readonly=True)[1] == [b"0"]:
                return []
            return [line for line in other.fetch("1:*", "(FLAGS)")[1] if line]

    @contextmanager
    def client(self):
        """Another program that is signed in to the same mailbox."""
        with imaplib.IMAP4("127.0.0.1", self._dovecot.imap) as connection:
            connection.login(self.user, PASSWORD)
            yield connection

"""Reads a mailbox by IMAP (RFC 3501), and waits for new messages by IDLE (RFC 2177).

New messages are known by their UIDs (UIDVALIDITY, and the UID up to which every message was acknowledged),
not by their flags: a message that a person opened in a mail program is marked as read, and must be read here
all the same.
"""

from __future__ import annotations

import selectors
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError

from mailer.config.sections import Bounces
from mailer.feedback.sources.base import (
    TIMEOUT_SECONDS,
    MailboxError,
    MailServer,
    MessageUnavailable,
    Stop,
    max_message_octets,
    require_tls,
    server_text,
    translate_errors,
)

# Seconds within which a wait notices that it must stop.
_STOP_CHECK = 0.5
_CONTENT = b"BODY[]<0>"


@dataclass(frozen=True)
class Timing:
    """How long an open mailbox waits, in seconds."""

    # A message that arrives just as an IDLE begins may not be reported until it ends: so the first after new
    # messages is short, and each further one twice as long.
    shortest_idle: float = 1.0
    # Some networks drop a silent connection after five minutes.
    longest_idle: float = 120.0
    # Then the mailbox is opened again: tokens expire, and what a server keeps in memory for us grows.
    longest_session: float = 3_600.0


_TIMING = Timing()


@contextmanager
def open_mailbox(
    bounces: Bounces,
    token_path: Path | None,
    position: str,
    save_position: Callable[[str], None],
    first_poll_since: datetime | None = None,
    timing: Timing = _TIMING,
) -> Iterator[ImapMailbox]:
    """The folder that [bounces] imap_… names, signed in to. Raises MailboxError.

    `position` is what `save_position` was called with last. Where it is empty, messages that arrived on days
    before `first_poll_since` are ignored.
    """
    server = str(server_of(bounces))
    require_tls(server, bounces.imap_host, bounces.imap_security, "imap_security")
    with translate_errors(server, IMAPClientError):
        client = _connect(bounces)
        try:
            _sign_in(client, bounces, token_path)
            mailbox = ImapMailbox(client, bounces, position, save_position, first_poll_since, timing)
            try:
                yield mailbox
            finally:
                mailbox.save_progress()
        finally:
            with suppress(OSError, IMAPClientError):
                client.logout()
            with suppress(OSError):
                client.shutdown()


def server_of(bounces: Bounces) -> MailServer:
    """The configured server."""
    port = bounces.imap_port or (993 if bounces.imap_security == "tls" else 143)
    return MailServer("IMAP", bounces.imap_host, port, bounces.imap_username)


def url_of(bounces: Bounces) -> str:
    """Identifies the mailbox: another server, user or folder makes another one."""
    return f"{server_of(bounces).url}/{bounces.imap_folder}"


class ImapMailbox:
    """An open folder (base.Mailbox). The name of a message is its UIDVALIDITY and UID, "1700000000:42"."""

    def __init__(
        self,
        client: IMAPClient,
        bounces: Bounces,
        position: str,
        save_position: Callable[[str], None],
        since: datetime | None,
        timing: Timing,
    ) -> None:
        self._client, self._settings, self._save_position, self._since = client, bounces, save_position, since
        self._timing, self._server = timing, str(server_of(bounces))
        self._validity = self._select()
        known, _, uid = position.partition(":")
        # Up to this UID every message was acknowledged.
        self._acknowledged_to = int(uid) if known == self._validity else 0
        # UIDs that the last search found, and those above the position that are acknowledged.
        self._found: list[int] = []
        self._done: set[int] = set()
        self._ends_at = time.monotonic() + timing.longest_session
        # Seconds of the next IDLE.
        self.idle_seconds = timing.shortest_idle

    def list_new(self) -> list[str]:
        self.save_progress()
        first_visit = not self._acknowledged_to and self._since is not None
        days = f" SINCE {_day(self._since)}" if first_visit and self._since else ""
        found = self._client.search(f"UID {self._acknowledged_to + 1}:* UNDELETED{days}")
        # "8:*" names the last message even where its UID is below 8.
        self._found = sorted(uid for uid in found if uid > self._acknowledged_to)
        return [f"{self._validity}:{uid}" for uid in self._found if uid not in self._done]

    def fetch(self, name: str) -> bytes | None:
        uid = _uid(name)
        with _unavailable_if_refused():
            answer = self._client.fetch([uid], [f"BODY.PEEK[]<0.{max_message_octets()}>"])
        content = answer.get(uid, {}).get(_CONTENT)
        if content is None:
            # Another program deleted it: the server says nothing about it, or NIL (RFC 3501 §7.4.1).
            self._done.add(uid)
            return None
        return bytes(content)

    def acknowledge(self, name: str) -> None:
        uid, folder = _uid(name), self._settings.imap_move_to
        with _unavailable_if_refused():
            if self._settings.imap_after == "mark":
                self._client.add_flags([uid], [rb"\Seen"], silent=True)
            elif self._settings.imap_after == "delete":
                self._delete(uid)
            elif self._client.has_capability("MOVE"):
                self._client.move([uid], folder)
            else:
                self._client.copy([uid], folder)
                self._delete(uid)
        self._done.add(uid)

    def wait_for_more(self, stop: Stop) -> bool:
        if not self._client.has_capability("IDLE") or time.monotonic() > self._ends_at:
            return False
        try:
            self._client.idle()
        except IMAPClientError as error:
            if "b'* " in str(error):
                # The library takes news that come before the server's consent (RFC 3501 §7) for a refusal.
                return False
            raise
        news = self._wait(stop)
        _, responses = self._client.idle_done()
        if any(response[0] == b"BYE" for response in responses):
            raise MailboxError(f"{self._server} closed the connection.")
        if news:
            self.idle_seconds = self._timing.shortest_idle
        else:
            self.idle_seconds = min(self.idle_seconds * 2, self._timing.longest_idle)
        return not stop()

    def save_progress(self) -> None:
        """Save the UID up to which every message was acknowledged."""
        before = self._acknowledged_to
        for uid in self._found:
            if uid not in self._done:
                break
            self._acknowledged_to = uid
        if self._acknowledged_to != before:
            self._done = {uid for uid in self._done if uid > self._acknowledged_to}
            self._save_position(f"{self._validity}:{self._acknowledged_to}")

    def _select(self) -> str:
        """Open the folder for writing, and create the one that messages move to; returns its UIDVALIDITY."""
        folder = self._settings.imap_folder
        try:
            status = self._client.select_folder(folder)
        except IMAPClientAbortError:
            raise
        except IMAPClientReadOnlyError as error:
            raise MailboxError(
                f"{self._server} opens the folder {folder!r} read-only: grant our user write access."
            ) from error
        except IMAPClientError as error:
            raise MailboxError(
                f"{self._server} does not open the folder {folder!r} ({server_text(error)}): "
                "see [bounces] imap_folder."
            ) from error
        if self._settings.imap_after == "move":
            # Refused where it exists already; if messages cannot be moved into it, moving says so.
            with suppress(IMAPClientError):
                self._client.create_folder(self._settings.imap_move_to)
        return str(status.get(b"UIDVALIDITY", 0))

    def _delete(self, uid: int) -> None:
        self._client.delete_messages([uid], silent=True)
        # Without UIDPLUS, messages that others marked as deleted would be expunged too: the server does it
        # later.
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge([uid])

    def _wait(self, stop: Stop) -> bool:
        """Whether the server sends anything before the IDLE ends or `stop`."""
        # The library's own wait returns at once, again and again, when the server closed the connection.
        deadline = time.monotonic() + self.idle_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._client.socket(), selectors.EVENT_READ)
            while not stop() and (seconds := deadline - time.monotonic()) > 0:
                if selector.select(min(seconds, _STOP_CHECK)):
                    return True
        return False


@contextmanager
def _unavailable_if_refused() -> Iterator[None]:
    """A command about one message that the server refuses says nothing about the others."""
    try:
        yield
    except IMAPClientAbortError:
        raise
    except IMAPClientError as error:
        raise MessageUnavailable(server_text(error)) from error


def _connect(bounces: Bounces) -> IMAPClient:
    tls = bounces.imap_security == "tls"
    context = ssl.create_default_context() if tls else None
    return IMAPClient(
        bounces.imap_host, server_of(bounces).port, ssl=tls, ssl_context=context, timeout=TIMEOUT_SECONDS
    )


def _sign_in(client: IMAPClient, bounces: Bounces, token_path: Path | None) -> None:
    if bounces.imap_security == "starttls":
        client.starttls(ssl.create_default_context())
    try:
        if token_path is not None:
            bearer = f"user={bounces.imap_username}\1auth=Bearer {_token(token_path)}\1\1".encode()
            # A server that refuses the token asks once more, to say why; that is answered with nothing.
            responses = iter((bearer,))
            client.sasl_login("XOAUTH2", lambda _: next(responses, b""))
        else:
            client.login(bounces.imap_username, bounces.imap_password)
    except IMAPClientAbortError:
        raise
    except IMAPClientError as error:
        # The library quotes the text of the error that it replaces.
        text = server_text(error.__context__ or error).rstrip(".")
        raise MailboxError(
            f"{server_of(bounces)} refuses our sign-in as {bounces.imap_username}: {text}. "
            "See [bounces] imap_username and imap_password."
        ) from error


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MailboxError(f"[bounces] imap_token_path: {path} cannot be read.") from error


def _day(moment: datetime) -> str:
    """A day as a search names it, "27-Nov-2026"."""
    return "-".join(format_datetime(moment).split()[1:4])


def _uid(name: str) -> int:
    return int(name.partition(":")[2])

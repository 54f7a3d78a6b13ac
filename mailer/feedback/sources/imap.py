"""A mailbox read by IMAP (RFC 3501), which tells by IDLE (RFC 2177) when more has arrived.

Which messages are new is known by their UIDs (UIDVALIDITY, and the UID up to which all was taken in), not by
their flags: a person who opens a message in a mail program marks it as read, and it is taken in all the same.
"""

from __future__ import annotations

import imaplib
import re
import selectors
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from mailer.config.bounces import Bounces
from mailer.feedback.sources.errors import PATIENCE, refuse_clear, speaking
from mailer.feedback.sources.mailbox import MAX_OCTETS, MailboxError, MessageStays, Stop

# Seconds of one IDLE. What arrives in the moment in which it begins may go unheard until it ends, so that the
# first after any news is short, and each further one twice as long. Some networks forget a silent connection
# after five minutes.
_SHORTEST_IDLE, _LONGEST_IDLE = 1.0, 120.0
# Then it is opened anew: tokens run out, and what a server holds in memory for us grows.
_LONGEST_SESSION = 3_600.0
_TAG = b"IDLING"
# What a folder's name holds as it is in modified UTF-7 (RFC 3501 §5.1.3).
_PLAIN = re.compile(r"([\x20-\x7e]*)([^\x20-\x7e]*)")


@contextmanager
def opened(
    bounces: Bounces,
    token_path: Path | None,
    position: str,
    remember: Callable[[str], None],
    since: datetime | None = None,
) -> Iterator[ImapMailbox]:
    """The folder that [bounces] imap_… names, signed in to; `position` is what `remember` was told last.

    Where that is nothing, what arrived on days before `since` is left alone. Raises MailboxError.
    """
    server = name_of(bounces)
    refuse_clear(server, bounces.imap_host, bounces.imap_security, "imap_security")
    with speaking(server, imaplib.IMAP4.error):
        connection = _connected(bounces)
        try:
            _sign_in(connection, bounces, token_path)
            mailbox = ImapMailbox(connection, bounces, position, remember, since)
            try:
                yield mailbox
            finally:
                mailbox.note()
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                connection.logout()
            with suppress(OSError):
                connection.shutdown()


def name_of(bounces: Bounces) -> str:
    """As words for staff begin: "The IMAP server mail.example.org:993"."""
    return f"The IMAP server {bounces.imap_host}:{_port(bounces)}"


def address_of(bounces: Bounces) -> str:
    """Which mailbox it is: another server, user or folder makes another one."""
    return f"imap://{bounces.imap_username}@{bounces.imap_host}:{_port(bounces)}/{bounces.imap_folder}"


class ImapMailbox:
    """An open folder (mailbox.Mailbox). A message's name is its UIDVALIDITY and UID, "1700000000:42"."""

    def __init__(
        self,
        connection: imaplib.IMAP4,
        bounces: Bounces,
        position: str,
        remember: Callable[[str], None],
        since: datetime | None,
    ) -> None:
        self._imap, self._settings, self._remember, self._since = connection, bounces, remember, since
        self._server = name_of(bounces)
        self._can = _capabilities(connection)
        self._validity = self._select()
        known, _, uid = position.partition(":")
        # Up to this UID every message was taken in.
        self._mark = int(uid) if known == self._validity else 0
        # UIDs that the last search found, and which of those above the mark are done with.
        self._found: list[int] = []
        self._done: set[int] = set()
        self._ends = time.monotonic() + _LONGEST_SESSION
        self._idle_seconds = _SHORTEST_IDLE

    def arrived(self) -> list[str]:
        self.note()
        days = () if self._mark or self._since is None else ("SINCE", _day(self._since))
        kind, data = self._imap.uid("SEARCH", f"UID {self._mark + 1}:*", "UNDELETED", *days)
        if kind != "OK":
            raise MailboxError(f"{self._server} refuses to search: {_words(data)}")
        uids = {int(uid) for line in data if line for uid in line.split()}
        # "8:*" names the last message even where its UID is below 8.
        self._found = sorted(uid for uid in uids if uid > self._mark)
        return [f"{self._validity}:{uid}" for uid in self._found if uid not in self._done]

    def content(self, name: str) -> bytes | None:
        uid = _uid(name)
        kind, data = self._imap.uid("FETCH", uid, f"(UID BODY.PEEK[]<0.{MAX_OCTETS}>)")
        if kind != "OK":
            raise MessageStays(_words(data))
        for part in data:
            # Between them a server may tell what other programs do to other messages.
            if isinstance(part, tuple) and b"BODY[]" in part[0]:
                return bytes(part[1])
            if isinstance(part, bytes) and b'BODY[]<0> ""' in part:
                return b""
        self._done.add(int(uid))
        return None

    def taken(self, name: str) -> None:
        uid = _uid(name)
        if self._settings.imap_done == "mark":
            self._do("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")
        elif self._settings.imap_done == "delete":
            self._delete(uid)
        elif "MOVE" in self._can:
            self._do("MOVE", uid, _quoted(self._settings.imap_done_folder))
        else:
            self._do("COPY", uid, _quoted(self._settings.imap_done_folder))
            self._delete(uid)
        self._done.add(int(uid))

    def more(self, stop: Stop) -> bool:
        if "IDLE" not in self._can or time.monotonic() > self._ends:
            return False
        news = self._idle(stop)
        self._idle_seconds = _SHORTEST_IDLE if news else min(self._idle_seconds * 2, _LONGEST_IDLE)
        return not stop()

    def note(self) -> None:
        """Remember up to where everything was taken in."""
        before = self._mark
        for uid in self._found:
            if uid not in self._done:
                break
            self._mark = uid
        if self._mark != before:
            self._done = {uid for uid in self._done if uid > self._mark}
            self._remember(f"{self._validity}:{self._mark}")

    def _select(self) -> str:
        """Open the folder to change it, and make the one that messages move to; returns its UIDVALIDITY."""
        try:
            kind, data = self._imap.select(_quoted(self._settings.imap_folder))
        except imaplib.IMAP4.readonly as error:
            raise MailboxError(
                f"{self._server} lets us only look at the folder {self._settings.imap_folder!r}: "
                "give our user the right to change it."
            ) from error
        if kind != "OK":
            raise MailboxError(
                f"{self._server} has no folder {self._settings.imap_folder!r} for us ({_words(data)}): "
                "see [bounces] imap_folder."
            )
        if self._settings.imap_done == "move":
            # Refused where it is there already; whether messages can be moved into it shows itself.
            self._imap.create(_quoted(self._settings.imap_done_folder))
        validity = self._imap.response("UIDVALIDITY")[1][0]
        return validity.decode() if validity else "0"

    def _delete(self, uid: str) -> None:
        self._do("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
        # Without UIDPLUS others' deleted messages would go with ours: then the server's own clean-up does it.
        if "UIDPLUS" in self._can:
            self._do("EXPUNGE", uid)

    def _do(self, command: str, *arguments: str) -> None:
        kind, data = self._imap.uid(command, *arguments)
        if kind != "OK":
            raise MessageStays(_words(data))

    def _idle(self, stop: Stop) -> bool:
        """Wait until the server says anything (then True), or for a while, or until `stop`.

        The library knows IDLE from Python 3.14 on only.
        """
        self._imap.send(_TAG + b" IDLE\r\n")
        news = False
        while not (line := self._line()).startswith(b"+"):
            if line.startswith(_TAG):
                raise MailboxError(f"{self._server} refuses IDLE, which it offers: {_words([line])}")
            news = news or b"EXISTS" in line
        deadline = time.monotonic() + self._idle_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._imap.socket(), selectors.EVENT_READ)
            while not news and not stop() and (left := deadline - time.monotonic()) > 0:
                news = bool(selector.select(min(left, 0.5)))
        self._imap.send(b"DONE\r\n")
        while not self._line().startswith(_TAG):
            pass
        return news

    def _line(self) -> bytes:
        line = self._imap.readline()
        if not line or line.startswith(b"* BYE"):
            raise MailboxError(f"{self._server} ended the connection.")
        return line


def _connected(bounces: Bounces) -> imaplib.IMAP4:
    host, port = bounces.imap_host, _port(bounces)
    if bounces.imap_security == "tls":
        return imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=PATIENCE)
    return imaplib.IMAP4(host, port, timeout=PATIENCE)


def _sign_in(connection: imaplib.IMAP4, bounces: Bounces, token_path: Path | None) -> None:
    if bounces.imap_security == "starttls":
        connection.starttls(ssl.create_default_context())
    try:
        if token_path is not None:
            bearer = f"user={bounces.imap_username}\1auth=Bearer {_token(token_path)}\1\1".encode()
            # The server's only question is the reason of its refusal, to be answered with nothing.
            answers = iter((bearer,))
            connection.authenticate("XOAUTH2", lambda _: next(answers, b""))
        else:
            connection.login(bounces.imap_username, bounces.imap_password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise MailboxError(
            f"{name_of(bounces)} refuses our sign-in as {bounces.imap_username}: "
            f"{_words(error.args).rstrip('.')}. "
            "See [bounces] imap_username and imap_password."
        ) from error


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MailboxError(f"[bounces] imap_token_path: {path} cannot be read.") from error


def _capabilities(connection: imaplib.IMAP4) -> frozenset[str]:
    """What the server offers now that we are signed in, which is more than before."""
    kind, data = connection.capability()
    found = b" ".join(line for line in data if isinstance(line, bytes)) if kind == "OK" else b""
    return frozenset(found.decode("ascii", "replace").upper().split())


def _port(bounces: Bounces) -> int:
    return bounces.imap_port or (993 if bounces.imap_security == "tls" else 143)


def _day(moment: datetime) -> str:
    """As a search names a day, "27-Nov-2026"."""
    return "-".join(format_datetime(moment).split()[1:4])


def _uid(name: str) -> str:
    return name.partition(":")[2]


def _quoted(folder: str) -> str:
    """The folder's name as it is said: modified UTF-7 (RFC 3501 §5.1.3) in quotes."""
    written = ""
    for plain, other in _PLAIN.findall(folder):
        written += plain.replace("&", "&-")
        if other:
            encoded = b64encode(other.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            written += f"&{encoded}-"
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(data: Any) -> str:
    """The server's words in a reply, in one line."""
    parts = [
        part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in data if part
    ]
    return " ".join(" ".join(parts).split())[:300]

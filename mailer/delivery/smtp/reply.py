"""What a mail server says: replies of one or many lines, with enhanced codes (RFC 5321 §4.2, RFC 3463)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_LINE = re.compile(rb"([2-5]\d\d)([ -]?)(.*)", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
# A reply longer than this is no reply.
_MOST_OCTETS = 64 * 1024
_MOST_LINES = 500
# What comes at once from a server that answers a few commands is shorter than this.
_SHORT = 1024


class NotAReply(Exception):  # noqa: N818  (what was read, not a fault of ours)
    """What came is no SMTP reply."""


class Reply(NamedTuple):
    # 250, 451, 550…
    code: int
    # The server's words without codes, lines joined by spaces, unprintable characters replaced.
    text: str
    # "5.1.1", or empty where the server gives none.
    enhanced: str = ""
    # Every line's text as it came; what EHLO is read from.
    lines: tuple[str, ...] = ()
    # All of it in one line: "250 2.0.0 queued".
    words: str = ""

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 400

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help."""
        return self.code >= 500

    def __str__(self) -> str:
        return self.words


class Reader:
    """Turns octets as they arrive into replies."""

    def __init__(self) -> None:
        # Octets of a line that is not whole yet, and lines of a reply that is not.
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Sequence[Reply]:
        """The replies that `data` completes. Raises NotAReply."""
        if len(data) < _SHORT and not (self._rest or self._lines):
            first, end, behind = data.partition(b"\n")
            # Each message is taken in words of its own; those behind it come again and again.
            if end and (reply := _whole(first)) and (others := _all_whole(behind)) is not None:
                return reply, *others
        return self._take(self._rest + data)

    def _take(self, data: bytes) -> list[Reply]:
        if len(data) > _MOST_OCTETS:
            raise NotAReply("the server's reply has no end")
        *lines, self._rest = data.split(b"\n")
        found: list[Reply] = []
        for line in lines:
            code, text, last = _parsed(line)
            self._lines.append(text)
            if len(self._lines) > _MOST_LINES:
                raise NotAReply("the server's reply has no end")
            if last:
                found.append(_reply(code, tuple(self._lines)))
                self._lines.clear()
        return found

    def clear(self) -> bool:
        """Forget what is buffered; True when there was something."""
        had = bool(self._rest or self._lines)
        self._rest, self._lines = b"", []
        return had


@lru_cache(maxsize=64)
def _all_whole(octets: bytes) -> tuple[Reply, ...] | None:
    """The replies in octets that are replies of one line each; None for anything else."""
    *lines, rest = octets.split(b"\n")
    replies = [reply for line in lines if (reply := _whole(line))]
    return tuple(replies) if len(replies) == len(lines) and not rest else None


# A server says the same few words again and again.
@lru_cache(maxsize=256)
def _whole(line: bytes) -> Reply | None:
    """The reply in one line; None where it goes on in the next. Raises NotAReply."""
    code, text, last = _parsed(line)
    return _reply(code, (text,)) if last else None


def _parsed(line: bytes) -> tuple[int, str, bool]:
    """Code and text, all of it printable, and whether it is the reply's last line. Raises NotAReply."""
    match = _LINE.fullmatch(line.rstrip(b"\r"))
    if match is None:
        raise NotAReply("the server's words are no SMTP reply")
    code, more, octets = match.groups()
    text = octets.decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return int(code), text.strip(), more != b"-"


def _reply(code: int, lines: tuple[str, ...]) -> Reply:
    enhanced = _ENHANCED.match(lines[0])
    status = enhanced[1] if enhanced else ""
    text = " ".join(filter(None, [line.removeprefix(status).strip() for line in lines]))
    words = " ".join(filter(None, (str(code), status, text)))
    return Reply(code, text, status, lines, words)

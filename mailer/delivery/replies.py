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
        self._buffer = bytearray()
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Sequence[Reply]:
        """The replies that `data` completes. Raises NotAReply."""
        if not self._buffer and not self._lines and len(data) < _SHORT and data.endswith(b"\n"):
            whole = _whole(data)
            if whole is not None:
                return whole
        if len(self._buffer) + len(data) > _MOST_OCTETS:
            raise NotAReply("the server's reply has no end")
        *lines, rest = bytes(self._buffer + data).split(b"\n")
        self._buffer[:] = rest
        found: list[Reply] = []
        for line in lines:
            reply = self._take(line)
            if reply is not None:
                found.append(reply)
        return found

    def clear(self) -> bool:
        """Forget what is buffered; True when there was something."""
        had = bool(self._buffer or self._lines)
        self._buffer.clear()
        self._lines.clear()
        return had

    def _take(self, line: bytes) -> Reply | None:
        code, last, text = _parsed(line)
        if last and not self._lines:
            return _reply(code, (text,))
        self._lines.append(text)
        if len(self._lines) > 500:
            raise NotAReply("the server's reply has no end")
        if not last:
            return None
        lines, self._lines = tuple(self._lines), []
        return _reply(code, lines)


# A server says the same few words again and again.
@lru_cache(maxsize=64)
def _whole(data: bytes) -> tuple[Reply, ...] | None:
    """The replies in octets that are replies of one line each; None for anything else."""
    parsed = [_parsed(line) for line in data[:-1].split(b"\n")]
    if not all(last for _, last, _ in parsed):
        return None
    return tuple(_reply(code, (text,)) for code, _, text in parsed)


@lru_cache(maxsize=256)
def _parsed(line: bytes) -> tuple[int, bool, str]:
    """Code, whether it is the reply's last line, and text, all of it printable. Raises NotAReply."""
    match = _LINE.fullmatch(line.rstrip(b"\r"))
    if match is None:
        raise NotAReply("the server's words are no SMTP reply")
    text = match[3].decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return int(match[1]), match[2] != b"-", text.strip()


@lru_cache(maxsize=256)
def _reply(code: int, lines: tuple[str, ...]) -> Reply:
    enhanced = _ENHANCED.match(lines[0])
    bare = (line.removeprefix(enhanced[1]).strip() if enhanced else line for line in lines)
    text, status = " ".join(line for line in bare if line), enhanced[1] if enhanced else ""
    words = " ".join(part for part in (str(code), status, text) if part)
    return Reply(code, text, status, lines, words)

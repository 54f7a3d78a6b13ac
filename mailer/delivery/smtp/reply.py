"""SMTP replies: parses what a server sends, one or many lines, with enhanced codes (RFC 5321 §4.2, RFC
3463)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_LINE = re.compile(rb"([2-5]\d\d)([ -]?)(.*)", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
# Anything longer than this is not an SMTP reply.
_MAX_BYTES = 64 * 1024
_MAX_LINES = 500
# The replies to a few pipelined commands are shorter than this; they take the fast path.
_FAST_PATH_BYTES = 1024


class MalformedReply(Exception):  # noqa: N818  (describes the input, not an error of ours)
    """The server sent something that is not an SMTP reply."""

    def __init__(self, message: str, replies: Sequence[Reply] = ()) -> None:
        super().__init__(message)
        # Those that came with it, and before it.
        self.replies = replies


class Reply(NamedTuple):
    # 250, 451, 550…
    code: int
    # The server's text without codes, lines joined by spaces, unprintable characters replaced.
    text: str
    # Enhanced status code such as "5.1.1"; empty if the server sends none.
    enhanced: str = ""
    # The text of every line as received; EHLO extensions are read from it.
    lines: tuple[str, ...] = ()
    # Code, enhanced code and text in one line: "250 2.0.0 queued".
    full_text: str = ""

    @property
    def positive(self) -> bool:
        """Whether the code is 2xx or 3xx."""
        return 200 <= self.code < 400

    @property
    def permanent(self) -> bool:
        """Whether the code is 5xx, so that a retry cannot help."""
        return self.code >= 500

    def __str__(self) -> str:
        return self.full_text


class ReplyParser:
    """Turns bytes into replies as they arrive."""

    def __init__(self) -> None:
        # Bytes of an incomplete line, and lines of an incomplete reply.
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Sequence[Reply]:
        """Return the replies that `data` completes. Raises MalformedReply."""
        if len(data) < _FAST_PATH_BYTES and not (self._rest or self._lines):
            first, end, behind = data.partition(b"\n")
            # The first reply accepts a message with a text of its own (a queue id); those behind it repeat.
            if (
                end
                and (reply := _one_line_reply(first))
                and (others := _one_line_replies(behind)) is not None
            ):
                return reply, *others
        found: list[Reply] = []
        try:
            self._parse(self._rest + data, found)
        except MalformedReply as error:
            # One of them may say that a message was accepted.
            raise MalformedReply(str(error), found) from None
        return found

    def _parse(self, data: bytes, found: list[Reply]) -> None:
        """Add the replies that `data` completes to `found`. Raises MalformedReply."""
        if len(data) > _MAX_BYTES:
            raise MalformedReply("the server's reply is too long")
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            code, text, last = _parse_line(line)
            self._lines.append(text)
            if len(self._lines) > _MAX_LINES:
                raise MalformedReply("the server's reply is too long")
            if last:
                found.append(_make_reply(code, tuple(self._lines)))
                self._lines.clear()

    def clear(self) -> bool:
        """Discard buffered bytes; return whether there were any."""
        had_data = bool(self._rest or self._lines)
        self._rest, self._lines = b"", []
        return had_data


@lru_cache(maxsize=64)
def _one_line_replies(data: bytes) -> tuple[Reply, ...] | None:
    """The replies in `data` if each is complete and has one line; else None."""
    *lines, rest = data.split(b"\n")
    replies = [reply for line in lines if (reply := _one_line_reply(line))]
    return tuple(replies) if len(replies) == len(lines) and not rest else None


# A server repeats a few replies again and again.
@lru_cache(maxsize=256)
def _one_line_reply(line: bytes) -> Reply | None:
    """The reply if it has only this line; None if another line follows, or it is malformed."""
    try:
        code, text, last = _parse_line(line)
    except MalformedReply:
        return None
    return _make_reply(code, (text,)) if last else None


def _parse_line(line: bytes) -> tuple[int, str, bool]:
    """Code, printable text, and whether it is the reply's last line. Raises MalformedReply."""
    match = _LINE.fullmatch(line.rstrip(b"\r"))
    if match is None:
        raise MalformedReply("the server sent no valid SMTP reply")
    code, more, octets = match.groups()
    text = octets.decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return int(code), text.strip(), more != b"-"


def _make_reply(code: int, lines: tuple[str, ...]) -> Reply:
    enhanced = _ENHANCED.match(lines[0])
    status = enhanced[1] if enhanced else ""
    text = " ".join(filter(None, [line.removeprefix(status).strip() for line in lines]))
    full_text = " ".join(filter(None, (str(code), status, text)))
    return Reply(code, text, status, lines, full_text)

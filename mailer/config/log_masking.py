"""What no log line may contain: tokens of links, secrets, passwords, and email addresses.

Log calls name ids. This is the second line of defence, for what others write: Django writes the path of a
request into the log when it refuses one (CSRF, 404, 405) or fails, and an exception quotes what it was about,
as does a server's reply. A token in a log would let everyone who reads the log open a subscriber's pages.

Every pattern takes time in proportion to the text: some of it comes from strangers.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType

from mailer.config import log_context

# The pages whose path carries a token or a secret: what follows their name is masked, also a damaged token.
_PATH = re.compile(
    r"(/(?:confirm|preferences|address(?:/agree|/not-me)?|stay|your-data|unsubscribe(?:/list)?|r|o|hooks/[a-z_]+"
    r"|password_reset/confirm|set-password|accounts/email|accounts/approval)/)[^\s\"'<>]+"
)
# User and password in a URL: removed together with the @, up to the last one in the part with the host.
_USER_OF_URL = re.compile(r"(?<=://)[^\s/?#\"'<>]+(?:@|%40)")
_QUERY = re.compile(r"([?&][\w.~%-]{1,64}=)[^\s&#\"'<>]+")
# What PostgreSQL quotes of a row. In a traceback the line is on its own, in a repr it follows "\n".
_DETAIL = re.compile(r"((?:(?<!\w)|\\n)(?:DETAIL|CONTEXT):[ \t]*)[^\n]+")
# What stands behind such a name in a text, header, dictionary or address.
_NAMED_SECRET = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api[_-]?key|authorization|cookie|sessionid)"
    r"[\"']?(?:=|:[ \t]*))(?:(?:bearer|basic|token)[ \t]+)?(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"'<>(){}\[\]]+)",
    re.IGNORECASE,
)
_SMTP_AUTH = re.compile(r"(\bAUTH[ \t]+[A-Z0-9-]{1,20}[ \t]+)\S+")
# A token in a URL (with that of the subscriber behind it in a tracked link), and one in a mail address.
_TOKEN = re.compile(
    r"(?<![\w-])[0-9][A-Za-z0-9_-]{32}(?:[0-9][A-Za-z0-9_-]{32})?(?![\w-])"
    r"|(?<![0-9A-Za-z])[0-9][0-9a-f]{48}(?![0-9A-Za-z])"
)
# A token with more around it, or damaged.
_LIKE_TOKEN = re.compile(r"[A-Za-z0-9_-]{33,}")
_MIXTURE = tuple(map(re.compile, ("[0-9]", "[A-Z]", "[a-z]")))
# What may be a session key, a one-time link or a key of a service: whether it looks random is counted.
_LONG = re.compile(r"[A-Za-z0-9_+/=-]{20,}")
_CHANGE = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_RANDOM_CHANGES = 4
# An address, with all that is not separated from it; the quotes of a local part are a separator otherwise.
_AT = r"[@\uff20\ufe6b]|%(?:25)*40|&#0*64;|&#x0*40;|\\x40|\\u0040"
_QUOTED = re.compile(rf"\"[^\"\n]{{1,64}}\"(?={_AT})")
_LITERAL = re.compile(rf"(?:{_AT})\[[^\]\s]{{1,60}}\]")
_RUN = re.compile(r"[^\s<>()\[\]\",;:]+(?:;[^\s<>()\[\]\",;:]+)?")
_ADDRESS = re.compile(rf"[^@\uff20\ufe6b](?:{_AT})[^\s@]", re.IGNORECASE)
# Names of values in our own lines: what stands before the address there is no part of it.
_LABEL = re.compile(r"(?:address|email|error|from|message|path|reason|recipient|sender|source|to|user)=")
MASK = "…"
ADDRESS_MASK = "[address]"


def mask(text: str) -> str:
    """The text without tokens, secrets and addresses."""
    text = _PATH.sub(rf"\1{MASK}", text)
    text = _QUERY.sub(rf"\1{MASK}", _USER_OF_URL.sub("", text))
    text = _SMTP_AUTH.sub(rf"\1{MASK}", _DETAIL.sub(rf"\1{MASK}", text))
    text = _NAMED_SECRET.sub(rf"\1{MASK}", text)
    text = _LONG.sub(_without_random, _LIKE_TOKEN.sub(_without_mixture, _TOKEN.sub(MASK, text)))
    return _RUN.sub(_without_address, _LITERAL.sub("@host", _QUOTED.sub(ADDRESS_MASK, text)))


class MaskingFormatter(logging.Formatter):
    """Formats records of every logger: masks the whole text, with traceback and stack.

    At the end of the first line stands the id of the request or run (log_context), which masks would change.
    Times are in UTC (RFC 3339): web and worker know the office's time zone, and the supervisor does not.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  (logging's name)
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        text = mask(super().format(with_valid_arguments(record)))
        if (found := log_context.current_log_id()) is None:
            return text
        first, newline, more = text.partition("\n")
        return f"{first} {found.name}={found.value}{newline}{more}"


def with_valid_arguments(record: logging.LogRecord) -> logging.LogRecord:
    """The record; one whose arguments do not fit its message becomes one that names the place of the call.

    The logging package would print the arguments.
    """
    try:
        record.getMessage()
    except Exception:  # noqa: BLE001  (also what the text of an argument raises)
        # Not the whole path: the name of a folder may look like a token, and would hide the place.
        place = f"action=log_call_invalid place={record.filename}:{record.lineno}"
        return logging.LogRecord(record.name, logging.ERROR, record.pathname, record.lineno, place, (), None)
    return record


def mask_uncaught_exceptions() -> None:
    """Let what ends a process or a thread be written to stderr masked."""
    sys.excepthook = _print_masked
    threading.excepthook = lambda args: _print_masked(args.exc_type, args.exc_value, args.exc_traceback)


def _print_masked(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    # A thread may end by SystemExit, and a process may have no stderr.
    if sys.stderr is not None and not issubclass(kind, SystemExit):
        sys.stderr.write(mask("".join(traceback.format_exception(kind, error, trace))))


def _without_mixture(found: re.Match[str]) -> str:
    text = found[0]
    return MASK if all(kind.search(text) for kind in _MIXTURE) else text


def _without_random(found: re.Match[str]) -> str:
    text = found[0]
    return MASK if sum(1 for _ in _CHANGE.finditer(text)) >= _RANDOM_CHANGES else text


def _without_address(found: re.Match[str]) -> str:
    text = found[0]
    if not _ADDRESS.search(text):
        return text
    label = _LABEL.match(text)
    return (label[0] if label else "") + ADDRESS_MASK

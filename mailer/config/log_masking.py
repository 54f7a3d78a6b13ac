"""What no log line may contain: tokens of links, secrets in paths, and email addresses.

Django writes the path of a request into the log when it refuses one (CSRF, 404, 405) or fails; an exception
may quote what it was about. A token in a log would let everyone who reads the log open a subscriber's pages.
"""

from __future__ import annotations

import logging
import re

# The pages whose path carries a token or a secret: what follows their name is masked, also a damaged token.
_PATH = re.compile(
    r"(/(?:confirm|preferences|address(?:/agree|/not-me)?|stay|your-data|unsubscribe|r|o|hooks/[a-z_]+"
    r"|password_reset/confirm|set-password|accounts/email)/)[^\s\"'<>]+"
)
# A token in a URL (with that of the subscriber behind it in a tracked link), and one in a mail address.
_TOKEN = re.compile(
    r"(?<![\w-])[0-9][A-Za-z0-9_-]{32}(?:[0-9][A-Za-z0-9_-]{32})?(?![\w-])"
    r"|(?<![0-9A-Za-z])[0-9][0-9a-f]{48}(?![0-9A-Za-z])"
)
# "a…@example.org" is enough to find the subscriber's mail provider, and does not name the subscriber.
_ADDRESS = re.compile(r"([\w.+%'/=-])[\w.+%'/=-]*@((?:[\w-]+\.)+[\w-]+)")
_MASK = "…"
_format_exception = logging.Formatter().formatException


def mask(text: str) -> str:
    """The text without tokens, secrets and addresses."""
    text = _PATH.sub(rf"\1{_MASK}", text)
    return _ADDRESS.sub(rf"\1{_MASK}@\2", _TOKEN.sub(_MASK, text))


class MaskingFilter(logging.Filter):
    """A filter for handlers, so that it sees the records of every logger. It refuses no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # The handler reports the wrong arguments.
            return True
        record.msg, record.args = mask(message), ()
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = _format_exception(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True

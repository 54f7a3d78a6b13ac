"""Log lines as JSON objects, one per line, for programs that collect logs.

Our own lines are written as "action=NAME key=value …"; action and values become members. All text is masked
before it is encoded (log_masking.py).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from types import TracebackType

from mailer.config import log_context
from mailer.config.log_masking import MaskingFormatter, mask, with_valid_arguments

# A value reaches to the next key, because some are sentences.
_PAIR = re.compile(r"([a-z][a-z0-9_]*)=(.*?)(?=\s+[a-z][a-z0-9_]*=|\s*\Z)", re.DOTALL)
_OURS = "action="


class JsonFormatter(MaskingFormatter):
    """Formats a record as an object with time (UTC, RFC 3339), level, logger, process and message.

    Also request_id or run_id, where it is about a request or a run of a job (log_context). For our own lines
    also action, and under "fields" the values as strings; for errors "exception", the traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        record = with_valid_arguments(record)
        message = mask(record.getMessage())
        line: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": message,
        }
        if (found := log_context.current_log_id()) is not None:
            line[found.name] = found.value
        if message.startswith(_OURS):
            fields = dict(_PAIR.findall(message))
            line["action"] = fields.pop("action")
            line["fields"] = fields
        if record.exc_info and record.exc_info[0]:
            line["exception"] = mask(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = mask(self.formatStack(record.stack_info))
        return json.dumps(line, ensure_ascii=False)


def log_uncaught_exceptions() -> None:
    """Write what ends the process or a thread to stderr as such a line too."""
    sys.excepthook = _print
    threading.excepthook = lambda args: _print(args.exc_type, args.exc_value, args.exc_traceback)


def _print(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    # A thread may end by SystemExit, and a process may have no stderr.
    if sys.stderr is None or issubclass(kind, SystemExit) or error is None:
        return
    record = logging.LogRecord(
        "mailer", logging.CRITICAL, "", 0, "action=uncaught_exception", (), (kind, error, trace)
    )
    sys.stderr.write(JsonFormatter().format(record) + "\n")

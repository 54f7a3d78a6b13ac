"""The log as JSON: one object per line, with the parts of our own lines, masked."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from mailer import config
from mailer.config import log_context
from mailer.config.json_log import JsonFormatter
from mailer.config.log_masking import MaskingFormatter

ROOT = Path(__file__).parents[2]


def line(message: str, *arguments: object, error: BaseException | None = None) -> dict[str, Any]:
    trace = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("mailer.x", logging.WARNING, __file__, 7, message, arguments, trace)
    written = JsonFormatter().format(record)
    assert "\n" not in written
    found: dict[str, Any] = json.loads(written)
    return found


def test_action_and_values_are_members() -> None:
    found = line("action=provider_backoff provider=%s seconds=%d rate=%.2f", "mail.ru", 60, 0.5)
    assert (found["action"], found["level"], found["logger"]) == ("provider_backoff", "WARNING", "mailer.x")
    assert found["fields"] == {"provider": "mail.ru", "seconds": "60", "rate": "0.50"}
    assert found["message"] == "action=provider_backoff provider=mail.ru seconds=60 rate=0.50"
    assert found["time"].endswith("+00:00")


def test_lines_of_text_have_the_time_in_utc_too(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.LogRecord("mailer.x", logging.WARNING, __file__, 7, "action=x", (), None)
    record.created = 1_638_504_000.25
    monkeypatch.setenv("TZ", "Asia/Almaty")
    time.tzset()
    try:
        written = MaskingFormatter(config.LOG_FORMAT).format(record)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert written.startswith("2021-12-03T04:00:00.250+00:00 WARNING")


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "action=mailing_paused mailing=3 reason=Stopped: 5 of 9 failed",
            {"mailing": "3", "reason": "Stopped: 5 of 9 failed"},
        ),
        ("action=worker_stopped", {}),
        ("action=x empty= next=1", {"empty": "", "next": "1"}),
        ("action=x url=https://example.org/?a=b c=d", {"url": "https://example.org/?a=…", "c": "d"}),
    ],
)
def test_values_reach_to_the_next_key(message: str, fields: dict[str, str]) -> None:
    assert line(message)["fields"] == fields


def test_a_run_of_a_job_has_its_id_in_every_line_also_of_other_threads() -> None:
    def write() -> None:
        lines.append(line("action=x"))
        record = logging.LogRecord("mailer.x", logging.INFO, __file__, 7, "action=x\nmore", (), None)
        texts.append(MaskingFormatter("%(message)s").format(record))

    lines: list[dict[str, Any]] = []
    texts: list[str] = []
    write()
    for _ in range(2):
        with log_context.job_run("send mailings"):
            write()
            thread = threading.Thread(target=copy_context().run, args=(write,))
            thread.start()
            thread.join()
    write()
    runs = [one.get("run_id") for one in lines]
    assert runs[0] is runs[5] is None
    assert runs[1] == runs[2] != runs[3] == runs[4]
    assert str(runs[1]).startswith("send-mailings-")
    assert texts == ["action=x\nmore" if run is None else f"action=x run_id={run}\nmore" for run in runs]


def test_lines_of_libraries_are_messages() -> None:
    found = line("Not Found: %s", "/nothing/")
    assert found["message"] == "Not Found: /nothing/" and "action" not in found


def test_addresses_and_secrets_are_masked_in_every_part() -> None:
    try:
        raise ValueError('refused: planted@example.org, password="hunter2-secret"')
    except ValueError as error:
        found = line("action=failed path=%s to=%s", "/preferences/abc/", "planted@example.org", error=error)
    assert "ValueError: refused: [address]" in found["exception"]
    assert found["fields"] == {"path": "/preferences/…", "to": "[address]"}
    for part in ("planted", "hunter2", "/abc"):
        assert part not in json.dumps(found)


def test_a_call_with_wrong_arguments_is_named_without_them() -> None:
    found = line("n=%d", "planted@example.org")
    assert found["action"] == "log_call_invalid" and "planted" not in json.dumps(found)


def test_every_line_of_a_process_is_an_object() -> None:
    code = (
        "import logging, threading\nfrom mailer.cli.main import start_django\nstart_django()\n"
        "from mailer.worker import process_startup\nprocess_startup.log_uncaught_exceptions()\n"
        "logging.getLogger('mailer').info('action=begun')\nlogging.getLogger('django').warning('two\\nlines')\n"
        "def fail():\n    raise ValueError('refused: ' + 'olga@' + 'example.org')\n"
        "one = threading.Thread(target=fail)\none.start()\none.join()\nfail()\n"
    )
    environment = os.environ | {"MAILER_LOGGING__FORMAT": "json"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = [json.loads(one) for one in done.stderr.splitlines()]
    assert [one.get("action") for one in lines] == ["begun", None, "uncaught_exception", "uncaught_exception"]
    assert lines[1]["message"] == "two\nlines"
    assert all("ValueError: refused: [address]" in one["exception"] for one in lines[2:])

"""Returned messages parsed a second on one core, over the tests' samples.

Each sample is parsed with three kinds of line ends, then with a long returned message. Processor time is
measured, so that other load on the machine does not count. Reading the rules, which a process does once, is
measured apart.

Run as `python -m mailer.bench.bounces`; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterable
from pathlib import Path

import django

from mailer.feedback.parsing.classify_bounce_reasons import active_rules
from mailer.feedback.parsing.parse import parse_message

SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "payloads" / "bounces"
_ROUNDS = 8
# The body that the samples return, and its replacement: a digest of some 60 KB.
_SHORT = b"Stories."
_LONG = b"<p>What the villages of the valley did about their water, told by those who live there.</p>\n" * 680


def main() -> None:
    lines = [path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(SAMPLES.rglob("*.eml"))]
    messages = [text.replace(b"\n", end) for text in lines for end in (b"\n", b"\r\n", b"\r")]
    long = [text.replace(_SHORT, _LONG) for text in lines if _SHORT in text]
    began = time.process_time()
    active_rules()
    rules_ms = (time.process_time() - began) * 1e3
    small, slowest = _read(messages)
    large, slowest_long = _read(long)
    figures = {
        "messages": (len(messages) + len(long)) * _ROUNDS,
        "per_s": small,
        "per_s_60_kb": large,
        "slowest_ms": round(max(slowest, slowest_long) * 1e3, 1),
        "rules_ms": round(rules_ms),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def _read(messages: Iterable[bytes]) -> tuple[int, float]:
    """Messages parsed a second, and the seconds of the slowest."""
    seconds = []
    for _ in range(_ROUNDS):
        for message in messages:
            began = time.process_time()
            parse_message(message)
            seconds.append(time.process_time() - began)
    return round(len(seconds) / sum(seconds)), max(seconds)


if __name__ == "__main__":
    root = SAMPLES.parents[2]
    os.environ.setdefault("MAILER_CONFIG", str(root / "tests" / "config.toml"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
    django.setup()
    main()

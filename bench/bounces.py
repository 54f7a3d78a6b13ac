"""How many returned messages a second are read on one core, over the tests' own samples.

Each sample stands in three kinds of line end.

Run as `python -m bench.bounces`; prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

from mailer.feedback import reader

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "payloads" / "bounces"
_ROUNDS = 20


def main() -> None:
    lines = [path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(SAMPLES.rglob("*.eml"))]
    messages = [text.replace(b"\n", end) for text in lines for end in (b"\n", b"\r\n", b"\r")]
    slowest = 0.0
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        for message in messages:
            before = time.perf_counter()
            reader.read(message)
            slowest = max(slowest, time.perf_counter() - before)
    seconds = time.perf_counter() - started
    figures = {
        "messages": len(messages) * _ROUNDS,
        "per_s": round(len(messages) * _ROUNDS / seconds),
        "slowest_ms": round(slowest * 1e3, 1),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    import django

    django.setup()
    main()

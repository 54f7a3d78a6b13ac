"""What a measuring process does: one deed, and its figures as a line of JSON.

`python -m mailer.bench.program prepare READERS SIZE | plan | weigh PORT | send
| follow PORT REQUESTS CONNECTIONS | written
| accept | commit ROWS | post PORT POSTS CONNECTIONS | read
| fill READERS MAILINGS | count | visit ROUNDS
| prepare_list | bring FILE`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import django


def main() -> None:
    django.setup()
    # Models can be imported only now.
    from mailer.bench import brought, past, told, visits, world
    from mailer.delivery import engine
    from mailer.delivery.models import Mailing
    from mailer.feedback.tracking.models import Hit
    from mailer.reports import tallies

    def prepare(readers: str, size: str) -> int:
        world.prepare(int(readers), int(size))
        return int(readers)

    def plan() -> int:
        return world.plan().audience or 0

    def weigh(port: str) -> int:
        world.hand_over_one(int(port))
        return 1

    def follow(port: str, requests: str, connections: str) -> int:
        return world.follow_link(int(port), int(requests), int(connections))

    def written() -> int:
        return Hit.objects.count()

    def fill(readers: str, mailings: str) -> int:
        return len(past.fill(int(readers), int(mailings)))

    def count() -> int:
        return len(tallies.count_due(past.NOW))

    def visit(rounds: str) -> list[dict[str, Any]]:
        return visits.visit(int(rounds))

    def send() -> int:
        return engine.send_due(world.clock(), lambda: False).accepted

    heard = (told.accept, told.commit, told.post, told.read)
    seen = (fill, count, visit)
    imported = (brought.prepare_list, brought.bring)
    deeds: dict[str, Callable[..., object]] = {
        one.__name__: one for one in (prepare, plan, weigh, send, follow, written, *heard, *seen, *imported)
    }
    name, *arguments = sys.argv[1:]
    if name not in ("prepare", "fill", "prepare_list"):
        # The first query imports what Django queries with.
        Mailing.objects.exists()
    print(json.dumps(_measured(deeds[name], arguments)), flush=True)  # noqa: T201


def _measured(deed: Callable[..., object], arguments: list[str]) -> dict[str, Any]:
    """Starting Python and Django is not counted: it happens once, and no message costs it."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    done = deed(*arguments)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {
        **(done if isinstance(done, dict) else {"done": done}),
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_rss_mb": after.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()

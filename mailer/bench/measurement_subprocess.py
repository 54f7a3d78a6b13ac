"""The measured process: one action, and its figures as a line of JSON. With --wait a line of input starts it.

`python -m mailer.bench.measurement_subprocess prepare READERS SIZE | plan | deliver_one PORT | send
| add_readers READERS | schedule SIZE
| follow PORT REQUESTS CONNECTIONS | written | hammer PORT CLIENTS NETWORKS SECONDS
| accept | commit ROWS | post PORT POSTS CONNECTIONS | read
| fill READERS MAILINGS | count | visit ROUNDS
| prepare_list | import_file FILE | add_sources SOURCES ITEMS PORT KNOWN | gather`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import django

from mailer.bench.send import WAIT, Action


def main() -> None:
    django.setup()
    # Models can be imported only now.
    from django.core.management import call_command
    from django.utils import timezone

    from mailer.approval import audience_count_job
    from mailer.bench import fixtures
    from mailer.bench import webhook_page_and_feed_operations as operations
    from mailer.delivery.engine import send_loop
    from mailer.delivery.models import Mailing
    from mailer.reports import collect_stats, segment_count_job
    from mailer.tracking.models import TrackingEvent

    def prepare(readers: str, size: str) -> int:
        fixtures.prepare(int(readers), int(size))
        return int(readers)

    def add_readers(readers: str) -> int:
        call_command("migrate", verbosity=0)
        fixtures.add_readers(int(readers))
        return int(readers)

    def schedule(size: str) -> int:
        fixtures.schedule(int(size), timezone.now())
        return 1

    def plan() -> int:
        return fixtures.plan().audience or 0

    def deliver_one(port: str) -> int:
        fixtures.hand_over_one(int(port))
        return 1

    def follow(port: str, requests: str, connections: str) -> int:
        return fixtures.follow_link(int(port), int(requests), int(connections))

    def hammer(port: str, clients: str, networks: str, seconds: str) -> dict[str, float]:
        return fixtures.time_unsubscribe_page_during_sign_ins(
            int(port), int(clients), networks, float(seconds)
        )

    def written() -> int:
        return TrackingEvent.objects.count()

    def fill(readers: str, mailings: str) -> int:
        return len(fixtures.fill(int(readers), int(mailings)))

    def count() -> int:
        audience_count_job.refresh_audience_counts(timezone.now, lambda: False)
        segment_count_job.refresh_counts(timezone.now, lambda: False)
        return len(collect_stats.refresh_due(timezone.now()))

    def visit(rounds: str) -> list[dict[str, Any]]:
        return operations.time_pages(int(rounds))

    def send() -> int:
        return send_loop.send_due(fixtures.clock(), lambda: False).accepted

    known: dict[Action, Callable[..., object]] = {
        "prepare": prepare,
        "add_readers": add_readers,
        "schedule": schedule,
        "plan": plan,
        "deliver_one": deliver_one,
        "send": send,
        "follow": follow,
        "hammer": hammer,
        "written": written,
        "accept": operations.mark_all_deliveries_accepted,
        "commit": operations.commit,
        "post": operations.post,
        "read": operations.process_stored_webhook_posts,
        "fill": fill,
        "count": count,
        "visit": visit,
        "prepare_list": fixtures.prepare_list,
        "import_file": fixtures.import_file,
        "add_sources": operations.add_sources,
        "gather": operations.gather,
    }
    waits = sys.argv[-1] == WAIT
    name, arguments = cast(Action, sys.argv[1]), sys.argv[2 : -1 if waits else None]
    if name not in ("prepare", "add_readers", "fill", "prepare_list", "add_sources"):
        # The first query imports what Django queries with.
        Mailing.objects.exists()
    if waits:
        print("ready", flush=True)
        sys.stdin.readline()
    print(json.dumps(_measured(known[name], arguments)), flush=True)


def _measured(action: Callable[..., object], arguments: list[str]) -> dict[str, Any]:
    """Figures of one action, without the start of Python and Django."""
    before, started = _cpu_seconds(), time.perf_counter()
    done = action(*arguments)
    return {
        **(done if isinstance(done, dict) else {"done": done}),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": _cpu_seconds() - before,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _cpu_seconds() -> float:
    """User and system time of this process, and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()

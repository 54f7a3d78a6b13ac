"""A program that sends, for tests that kill it: started once, it forks a process for each command it reads.

`prepare`, `report` and `wait PID` answer with a line of JSON when they are done; `run` answers with its pid
at once.
"""

# ruff: noqa: T201, BLE001
from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


def prepare(count: str, *domains: str) -> dict[str, Any]:
    """The December edition sealed, and so many readers planned, in turn at each of the domains."""
    from mailer.delivery.models import Mailing
    from mailer.delivery.rollout import advance_mailings
    from subscribers.models import Subscriber
    from tests.delivery.cast import approved_snapshot, readers
    from tests.environment import quick_passwords

    readers(int(count))
    for number, person in enumerate(Subscriber.objects.order_by("pk") if domains else ()):
        name = person.email.partition("@")[0]
        Subscriber.objects.filter(pk=person.pk).update(email=f"{name}@{domains[number % len(domains)]}")
    now = datetime.now(UTC)
    with quick_passwords():
        approved_snapshot(now)
    advance_mailings.create_and_start_or_hold_due_mailings(now)
    return {"mailing": Mailing.objects.get().pk}


class Clock:
    """The time of day; it leaps where all there is to do is wait. Kept in a file, as processes die.

    It begins at a full hour, as the stop rules judge by the hour: a few refusals at the beginning of the
    next one would pause a mailing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = float(file.read_text()) if file.exists() else 3600 - time.time() % 3600
        self._keep()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def leap(self) -> None:
        self._ahead += 60
        self._keep()

    def _keep(self) -> None:
        fresh = self._file.with_suffix(f".{os.getpid()}")
        fresh.write_text(str(self._ahead))
        fresh.replace(self._file)


def run(*limits: str) -> None:
    """Send until the mailing is done, whatever goes wrong, as the worker's job does: it looks again.

    Beside it run the jobs that count and judge, all the time. `limits`: "file=N", after so many octets no
    file grows, as if the disk were full; "pages=N", after so many more pages SQLite's does not.
    """
    from django.conf import settings
    from django.db import connections

    from mailer.delivery.engine import send_loop
    from mailer.delivery.models import Mailing
    from mailer.delivery.rollout import mailing_control
    from mailer.reports.stats import mailing_totals

    storage = settings.CONFIG.path(settings.CONFIG.storage.path)
    storage.mkdir(parents=True, exist_ok=True)
    clock, stop = Clock(storage / "clock"), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for limit in limits:
        _limit(*limit.split("="))
    threading.Thread(target=_judge, args=(clock, stop, storage), daemon=True).start()
    while not stop.is_set():
        trouble = ""
        try:
            mailing = Mailing.objects.get()
            if mailing.state == "paused":
                # The breaker tripped, and staff have looked.
                trouble = mailing.reason
                mailing_control.resume(mailing, None, clock())
            elif mailing.state != "sending":
                return
            summary = send_loop.send_due(clock, stop)
            trouble = trouble or summary.error
            idle = not (summary.attempted or summary.recovered or trouble)
            if idle and not mailing_totals(mailing).claimed:
                clock.leap()
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            connections.close_all()
        if trouble:
            _note(storage / f"troubles-{time.monotonic_ns()}", trouble)
            time.sleep(0.1)
        time.sleep(0.01)


def _judge(clock: Clock, stop: threading.Event, storage: Path) -> None:
    """Read rejections, count them and apply the stop rules."""
    from django.db import DatabaseError, connections

    from mailer.delivery.rollout import apply_stop_rules
    from mailer.feedback.decisions import rejections_and_stop_rule_counts

    while not stop.wait(0.1):
        try:
            rejections_and_stop_rule_counts.process_rejections(clock())
            rejections_and_stop_rule_counts.add_events_to_hourly_counts(clock())
            apply_stop_rules.apply_stop_rules_to_mailings(clock())
        except (DatabaseError, OSError):
            # As where the disk is full.
            connections.close_all()


def _note(file: Path, trouble: str) -> None:
    """Keep it on a disk that is not full."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit[1], limit[1]))
    file.write_text(trouble)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def _limit(kind: str, value: str) -> None:
    from django.db import connection
    from django.db.backends.signals import connection_created

    if kind == "file":
        # What this program logs is a file, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(value), resource.RLIM_INFINITY))
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        most = cursor.fetchone()[0] + int(value)

    def full(connection: Any, **_: Any) -> None:
        connection.connection.execute(f"PRAGMA max_page_count = {most}")

    connection.close()
    connection_created.connect(full, weak=False)


def report() -> dict[str, Any]:
    """The mailing_totals of the mailing, its state, who is in doubt, what was troublesome, what the stop
    rules did, and their counts beside those of the ledger's rows."""
    from django.db.models import Q

    from mailer.delivery.ledger import recover_and_finish
    from mailer.delivery.models import Delivery, Mailing
    from mailer.delivery.throttle import hourly_outcomes_by_provider
    from mailer.reports.stats import mailing_totals
    from subscribers.models import Subscriber

    mailing = Mailing.objects.get()
    counted = hourly_outcomes_by_provider.sum_counts(
        [
            hourly_outcomes_by_provider.ProviderCounts(),
            *hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing).values(),
        ]
    )
    accepted = Q(accepted_at__isnull=False)
    rows = [
        mailing.deliveries.filter(accepted | Q(rejected_at__isnull=False)).count(),
        mailing.deliveries.filter(accepted).count(),
    ]
    found = mailing_totals(mailing)
    names = {s.pk: s.email for s in Subscriber.objects.all()}
    doubt = Delivery.objects.filter(state="in_doubt").values_list("subscriber", flat=True)
    folder = recover_and_finish.journal_folder()
    return {
        **found.as_dict(),
        "balances": found.balances,
        "state": mailing.state,
        "doubtful": sorted(names[pk] for pk in doubt),
        "interventions": [one.action for one in mailing.interventions.all()],
        "counted": [counted.attempted, counted.accepted],
        "rows": rows,
        "journals": len(list(folder.iterdir())) if folder.exists() else 0,
        "troubles": [file.read_text() for file in sorted(folder.parent.glob("troubles-*"))],
    }


# Commands that go on in the background.
_WORK = ("run", "work")


def main(**more: Any) -> None:
    """Serve the commands of this program, and `more` of another one."""
    from mailer.cli.main import start_django

    start_django(None)
    commands = {"prepare": prepare, "run": run, "report": report, **more}
    for line in sys.stdin:
        name, *arguments = line.split()
        if name == "wait":
            _, status = os.waitpid(int(arguments[0]), 0)
            print(json.dumps({"status": status}), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                answer = commands[name](*arguments)
                if name not in _WORK:
                    print(json.dumps(answer), flush=True)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        if name in _WORK:
            print(json.dumps({"pid": pid}), flush=True)
        else:
            _, status = os.waitpid(pid, 0)
            if status:
                print(json.dumps({"failed": name}), flush=True)


if __name__ == "__main__":
    main()

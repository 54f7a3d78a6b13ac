"""Chaos: workers send one mailing while they are killed, stopped and cut off, and while their database is
restarted and replaced by its standby.

`python -m tests.delivery.chaos [DELIVERIES [INCIDENTS [RATE [SEED]]]]` runs longer, and prints its figures.
"""

# ruff: noqa: T201
from __future__ import annotations

import bisect
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.delivery.database_failover import Network, Proxy, ReplicatedDatabase, replicated
from tests.delivery.relay import Relay, Script
from tests.delivery.worker_process import Program, repeats
from tests.postgres import Server, serving

WORKERS, CONNECTIONS = 4, 3
# Two of the workers share a machine: they can read each other's journals.
MACHINES = 2
# Seconds.
LEASE = 4.0
# Pending incidents of a run end after so many seconds without any progress.
_STALLED = 20.0


@dataclass(frozen=True)
class Plan:
    deliveries: int
    # Of single workers: killed, stopped, cut off from the database or from the relay.
    incidents: int
    # Messages a second, over all workers.
    rate: int
    seed: int
    restarts: int = 2
    failovers: int = 1


@dataclass
class Result:
    """What a run did, and what came of it."""

    report: dict[str, Any]
    seconds: float
    # By kind.
    incidents: Counter[str]
    # Of these, each worker counts: a restart of the database stops them all.
    interruptions: int
    # Readers without a message that the relay kept.
    missing: set[str]
    repeats: int
    # By length of an interval in seconds: messages beyond the limit, in the interval that has most of them.
    excess: dict[float, float]
    rate: int
    journals: int
    troubles: Counter[str] = field(default_factory=Counter)


class _Worker:
    """A worker of the program, with its own way to database and relay."""

    def __init__(self, program: Program, database: Proxy, relay: Proxy, storage: Path) -> None:
        self._program, self.database, self.relay, self._storage = program, database, relay, storage
        self.busy = False
        self.start()

    def start(self) -> None:
        command = f"work {self.database.port} {self.relay.port} {self._storage}"
        self.pid: int = self._program.ask(command)["pid"]

    def kill(self) -> None:
        self._program.end(self.pid, signal.SIGKILL)


class _Chaos:
    """One run."""

    def __init__(
        self, plan: Plan, database: ReplicatedDatabase, network: Network, relay: Relay, workers: list[_Worker]
    ) -> None:
        self._plan, self._database, self._network, self._relay = plan, database, network, relay
        self._workers = workers
        self._random = random.Random(plan.seed)
        self.done: Counter[str] = Counter()
        # What ends an incident, and when, by time.monotonic().
        self._endings: list[tuple[float, Callable[[], None]]] = []

    def run(self) -> None:
        """Cause every incident, each after some more messages, and end them all."""
        kinds = [self._kill, self._stop, self._stop, self._cut_database, self._cut_relay]
        order = [kinds[number % len(kinds)] for number in range(self._plan.incidents)]
        order += [self._restart_database] * self._plan.restarts + [self._fail_over] * self._plan.failovers
        self._random.shuffle(order)
        spacing = self._plan.deliveries * 0.9 / len(order)
        for incident in order:
            self._let_pass(round(spacing * self._random.uniform(0.5, 1.4)))
            incident()
        while self._endings:
            self._end_due()
            time.sleep(0.02)

    def _let_pass(self, messages: int) -> None:
        """Wait until so many more messages have arrived."""
        wanted, limit = len(self._relay.taken) + messages, time.monotonic() + _STALLED
        while len(self._relay.taken) < wanted and time.monotonic() < limit:
            self._end_due()
            time.sleep(0.005)

    def _end_due(self) -> None:
        for ending in [one for one in self._endings if one[0] <= time.monotonic()]:
            self._endings.remove(ending)
            ending[1]()

    def _end_after(self, seconds: float, worker: _Worker, end: Callable[[], None]) -> None:
        worker.busy = True

        def finish() -> None:
            end()
            worker.busy = False

        self._endings.append((time.monotonic() + seconds, finish))

    def _idle_worker(self) -> _Worker:
        """One that nothing has befallen."""
        while not (idle := [one for one in self._workers if not one.busy]):
            self._end_due()
            time.sleep(0.01)
        return self._random.choice(idle)

    def _kill(self) -> None:
        self.done["killed"] += 1
        worker = self._idle_worker()
        worker.kill()
        self._end_after(self._random.uniform(0, 1), worker, worker.start)

    def _stop(self) -> None:
        worker = self._idle_worker()
        # Every other one for longer than its lease.
        long = self.done["stopped"] % 2 == 0
        seconds = LEASE + self._random.uniform(1, 3) if long else self._random.uniform(0.1, 2)
        self.done["stopped"] += 1
        os.kill(worker.pid, signal.SIGSTOP)
        self._end_after(seconds, worker, lambda: os.kill(worker.pid, signal.SIGCONT))

    def _cut_database(self) -> None:
        self._cut("cut off from the database", lambda worker: worker.database)

    def _cut_relay(self) -> None:
        self._cut("cut off from the relay", lambda worker: worker.relay)

    def _cut(self, kind: str, which: Callable[[_Worker], Proxy]) -> None:
        self.done[kind] += 1
        worker = self._idle_worker()
        proxy = which(worker)
        self._network.cut(proxy)
        self._end_after(self._random.uniform(0.1, 3), worker, lambda: self._network.restore(proxy))

    def _restart_database(self) -> None:
        self.done["database restarted"] += 1
        self._database.restart(lambda: time.sleep(self._random.uniform(0.1, 1)))

    def _fail_over(self) -> None:
        self.done["failed over"] += 1
        self._database.fail_over()


def run(plan: Plan, server: Server, name: str, folder: Path) -> Result:
    """Send a mailing to so many readers through so much chaos.

    `name`: of a database of the server, with every table and no reader; `folder`: for the workers' data.
    """
    relay = Relay(Script(latency=0.005, headers_only=True))
    with replicated(server) as database, Network() as network, relay:
        here = network.to_socket(lambda: database.active.socket)
        # A stopped worker must not keep its locks for longer than a run lasts.
        options = quote("-c idle_in_transaction_session_timeout=2s")
        url = f"postgresql://postgres@127.0.0.1:{here.port}/{name}?options={options}"
        program = Program(
            folder,
            url,
            "tests.delivery.chaos_worker",
            smtp__connections=CONNECTIONS,
            # Longer than a stop outlasts the lease: what the stopped worker knows is heard first.
            sending__in_doubt_wait_minutes=LEASE / 60,
            sending__lease_minutes=LEASE / 60,
            sending__rate_per_second=plan.rate,
        )
        try:
            program.ask(f"prepare {plan.deliveries}")
            began = time.monotonic()
            workers = [
                _Worker(
                    program,
                    network.to_socket(lambda: database.active.socket),
                    network.to_port(relay.port),
                    folder / f"machine-{number % MACHINES}",
                )
                for number in range(WORKERS)
            ]
            chaos = _Chaos(plan, database, network, relay, workers)
            chaos.run()
            for worker in workers:
                assert program.end(worker.pid) == 0
            seconds = time.monotonic() - began
            report = program.report()
        finally:
            program.close()
    everybody = {f"reader-{number}@example.net" for number in range(plan.deliveries)}
    machines = [folder / f"machine-{number}" for number in range(MACHINES)]
    of_all = sum(chaos.done[kind] for kind in ("database restarted", "failed over"))
    return Result(
        report,
        seconds,
        chaos.done,
        plan.incidents + of_all * WORKERS,
        everybody - {taken.recipient for taken in relay.kept()},
        repeats(relay),
        _excess([taken.at for taken in relay.taken], plan.rate),
        plan.rate,
        sum(1 for one in machines for _ in (one / "journal").iterdir()),
        Counter(
            line.split(":")[0][:60]
            for one in machines
            if (one / "troubles").exists()
            for line in (one / "troubles").read_text().splitlines()
        ),
    )


def _excess(times: list[float], rate: float) -> dict[float, float]:
    ordered = sorted(times)
    return {
        length: round(
            max(
                bisect.bisect_left(ordered, begin + length) - place - rate * length
                for place, begin in enumerate(ordered)
            ),
            1,
        )
        for length in (1.0, 5.0, 10.0, 60.0)
    }


def check(result: Result) -> None:
    """What holds however much went wrong."""
    report = result.report
    # A second doubt about a message is left for staff to see; everything else has arrived.
    assert result.missing <= set(report["doubtful"]), result.missing
    assert report["balances"] and report["state"] == "done", report
    assert report["accepted"] + report["in_doubt"] == report["audience"]
    assert result.repeats <= CONNECTIONS * result.interruptions
    # One slice is a second of the limit; each connection may have begun a message, and taken the next one.
    allowed = result.rate + 2 * CONNECTIONS * WORKERS
    assert max(result.excess.values()) <= allowed, result.excess
    assert result.journals == 0


def main() -> None:
    defaults = (100_000, 40, 500, 2026)
    plan = Plan(*map(int, sys.argv[1:]), *defaults[len(sys.argv) - 1 :])
    os.environ |= {"MAILER_CONFIG": "tests/config.toml", "DJANGO_SETTINGS_MODULE": "mailer.settings"}
    with serving() as server, tempfile.TemporaryDirectory(prefix="mailer-chaos-") as folder:
        server.database("chaos")
        result = run(plan, server, "chaos", Path(folder))
    print(json.dumps({**vars(result), "missing": sorted(result.missing)}, indent=1))
    check(result)


if __name__ == "__main__":
    main()

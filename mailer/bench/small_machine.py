"""The whole system on a small machine: `mailer run` with SQLite in 512 MB, at rest and while it sends.

The limit is a control group's, where this process may create one; elsewhere each process gets an RLIMIT_DATA
of that size. What counts is the proportional set size (PSS), which divides shared pages among those who share
them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mailer.bench import smtp_sinks_and_reference_senders
from mailer.bench.databases import Sqlite
from mailer.bench.send import CONFIG, SIZE, Failed, environment, run_measured, workspace

LIMIT_MB = 512
# Seconds after the start until the system counts as at rest, between two samples, and that sending may take.
_REST, _SAMPLE, _PATIENCE = 30.0, 0.5, 1800.0
_GROUPS = Path("/sys/fs/cgroup")
_DONE = "SELECT count(*) FROM mailer_mailing WHERE state = 'done'"
_ACCEPTED = "SELECT count(*) FROM mailer_delivery WHERE state = 'accepted'"
_SECONDS = "SELECT (julianday(finished_at) - julianday(started_at)) * 86400 FROM mailer_mailing"
# The pages that readers and staff request meanwhile.
_PAGES = ("/", "/archive/", "/desk/login/", "/healthz")


def measure(readers: int, page_seconds: float = 0.5) -> Iterator[dict[str, Any]]:
    """One record; `page_seconds`: between two requests of a page while it sends. Raises Missing, Failed."""
    port = smtp_sinks_and_reference_senders.free_port()
    config = CONFIG.replace(":8000", f":{port}") + f'[web]\nhost = "127.0.0.1"\nport = {port}\n'
    with workspace(config) as folder, smtp_sinks_and_reference_senders.Sink("light") as sink:
        database = Sqlite(folder)
        run_measured(folder, database.origin, "add_readers", readers)
        settings = {"MAILER_SMTP__HOST": "127.0.0.1", "MAILER_SMTP__PORT": str(sink.port)}
        with _limited() as limit, _running(folder, database.origin, settings, limit) as process:
            _wait_until(lambda: _answers(port), 120, "the web process does not answer")
            time.sleep(_REST)
            rest, first = _memory(process.pid), _family(process.pid)
            with _requests(port, page_seconds) as answers, ThreadPoolExecutor(1) as staff:
                # Sending begins at once when it is scheduled.
                scheduled = staff.submit(run_measured, folder, database.origin, "schedule", SIZE)
                peak = _sample(process.pid, folder, readers)
                scheduled.result()
            restarted = len(first - _family(process.pid))
            time.sleep(_REST)
            after = _memory(process.pid)
            killed, seconds = limit.killed(), _query(folder, _SECONDS)
            octets = sum(path.stat().st_size for path in folder.glob("origin.sqlite3*"))
    if restarted or killed:
        raise Failed(f"{restarted} processes ended, {killed} of them for want of memory")
    yield {
        "readers": readers,
        "limit_mb": LIMIT_MB,
        "limit_by": limit.kind,
        "at_rest_mb": _total(rest),
        **{f"{name}_mb": rest[name] for name in sorted(rest)},
        "peak_mb": _total(peak),
        **{f"peak_{name}_mb": peak[name] for name in sorted(peak)},
        "after_mb": _total(after),
        "database_mb": octets >> 20,
        "seconds": round(seconds, 1),
        "sent_per_s": round(readers / seconds),
        "pages": answers["answered"],
        "pages_failed": answers["failed"],
    }


class _Limit(NamedTuple):
    """How the memory is limited."""

    kind: str
    # Called in the child before it becomes `mailer run`.
    enter: Callable[[], None]
    # Processes that the kernel ended for want of memory.
    killed: Callable[[], int]


@contextmanager
def _limited() -> Iterator[_Limit]:
    """A control group of LIMIT_MB without swap (version 2, else version 1), or else RLIMIT_DATA."""
    octets = LIMIT_MB << 20
    name = f"mailer-bench-{os.getpid()}"
    for parent, kind, values, events in (
        (
            _GROUPS,
            "cgroup v2",
            {"memory.max": str(octets), "memory.swap.max": "0"},
            "memory.events",
        ),
        (_GROUPS / "memory", "cgroup v1", {"memory.limit_in_bytes": str(octets)}, "memory.oom_control"),
    ):
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        # Without the memory controller these files do not exist.
        if not all((group / file).exists() for file in values):
            group.rmdir()
            continue
        for file, value in values.items():
            (group / file).write_text(value)
        try:
            yield _Limit(kind, _enter_group(group), lambda file=group / events: _killed(file))  # type: ignore[misc]
        finally:
            _wait_until(lambda at=group: _removed(at), 30, "the control group is not empty")  # type: ignore[misc]
        return
    yield _Limit(
        "RLIMIT_DATA of each process",
        lambda: resource.setrlimit(resource.RLIMIT_DATA, (octets, octets)),
        lambda: 0,
    )


def _enter_group(group: Path) -> Callable[[], None]:
    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    return enter


def _killed(events: Path) -> int:
    """The number behind oom_kill."""
    fields = dict(line.split() for line in events.read_text(encoding="ascii").splitlines())
    return int(fields.get("oom_kill", 0))


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


@contextmanager
def _running(
    folder: Path, url: str, settings: dict[str, str], limit: _Limit
) -> Iterator[subprocess.Popen[bytes]]:
    """`mailer run` under the limit; it is stopped at the end."""
    log = folder / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailer", "run"],
            cwd=folder,
            env=environment(folder, url) | settings,
            stdout=output,
            stderr=output,
            preexec_fn=limit.enter,
        )
        try:
            yield process
        except Failed as error:
            raise Failed(f"{error}\n{log.read_text(errors='replace')[-2000:]}") from error
        finally:
            process.terminate()
            process.wait(60)


def _sample(supervisor: int, folder: Path, readers: int) -> Counter[str]:
    """Megabytes by process at the moment when together they were most, until all are sent. Raises Failed."""
    peak: Counter[str] = Counter()

    def sent() -> bool:
        nonlocal peak
        peak = max(peak, _memory(supervisor), key=_total)
        return bool(_query(folder, _DONE)) and _query(folder, _ACCEPTED) == readers

    _wait_until(sent, _PATIENCE, "not all messages were sent", _SAMPLE)
    return peak


def _query(folder: Path, statement: str) -> float:
    """The one value of a statement; the database is that of the running system."""
    database = sqlite3.connect(f"file:{folder / 'origin.sqlite3'}?mode=ro", uri=True, timeout=30)
    try:
        return float(database.execute(statement).fetchone()[0])
    finally:
        database.close()


def _family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return {pid}.union(*(_family(int(child)) for child in children))


def _memory(supervisor: int) -> Counter[str]:
    """Megabytes of proportional set size by program: supervisor, web, worker."""
    found: Counter[str] = Counter()
    for pid in _family(supervisor):
        # A process may end meanwhile.
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            name = next((one.decode() for one in (b"web", b"worker") if one in words), "supervisor")
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            found[name] += int(rollup.partition("\nPss:")[2].split()[0])
    return Counter({name: round(kilobytes / 1024) for name, kilobytes in found.items()})


def _total(memory: Counter[str]) -> int:
    return memory.total()


@contextmanager
def _requests(port: int, seconds: float) -> Iterator[Counter[str]]:
    """Requests a page every so many seconds; counts those answered and failed."""
    over, counted = threading.Event(), Counter[str]()

    def visit() -> None:
        while True:
            for path in _PAGES:
                if over.wait(seconds):
                    return
                counted["answered" if _answers(port, path) else "failed"] += 1

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


def _answers(port: int, path: str = "/healthz") -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
            return bool(response.read())
    except OSError:
        return False


def _wait_until(found: Callable[[], bool], seconds: float, failure: str, pause: float = 0.1) -> None:
    """Wait for a condition. Raises Failed after so many seconds."""
    limit = time.monotonic() + seconds
    while not found():
        if time.monotonic() > limit:
            raise Failed(failure)
        time.sleep(pause)

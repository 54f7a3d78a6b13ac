"""An office of its own: a database, a configuration, and the programs that run on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests import programs
from tests.waiting import SAFETY_SECONDS, until

ROOT = Path(__file__).parents[2]
# Readers of these names, and the December edition sealed and due for them.
PREPARE = """
import sys
from datetime import UTC, datetime
from mailer.cli.main import start_django
start_django(None)
from tests import cast
from tests.delivery.cast import approved_snapshot
for name in sys.argv[1:]:
    cast.reader(name)
approved_snapshot(datetime.now(UTC))
"""
# What is known at the end.
FACTS = """
import json
from dataclasses import asdict
from mailer.cli.main import start_django
start_django(None)
from mailer.delivery.models import Mailing
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.reports.stats import mailing_totals
from subscribers.models import Subscriber, Subscription, Suppression
found = mailing_totals(Mailing.objects.get())
people = dict(Subscriber.objects.values_list("pk", "email"))
print(json.dumps({
    "totals": asdict(found),
    "balances": found.balances,
    "kinds": sorted(ReturnedMessage.objects.values_list("kind", flat=True)),
    "events": {
        people[event.subscriber]: [event.kind, event.bounce_class, event.reason, event.identity]
        for event in FeedbackEvent.objects.all()
    },
    "suppressions": dict(Suppression.objects.values_list("email", "reason")),
    "subscriptions": dict(Subscription.objects.values_list("subscriber__email", "state")),
}))
"""


class Office:
    """Its settings are given as MAILER_… variables: {"smtp__port": 25}."""

    def __init__(self, folder: Path, template: Path, **settings: object) -> None:
        self.database, self._log = folder / "mailer.db", folder / "log"
        shutil.copy(template, self.database)
        variables = {
            "config": ROOT / "tests" / "config.toml",
            "storage__path": folder / "data",
            "database__url": f"sqlite:///{self.database}",
            **settings,
        }
        # Only what the tests have set up is trusted, such as a certificate.
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
        self._environment |= {f"MAILER_{key.upper()}": str(value) for key, value in variables.items()}
        self._environment["DJANGO_SETTINGS_MODULE"] = "mailer.settings"

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run("-m", "mailer", *words)

    def prepare(self, *readers: str) -> None:
        done = self._run("-c", PREPARE, *readers)
        assert done.returncode == 0, done.stderr

    def facts(self) -> dict[str, Any]:
        done = self._run("-c", FACTS)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def returned(self) -> int:
        """Messages that came back, counted beside the running programs."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60)) as database:
            return int(database.execute("SELECT count(*) FROM mailer_returnedmessage").fetchone()[0])

    @contextmanager
    def working(self) -> Iterator[None]:
        """The worker runs; it ends with status 0 when asked to."""
        with self._worker() as worker:
            yield
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(SAFETY_SECONDS)
            except subprocess.TimeoutExpired:
                # What its threads do is in the log then.
                worker.send_signal(signal.SIGABRT)
                worker.wait()
        assert worker.returncode == 0, self.log()

    @contextmanager
    def killed_once(self, ready: Callable[[], None], due: Callable[[], bool]) -> Iterator[None]:
        """The worker runs, and is killed as soon as `due` is true, whatever it does then."""
        with self._worker() as worker:
            ready()

            def kill() -> None:
                until(due, interval=0.001)
                worker.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            yield
            worker.wait(SAFETY_SECONDS)
            killer.join()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @contextmanager
    def _worker(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "mailer", "worker"]
        with self._log.open("w") as log:
            worker = programs.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
            try:
                yield worker
            finally:
                worker.kill()
                worker.wait()

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return programs.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SAFETY_SECONDS,
        )

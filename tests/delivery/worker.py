"""A program that sends, for tests that kill it: started once, it forks a process for each command it reads.

`prepare N`, `report` and `stop PID` answer with a line of JSON; `run` answers with its pid at once.
"""

# ruff: noqa: T201, BLE001
from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Any


def prepare(count: str) -> dict[str, Any]:
    """The December edition sealed, and so many readers planned."""
    from mailer.delivery import release
    from mailer.delivery.models import Mailing
    from tests.delivery.cast import readers, sealed_copy
    from tests.environment import quick_passwords

    readers(int(count))
    now = datetime.now(UTC)
    with quick_passwords():
        sealed_copy(now)
    release.release_due(now)
    return {"mailing": Mailing.objects.get().pk}


def run() -> dict[str, Any]:
    """Send until the mailing is done."""
    from mailer.delivery import engine
    from mailer.delivery.models import Mailing

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.is_set() and Mailing.objects.filter(state="sending").exists():
        engine.send_due(lambda: datetime.now(UTC), stop)
        time.sleep(0.01)
    return {"ended": True}


def report() -> dict[str, Any]:
    """The account of the mailing, its state, and who is in doubt."""
    from mailer.delivery import recovery
    from mailer.delivery.models import Delivery, Mailing
    from mailer.reports.account import account
    from subscribers.models import Subscriber

    mailing = Mailing.objects.get()
    found = account(mailing)
    names = {s.pk: s.email for s in Subscriber.objects.all()}
    doubt = Delivery.objects.filter(state="in_doubt").values_list("subscriber", flat=True)
    folder = recovery.folder()
    return {
        **found.as_dict(),
        "balances": found.balances,
        "state": mailing.state,
        "doubtful": sorted(names[pk] for pk in doubt),
        "journals": len(list(folder.iterdir())) if folder.exists() else 0,
    }


def main() -> None:
    import django

    django.setup()
    commands = {"prepare": prepare, "run": run, "report": report}
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
                if name != "run":
                    print(json.dumps(answer), flush=True)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        if name == "run":
            print(json.dumps({"pid": pid}), flush=True)
        else:
            _, status = os.waitpid(pid, 0)
            if status:
                print(json.dumps({"failed": name}), flush=True)


if __name__ == "__main__":
    main()

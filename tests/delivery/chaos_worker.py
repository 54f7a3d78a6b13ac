"""The workers of the chaos test: one program forks all of them, each with its own way to database and relay.

It reads commands as `killable_worker` does; `work DATABASE_PORT SMTP_PORT STORAGE` starts a worker.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.delivery import killable_worker


def work(database_port: str, smtp_port: str, storage: str) -> None:
    """Send until the mailing is done, whatever goes wrong, as the worker's job does: it looks again."""
    from django.conf import settings
    from django.db import connections

    from mailer.backoff import BackoffPolicy
    from mailer.delivery.engine import send_loop
    from mailer.delivery.ledger import attempt_types_and_retry_schedule, recover_and_finish
    from mailer.delivery.models import Mailing
    from mailer.delivery.rollout import mailing_control
    from mailer.delivery.throttle import throttle

    config = settings.CONFIG
    settings.CONFIG = replace(
        config, smtp=replace(config.smtp, port=int(smtp_port)), storage=replace(config.storage, path=storage)
    )
    connections["default"].settings_dict["PORT"] = database_port
    # Minutes would be waited for what takes seconds here.
    attempt_types_and_retry_schedule.RETRIES = BackoffPolicy(schedule=(1, 2, 3))
    throttle.RELAY = BackoffPolicy(first=0.5, cap=2)
    never = threading.Event()
    while True:
        trouble = ""
        try:
            mailing = Mailing.objects.get()
            if mailing.state == "paused":
                # The breaker tripped, and staff have looked.
                mailing_control.resume(mailing, None, _now())
            elif mailing.state != "sending":
                recover_and_finish.recover(_now())
                return
            trouble = send_loop.send_due(_now, never).error
        except Exception as error:  # noqa: BLE001
            trouble = f"{type(error).__name__}: {error}"
            connections.close_all()
        if trouble:
            with (Path(storage) / "troubles").open("a") as file:
                file.write(f"{trouble}\n")
        time.sleep(0.1)


def prepare(count: str) -> dict[str, Any]:
    """The short edition approved, and so many deliveries planned."""
    from mailer.delivery.models import Mailing
    from mailer.delivery.rollout import advance_mailings
    from subscribers.models import MailingList, Subscriber, Subscription
    from tests.delivery.cast import approved_snapshot
    from tests.environment import quick_passwords

    monthly = MailingList.objects.create(slug="monthly", name="monthly")
    for start in range(0, int(count), 5_000):
        numbers = range(start, min(start + 5_000, int(count)))
        added = Subscriber.objects.bulk_create(
            Subscriber(email=f"reader-{number}@example.net", address_hash=os.urandom(16))
            for number in numbers
        )
        Subscription.objects.bulk_create(
            Subscription(subscriber=one, mailing_list=monthly, state="confirmed", confirmed_at=_now())
            for one in added
        )
    now = _now()
    with quick_passwords():
        approved_snapshot(now)
    advance_mailings.create_and_start_or_hold_due_mailings(now)
    return {"mailing": Mailing.objects.get().pk}


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    killable_worker.main(prepare=prepare, work=work)

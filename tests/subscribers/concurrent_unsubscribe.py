"""For test_concurrent_unsubscribe: people unsubscribe while an import and a bulk job put them on a list."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from threading import Thread

from mailer.cli.main import start_django


def main() -> None:
    start_django(None)
    from django.db import OperationalError, connection
    from django.utils import timezone

    from subscribers import unsubscribe
    from subscribers.bulk import apply_and_undo_bulk_actions as bulk
    from subscribers.consent import Channel, Evidence
    from subscribers.imports import diff, job_lifecycle
    from subscribers.models import MailingList, Subscriber, Subscription

    now = timezone.now()
    old, new, third = (MailingList.objects.create(slug=slug, name=slug) for slug in ("old", "new", "third"))
    people = [
        Subscriber.objects.create(email=f"{name}@example.org") for name in ("before", "during", "stays")
    ]
    for person in people:
        Subscription.objects.create(subscriber=person, mailing_list=old, state="confirmed", confirmed_at=now)
    before, during, _ = people
    outcomes = []

    def leave(person: Subscriber) -> None:
        """Unsubscribe on a connection of its own, which does not wait for a lock."""

        def press() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 1")
            try:
                outcomes.append(
                    bool(unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.ONE_CLICK), now))
                )
            except OperationalError:
                outcomes.append("locked")
            connection.close()

        thread = Thread(target=press)
        thread.start()
        thread.join()

    def around(call: Callable[..., object], first: Callable[[], None], then: Callable[[], None]) -> object:
        def wrapped(*arguments: object) -> object:
            first()
            result = call(*arguments)
            then()
            return result

        return wrapped

    diff.lock_and_exclude_unsubscribed = around(
        diff.lock_and_exclude_unsubscribed, lambda: leave(before), lambda: leave(during)
    )  # type: ignore[assignment]
    job = job_lifecycle.create("people.csv", job_lifecycle.ImportOptions(new, "a fair"), now)
    file = b"email\n" + b"".join(f"{one.email}\n".encode() for one in people)
    job_lifecycle.read_file(job, io.BytesIO(file), lambda: now)
    job_lifecycle.start_apply(job, "lola", now)
    job_lifecycle.RUNNER.run(job, lambda: now, lambda: False)
    unsubscribe.ids_requiring_own_signup = around(  # type: ignore[assignment]
        unsubscribe.ids_requiring_own_signup, lambda: leave(during), lambda: None
    )
    bulk.create(bulk.BulkRequest("add", target=third.pk, reason="asked for it"), "lola", now)
    bulk.run_due_batches(now, lambda: False)
    leave(during)
    confirmed = Subscription.objects.filter(state="confirmed").order_by("pk")
    lists = {
        one.email: list(confirmed.filter(subscriber=one).values_list("mailing_list__slug", flat=True))
        for one in people
    }
    connection.close()
    report = {"outcomes": outcomes, "unsubscribed": job.result["unsubscribed"], **lists}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()

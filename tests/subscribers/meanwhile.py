"""For test_meanwhile: people leave by a second connection while an import and a bulk change are at them."""

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
    from subscribers.bulk import jobs as bulk
    from subscribers.consent import Channel, Evidence
    from subscribers.imports import diff, jobs
    from subscribers.models import MailingList, Subscriber, Subscription

    now = timezone.now()
    old, new, third = (MailingList.objects.create(slug=slug, name=slug) for slug in ("old", "new", "third"))
    people = [
        Subscriber.objects.create(email=f"{name}@example.org") for name in ("before", "during", "stays")
    ]
    for person in people:
        Subscription.objects.create(subscriber=person, mailing_list=old, state="confirmed", confirmed_at=now)
    before, during, _ = people
    heard = []

    def leave(person: Subscriber) -> None:
        """By a connection of their own, which waits for nobody."""

        def press() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 1")
            try:
                heard.append(
                    bool(unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.ONE_CLICK), now))
                )
            except OperationalError:
                heard.append("waits")
            connection.close()

        reader = Thread(target=press)
        reader.start()
        reader.join()

    def around(deed: Callable[..., object], first: Callable[[], None], then: Callable[[], None]) -> object:
        def done(*arguments: object) -> object:
            first()
            found = deed(*arguments)
            then()
            return found

        return done

    diff.hold = around(diff.hold, lambda: leave(before), lambda: leave(during))  # type: ignore[assignment]
    run = jobs.begin("people.csv", jobs.Wish(new, "a fair"), now)
    jobs.read(
        run, io.BytesIO(b"email\n" + b"".join(f"{one.email}\n".encode() for one in people)), lambda: now
    )
    jobs.start_applying(run, "lola", now)
    jobs.work(run, lambda: now, lambda: False)
    unsubscribe.has_unsubscribed = around(unsubscribe.has_unsubscribed, lambda: leave(during), lambda: None)  # type: ignore[assignment]
    bulk.begin(bulk.Wish("add", target=third.pk, words="asked for it"), "lola", now)
    bulk.work(now, lambda: False)
    leave(during)
    on = Subscription.objects.filter(state="confirmed").order_by("pk")
    told = {
        one.email: list(on.filter(subscriber=one).values_list("mailing_list__slug", flat=True))
        for one in people
    }
    connection.close()
    sys.stdout.write(json.dumps({"heard": heard, "left": run.done["unsubscribed"], **told}) + "\n")


if __name__ == "__main__":
    main()

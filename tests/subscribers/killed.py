"""For test_import_crashes: imports a file in children that are killed at any statement, and goes on."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys

from mailer.cli.main import start_django

PEOPLE = 90


def main(seed: int, kills: int) -> None:
    start_django(None)
    from django.db import connection, connections
    from django.db.backends.utils import CursorWrapper
    from django.utils import timezone

    from subscribers.imports import diff, jobs, undo
    from subscribers.imports.models import ImportChange, ImportRow, ImportRun
    from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription

    # So that two connections are at work, where the database has room for that.
    jobs._TOGETHER = 1
    diff.STRETCH, undo.STRETCH = 15, 15
    chance = random.Random(seed)
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    run = jobs.begin("people.csv", jobs.Wish(monthly, "crash"), timezone.now())
    jobs.read(
        run, io.BytesIO(b"email\n" + b"".join(b"p%d@example.org\n" % n for n in range(PEOPLE))), timezone.now
    )

    def until_killed(after: int) -> None:
        """Go on with the import in a process that ends without warning at its so-many-th statement."""
        connections.close_all()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        execute, left = CursorWrapper.execute, iter(range(after, -1, -1))

        def dying(self: CursorWrapper, *arguments: object) -> object:
            if not next(left):
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(self, *arguments)  # type: ignore[arg-type]

        CursorWrapper.execute = dying  # type: ignore[method-assign,assignment]
        # Nobody waits for the lease of a process that is known to be dead.
        jobs.LEASE *= 0
        jobs.work_due(timezone.now, lambda: False)
        os._exit(0)

    def state() -> dict[str, int]:
        found = ImportRun.objects.get()
        assert Subscriber.objects.count() == Subscription.objects.count() == ImportChange.objects.count()
        left = PEOPLE - found.done["added"]
        assert ImportRow.objects.count() == left
        return {"people": Subscriber.objects.count(), "consents": ConsentRecord.objects.count()}

    def through(ends: str) -> int:
        deaths = 0
        while ImportRun.objects.get().state != ends:
            until_killed(chance.randrange(30) if deaths < kills else 10_000)
            deaths += 1
        return deaths

    jobs.start_applying(run, "lola", timezone.now())
    deaths = through("applied")
    told = {"deaths": deaths, **state(), "added": ImportRun.objects.get().done["added"]}
    jobs.start_undoing(run, "lola", timezone.now())
    deaths = through("undone")
    told |= {"undo_deaths": deaths, "left": Subscriber.objects.count()}
    told |= ImportRun.objects.get().undone
    connection.close()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

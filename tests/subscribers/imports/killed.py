"""For test_kill: imports a file in child processes that are killed at any statement, and continues."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys
from datetime import timedelta
from itertools import count

from mailer.cli.main import start_django

PEOPLE = 90


def main(seed: int, kills: int) -> None:
    start_django(None)
    from django.db import connection, connections
    from django.db.backends.utils import CursorWrapper
    from django.utils import timezone

    from subscribers.imports import job_lifecycle
    from subscribers.imports.models import ImportChange, ImportJob, ImportRow
    from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription

    # Two connections share the job, where the database allows that.
    runner = job_lifecycle.ImportRunner(batch_size=15, parallel_from=1)
    chance, attempts = random.Random(seed), count(1)
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    job = job_lifecycle.create("people.csv", job_lifecycle.ImportOptions(monthly, "crash"), timezone.now())
    file = b"email\n" + b"".join(b"p%d@example.org\n" % number for number in range(PEOPLE))
    job_lifecycle.read_file(job, io.BytesIO(file), timezone.now)

    def run_until_killed(after: int) -> None:
        """Continue the import in a process that is killed at its statement number `after`."""
        connections.close_all()
        # An hour later, so that the lease of the process that was killed before is over.
        now = timezone.now() + timedelta(hours=next(attempts))
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
        runner.read_and_run_due(lambda: now, lambda: False)
        os._exit(0)

    def consistent() -> dict[str, int]:
        found = ImportJob.objects.get()
        assert Subscriber.objects.count() == Subscription.objects.count() == ImportChange.objects.count()
        assert ImportRow.objects.count() == PEOPLE - found.result["added"]
        return {"people": Subscriber.objects.count(), "consents": ConsentRecord.objects.count()}

    def run_to(state: str) -> int:
        deaths = 0
        while ImportJob.objects.get().state != state:
            run_until_killed(chance.randrange(30) if deaths < kills else 10_000)
            deaths += 1
        return deaths

    job_lifecycle.start_apply(job, "lola", timezone.now())
    report = {"deaths": run_to("applied"), **consistent(), "added": ImportJob.objects.get().result["added"]}
    job_lifecycle.start_undo(job, "lola", timezone.now())
    report |= {"undo_deaths": run_to("undone"), "left": Subscriber.objects.count()}
    report |= ImportJob.objects.get().undo_result
    connection.close()
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

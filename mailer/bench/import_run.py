"""What the measuring process of imports does: a list, and a file brought to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from subscribers.imports import jobs
from subscribers.models import MailingList


def prepare_list() -> str:
    """The tables, and an empty list."""
    call_command("migrate", verbosity=0)
    return MailingList.objects.create(slug="bench", name="Bench").slug


def bring(file: str) -> dict[str, Any]:
    """Read a file, show what it would do, apply it: figures of the import, and seconds of each step."""
    wish = jobs.Wish(MailingList.objects.get(), "bench", "bench")
    marks = [time.perf_counter()]
    run = jobs.begin(Path(file).name, wish, timezone.now())
    with Path(file).open("rb") as stream:
        jobs.read(run, stream, timezone.now, shown=False)
    marks.append(time.perf_counter())
    jobs.foresee(run)
    run.save()
    marks.append(time.perf_counter())
    jobs.start_applying(run, "bench", timezone.now())
    jobs.work(run, timezone.now, lambda: False)
    marks.append(time.perf_counter())
    steps = ("read", "compare", "apply")
    spent = {step: after - before for step, before, after in zip(steps, marks, marks[1:], strict=False)}
    # `read` is also the name of a figure, which is the number of rows here.
    return {**{name: run.done[name] for name in ("added", "updated", "unchanged")}, **spent}

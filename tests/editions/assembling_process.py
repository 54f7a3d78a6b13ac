"""A worker that assembles what is due, beside another one that comes to the same steps at the same time.

    python -m tests.editions.assembling_process prepare
    python -m tests.editions.assembling_process FOLDER

The database and everything else come from the environment, as for `mailer worker`. Each process waits before
the row of the plan, and before the draft, until two processes are there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mailer.cli.main import start_django

# Monday, 6 December 2021, a minute after 09:00 in Almaty.
NOW = datetime(2021, 12, 6, 3, 1, tzinfo=UTC)
STEPS = ("get_or_create_plan", "_create")


def prepare() -> None:
    """A weekly newsletter whose time has come, with two stories."""
    from tests import cast

    cast.newsletter(assemble_on="weekly monday 09:00", period_kind="week")
    for name in ("bridge", "school"):
        cast.story(name, countries=("KZ",), day=date(2021, 12, 1))


def race(folder: Path) -> None:
    """Assemble what is due; write the primary keys of what this process created."""
    from mailer.editions import assemble

    for step in STEPS:
        setattr(assemble, step, _together(folder, step, getattr(assemble, step)))
    json.dump([edition.pk for edition in assemble.assemble_due(NOW)], sys.stdout)


def _together(folder: Path, step: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The step, once two processes have come to it."""
    from tests.waiting import until

    def called(*args: Any, **kwargs: Any) -> Any:
        (folder / f"{step}-{os.getpid()}").touch()
        until(lambda: len(list(folder.glob(f"{step}-*"))) == 2, f"the other worker at {step}")
        return original(*args, **kwargs)

    return called


if __name__ == "__main__":
    start_django()
    if sys.argv[1] == "prepare":
        prepare()
    else:
        race(Path(sys.argv[1]))

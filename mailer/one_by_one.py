"""Steps for several things that have nothing to do with each other: one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

log = logging.getLogger(__name__)


@contextmanager
def each_alone() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Collect the errors of steps, each of which is made within the context that is returned:

        with each_alone() as alone:
            for one in several:
                with alone():
                    ...

    The first error is raised when all steps were made, so that the job counts as failed.
    """
    errors: list[Exception] = []

    @contextmanager
    def alone() -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  (raised below)
            errors.append(error)

    yield alone
    for error in errors[1:]:
        log.error("action=step_failed error=%s", type(error).__name__)
    if errors:
        raise errors[0]

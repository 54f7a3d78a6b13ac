"""No-send mode: workers run, but nothing leaves the installation.

A restored or copied installation is in it until an admin confirms that it may send; so is a machine that has
not joined the installation of its database. Jobs with effects outside (`outgoing` in mailer/job_index.py) do
not run: editions, other mail, alerts, webhooks, feeds, and mailboxes, from which reading would delete.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.instance import database_copy_detection, models
from mailer.instance.models import Instance

NOT_JOINED: Literal["not_joined"] = "not_joined"
_WATCH_SECONDS = 1.0
_NOT_JOINED_TEXT = _("the database belongs to an installation that this machine has not joined")


class NoSend(Exception):  # noqa: N818
    """Nothing is sent at present."""


def no_send_reason() -> Instance.Reason | Literal["not_joined"] | None:
    """Why nothing may leave through this machine; None where it may."""
    row = models.load_instance()
    if row is None:
        return None
    if row.no_send_since is not None:
        return Instance.Reason(row.no_send_reason)
    return None if database_copy_detection.machine_has_joined(row.identity) else NOT_JOINED


class Watch:
    """Whether a job must stop: because `stop` says so, or because no-send mode began meanwhile.

    The database is asked once a second at most, and only in the thread that made the watch.
    """

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._thread = threading.get_ident()
        self._due = time.monotonic() + _WATCH_SECONDS
        self._begun = False

    def __call__(self) -> bool:
        if threading.get_ident() == self._thread and time.monotonic() >= self._due:
            self._begun = no_send_reason() is not None
            self._due = time.monotonic() + _WATCH_SECONDS
        return self._begun or self._stop()


def describe_reason(found: Instance.Reason | Literal["not_joined"]) -> str:
    """The reason as the end of a sentence."""
    return str(_NOT_JOINED_TEXT if found == NOT_JOINED else str(Instance.Reason(found).label))


def require_sending() -> None:
    """Raises NoSend, with the reason and what to do, where nothing may leave."""
    found = no_send_reason()
    if found == NOT_JOINED:
        raise NoSend(
            gettext("this machine sends no mail, because %(found)s. Run: mailer join")
            % {"found": describe_reason(found)}
        )
    if found is not None:
        raise NoSend(
            gettext(
                "no-send mode is on, because %(found)s. An admin ends it in the desk, or an operator by: "
                "mailer resume-sending"
            )
            % {"found": describe_reason(found)}
        )

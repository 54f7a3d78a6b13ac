"""Order in the ledger around sending: doubts settled, the expired given up, mailings brought to an end."""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

log = logging.getLogger(__name__)

_SENDING = "SELECT id FROM mailer_mailing WHERE state = 'sending' AND (expires_at IS NULL OR expires_at > %s)"
_EXPIRED = "SELECT id FROM mailer_mailing WHERE state IN ('sending', 'paused') AND expires_at <= %s"
_ROW = "SELECT 1 FROM mailer_delivery d WHERE d.mailing_id = mailer_mailing.id"
_CANCELLED = "SELECT id FROM mailer_mailing WHERE state = 'cancelled'"


def settle_doubts(now: datetime) -> int:
    """Plan the messages in doubt once more, with the same Message-ID, where the configuration says so.

    Only the first doubt about a message is settled so; a second one, and every one where it says "leave",
    stays in doubt for staff to see.
    """
    if settings.CONFIG.sending.in_doubt != "resend":
        return 0
    return _run(
        "UPDATE mailer_delivery SET state = 'planned', claimed_by = '' "
        f"WHERE state = 'in_doubt' AND doubts <= 1 AND mailing_id IN ({_SENDING})",
        _moment(now),
    )


def expire(now: datetime) -> int:
    """Count as refused what is still put off when its mailing's time is over."""
    return _run(
        "UPDATE mailer_delivery SET state = 'refused', reason = 'expired', due_at = NULL "
        f"WHERE state = 'deferred' AND mailing_id IN ({_EXPIRED})",
        _moment(now),
    )


def sweep_cancelled() -> int:
    """Leave out what came back unsent into a mailing that was cancelled meanwhile."""
    return sum(
        _run(
            "UPDATE mailer_delivery SET state = 'excluded', reason = 'cancelled', due_at = NULL "
            f"WHERE state = '{state}' AND mailing_id IN ({_CANCELLED})"
        )
        for state in ("planned", "deferred")
    )


def finish(now: datetime) -> list[int]:
    """Mark mailings as sent in which nothing is left to do; returns their ids.

    A message in doubt that nothing will settle does not hold its mailing open: it stays shown as in doubt.
    """
    open_rows = ["state = 'planned'", "state = 'claimed'", "state = 'deferred'"]
    if settings.CONFIG.sending.in_doubt == "resend":
        # Only as long as it would be sent again.
        open_rows.append(f"state = 'in_doubt' AND d.doubts <= 1 AND mailer_mailing.id IN ({_SENDING})")
    nothing_left = " AND ".join(f"NOT EXISTS ({_ROW} AND d.{row})" for row in open_rows)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mailer_mailing SET state = 'done', finished_at = %s "
            f"WHERE state = 'sending' AND {nothing_left} RETURNING id",
            [_moment(now)] * (1 + nothing_left.count("%s")),
        )
        ended = [row[0] for row in cursor.fetchall()]
    for mailing in ended:
        log.info("action=mailing_done mailing=%d", mailing)
    return ended


def _run(query: str, *parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)

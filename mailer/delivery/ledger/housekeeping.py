"""Order in the ledger around sending: doubts settled, the expired given up, mailings brought to an end."""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from mailer.delivery.ledger import claims
from mailer.delivery.ledger.sql import moment, run
from mailer.delivery.models import Delivery, Mailing

log = logging.getLogger(__name__)

_SENDING = "SELECT id FROM mailer_mailing WHERE state = 'sending' AND (expires_at IS NULL OR expires_at > %s)"
_EXPIRED = "SELECT id FROM mailer_mailing WHERE state IN ('sending', 'paused') AND expires_at <= %s"
_ROW = "SELECT 1 FROM mailer_delivery d WHERE d.mailing_id = mailer_mailing.id"
# What was not tried and is in nobody's hands; each state by itself, for the indexes.
_UNTRIED = (f"state = 'planned' AND {claims.FREE}", "state = 'deferred'")
_CANCELLED = "SELECT id FROM mailer_mailing WHERE state = 'cancelled'"


def settle_at(now: datetime) -> datetime:
    """When a doubt that begins now may be settled: until then, evidence is waited for."""
    return now + timedelta(minutes=settings.CONFIG.sending.in_doubt_wait_minutes)


def settle_doubts(now: datetime) -> int:
    """Settle the messages in doubt: by evidence, else by sending once more where the configuration says so.

    What bounced or was complained about had been accepted. The others are due once more, with the same
    Message-ID, when the wait for evidence is over. Only the first doubt about a message is settled so; a
    second one, and every one where it says "leave", stays in doubt for staff to see.
    """
    proved = run(
        "UPDATE mailer_delivery SET state = 'accepted', accepted_at = COALESCE(bounced_at, complained_at), "
        "claimed_by = '', due_at = NULL "
        "WHERE state = 'in_doubt' AND (bounced_at IS NOT NULL OR complained_at IS NOT NULL)"
    )
    if settings.CONFIG.sending.in_doubt != "resend":
        return proved
    return proved + run(
        "UPDATE mailer_delivery SET state = 'deferred', claimed_by = '', due_at = %s "
        "WHERE state = 'in_doubt' AND doubts <= 1 AND (due_at IS NULL OR due_at <= %s) "
        f"AND mailing_id IN ({_SENDING})",
        moment(now),
        moment(now),
        moment(now),
    )


def settle_as_accepted(left: Mapping[int, datetime]) -> int:
    """Settle doubts by a service's word that it has the message: delivery to when it said so. How many were.

    One that is due once more for its doubt is not sent again.
    """
    doubted = Q(state=Delivery.State.IN_DOUBT) | Q(state=Delivery.State.DEFERRED, doubts__gt=0)
    found = Delivery.objects.filter(doubted, pk__in=left).values_list("pk", flat=True)
    return sum(
        Delivery.objects.filter(doubted, pk=delivery).update(
            state=Delivery.State.ACCEPTED, accepted_at=left[delivery], claimed_by="", due_at=None
        )
        for delivery in found
    )


def expire(now: datetime) -> int:
    """Give up what is still open when its mailing's time is over.

    What was tried and put off is refused. What was never tried, because nobody was there to send it or the
    pace left no room, is left out, and only when the approved window has passed as well: no server said no.
    """
    given_up = run(
        "UPDATE mailer_delivery SET state = 'refused', reason = 'expired', due_at = NULL "
        f"WHERE state = 'deferred' AND attempts > 0 AND mailing_id IN ({_EXPIRED})",
        moment(now),
    )
    with transaction.atomic():
        # Held, so that nothing more of them is claimed meanwhile.
        over = Mailing.objects.select_for_update(of=("self",), no_key=True).filter(
            state__in=(Mailing.State.SENDING, Mailing.State.PAUSED),
            expires_at__lte=now,
            snapshot__window_until__lt=now,
        )
        return given_up + sum(
            Delivery.objects.filter(untried, mailing=mailing, attempts=0).update(
                state=Delivery.State.EXCLUDED, reason="expired", due_at=None
            )
            for mailing in over
            for untried in (claims.free(), Q(state=Delivery.State.DEFERRED))
        )


def sweep_cancelled() -> int:
    """Leave out what came back unsent into a mailing that was cancelled meanwhile."""
    return sum(
        run(
            "UPDATE mailer_delivery SET state = 'excluded', reason = 'cancelled', due_at = NULL "
            f"WHERE {untried} AND mailing_id IN ({_CANCELLED})"
        )
        for untried in _UNTRIED
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
            [moment(now)] * (1 + nothing_left.count("%s")),
        )
        ended = [row[0] for row in cursor.fetchall()]
    for mailing in ended:
        log.info("action=mailing_done mailing=%d", mailing)
    return ended

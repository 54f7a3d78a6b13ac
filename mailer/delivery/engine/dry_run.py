"""A rehearsal: every planned reader's message, made as it would leave, and sent to a colleague instead.

It is a mailing of its own with an account of its own. Nothing of it is a sign of the reader's, its personal
links lead to the front page, and the database refuses to change whom it goes to.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from mailer.approval.models import Snapshot
from mailer.delivery.engine.control import ControlError
from mailer.delivery.models import Mailing
from subscribers.addresses import normalise
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

UNDER_WAY = (Mailing.State.PLANNING, Mailing.State.SENDING, Mailing.State.PAUSED)


def begin(snapshot: Snapshot | None, to: str, limit: int | None, user: User | None, now: datetime) -> Mailing:
    """Begin a rehearsal of a submitted or approved copy for `to`; the worker does the rest.

    `limit`: for that many readers, with every variant before any comes twice; None: for all.
    Raises ControlError, in words.
    """
    if snapshot is None or snapshot.state not in Snapshot.OPEN or snapshot.mailed:
        raise ControlError("Only a copy that is submitted and not yet sent can be rehearsed.")
    if limit is not None and limit < 1:
        raise ControlError("A rehearsal is for at least one reader.")
    if Mailing.objects.rehearsals().filter(edition=snapshot.edition, state__in=UNDER_WAY).exists():
        raise ControlError("A rehearsal of this edition is under way. Wait for its end, or cancel it.")
    address = _colleague(to)
    try:
        with transaction.atomic():
            mailing = Mailing.objects.create(
                snapshot=snapshot,
                edition=snapshot.edition,
                rehearsal_to=address,
                rehearsal_limit=limit,
                created_at=now,
                expires_at=now + timedelta(hours=settings.CONFIG.sending.expire_after_hours),
            )
    except IntegrityError as error:
        # The copy was changed in this moment; the trigger says so.
        raise ControlError(f"This copy cannot be rehearsed: {error}.") from error
    log.info("action=rehearsal_begun mailing=%d user=%s", mailing.pk, user.pk if user else "-")
    return mailing


def _colleague(to: str) -> str:
    """The address, written properly. Raises ControlError for none, and for that of a reader."""
    try:
        address = normalise(to)
    except ValueError as error:
        raise ControlError(f"The address “{to}” {error}.") from error
    of_staff = User.objects.filter(email__iexact=address, is_active=True).exists()
    if not of_staff and Subscriber.objects.filter(email=address).exists():
        raise ControlError(f"{address} is a reader's address; a rehearsal goes to a colleague.")
    return address

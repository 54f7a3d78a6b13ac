"""Erasing a subscriber at their own request, with an email that says so."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers import tokens, transactional_emails
from subscribers.addresses import mask_address
from subscribers.models import Subscriber
from subscribers.privacy import reversible_erasure
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.suppression import is_suppressed


def old_address_may_undo_erasure_until(subscriber: Subscriber, now: datetime) -> datetime | None:
    """Until when the old address could reverse an erasure by `erase_and_notify`; None: not at all."""
    changes = reversible_erasure.reversible_changes(subscriber, now)
    return max((change.reject_until for change in changes), default=None)


def erase_and_notify(subscriber: Subscriber, now: datetime) -> None:
    """Erase the subscriber, and confirm it in a last email.

    Within 30 days after a change of address the old address is notified too, and can reverse it.
    """
    with transaction.atomic():
        changes = reversible_erasure.reversible_changes(subscriber, now)
        copy = reversible_erasure.build_encrypted_copy(subscriber, changes) if changes else None
        reachable = [change for change in changes if not is_suppressed(change.old_email)]
        erase_and_suppress(subscriber.email, now, also_delete_reversal_data=False)
        if copy is not None:
            copy.save()
        transactional_emails.send_erased_notice(subscriber, copy.expires_at if copy else None)
        for change in reachable:
            token = tokens.make_dated("reject_change", change.pk, now)
            transactional_emails.send_erased_notice_to_old(
                subscriber, change.old_email, mask_address(change.new_email), token, change.reject_until
            )

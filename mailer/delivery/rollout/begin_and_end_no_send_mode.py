"""Ends no-send mode, without mailing anybody twice.

A restored or copied database does not know what the original sent since then. So every mailing that was not
finished, every edition that was due, and the waiting transactional emails are shown to a person, who says
what happened to them. Without an answer nothing of them is sent. Deliveries that a worker held at that moment
stay in doubt in any case: they are never sent again automatically.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from wagtail.log_actions import log as audit

from mailer.approval.models import Snapshot
from mailer.delivery.ledger import claims, recover_and_finish
from mailer.delivery.models import AlertPost, Delivery, Mailing, OutboxMessage
from mailer.delivery.outbox.secret_removal import without_secrets
from mailer.instance import models as instances
from mailer.instance.models import Instance
from subscribers.models import ReconfirmationCampaign
from subscribers.reconfirmation import campaigns
from subscribers.resumable_jobs import WrongState
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

# The reason of an exclusion: the original sent it, as a person said.
SENT_BEFORE = "sent_before"
_SENT = stored(
    "The original installation sent this edition, as staff confirmed when sending was resumed here."
)
_HELD = stored(
    "Sending is paused, because this installation was restored or copied while the edition was being sent."
)
_NOT_SENT = stored("not sent: the email was waiting when the database was copied")
_OPEN = (Mailing.State.PLANNING, Mailing.State.HELD, Mailing.State.SENDING, Mailing.State.PAUSED)


class Choice(StrEnum):
    """What a person says about a mailing or an edition that was due."""

    # The original sent it: the remaining deliveries are excluded.
    SENT = "sent"
    # The original did not go on with it: it is sent here.
    GO_ON = "go_on"
    # Not known yet: it is paused, or no longer scheduled.
    HOLD = "hold"


class Unfinished(NamedTuple):
    """A mailing that was not finished."""

    mailing: Mailing
    # Deliveries that are still to be sent, and those that a worker held or that are in doubt.
    open: int
    in_flight: int


@dataclass(frozen=True)
class Questions:
    """What has to be answered before sending is resumed; nothing after a mere pause."""

    mailings: list[Unfinished] = field(default_factory=list)
    # Scheduled snapshots whose time has come.
    due: list[Snapshot] = field(default_factory=list)
    # Transactional emails that were waiting.
    outbox: int = 0

    def __bool__(self) -> bool:
        return bool(self.mailings or self.due or self.outbox)


def questions(now: datetime) -> Questions:
    """What a person has to say before this installation sends again."""
    row = instances.load_instance()
    if row is None or row.no_send_since is None or row.no_send_reason == Instance.Reason.PAUSED:
        return Questions()
    mailings = Mailing.objects.filter(state__in=_OPEN).select_related("edition", "snapshot").order_by("pk")
    due = Snapshot.objects.not_mailed().filter(state=Snapshot.State.SCHEDULED, send_at__lte=now)
    return Questions(
        [_unfinished(mailing) for mailing in mailings],
        list(due.select_related("edition").order_by("send_at", "pk")),
        _waiting_emails(row.no_send_since).count(),
    )


def resume(
    mailings: Mapping[int, Choice],
    due: Mapping[int, Choice],
    *,
    send_outbox: bool,
    by: str,
    now: datetime,
    user: User | None = None,
) -> None:
    """End no-send mode in one transaction.

    `mailings` and `due`: answers by the ids of mailings and snapshots; HOLD for those that have none.
    `send_outbox`: also the transactional emails that were waiting. `by` and `user`: who confirmed it, for the
    audit log.
    """
    with transaction.atomic():
        row = Instance.objects.select_for_update().first()
        if row is None or row.no_send_since is None:
            return
        asked = questions(now)
        for one in asked.mailings:
            _settle_mailing(one.mailing, mailings.get(one.mailing.pk, Choice.HOLD), now)
        for snapshot in asked.due:
            _settle_snapshot(snapshot, due.get(snapshot.pk, Choice.HOLD))
        if row.no_send_reason != Instance.Reason.PAUSED:
            if not send_outbox:
                _discard_notices(row.no_send_since)
            _cancel_campaigns(by, now)
        instances.end_no_send()
        answers = {f"mailing {pk}": str(choice) for pk, choice in mailings.items()}
        about = {"answers": answers} if user else {"by": by, "answers": answers}
        audit(instance=row, action="desk.resume_sending", user=user, data=about)
    log.warning("action=sending_resumed reason=%s", row.no_send_reason)


def begin_no_send_by_hand(by: str, now: datetime) -> bool:
    """Begin no-send mode by hand; False if nothing is sent already."""
    with transaction.atomic():
        row = instances.get_or_create_instance(now, "")
        if not instances.begin_or_replace_no_send(Instance.Reason.PAUSED, now):
            return False
        audit(instance=row, action="desk.pause_sending", data={"by": by})
    log.warning("action=sending_paused")
    return True


def _unfinished(mailing: Mailing) -> Unfinished:
    rows = Delivery.objects.filter(mailing=mailing)
    held = Q(state__in=(Delivery.State.CLAIMED, Delivery.State.IN_DOUBT))
    counts = rows.aggregate(
        planned=Count("pk", filter=Q(state__in=(Delivery.State.PLANNED, Delivery.State.DEFERRED))),
        held=Count("pk", filter=held),
    )
    claimed = rows.filter(claims.planned_in_claim_condition()).count()
    return Unfinished(mailing, counts["planned"] - claimed, counts["held"] + claimed)


def _settle_mailing(mailing: Mailing, choice: Choice, now: datetime) -> None:
    if mailing.state == Mailing.State.PLANNING:
        _settle_planning(mailing, choice, now)
        return
    recover_and_finish.mark_in_flight_permanently_in_doubt(mailing)
    rows = Mailing.objects.filter(pk=mailing.pk)
    if choice is Choice.SENT:
        unsent = Delivery.objects.filter(
            mailing=mailing, state__in=(Delivery.State.PLANNED, Delivery.State.DEFERRED)
        )
        unsent.update(state=Delivery.State.EXCLUDED, reason=SENT_BEFORE, due_at=None)
        rows.update(state=Mailing.State.DONE, finished_at=now, reason=_SENT)
    elif choice is Choice.HOLD:
        sending = rows.filter(state=Mailing.State.SENDING)
        sending.update(state=Mailing.State.PAUSED, reason=_HELD, stopped_at=now)


def _settle_planning(mailing: Mailing, choice: Choice, now: datetime) -> None:
    """It has no deliveries yet."""
    if choice is Choice.SENT:
        Mailing.objects.filter(pk=mailing.pk).update(
            state=Mailing.State.CANCELLED, audience=0, finished_at=now, reason=_SENT
        )
    elif choice is Choice.HOLD:
        snapshot = mailing.snapshot
        mailing.delete()
        if not snapshot.mailed and snapshot.state == Snapshot.State.SCHEDULED:
            _settle_snapshot(snapshot, choice)


def _settle_snapshot(snapshot: Snapshot, choice: Choice) -> None:
    rows = Snapshot.objects.not_mailed().filter(pk=snapshot.pk, state=Snapshot.State.SCHEDULED)
    if choice is Choice.SENT:
        # Not by `invalidate`: the admin chose it, and nothing is left to do that staff would be notified of.
        rows.update(state=Snapshot.State.INVALIDATED, invalidated_reason=_SENT)
    elif choice is Choice.HOLD:
        rows.update(state=Snapshot.State.APPROVED, send_at=None, scheduled_by=None, local_hour=None)


def _waiting_emails(since: datetime) -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING, created_at__lte=since)


def _discard_notices(since: datetime) -> None:
    """Give up the emails, and the posts of alerts, that were waiting."""
    for message in _waiting_emails(since).iterator():
        OutboxMessage.objects.filter(pk=message.pk, state=OutboxMessage.State.WAITING).update(
            state=OutboxMessage.State.REFUSED,
            reply=_NOT_SENT,
            message=without_secrets(bytes(message.message)),
        )
        campaigns.delete_unsent_request(bytes(message.message))
    AlertPost.objects.filter(alert__raised_at__lte=since).update(due_at=None)


def _cancel_campaigns(by: str, now: datetime) -> None:
    """The original asks the subscribers, or did; its answers are not here."""
    state = ReconfirmationCampaign.State
    for campaign in ReconfirmationCampaign.objects.filter(state__in=(state.SENDING, state.WAITING)):
        try:
            campaigns.cancel(campaign, by, now)
        except WrongState:
            continue

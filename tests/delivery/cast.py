"""Helpers of the delivery tests: an approved short edition, and as many subscribers as a test needs."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from html import escape
from typing import Any

from django.contrib.auth.models import User

from mailer import link_tracking
from mailer.approval import snapshot_state_changes, submit
from mailer.approval.models import Snapshot
from mailer.delivery.engine import send_loop
from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings
from mailer.editions.models import Edition
from mailer.reports.stats import mailing_totals
from tests import cast
from tests.recorded import recorded

NOW = cast.NOW
NEVER = threading.Event()


@recorded
def approved_snapshot(at: datetime = NOW, edition_by: Callable[[User], Edition] = cast.short) -> Snapshot:
    """An edition (a short one) for the current subscribers: submitted, approved, scheduled."""
    staff = cast.staff()
    edition = edition_by(staff.writer)
    snapshot = submit.submit(edition, staff.writer, at)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, at)
    return snapshot_state_changes.schedule(snapshot, staff.approver, None, at)


@recorded
def released(at: datetime = NOW, edition_by: Callable[[User], Edition] = cast.short) -> Mailing:
    """The planned mailing of such a snapshot."""
    approved_snapshot(at, edition_by)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(at)
    return mailing


@recorded
def readers(count: int, **choice: Any) -> None:
    """reader-0, reader-1, …"""
    for number in range(count):
        cast.reader(f"reader-{number}", **choice)


class Clock:
    """Time that changes only when a test moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **delta: float) -> None:
        self.at += timedelta(**delta)


def send(clock: Clock | None = None, mailing: Mailing | None = None, **options: int) -> send_loop.SendSummary:
    """One call of the send loop; `options`: min_batch."""
    return send_loop.send_due(clock or Clock(), NEVER, mailing, **options)


def states(mailing: Mailing) -> dict[str, int]:
    """How many deliveries are in each state; planned ones within a claim count as claimed."""
    rows = Delivery.objects.filter(mailing=mailing)
    found = Counter(rows.exclude(claims.planned_in_claim_condition()).values_list("state", flat=True))
    return dict(+(found + Counter(claimed=rows.filter(claims.planned_in_claim_condition()).count())))


def reasons(mailing: Mailing) -> dict[str, str]:
    """Subscriber's name → the reason of the exclusion or refusal, else the state."""
    from subscribers.models import Subscriber

    names = {s.pk: s.email.split("@")[0] for s in Subscriber.objects.all()}
    rows = Delivery.objects.filter(mailing=mailing)
    held = set(rows.filter(claims.planned_in_claim_condition()).values_list("pk", flat=True))
    return {
        names.get(d.subscriber, "erased"): d.reason or ("claimed" if d.pk in held else d.state) for d in rows
    }


def restore_links(written: str, snapshot: Snapshot) -> str:
    """What was sent, with the links of the approved content and without hidden ones."""
    links = link_tracking.policy_from_manifest(snapshot.manifest).links

    def target(found: re.Match[str]) -> str:
        named = link_tracking.parse_link_token(found[1])
        assert named is not None
        return escape(links[named.link_number - 1].url)

    seen = re.sub(r'<a href="[^"]*/r/[\w-]{33}/"[^>]*></a>', "", written)
    return re.sub(r"http://localhost:8000/r/([\w-]{33})/[\w.-]+", target, seen)


def balances(mailing: Mailing) -> bool:
    mailing.refresh_from_db()
    found = mailing_totals(mailing)
    return found.balances and found.audience == Delivery.objects.filter(mailing=mailing).count()

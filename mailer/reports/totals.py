"""The balanced account of a mailing: every reader of its audience stands in it exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from django.db.models import Count

from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.editions.models import Edition

_State = Delivery.State


@dataclass(frozen=True)
class Account:
    """Counts of readers. `accepted` means only that the next server took the mail."""

    # Readers when membership was frozen; while planning, those counted so far.
    audience: int = 0
    # Not yet begun.
    planned: int = 0
    # Being sent at this moment.
    claimed: int = 0
    accepted: int = 0
    # To be tried again.
    deferred: int = 0
    # Turned down for good, expiry included.
    refused: int = 0
    # Handed over, but the server's reply was never read.
    in_doubt: int = 0
    # Of the accepted: came back later.
    bounced: int = 0
    # Of the accepted: the reader marked it as unwanted.
    complained: int = 0
    # Left out, by reason: {"suppressed": 3}
    excluded: Mapping[str, int] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """Whether the audience equals the sum of every state and exclusion."""
        return self.audience == self.settled + self.unsettled

    @property
    def settled(self) -> int:
        """Readers about whom nothing more will be done."""
        return self.accepted + self.refused + sum(self.excluded.values())

    @property
    def unsettled(self) -> int:
        """Readers whose copy is still on its way."""
        return self.planned + self.claimed + self.deferred + self.in_doubt

    def as_dict(self) -> dict[str, Any]:
        """As `mailer edition report --json` prints it, `excluded` sorted by reason."""
        return {**asdict(self), "excluded": dict(sorted(self.excluded.items()))}


def account(mailing: Mailing | None) -> Account:
    """The account of `mailing`, from one query over the ledger; all zeros without a mailing."""
    if mailing is None:
        return Account()
    return _sum(_grouped(mailing), mailing.audience)


def latest_mailing(edition: Edition) -> Mailing | None:
    """The mailing that the edition's figures are about; None when it was never released."""
    found: Mailing | None = edition.mailings.real().first()
    return found


def latest_rehearsal(edition: Edition) -> Mailing | None:
    """The edition's latest rehearsal; None when there was none."""
    found: Mailing | None = edition.mailings.dry_runs().first()
    return found


def account_of(edition: Edition) -> Account:
    """The account of the edition's latest mailing; all zeros when there is none."""
    return account(latest_mailing(edition))


def _grouped(mailing: Mailing) -> Iterable[dict[str, Any]]:
    # Annotated with columns that their type does not tell.
    found: Any = Delivery.objects.filter(mailing=mailing).values("state", "reason").order_by()
    counted: Iterable[dict[str, Any]] = found.annotate(
        readers=Count("pk"),
        held=claims.count_claimed(mailing),
        bounced=Count("bounced_at"),
        complained=Count("complained_at"),
    )
    return counted


def _sum(rows: Iterable[dict[str, Any]], audience: int | None) -> Account:
    counts = dict.fromkeys((f.name for f in fields(Account) if f.name not in ("audience", "excluded")), 0)
    excluded: dict[str, int] = {}
    for row in rows:
        if row["state"] == _State.EXCLUDED:
            reason = row["reason"] or "no reason kept"
            excluded[reason] = excluded.get(reason, 0) + row["readers"]
            continue
        counts[row["state"]] += row["readers"]
        if row["state"] == _State.PLANNED:
            counts[_State.PLANNED] -= row["held"]
            counts[_State.CLAIMED] += row["held"]
        if row["state"] == _State.ACCEPTED:
            counts["bounced"] += row["bounced"]
            counts["complained"] += row["complained"]
    total = sum(counts[state] for state in _State.values if state in counts) + sum(excluded.values())
    return Account(audience=total if audience is None else audience, excluded=excluded, **counts)

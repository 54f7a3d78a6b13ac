"""The consent ledger: what readers said about their mail, when, how and under which words. Only added to."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from subscribers.models import ConsentRecord, ConsentText

Act = ConsentRecord.Act
How = ConsentRecord.How

# Rows written at a time.
_BATCH = 1_000


@dataclass(frozen=True)
class Word:
    """How somebody's wish reached us."""

    # A ConsentRecord.How.
    how: str
    # The exact words beside the button, and their language; empty where there were none.
    text: str = ""
    language: str = ""
    # Where it came from, in words.
    source: str = ""
    # Who answers for it, where it is not the reader's own act.
    vouched_by: str = ""
    # As `network_of` gives it, and the reader's program.
    network: str = ""
    agent: str = ""


def record(
    act: str, subscribers: Iterable[int], lists: Collection[int | None], word: Word, now: datetime
) -> None:
    """Add a row for each person and list (None: no list in particular), in the caller's transaction."""
    text = None if not word.text else _kept(word.language, word.text)
    rows = (
        ConsentRecord(
            subscriber_id=person,
            mailing_list_id=one,
            act=act,
            how=word.how,
            at=now,
            text=text,
            source=word.source[:200],
            vouched_by=word.vouched_by[:150],
            network=word.network,
            agent=word.agent[:200],
        )
        for person in subscribers
        for one in lists
    )
    ConsentRecord.objects.bulk_create(rows, batch_size=_BATCH)


def network_of(address: str) -> str:
    """The network that an IP address is in, "203.0.113.0/24" or a /48; "" for what is no address.

    Enough to tell one flood of sign-ups from another, and too little to tell one reader.
    """
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    length = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network(f"{found}/{length}", strict=False))


def forget_details(now: datetime, months: int) -> int:
    """Empty network and program in rows older than so many months; how many rows that were."""
    old = ConsentRecord.objects.filter(at__lt=now - timedelta(days=months * 30.44))
    return old.filter(~Q(network="") | ~Q(agent="")).update(network="", agent="")


def _kept(language: str, text: str) -> ConsentText:
    digest = hashlib.sha256(f"{language}\0{text}".encode()).hexdigest()
    kept, _ = ConsentText.objects.get_or_create(sha256=digest, defaults={"language": language, "text": text})
    return kept

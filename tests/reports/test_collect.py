"""Counting a mailing: whatever states the ledger has, every table tells of the same readers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.reports import collect
from mailer.reports.not_delivered import Missed
from mailer.reports.stats import Counts, Failure, Fate, total
from mailer.reports.tables import tables
from mailer.reports.totals import account
from subscribers.models import Subscriber
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

REASONS = ["", "refused", "expired", "blocked", "suppressed", "no_stories", "cancelled", "unknown_user"]
DOMAINS = ["gmail.com", "mail.ru", "bk.ru", "ministry.example", None]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from(Delivery.State.values),
            "reason": st.sampled_from(REASONS),
            "countries": st.sampled_from(["", "KZ", "KZ,UZ"]),
            "language": st.sampled_from(["en", "ru", None]),
            "domain": st.sampled_from(DOMAINS),
            "reply": st.sampled_from(["", "550 5.1.1 <a@b.example> no such user", "554 spam", "=1+1"]),
            "attempts": st.integers(0, 2),
            "timed": st.booleans(),
            "bounced": st.booleans(),
            "complained": st.booleans(),
            # Class and reason of an event about it; None: there is none.
            "verdict": st.sampled_from([None, ("hard", "unknown_user"), ("soft", "mailbox_full"), ("", "")]),
        }
    ),
    max_size=25,
)


def ledger(rows: list[dict[str, Any]]) -> Mailing:
    mailing = cast.mailing(cast.copy(cast.edition()), audience=len(rows))
    variants = {
        code: SnapshotVariant.objects.create(
            snapshot=mailing.snapshot, key=code, language=code, subject="s", html="h", text="t", sha256=code
        )
        for code in ("en", "ru")
    }
    for row in rows:
        deliver(mailing, variants, **row)
    return mailing


def deliver(
    mailing: Mailing,
    variants: dict[str, SnapshotVariant],
    *,
    language: str | None,
    domain: str | None,
    timed: bool,
    bounced: bool,
    complained: bool,
    verdict: tuple[str, str] | None,
    **columns: Any,
) -> None:
    (made,) = cast.deliver(
        mailing,
        variant=variants[language] if language else None,
        accepted_at=cast.NOW if timed else None,
        bounced_at=cast.NOW if bounced else None,
        complained_at=cast.NOW if complained else None,
        **columns,
    )
    if domain:
        Subscriber(pk=made.subscriber, email=f"reader-{made.subscriber}@{domain}").save(force_insert=True)
    if verdict:
        FeedbackEvent.objects.create(
            kind="bounce", bounce_class=verdict[0], reason=verdict[1], delivery=made, mailing=mailing
        )


def told(mailing: Mailing) -> Counts:
    return collect.count(mailing, cast.NOW)


@settings(max_examples=15)
@given(rows=ROWS, piece=st.integers(1, 30))
def test_whatever_the_ledger_holds_every_table_adds_up_to_the_account(
    rows: list[dict[str, Any]], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mailing.objects.all().delete()
    Delivery.objects.all().delete()
    Subscriber.objects.all().delete()
    cast.forget()
    monkeypatch.setattr(collect, "_PIECE", piece)
    mailing = ledger(rows)
    counts = told(mailing)
    balanced = account(mailing)
    assert counts.account == balanced and balanced.balances
    left_out = sum(balanced.excluded.values())
    whole = Fate(
        accepted=balanced.accepted,
        refused=balanced.refused,
        waiting=balanced.unsettled,
        left_out=left_out,
        bounced=balanced.bounced,
        complained=balanced.complained,
    )
    for parts in (counts.languages, counts.countries, counts.providers):
        assert total(parts) == whole
    made = tables(counts, "Asia/Almaty")
    assert sum(made["account"].column("readers")) == balanced.audience
    assert sum(made["left_out"].column("readers")) == left_out
    assert sum(made["arrival"].column("accepted")) == balanced.accepted
    assert sum(made["failures"].column("refused")) == balanced.refused
    assert sum(made["failures"].column("bounced")) == balanced.bounced
    assert sum(made["troubles"].column("readers")) == balanced.refused + balanced.bounced
    assert made["troubles"].whole("readers") == balanced.refused + balanced.bounced
    missed = balanced.audience - balanced.accepted + balanced.bounced
    assert sum(made["unreached"].column("readers")) == missed
    for why, readers in counts.unreached.items():
        assert len(Missed(mailing, why)) == readers
    for table in made.values():
        if table.key in ("languages", "countries", "providers"):
            assert table.total == ("All", balanced.audience, *list(vars(whole).values())[:2], *marks(whole))
    assert Counts.from_dict(counts.as_dict()) == counts


def marks(whole: Fate) -> tuple[int, ...]:
    return whole.bounced, whole.complained, whole.waiting, whole.left_out


def test_a_bounce_counts_by_the_latest_word_about_it() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    (back,) = cast.deliver(mailing, "accepted", bounced_at=cast.NOW)
    for reason, bounce_class in (("mailbox_full", "soft"), ("unknown_user", "hard")):
        FeedbackEvent.objects.create(
            kind="bounce", bounce_class=bounce_class, reason=reason, delivery=back, mailing=mailing
        )
    assert told(mailing).failures == (Failure("hard", "unknown_user", bounced=1),)


def test_what_a_server_said_in_the_session_is_read_by_the_same_rules_as_a_bounce() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    for reply in ("550 5.1.1 <a@mail.example>: user unknown", "550 5.1.1 <b@mail.example>: user unknown"):
        cast.deliver(mailing, "refused", reason="refused", reply=reply)
    cast.deliver(mailing, "refused", reason="blocked", reply="554 go away")
    assert told(mailing).failures == (
        Failure("block", "blocked", refused=1),
        Failure("hard", "unknown_user", refused=2),
    )


def test_families_of_domains_are_one_provider_and_the_erased_have_none() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    for domain in ("mail.ru", "bk.ru"):
        (made,) = cast.deliver(mailing, "accepted")
        Subscriber(pk=made.subscriber, email=f"a@{domain}").save(force_insert=True)
    cast.deliver(mailing, "refused", reason="refused")
    assert told(mailing).providers == {"mail.ru": Fate(accepted=2), "": Fate(refused=1)}


def test_a_provider_that_blocks_us_stands_out() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    for domain, reason in (("mail.ru", "blocked"), ("bk.ru", "blocked"), ("gmail.com", "mailbox_full")):
        (made,) = cast.deliver(mailing, "refused", reason=reason)
        Subscriber(pk=made.subscriber, email=f"r{made.pk}@{domain}").save(force_insert=True)
    assert told(mailing).troubles == {"mail.ru": {"block": 2}, "gmail.com": {"soft": 1}}


def test_of_many_providers_the_smallest_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "_PROVIDERS", 1)
    mailing = cast.mailing(cast.copy(cast.edition()))
    for domain in ("a.example", "b.example", "a.example"):
        (made,) = cast.deliver(mailing, "accepted")
        Subscriber(pk=made.subscriber, email=f"r{made.pk}@{domain}").save(force_insert=True)
    assert told(mailing).providers == {"a.example": Fate(accepted=2), "*": Fate(accepted=1)}


def test_who_left_counts_for_the_edition_that_was_the_latest_and_once() -> None:
    first = cast.mailing(cast.copy(cast.edition("2021-11")), "done")
    second = cast.mailing(cast.copy(cast.edition("2021-12")), "done")
    first.started_at, second.started_at = cast.NOW, cast.NOW + cast.DAY * 30
    first.save()
    second.save()
    (got,) = cast.deliver(first, "accepted")
    (refused,) = cast.deliver(first, "refused")
    (complained,) = cast.deliver(first, "accepted", complained_at=cast.NOW)
    for reader in (got, got, refused, complained):
        cast.departed(reader, cast.NOW + cast.DAY)
    cast.departed(got, cast.NOW + cast.DAY * 31)
    assert told(first).left == {"": 1}
    # The reader was not in the second one's audience.
    assert told(second).left == {}

"""Statistics of a mailing: every table adds up to the same recipients; large mailings are cached."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import FeedbackEvent
from mailer.reports import collect_stats
from mailer.reports.models import MailingStats
from mailer.reports.not_delivered import NotDeliveredList
from mailer.reports.stats import FailureCount, OutcomeCounts, Stats, mailing_totals, sum_outcomes
from mailer.reports.tables import report_tables
from subscribers.models import Subscriber
from tests.environment import examples
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
            "classification": st.sampled_from(
                [None, ("hard", "unknown_user"), ("soft", "mailbox_full"), ("", "")]
            ),
        }
    ),
    max_size=25,
)


def ledger(rows: list[dict[str, Any]]) -> Mailing:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=len(rows))
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
    classification: tuple[str, str] | None,
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
    if classification:
        FeedbackEvent.objects.create(
            kind="bounce",
            bounce_class=classification[0],
            reason=classification[1],
            delivery=made,
            mailing=mailing,
        )


def stats(mailing: Mailing) -> Stats:
    return collect_stats.collect(mailing, cast.NOW)


@settings(max_examples=examples(15))
@given(rows=ROWS, chunk_size=st.integers(1, 30))
def test_all_tables_add_up_to_the_totals(rows: list[dict[str, Any]], chunk_size: int) -> None:
    Mailing.objects.all().delete()
    Delivery.objects.all().delete()
    Subscriber.objects.all().delete()
    cast.delete_all()
    mailing = ledger(rows)
    counts = collect_stats.collect(mailing, cast.NOW, chunk_size=chunk_size)
    balanced = mailing_totals(mailing)
    assert counts.totals == balanced and balanced.balances
    excluded = sum(balanced.excluded.values())
    whole = OutcomeCounts(
        accepted=balanced.accepted,
        refused=balanced.refused,
        pending=balanced.pending,
        excluded=excluded,
        bounced=balanced.bounced,
        complained=balanced.complained,
    )
    for parts in (counts.languages, counts.countries, counts.providers):
        assert sum_outcomes(parts) == whole
    made = report_tables(counts, "Asia/Almaty")
    assert sum(made["totals"].column("recipients")) == balanced.audience
    assert sum(made["exclusions"].column("recipients")) == excluded
    assert sum(made["timeline"].column("accepted")) == balanced.accepted
    assert sum(made["failures"].column("refused")) == balanced.refused
    assert sum(made["failures"].column("bounced")) == balanced.bounced
    assert sum(made["provider_failures"].column("recipients")) == balanced.refused + balanced.bounced
    assert made["provider_failures"].total_of("recipients") == balanced.refused + balanced.bounced
    missed = balanced.audience - balanced.accepted + balanced.bounced
    assert sum(made["not_delivered"].column("recipients")) == missed
    for why, readers in counts.not_delivered.items():
        assert len(NotDeliveredList(mailing, why)) == readers
    for table in made.values():
        if table.key in ("languages", "countries", "providers"):
            assert table.total == ("All", balanced.audience, *list(vars(whole).values())[:2], *marks(whole))
    assert Stats.from_dict(counts.as_dict()) == counts


def marks(whole: OutcomeCounts) -> tuple[int, ...]:
    return whole.bounced, whole.complained, whole.pending, whole.excluded


def test_a_bounce_counts_by_its_latest_event() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    (back,) = cast.deliver(mailing, "accepted", bounced_at=cast.NOW)
    for reason, bounce_class in (("mailbox_full", "soft"), ("unknown_user", "hard")):
        FeedbackEvent.objects.create(
            kind="bounce", bounce_class=bounce_class, reason=reason, delivery=back, mailing=mailing
        )
    assert stats(mailing).failures == (FailureCount("hard", "unknown_user", bounced=1),)


def test_a_refusal_is_classified_by_the_rules_of_bounces() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    for reply in ("550 5.1.1 <a@mail.example>: user unknown", "550 5.1.1 <b@mail.example>: user unknown"):
        cast.deliver(mailing, "refused", reason="refused", reply=reply)
    cast.deliver(mailing, "refused", reason="blocked", reply="554 go away")
    assert stats(mailing).failures == (
        FailureCount("block", "blocked", refused=1),
        FailureCount("hard", "unknown_user", refused=2),
    )


def test_domains_of_one_provider_are_counted_together() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    for domain in ("mail.ru", "bk.ru"):
        (made,) = cast.deliver(mailing, "accepted")
        Subscriber(pk=made.subscriber, email=f"a@{domain}").save(force_insert=True)
    cast.deliver(mailing, "refused", reason="refused")
    assert stats(mailing).providers == {"mail.ru": OutcomeCounts(accepted=2), "": OutcomeCounts(refused=1)}


def test_failures_are_counted_by_provider_and_class() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    for domain, reason in (("mail.ru", "blocked"), ("bk.ru", "blocked"), ("gmail.com", "mailbox_full")):
        (made,) = cast.deliver(mailing, "refused", reason=reason)
        Subscriber(pk=made.subscriber, email=f"r{made.pk}@{domain}").save(force_insert=True)
    assert stats(mailing).provider_failures == {"mail.ru": {"block": 2}, "gmail.com": {"soft": 1}}


def test_the_smallest_providers_are_counted_together() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    for domain in ("a.example", "b.example", "a.example"):
        (made,) = cast.deliver(mailing, "accepted")
        Subscriber(pk=made.subscriber, email=f"r{made.pk}@{domain}").save(force_insert=True)
    assert collect_stats.collect(mailing, cast.NOW, max_providers=1).providers == {
        "a.example": OutcomeCounts(accepted=2),
        "*": OutcomeCounts(accepted=1),
    }


def test_an_unsubscribe_counts_once_for_the_latest_mailing() -> None:
    first = cast.mailing(cast.snapshot(cast.edition("2021-11")), "done")
    second = cast.mailing(cast.snapshot(cast.edition("2021-12")), "done")
    first.started_at, second.started_at = cast.NOW, cast.NOW + cast.DAY * 30
    first.save()
    second.save()
    (got,) = cast.deliver(first, "accepted")
    (refused,) = cast.deliver(first, "refused")
    (complained,) = cast.deliver(first, "accepted", complained_at=cast.NOW)
    for reader in (got, got, refused, complained):
        cast.unsubscribe(reader, cast.NOW + cast.DAY)
    cast.unsubscribe(got, cast.NOW + cast.DAY * 31)
    assert stats(first).unsubscribes == {"": 1}
    # The reader was not in the second one's audience.
    assert stats(second).unsubscribes == {}


def test_who_unsubscribes_from_one_list_after_the_other_is_one_recipient() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "done")
    mailing.started_at = cast.NOW
    mailing.save()
    first, second, third = cast.deliver(mailing, "accepted", 3)
    for reader, day, reason in (
        (first, 1, ""),
        (first, 2, "too_often"),
        (second, 1, "too_often"),
        (second, 2, "not_for_me"),
        (third, 1, "not_for_me"),
        (third, 2, ""),
    ):
        cast.unsubscribe(reader, cast.NOW + cast.DAY * day, reason)
    assert stats(mailing).unsubscribes == {"not_for_me": 2, "too_often": 1}


MINUTE = timedelta(minutes=1)


def sent(accepted: int = 3, ended: datetime = cast.NOW) -> Mailing:
    """A mailing that went to its end."""
    mailing = cast.mailing(cast.snapshot(cast.edition()), "done", audience=accepted)
    mailing.started_at, mailing.finished_at = ended - MINUTE, ended
    mailing.save()
    cast.deliver(mailing, "accepted", accepted)
    return mailing


def bounce(mailing: Mailing, at: datetime) -> None:
    came_back = Delivery.objects.filter(mailing=mailing, bounced_at=None).first()
    assert came_back is not None
    came_back.bounced_at = at
    came_back.save()


def test_an_ended_mailing_is_collected_once() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    assert collect_stats.refresh_due(later) == [mailing.pk]
    assert collect_stats.refresh_due(later + timedelta(hours=1)) == []


def test_a_bounce_is_collected_whatever_its_date() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    collect_stats.refresh_due(later)
    bounce(mailing, at=cast.NOW - timedelta(days=2))
    assert collect_stats.refresh_due(later + MINUTE) == [mailing.pk]
    assert MailingStats.objects.get().totals["bounced"] == 1
    assert collect_stats.refresh_due(later + 2 * MINUTE) == []


def test_an_unsubscribe_is_collected() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    collect_stats.refresh_due(later)
    reader = Delivery.objects.filter(mailing=mailing).first()
    assert reader is not None
    cast.unsubscribe(reader, later, "not_asked_for")
    assert collect_stats.refresh_due(later + MINUTE) == [mailing.pk]
    assert MailingStats.objects.get().unsubscribes == 1
    assert MailingStats.objects.get().stats["unsubscribes"] == {"not_asked_for": 1}


def test_a_mailing_in_progress_is_collected_again_after_a_pause() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "sending", audience=1)
    cast.deliver(mailing, "planned")
    assert collect_stats.refresh_due(cast.NOW) == [mailing.pk]
    assert collect_stats.refresh_due(cast.NOW + timedelta(seconds=1)) == []
    assert collect_stats.refresh_due(cast.NOW + timedelta(seconds=30)) == [mailing.pk]


def test_the_pause_grows_with_the_time_that_collecting_takes() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "sending", audience=1)
    collect_stats.refresh(mailing, cast.NOW)
    MailingStats.objects.update(collect_seconds=6)
    assert collect_stats.refresh_due(cast.NOW + timedelta(seconds=59)) == []
    assert collect_stats.refresh_due(cast.NOW + timedelta(seconds=60)) == [mailing.pk]


def test_an_old_mailing_is_collected_only_if_it_never_was() -> None:
    old = sent(ended=cast.NOW - timedelta(days=400))
    assert collect_stats.refresh_due(cast.NOW) == [old.pk]
    assert collect_stats.refresh_due(cast.NOW + timedelta(days=2)) == []


def test_a_mailing_without_an_audience_is_not_collected() -> None:
    cast.mailing(cast.snapshot(cast.edition()), "planning")
    assert collect_stats.refresh_due(cast.NOW) == []


def test_small_mailings_are_live_and_large_ones_cached() -> None:
    mailing = sent(accepted=3)
    collect_stats.refresh(mailing, cast.NOW)
    bounce(mailing, cast.NOW)
    later = cast.NOW + MINUTE
    live = collect_stats.stats_of(mailing, later)
    assert (live.totals.bounced, live.collected_at) == (1, later)
    cached = collect_stats.stats_of(mailing, later, live_limit=2)
    assert (cached.totals.bounced, cached.collected_at) == (0, cast.NOW)


def test_a_large_mailing_without_a_cache_is_collected() -> None:
    assert collect_stats.stats_of(sent(), cast.NOW, live_limit=0).totals.accepted == 3


def test_headlines_come_from_the_cache_where_there_is_one() -> None:
    known, unknown = sent(), cast.mailing(cast.snapshot(cast.edition("2021-11")), audience=1)
    cast.deliver(unknown, "accepted")
    collect_stats.refresh(known, cast.NOW)
    gists = collect_stats.key_figures_of([known, unknown], cast.NOW)
    assert {pk: gist.totals.accepted for pk, gist in gists.items()} == {known.pk: 3, unknown.pk: 1}
    assert gists[known.pk] == collect_stats.KeyFigures(collect_stats.stats_of(known, cast.NOW).totals, 0)

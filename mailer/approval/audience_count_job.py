"""The job that counts the audiences of open editions in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from mailer.approval.models import Snapshot
from mailer.editions import cached_audience_counts
from mailer.editions.audience import Audience
from mailer.editions.models import Edition, Newsletter
from subscribers.segments.rule_format import InvalidRule

# Latest newsletters and editions whose audiences are counted in advance.
_RECENT = 50


def refresh_audience_counts(clock: Callable[[], datetime], stop: Callable[[], bool]) -> int:
    """Count the audiences of newsletters and of editions that were not sent; returns how many. A job."""
    return cached_audience_counts.refresh_stale_counts(_open_audiences(clock()), clock, stop)


def _open_audiences(now: datetime) -> Iterator[Audience]:
    for newsletter in Newsletter.objects.order_by("-pk")[:_RECENT]:
        yield Audience.of_newsletter(newsletter)
    mailed = Snapshot.objects.filter(mailings__dry_run_to="").values("edition")
    editions = Edition.objects.exclude(pk__in=mailed).select_related("segment", "excluded")
    for edition in editions.order_by("-pk")[:_RECENT]:
        try:
            yield Audience.of_edition(edition, now)
        except InvalidRule:
            continue

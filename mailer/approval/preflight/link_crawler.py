"""The worker looks at the pages that editions in preparation link to; preflight shows what it found.

Only public web servers are asked, through the guarded fetcher: each host once in a run, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urldefrag, urlsplit

from django.db.models import Count, F, Max, Q

from mailer.approval.models import LinkCheck, Snapshot
from mailer.approval.preflight.check_input import links_of
from mailer.approval.preflight.link_destination_checks import is_example, is_local
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering.data_types import Content

# Editions in preparation, newest first, and how long ago they were begun.
_EDITIONS = 10
_RECENT = timedelta(days=120)
# How long a link that is no longer in a draft is still known.
_WANTED, _KEPT = timedelta(hours=6), timedelta(days=30)
# Pages of one run, which others of the queue wait for.
_PER_RUN = 10
# A page is asked again after a day, one that was not found after half an hour, and one that does not answer
# after ten minutes, then after twice as long each time.
_AGAIN, _MISSING_AGAIN, _RETRY, _LONGEST = (
    *(timedelta(days=1), timedelta(minutes=30), timedelta(minutes=10), timedelta(hours=12)),
)
# Until another worker may ask for a page whose worker died.
_LEASE = timedelta(minutes=5)
# Between two looks that staff ask for.
_LEAST_PAUSE = timedelta(minutes=1)
_MISSING = (404, 410)


def collect_draft_links(now: datetime) -> int:
    """Note the links of the drafts; how many are new. A job."""
    mailed = Snapshot.objects.filter(mailings__dry_run_to="").values("edition")
    drafts = Edition.objects.filter(created_at__gte=now - _RECENT).exclude(pk__in=mailed)
    urls = {url for edition in drafts.order_by("-pk")[:_EDITIONS] for url in _urls(_draft_content(edition))}
    keys = {LinkCheck.key_of(url): url for url in urls}
    known = set(LinkCheck.objects.filter(key__in=keys).values_list("key", flat=True))
    LinkCheck.objects.filter(key__in=known, wanted_until__lt=now + _WANTED / 2).update(
        wanted_until=now + _WANTED
    )
    new = [
        LinkCheck(key=key, url=url, due_at=now, wanted_until=now + _WANTED)
        for key, url in keys.items()
        if key not in known
    ]
    LinkCheck.objects.bulk_create(new, ignore_conflicts=True)
    LinkCheck.objects.filter(wanted_until__lt=now - _KEPT).delete()
    return len(new)


def _draft_content(edition: Edition) -> Content:
    return content_of(edition.get_latest_revision_as_object(), store_pictures=False)


def _urls(content: Content) -> Iterator[str]:
    """The addresses of public pages that a draft links to, but for those of our own site."""
    for link in links_of(content):
        try:
            parts = urlsplit(link.url)
            host = parts.hostname or ""
        except ValueError:
            continue
        ours = f"{link.url}/".startswith(f"{content.site_url}/")
        if parts.scheme in ("http", "https") and not (ours or is_local(host) or is_example(host)):
            yield link.url


@dataclass(frozen=True)
class LinkProgress:
    """How far the worker is with the links of one draft."""

    # Different addresses of public pages; and those that wait for their turn.
    total: int
    waiting: int
    # When the latest of them was looked at; None: none was yet.
    checked_at: datetime | None


def recheck_links_soon(edition: Edition, now: datetime) -> int:
    """Let the worker look at the pages of the latest draft now; how many will be.

    Those that it looked at within the last minute are left alone: sites are asked politely.
    """
    urls = {LinkCheck.key_of(url): url for url in _urls(_draft_content(edition))}
    known = set(LinkCheck.objects.filter(key__in=urls).values_list("key", flat=True))
    new = [
        LinkCheck(key=key, url=url, due_at=now, wanted_until=now + _WANTED)
        for key, url in urls.items()
        if key not in known
    ]
    LinkCheck.objects.bulk_create(new, ignore_conflicts=True)
    again = LinkCheck.objects.filter(key__in=known).exclude(checked_at__gt=now - _LEAST_PAUSE)
    return len(new) + again.update(due_at=now, wanted_until=now + _WANTED)


def link_progress(content: Content, now: datetime) -> LinkProgress:
    """How far the worker is with the links of a draft."""
    keys = {LinkCheck.key_of(url) for url in _urls(content)}
    rows = LinkCheck.objects.filter(key__in=keys)
    known = rows.aggregate(
        total=Count("pk"),
        waiting=Count("pk", filter=Q(due_at__lte=now) | Q(checked_at=None)),
        latest=Max("checked_at"),
    )
    return LinkProgress(len(keys), known["waiting"] + len(keys) - known["total"], known["latest"])


def check_due_links(
    clock: Callable[[], datetime], stop: Callable[[], bool], *, allow_loopback: bool = False
) -> int:
    """Look at the pages that are due; how many were. A job."""
    now = clock()
    due = LinkCheck.objects.filter(due_at__lte=now, wanted_until__gte=now).order_by("due_at", "pk")
    hosts: set[str] = set()
    checked = 0
    for row in due[: 10 * _PER_RUN]:
        host = urlsplit(row.url).hostname or ""
        if stop() or checked == _PER_RUN:
            break
        # A site with many links is asked for one of them at a time.
        if host in hosts:
            continue
        hosts.add(host)
        claimed = LinkCheck.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + _LEASE)
        if claimed:
            _check(row, clock, allow_loopback)
            checked += 1
    return checked


def _check(row: LinkCheck, clock: Callable[[], datetime], allow_loopback: bool) -> None:
    state, status, final = _look_at(row.url, allow_loopback)
    now = clock()
    failed = state in (LinkCheck.State.REFUSED, LinkCheck.State.NO_ANSWER, LinkCheck.State.NO_SERVER)
    again = _MISSING_AGAIN if state == LinkCheck.State.MISSING else _AGAIN
    if failed:
        again = min(_RETRY * 2 ** min(row.failures, 10), _LONGEST)
    LinkCheck.objects.filter(pk=row.pk).update(
        state=state,
        status=status,
        final_url=final,
        checked_at=now,
        due_at=now + again,
        failures=F("failures") + 1 if failed else 0,
    )


def _look_at(url: str, allow_loopback: bool) -> tuple[LinkCheck.State, int, str]:
    """(state, HTTP status or 0, where it led in the end)."""
    # The HTTP client, which a worker does not need otherwise.
    from mailer.stories.url_fetcher import FetchError, ForbiddenAddress, NoServer, get_final_status_and_url

    try:
        found = get_final_status_and_url(urldefrag(url).url, allow_loopback=allow_loopback)
    except ForbiddenAddress:
        return LinkCheck.State.PRIVATE, 0, ""
    except NoServer:
        return LinkCheck.State.NO_SERVER, 0, ""
    except FetchError:
        return LinkCheck.State.NO_ANSWER, 0, ""
    if found.status in _MISSING:
        return LinkCheck.State.MISSING, found.status, found.url
    if found.status >= 400:
        return LinkCheck.State.REFUSED, found.status, found.url
    moved = _compared(found.url) != _compared(url)
    other_host = _compared(found.url).partition("/")[0] != _compared(url).partition("/")[0]
    if moved and (found.permanent or other_host):
        return LinkCheck.State.MOVED, found.status, found.url
    return LinkCheck.State.OK, found.status, found.url


def _compared(url: str) -> str:
    """The address without what makes no difference to a reader."""
    bare = re.sub(r"^https?://(?:www\.)?", "", urldefrag(url).url, flags=re.IGNORECASE)
    host, _, path = bare.partition("/")
    return f"{host.lower()}/{path.rstrip('/')}"

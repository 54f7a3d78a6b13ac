"""The worker looks at the links of drafts, politely, and preflight shows what it found."""

from __future__ import annotations

from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from django.utils import timezone

from mailer.approval.draft_check_cache import check_draft
from mailer.approval.models import LinkCheck
from mailer.approval.preflight import link_crawler
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.stories.models import Story
from tests import cast
from tests.loopback import Quiet, serving

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


class Site(Quiet, BaseHTTPRequestHandler):
    """Pages that answer with the status in their path; /301 leads to /200."""

    def do_GET(self) -> None:
        status = int(self.path.strip("/")[:3])
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()


def row(url: str) -> LinkCheck:
    now = timezone.now()
    return LinkCheck.objects.create(
        key=LinkCheck.key_of(url), url=url, due_at=now, wanted_until=now + timedelta(hours=1)
    )


def check(url: str, *, allow_loopback: bool = True) -> LinkCheck:
    made = row(url)
    now = made.due_at
    assert link_crawler.check_due_links(lambda: now, lambda: False, allow_loopback=allow_loopback) == 1
    made.refresh_from_db()
    assert made.due_at > now
    return made


def test_what_a_page_answers_is_noted() -> None:
    with serving(Site) as port:
        for path, state in (
            ("200", "ok"),
            ("301", "moved"),
            # For the time being: the address that staff wrote stays the right one.
            ("302", "ok"),
            ("404", "missing"),
            ("410", "missing"),
            ("403", "refused"),
            ("503", "refused"),
        ):
            assert check(f"http://127.0.0.1:{port}/{path}").state == state
            LinkCheck.objects.all().delete()
    closed = check(f"http://127.0.0.1:{port}/200")
    assert (closed.state, closed.failures) == ("no_answer", 1)


def test_no_machine_of_a_private_network_is_asked() -> None:
    with serving(Site) as port:
        assert check(f"http://127.0.0.1:{port}/200", allow_loopback=False).state == "private"


def test_a_host_is_asked_for_one_page_at_a_time() -> None:
    with serving(Site) as port:
        for number in range(3):
            row(f"http://127.0.0.1:{port}/200/{number}")
        now = timezone.now()
        asked = [
            link_crawler.check_due_links(lambda: now, lambda: False, allow_loopback=True) for _run in range(4)
        ]
    assert asked == [1, 1, 1, 0]


def test_links_of_drafts_are_collected_and_a_dead_one_is_an_error() -> None:
    people = cast.staff()
    edition = cast.december(people.writer)
    dead = "https://www.office.int/dead"
    Story.objects.filter(key="ring").update(link=dead)
    Story.objects.filter(key="tj-news").update(link="http://localhost/page")
    now = timezone.now()
    Edition.objects.update(created_at=now)
    assert link_crawler.collect_draft_links(now) == 1 and link_crawler.collect_draft_links(now) == 0
    # Neither the reserved names of the other stories nor localhost are ever asked.
    assert list(LinkCheck.objects.values_list("url", flat=True)) == [dead]
    LinkCheck.objects.update(state="missing", status=404)
    found = {one.code: one for one in check_draft(edition, content_of(edition), (), now).findings}
    assert found["link.dead"].found[0].place.key == "ring"
    assert found["link.dead"].blocks and found["link.local"].blocks

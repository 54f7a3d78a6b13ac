"""Pages make no query for each row, and no page of an edition renders or counts what is kept."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from mailer.approval import audience_count_job, draft_check_cache
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions import cached_audience_counts, draft_blocks
from mailer.editions.audience import Audience
from mailer.editions.models import Edition, EditionText
from mailer.editions.rendering_input import content_of
from mailer.feedback.models import ReturnedMessage
from mailer.outgoing_webhooks.models import WebhookEndpoint
from mailer.stories.models import Story, StoryText
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList, Segment, Subscriber, Suppression, Tag
from subscribers.segments.rule_format import Condition, Group, to_json
from tests import cast as people
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.django_db
RULE = to_json(Group("all", (Group("all", (Condition("language", "one_of", ("ru",)),)),)))
# Every list of the desk that grows.
LISTS = (
    "desk_stories:list",
    "desk_editions:list",
    "desk_subscribers:index",
    "desk_lists:index",
    "desk_segments:index",
    "desk_tags:index",
    "desk_imports:index",
    "desk_suppressions:index",
    "desk_replies:index",
    "desk_webhooks",
    "wagtailadmin_home",
)


def add_rows(desk: Desk, numbers: range) -> None:
    """A row of everything that is listed, for each number."""
    now, newsletter = timezone.now(), desk.edition.newsletter
    for number in numbers:
        story = Story.objects.create(key=f"more-{number}", live=number % 2 == 0)
        StoryText.objects.create(story=story, language="en", headline=f"News {number}", summary="…")
        edition = Edition.objects.create(newsletter=newsletter, period=f"20{number:02}-01", live=False)
        EditionText.objects.create(edition=edition, language="en", subject="News")
        edition.save_revision()
        Subscriber.objects.create(email=f"more-{number}@example.org")
        extra = MailingList.objects.create(slug=f"more-{number}", name=f"More {number}")
        Segment.objects.create(name=f"More {number}", rule=RULE, changed_at=now)
        Tag.objects.create(name=f"more {number}")
        ImportJob.objects.create(
            file_name="a.csv",
            mailing_list=extra,
            source="x",
            language="en",
            state="discarded",
            created_at=now,
        )
        Suppression.objects.create(
            address_hash=number.to_bytes(16), email=f"gone-{number}@example.org", reason="manual"
        )
        ReturnedMessage.objects.create(sha256=f"{number}", kind="other", raw=b"From: a@example.org\r\n\r\nHi")
        WebhookEndpoint.objects.create(name=f"{number}", url="https://e.org/", secret=b"x", created_at=now)


def queries(browser: Client, address: str) -> int:
    browser.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def test_no_list_makes_a_query_for_each_row(desk: Desk) -> None:
    desk.admin.is_superuser = True
    desk.admin.save()
    browser = as_user(desk.admin)
    add_rows(desk, range(10, 13))
    few = {name: queries(browser, reverse(name)) for name in LISTS}
    add_rows(desk, range(13, 21))
    many = {name: queries(browser, reverse(name)) for name in LISTS}
    # Each draft has a card of its own on the home page, with what its writer may do; not a query of its own.
    assert many == few


def test_the_submit_page_makes_no_query_for_each_story_or_approver(desk: Desk) -> None:
    address, browser = reverse("desk_edition:submit", args=[desk.edition.pk]), as_user(desk.writer)
    found = []
    for name in ("aida", "bolot", "saule"):
        another = User.objects.create_user(name, f"{name}@office.example.org", "a long password")
        another.groups.add(set_up_role_groups()["Approvers"])
        add = partial(
            draft_blocks.add_stories, stories=[people.story(name, countries=("KG",), by=desk.writer)]
        )
        draft_blocks.change_draft(desk.edition, desk.writer, timezone.now(), add)
        found.append(queries(browser, address))
    assert len(set(found)) == 1 and found[0] < 40


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every audience is a large one."""
    monkeypatch.setattr(cached_audience_counts, "COUNTED_LIVE", 0)


def test_pages_of_an_edition_neither_render_nor_count_what_is_kept(
    desk: Desk, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience_count_job.refresh_audience_counts(timezone.now, lambda: False)
    pages = [
        reverse(f"desk_edition:{name}", args=[desk.edition.pk]) for name in ("variants", "checks", "submit")
    ]
    browser = as_user(desk.writer)
    first: dict[str, Any] = {page: browser.get(page).context for page in pages}
    with pytest.MonkeyPatch.context() as patch:
        _forbid(patch)
        for page in pages:
            again: Any = browser.get(page).context
            assert again["findings"] == first[page]["findings"]
            assert page.endswith("checks/") or again["counted_at"] is not None
    StoryText.objects.filter(language="en").update(headline="Another headline")
    rendered: list[int] = []
    render_possible_variants = draft_check_cache.render_possible_variants
    monkeypatch.setattr(
        draft_check_cache,
        "render_possible_variants",
        lambda *given: rendered.append(1) or render_possible_variants(*given),
    )
    for page in pages:
        browser.get(page)
    assert len(rendered) == 1


def test_the_review_of_a_large_audience_does_not_count(desk: Desk, large: None) -> None:
    cast.submitted(desk)
    audience_count_job.refresh_audience_counts(timezone.now, lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        _forbid(patch)
        answer: Any = as_user(desk.approver).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    assert answer.context["matrix"].rows


def _forbid(patch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> Any:
        raise AssertionError("it was kept")

    patch.setattr(draft_check_cache, "render_possible_variants", refuse)
    patch.setattr("mailer.editions.audience.Audience.combinations", refuse)


def test_the_menu_stops_counting(desk: Desk) -> None:
    ReturnedMessage.objects.bulk_create(
        ReturnedMessage(sha256=f"many {number}", kind="other", raw=b"x") for number in range(1001)
    )
    answer = as_user(desk.admin).get(reverse("desk_lists:index"))
    assert b"(999+)" in answer.content


def test_who_opens_the_checks_in_another_language_finds_them_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.sending(desk, "done")
    untitled = people.story("untitled")
    StoryText.objects.filter(story=untitled).delete()
    later = Edition(newsletter=desk.edition.newsletter, period="2022-01", body=desk.edition.body)
    draft_blocks.add_stories(later, [untitled])
    later.save()
    content, everyone = content_of(later), Audience.of_edition(later, people.NOW).combinations()

    def codes_in(language: str) -> set[str]:
        with override(language):
            return {
                one.code
                for one in draft_check_cache.check_draft(later, content, everyone, people.NOW).findings
            }

    codes = codes_in("en")
    assert "edition.story_sent_before" in codes
    _forbid(monkeypatch)
    assert codes_in("ru") == codes

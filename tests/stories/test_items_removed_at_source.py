"""Entries that disappear at their source are marked, once it is certain; their stories stay as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from mailer.stories import draft_editing, items_removed_at_source
from mailer.stories.items_removed_at_source import mark_removed_and_relisted
from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.record_source_items import make_and_update_drafts
from mailer.stories.sources.parser_pool import UnlimitedParsers
from mailer.stories.sources.polite_fetch import PollLimits
from mailer.stories.sources.polling import poll
from mailer.stories.sources.reader_interface import Listing, SourceItem
from tests.stories.conftest import NOW, Answer, Site
from tests.stories.sources.test_readers import article, as_json, node, post, sitemap
from tests.stories.test_folder import office as office
from tests.stories.test_folder import write
from tests.stories.test_record_source_items import RUSSIAN, a_source, latest

pytestmark = pytest.mark.django_db
LIMITS = PollLimits(host_interval=0.0, parallel=1, parsers=1)
TITLES = ("Дорога в Оше", "Школа в Нарыне открыта", "Музей Таласа закрыт", "Театр в Бишкеке ждёт гостей")


def entries(*days: int) -> list[SourceItem]:
    """Entries that were published on these days of November, one a day."""
    return [
        replace(RUSSIAN, id=str(day), title=TITLES[day % 4], html="", link="", published=day_of(day))
        for day in days
    ]


def day_of(day: int) -> datetime:
    return NOW.replace(month=11, day=day)


def removed() -> list[str]:
    return sorted(StorySourceItem.objects.exclude(removed_at=None).values_list("item_id", flat=True))


def listing(*days: int, **changes: Any) -> Listing:
    return Listing(frozenset(map(str, days)), since=day_of(min(days)), **changes)


@pytest.mark.both_databases
def test_an_entry_is_marked_when_it_is_missing_twice_and_not_when_it_comes_back() -> None:
    source = a_source()
    make_and_update_drafts(source, entries(1, 2, 3), NOW)
    later = [NOW + timedelta(hours=hour) for hour in range(1, 6)]
    assert mark_removed_and_relisted(source, listing(1, 3), later[0]) == 0
    assert mark_removed_and_relisted(source, listing(1, 2, 3), later[1]) == 0
    assert mark_removed_and_relisted(source, listing(1, 3), later[2]) == 0
    # A list that is not complete says nothing.
    assert mark_removed_and_relisted(source, None, later[3]) == 0
    assert (mark_removed_and_relisted(source, listing(1, 3), later[3]), removed()) == (1, ["2"])
    assert {story.pk for story in Story.objects.all()} == set(Story.objects.values_list("pk", flat=True))
    mark_removed_and_relisted(source, listing(1, 2, 3), later[4])
    assert removed() == []
    # It comes back with another text, and with the day of its change.
    StorySourceItem.objects.filter(item_id="2").update(missing_since=NOW, removed_at=NOW)
    changed = replace(entries(2)[0], title="Школа в Нарыне построена", updated=day_of(9))
    make_and_update_drafts(source, [changed], later[4])
    row = StorySourceItem.objects.get(item_id="2")
    assert (row.missing_since, row.removed_at, row.modified) == (None, None, day_of(9))


def test_what_is_older_or_newer_than_the_list_is_not_deleted() -> None:
    source = a_source()
    make_and_update_drafts(source, entries(1, 2, 3, 4, 5), NOW)
    for hour in (1, 2, 3):
        mark_removed_and_relisted(source, listing(2, 4, until=day_of(4)), NOW + timedelta(hours=hour))
    assert removed() == ["3"]
    # An entry that was published late stands where it was changed last.
    StorySourceItem.objects.filter(item_id="5").update(modified=day_of(1))
    for hour in (4, 5):
        mark_removed_and_relisted(source, listing(2, 4), NOW + timedelta(hours=hour))
    assert removed() == ["3"]


@pytest.mark.parametrize("left", [(), (1,)])
def test_a_list_from_which_nearly_everything_disappears_is_not_believed(left: tuple[int, ...]) -> None:
    source = a_source()
    make_and_update_drafts(source, entries(*range(1, 9)), NOW)
    for hour in (1, 2):
        mark_removed_and_relisted(source, Listing(frozenset(map(str, left))), NOW + timedelta(hours=hour))
    assert removed() == []


def test_a_story_that_another_source_still_has_is_not_asked_about() -> None:
    first, second = a_source(), a_source("Another office")
    (story,) = make_and_update_drafts(first, [RUSSIAN], NOW).added
    make_and_update_drafts(second, [replace(RUSSIAN, id="copy")], NOW)
    first.items.update(removed_at=NOW)
    assert items_removed_at_source.removed_stories_to_decide([story.pk]) == set()
    second.items.update(removed_at=NOW)
    assert items_removed_at_source.removed_stories_to_decide([story.pk]) == {story.pk}
    items_removed_at_source.keep_story(story, NOW)
    assert items_removed_at_source.removed_stories_to_decide([story.pk]) == set()


def test_nothing_that_an_editor_wrote_or_that_is_ready_changes() -> None:
    source, user = a_source(), User.objects.create_user("dana")
    make_and_update_drafts(source, entries(1, 2, 3), NOW)
    touched, ready = (StorySourceItem.objects.get(item_id=one).story for one in "23")
    assert touched and ready
    draft_editing.save(touched, {"headline-ru": "Наш заголовок"}, {}, user, NOW)
    ready.get_latest_revision().publish()
    before = list(Story.objects.order_by("pk").values())
    for hour in (1, 2):
        mark_removed_and_relisted(source, Listing(frozenset("1")), NOW + timedelta(hours=hour))
    assert removed() == ["2", "3"]
    assert list(Story.objects.order_by("pk").values()) == before
    assert latest(touched).headline("ru") == "Наш заголовок"


# By the readers.


def polled(source: StorySource, times: int = 2) -> list[str]:
    """The entries that are marked after so many polls, an hour apart."""
    for hour in range(times):
        source.refresh_from_db()
        now = (source.last_success_at or NOW) + timedelta(hours=1 + hour)
        list(poll([source], lambda at=now: at, LIMITS, parsers=UnlimitedParsers(), allow_loopback=True))  # type: ignore[misc]
    source.refresh_from_db()
    assert source.problem == ""
    return removed()


def source_at(url: str, kind: str, **changes: Any) -> StorySource:
    return StorySource.objects.create(name="The office", url=url, kind=kind, **changes)


def rss(*days: int) -> Answer:
    items = "".join(
        f'<item><guid isPermaLink="false">{day}</guid><title>{TITLES[day % 4]}</title>'
        f"<pubDate>{day:02d} Nov 2021 10:00:00 GMT</pubDate></item>"
        for day in days
    )
    return Answer(f'<rss version="2.0"><channel>{items}</channel></rss>'.encode(), headers={"ETag": '"1"'})


def test_a_feed_of_the_newest_entries_loses_none_by_its_end(site: Site) -> None:
    source = source_at(site.url("/feed"), "feed")
    site.answers["/feed"] = rss(4, 3, 2, 1)
    assert polled(source) == []
    site.answers["/feed"] = rss(6, 5, 4, 2)
    assert polled(source, 1) == []
    # HTTP 304: the same list for the second time.
    site.answers["/feed"] = Answer(status=304)
    assert polled(source, 1) == ["3"]
    # An old entry at the top, and others without a date, say nothing about the rest.
    site.answers["/feed"] = rss(1, 6)
    assert polled(source) == ["3"]


def test_a_post_that_wordpress_has_no_longer_is_noticed(site: Site) -> None:
    source = source_at(site.url("/wp-json/wp/v2/posts"), "wordpress")
    posts = {
        number: post(number, title={"rendered": f"News {TITLES[number % 4]}"}) for number in (1, 2, 3, 4)
    }

    def answer(*numbers: int, pages: str) -> None:
        listed = as_json([posts[number] for number in numbers], **{"X-WP-TotalPages": pages})
        site.by_path["/wp-json/wp/v2/posts"] = listed

    answer(4, 3, 2, 1, pages="1")
    assert polled(source) == []
    # Post 1 may stand on the next page.
    answer(4, 2, pages="2")
    assert polled(source) == ["3"]
    answer(4, 2, pages="1")
    assert polled(source) == ["1", "3"]


def test_an_article_that_drupal_has_no_longer_is_noticed(site: Site) -> None:
    source = source_at(site.url("/jsonapi/node/article"), "drupal")
    nodes = {
        number: node(number, title=TITLES[number], changed=day_of(number).isoformat(), body={"value": ""})
        for number in (1, 2, 3)
    }

    def answer(*numbers: int) -> None:
        site.by_path["/jsonapi/node/article"] = as_json({"data": [nodes[number] for number in numbers]})

    answer(3, 2, 1)
    assert polled(source) == []
    answer(2, 1)
    assert polled(source) == ["uuid-3"]


def test_a_page_that_the_sitemap_lists_no_longer_is_noticed(site: Site) -> None:
    pages = [(site.url(f"/{name}"), f"2021-11-2{day}") for day, name in enumerate("abc")]
    source = source_at(site.url("/sitemap.xml"), "sitemap")
    site.by_path["/sitemap.xml"] = sitemap(*pages)
    for name, title in zip("abc", TITLES, strict=False):
        text = f"<p>{title}. " + f"A sentence about {title}. " * 12 + "</p>"
        site.by_path[f"/{name}"] = article(title, text=text)
    assert polled(source, 3) == []
    # The oldest may have made room for newer ones, the one between them not.
    site.by_path["/sitemap.xml"] = sitemap(pages[2])
    assert polled(source) == []
    site.by_path["/sitemap.xml"] = sitemap(pages[0], pages[2])
    assert polled(source) == ["/b"]


def test_a_file_that_is_deleted_from_the_folder_is_noticed(office: Any) -> None:
    for name, title in zip(("a.md", "b.md"), TITLES, strict=False):
        write(office / name, f"---\ntitle: {title}\nlanguage: ru\n---\n{title}.\n")
    source = StorySource.objects.create(name="Folder", kind="folder", folder="office")
    assert polled(source) == []
    # A file that cannot be read is there all the same.
    write(office / "a.md", b"\xff\xfe\xff")
    (office / "b.md").unlink()
    assert polled(source) == ["b.md"]

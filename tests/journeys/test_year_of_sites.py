"""A year of three country sites with the faults that sites have: what they publish is in one draft, once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from mailer.delivery.models import Mailing
from mailer.editions import assemble
from mailer.editions.models import Newsletter, story_ids
from mailer.stories import bulk_insert_drafts, draft_or_merge_new_items, record_source_items
from mailer.stories.models import Story, StorySource
from mailer.stories.sources.parser_pool import UnlimitedParsers
from mailer.stories.sources.polite_fetch import PollLimits
from mailer.stories.sources.polling import poll_due
from mailer.stories.url_fetcher import Limits
from tests import cast
from tests.stories.conftest import Answer, Site, site

__all__ = ["site"]

pytestmark = pytest.mark.django_db

LIMITS = PollLimits(parallel=3, host_interval=0.0, parsers=1, seconds=60, request=Limits(size=1_000_000))
MONTHS = range(1, 13)
# Steps before and after which a worker may die.
STEPS = {
    record_source_items: ("_record_change", "_note_change", "record_new"),
    draft_or_merge_new_items: ("_prepare", "_record", "_place", "_join", "_store"),
    bulk_insert_drafts: (
        "store_picture_and_build_draft",
        "store_drafts",
        "_add_revisions",
        "_add_log_entries",
    ),
}
TEXT = {
    "ru": "В посёлке номер {n} открыли школу, и {m} детей учатся рядом с домом.",
    "kk": "{n} ауылында жаңа мектеп ашылды, енді {m} бала үйінің жанында оқиды.",
    "en": "A clinic opened in valley {n}, and {m} families no longer travel for a day.",
}


def as_json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json")


class Offices:
    """WordPress in Kazakhstan, Drupal in Kyrgyzstan, and a plain feed in Uzbekistan that repeats one."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.month = 0
        self.edited: set[int] = set()
        self.deleted: set[int] = set()

    def serve(self, fault: str = "") -> None:
        known = range(max(1, self.month - 2), self.month + 1)
        at = self.site.by_path
        at["/wp-json/wp/v2/posts"] = as_json([post for one in known for post in self._posts(one)])
        at["/jsonapi/node/article"] = as_json({"data": [self._node(one) for one in known]})
        at["/feed"] = Answer(self._feed(known, "tomorrow" if fault == "dates" else ""))
        if fault == "broken XML":
            at["/feed"] = Answer(self._feed(known)[:700] + b"<item><title>&nope;")
        elif fault == "wrong encoding":
            at["/feed"] = Answer(self._feed(known).decode().encode("windows-1251", "replace"))
        elif fault == "server error":
            at["/jsonapi/node/article"] = Answer(status=503)
        elif fault == "private address":
            moved = {"Location": "http://10.0.0.1/wp-json/wp/v2/posts"}
            at["/wp-json/wp/v2/posts"] = Answer(status=302, headers=moved)
        elif fault == "too large":
            at["/feed"] = Answer(self._feed(known) + b" " * 2_000_000)

    def _posts(self, month: int) -> list[dict[str, Any]]:
        day = f"2024-{month:02d}-08T10:00:00"
        both = {"ru": 10 * month + 1, "kk": 10 * month + 2}
        changed = " снова" if month in self.edited else ""
        return [
            {
                "id": number,
                "date_gmt": day,
                "modified_gmt": day,
                "lang": language,
                "translations": both,
                "link": f"https://kz.example.org/{language}/{month}",
                "title": {"rendered": f"{'Школа' if language == 'ru' else 'Мектеп'} № {month}{changed}"},
                "content": {"rendered": f"<p>{TEXT[language].format(n=month, m=month * 7)}</p>"},
                "excerpt": {"rendered": ""},
            }
            for language, number in both.items()
            if month not in self.deleted
        ]

    def _node(self, month: int) -> dict[str, Any]:
        day = f"2024-{month:02d}-09T10:00:00+00:00"
        text = TEXT["en"].format(n=month, m=month * 11)
        attributes = {
            "title": f"Clinic number {month} opens",
            "drupal_internal__nid": month,
            "created": day,
            "changed": day,
            "langcode": "en",
            "default_langcode": True,
            "path": {"alias": f"/clinic/{month}"},
            "body": {"value": text, "processed": f"<p>{text}</p>", "summary": ""},
        }
        return {"type": "node--article", "id": f"uuid-{month}", "attributes": attributes, "relationships": {}}

    def _feed(self, known: range, date: str = "") -> bytes:
        """Its own news, and a copy of the Russian post of the first site with that site's link."""
        items = ""
        for month in known:
            day = date or f"{10 + month % 9} {datetime(2024, month, 1, tzinfo=UTC):%b} 2024 10:00:00 GMT"
            own = TEXT["ru"].format(n=month + 50, m=month * 13)
            copy = TEXT["ru"].format(n=month, m=month * 7)
            items += (
                f"<item><guid>uz-{month}</guid><title>Мост № {month + 50} открыт</title>"
                f"<link>https://uz.example.org/{month}</link><pubDate>{day}</pubDate>"
                f"<description>{own}</description></item>"
                f"<item><guid>copy-{month}</guid><title>Школа № {month}</title>"
                f"<link>https://kz.example.org/ru/{month}</link><pubDate>{day}</pubDate>"
                f"<description>{copy}</description></item>"
            )
        xml = '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><language>ru</language>'
        return f"{xml}{items}</channel></rss>".encode()


FAULTS = {
    3: "broken XML",
    4: "wrong encoding",
    5: "server error",
    6: "dates",
    9: "private address",
    11: "too large",
}


class Killed(BaseException):
    """The worker died."""


def poll_until_done(now: datetime, random: Random, monkeypatch: pytest.MonkeyPatch) -> int:
    """Poll what is due; the worker dies now and then while it records, and another one goes on."""
    deaths = 0
    StorySource.objects.update(next_poll_at=None)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if random.random() < 0.05:
                raise Killed
            found = function(*args, **kwargs)
            if random.random() < 0.05:
                raise Killed
            return found

        return called

    with monkeypatch.context() as patched:
        for module, names in STEPS.items():
            for name in names:
                patched.setattr(module, name, around(getattr(module, name)))
        while True:
            try:
                poll_due(lambda: now, lambda: False, LIMITS, parsers=UnlimitedParsers(), allow_loopback=True)
            except Killed:
                deaths += 1
                StorySource.objects.update(next_poll_at=None)
                continue
            return deaths


def test_each_story_of_the_sites_is_in_one_draft_of_the_year(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = cast.staff()
    newsletter = cast.newsletter(
        countries=("KG", "KZ", "UZ"), assemble_on="monthly 28 09:00", send_on="", zone="Asia/Almaty"
    )
    for kind, path, country in (
        ("wordpress", "/wp-json/wp/v2/posts", "KZ"),
        ("drupal", "/jsonapi/node/article", "KG"),
        ("feed", "/feed", "UZ"),
    ):
        StorySource.objects.create(kind=kind, name=kind, url=site.url(path), countries=(country,))
    offices, random, deaths = Offices(site), Random(18), 0
    for month in MONTHS:
        offices.month = month
        if month == 7:
            offices.edited.add(6)
        offices.serve(FAULTS.get(month, ""))
        deaths += poll_until_done(datetime(2024, month, 20, tzinfo=UTC), random, monkeypatch)
        # The sites are mended.
        offices.serve()
        deaths += poll_until_done(datetime(2024, month, 22, tzinfo=UTC), random, monkeypatch)
        for story in Story.objects.filter(live=False):
            story.save_revision(user=staff.writer).publish()
        if month == 8:
            offices.deleted.add(8)
        # At the clock's 09:00: UTC+6 until the end of February, UTC+5 from March on.
        due = datetime(2024, month, 28, 3 if month < 3 else 4, tzinfo=UTC)
        assemble.assemble_due(due - timedelta(seconds=1))
        assert not newsletter.editions.filter(period=f"2024-{month:02d}").exists()
        for _worker in range(2):
            assemble.assemble_due(due)
    assert deaths > 5
    _check(newsletter)


def _check(newsletter: Newsletter) -> None:
    editions = list(newsletter.editions.order_by("period"))
    assert [edition.period for edition in editions] == [f"2024-{month:02d}" for month in MONTHS]
    used = Counter(pk for edition in editions for pk in story_ids(edition))
    assert set(used.values()) == {1}
    assert set(used) == set(Story.objects.values_list("pk", flat=True))
    # Three stories a month: the school in two languages, whoever repeats it; the clinic; the bridge.
    headlines = Counter(story.headline("ru") for story in Story.objects.all())
    wanted = {
        *(f"Clinic number {month} opens" for month in MONTHS),
        *(f"Мост № {month + 50} открыт" for month in MONTHS),
        *(f"Школа № {month}" for month in MONTHS),
    }
    assert {headline.removesuffix(" снова") for headline in headlines} == wanted
    assert [one for one, times in headlines.items() if times > 1] == []
    schools = Story.objects.filter(texts__headline__startswith="Мектеп")
    assert schools.count() == len(MONTHS)
    assert not Mailing.objects.exists()

"""The content that previews of a design show: every kind of block, with the stories of the sample edition."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import mailer
from mailer.rendering.data_types import (
    Block,
    Content,
    LocalText,
    Masthead,
    Picture,
    Story,
    StoryText,
    Subject,
)
from mailer.stories.stories_file_import import StoryRecord, read_stories

FOLDER = Path(mailer.__file__).parent / "demo" / "sample"
# Stands before the file names of the pictures, for pages to replace by where they serve them. RFC 2606 §2.
PICTURES = "https://sample.invalid/"
# Pixels of the pictures.
_SIZE = (1200, 600)
_TEXT = (
    LocalText(
        "en",
        "<p>Dear colleagues,</p><p>this month’s edition follows people who <strong>cross borders</strong>: "
        "to work, to learn and to come home.</p><ul><li>Four stories from five countries</li>"
        "<li>One evening for your calendar</li></ul>",
    ),
    LocalText(
        "ru",
        "<p>Дорогие коллеги,</p><p>этот выпуск рассказывает о людях, которые <strong>пересекают "
        "границы</strong>: чтобы работать, учиться и возвращаться домой.</p><ul><li>Четыре истории из пяти "
        "стран</li><li>Один вечер для вашего календаря</li></ul>",
    ),
    LocalText(
        "kk",
        "<p>Құрметті әріптестер,</p><p>бұл шығарылым <strong>шекарадан өтетін</strong> адамдар туралы: "
        "олар жұмыс істеуге, оқуға және үйге оралуға барады.</p><ul><li>Бес елден төрт әңгіме</li>"
        "<li>Күнтізбеңізге арналған бір кеш</li></ul>",
    ),
)


def design_preview_content(masthead: Masthead, site_url: str) -> Content:
    """An edition of December 2021 under `masthead`, whose countries and languages are those of the sample."""
    stories = _stories()
    by_kind: dict[str, list[str]] = {}
    for story in stories:
        by_kind.setdefault(story.kind, []).append(story.key)
    lead, *others = by_kind["news"]
    blocks = [
        Block("text", texts=_TEXT),
        Block("lead", (lead,)),
        Block("story", tuple(others[:1])),
        *(
            block
            for key in others[1:]
            for block in (Block("heading", (), _countries(stories, key)[:1]), Block("story", (key,)))
        ),
        *(Block("date", (key,)) for key in by_kind["event"]),
        Block("titles", tuple(by_kind["publication"])),
        *(Block("social", (key,)) for key in by_kind["notice"]),
    ]
    return Content(
        masthead=masthead,
        period="2021-12",
        number=12,
        slug=f"{masthead.slug or 'newsletter'}-2021-12",
        site_url=site_url,
        subjects=tuple(Subject(text.language, text.headline, "") for text in stories[0].texts),
        stories=stories,
        blocks=tuple(blocks),
    )


def _countries(stories: tuple[Story, ...], key: str) -> tuple[str, ...]:
    return next(story.countries for story in stories if story.key == key)


@cache
def _stories() -> tuple[Story, ...]:
    return tuple(_story(record) for record in read_stories(FOLDER / "stories.json"))


def _story(record: StoryRecord) -> Story:
    file = record.picture_file
    return Story(
        key=record.key,
        kind=record.kind,
        date=record.date,
        countries=record.countries,
        texts=tuple(
            StoryText(
                text.language, text.headline, text.summary, text.body, text.link_label, text.picture_alt
            )
            for text in record.texts
        ),
        link=record.link,
        picture=Picture(PICTURES + file.name, *_SIZE) if file else None,
    )

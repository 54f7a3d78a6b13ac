"""Rendering all variants of a twelve-story edition, and one subscriber's message.

Run as `python -m mailer.bench.rendering`; prints one JSON object.
"""

from __future__ import annotations

import datetime as dt
import json
import resource
import time

from mailer.rendering import mime, mime_encoding, variants
from mailer.rendering.data_types import Block, Content, Masthead, Picture, Story, StoryText, Subject

COUNTRIES = ("KZ", "KG", "TJ", "TM", "UZ")
LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
_STORIES = 12
_MESSAGES = 5_000


def edition() -> Content:
    """Twelve stories with pictures in seven languages, so that every choice of countries differs."""
    places = [
        (),
        *((country,) for country in COUNTRIES),
        ("UZ", "KZ"),
        ("KG", "TJ"),
        ("TM",),
        ("KZ",),
        ("TJ",),
        ("UZ",),
    ]
    stories = tuple(_story(index, places[index]) for index in range(_STORIES))
    kinds = ("lead", *["story"] * 9, "date", "social")
    return Content(
        Masthead("bench", "Bench Monthly", "Office", "12 Example Street", COUNTRIES, LANGUAGES, ("ru", "en")),
        "2021-12",
        12,
        "bench-2021-12",
        "https://news.example.org",
        tuple(Subject(language, f"Декабрь, {language}", "Двенадцать новостей") for language in LANGUAGES),
        stories,
        tuple(Block(kind, (story.key,)) for kind, story in zip(kinds, stories, strict=True)),  # type: ignore[arg-type]
    )


def _story(index: int, countries: tuple[str, ...]) -> Story:
    sentence = "Представители ведомств встретились и договорились о следующих шагах. "
    texts = tuple(
        StoryText(
            language, f"Заголовок {index} ({language})", sentence, f"<p>{sentence * 3}</p>", "Читать", "Холмы"
        )
        for language in LANGUAGES
    )
    picture = Picture(f"https://news.example.org/media/{index}.png", 900, 600)
    return Story(
        f"s{index}", "news", dt.date(2021, 12, 1), countries, texts, f"https://example.org/{index}", picture
    )


def main() -> None:
    content = edition()
    pairs, _ = variants.possible_variants(content)
    # Templates and locale data are read on first use; a process pays for that once.
    variants.render(content, (), "en")
    started = time.perf_counter()
    rendered = [variants.render(content, countries, language) for countries, language in pairs]
    seconds = time.perf_counter() - started
    largest = max(rendered, key=lambda variant: len(variant.html.encode()))
    envelope = mime.MailingHeaders("Office", "news@example.org", "bench.example.org", "Bench")
    forms = mime.UrlTemplates(
        f"{mime.TOKEN}@example.org",
        f"https://news.example.org/unsubscribe/{mime.TOKEN}/",
        f"https://news.example.org/preferences/{mime.TOKEN}/",
        f"leave+{mime.TOKEN}@example.org",
    )
    skeleton = mime.MessageTemplate(largest, envelope, forms)
    token = "0123456789abcdef"
    copy = mime.Personalization(
        "reader@example.net",
        mime_encoding.date(dt.datetime(2021, 12, 3, 9, tzinfo=dt.UTC)),
        "Казахстан, Узбекистан",
        *[token] * 4,
    )
    started = time.perf_counter()
    for _ in range(_MESSAGES):
        skeleton.message(copy)
    each = (time.perf_counter() - started) / _MESSAGES
    figures = {
        "variants": len(rendered),
        "distinct": len({variant.key for variant in rendered}),
        "seconds": round(seconds, 3),
        "largest_html_bytes": len(largest.html.encode()),
        "message_bytes": len(skeleton.message(copy)),
        "us_per_message": round(each * 1e6, 1),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

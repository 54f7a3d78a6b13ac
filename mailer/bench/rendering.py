"""Rendering all variants of a twelve-story edition, 50,000 variants one after the other, and a message.

Run as `python -m mailer.bench.rendering`; prints one JSON object.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import resource
import time
from collections.abc import Iterator

from mailer.rendering import mime, mime_encoding, variants
from mailer.rendering.data_types import (
    Block,
    Content,
    Masthead,
    Picture,
    ReaderRules,
    RenderedVariant,
    Story,
    StoryText,
    Subject,
)
from mailer.rendering.story_selection import Selector

COUNTRIES = ("KZ", "KG", "TJ", "TM", "UZ")
LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
# With the languages, 57,344 variants.
MANY_COUNTRIES = ("KZ", "KG", "TJ", "TM", "UZ", "AF", "AZ", "AM", "GE", "MN", "PK", "IR", "TR")
_STREAMED = 50_000
_MESSAGES = 5_000


def edition() -> Content:
    """Twelve stories with pictures in seven languages, so that every choice of countries differs."""
    places: list[tuple[str, ...]] = [
        (),
        *((country,) for country in COUNTRIES),
        ("UZ", "KZ"),
        ("KG", "TJ"),
        ("TM",),
        ("KZ",),
        ("TJ",),
        ("UZ",),
    ]
    return _edition_of(places, COUNTRIES, ("lead", *["story"] * 9, "date", "social"), ReaderRules())


def wide_edition() -> Content:
    """A story of each of thirteen countries and a regional lead, arranged for each reader."""
    places: list[tuple[str, ...]] = [(), *((country,) for country in MANY_COUNTRIES)]
    rules = ReaderRules(own_countries_first=True, lead="own", max_per_country=3)
    return _edition_of(places, MANY_COUNTRIES, ("lead", *["story"] * len(MANY_COUNTRIES)), rules)


def stream(content: Content, limit: int) -> Iterator[RenderedVariant]:
    """One variant after the other, for every choice of countries in every language, `limit` at most."""
    selector = Selector(content)
    countries = content.masthead.countries
    sizes = range(1, len(countries) + 1)
    choices = itertools.chain.from_iterable(itertools.combinations(countries, size) for size in sizes)
    pairs = itertools.product(choices, content.masthead.languages)
    for chosen, language in itertools.islice(pairs, limit):
        yield variants.render_selection(content, selector.select(chosen), chosen, language)


def _edition_of(
    places: list[tuple[str, ...]], countries: tuple[str, ...], kinds: tuple[str, ...], rules: ReaderRules
) -> Content:
    stories = tuple(_story(index, place) for index, place in enumerate(places))
    return Content(
        Masthead("bench", "Bench Monthly", "Office", "12 Example Street", countries, LANGUAGES, ("ru", "en")),
        "2021-12",
        12,
        "bench-2021-12",
        "https://news.example.org",
        tuple(Subject(language, f"Декабрь, {language}", "Двенадцать новостей") for language in LANGUAGES),
        stories,
        tuple(Block(kind, (story.key,)) for kind, story in zip(kinds, stories, strict=True)),  # type: ignore[arg-type]
        rules,
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
    pairs, _ = variants.countries_and_language_per_variant(content)
    # Templates and locale data are read on first use; a process pays for that once.
    variants.render(content, (), "en")
    # Processor time of this process, so that other load hardly counts.
    started = time.process_time()
    rendered = [variants.render(content, countries, language) for countries, language in pairs]
    seconds = time.process_time() - started
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
        mime_encoding.format_date(dt.datetime(2021, 12, 3, 9, tzinfo=dt.UTC)),
        "Казахстан, Узбекистан",
        *[token] * 4,
    )
    started = time.perf_counter()
    for _ in range(_MESSAGES):
        skeleton.message(copy)
    each = (time.perf_counter() - started) / _MESSAGES
    streamed = set()
    wide = wide_edition()
    started = time.process_time()
    for variant in stream(wide, _STREAMED):
        streamed.add(variant.key)
    stream_seconds = time.process_time() - started
    figures = {
        "variants": len(rendered),
        "distinct": len({variant.key for variant in rendered}),
        "seconds": round(seconds, 3),
        "streamed": len(streamed),
        "stream_seconds": round(stream_seconds, 1),
        "largest_html_bytes": len(largest.html.encode()),
        "message_bytes": len(skeleton.message(copy)),
        "us_per_message": round(each * 1e6, 1),
        "peak_rss_mb": _peak_mb(),
    }
    print(json.dumps(figures))


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()

"""`make gallery`: the sample edition in all languages and themes, as mail clients show it, with an index.

`python -m tests.gallery FOLDER [--languages en,ru]` writes FOLDER/index.html and the pictures beside it. It
needs Debian's package chromium; nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageOps
from playwright.sync_api import Browser, Route, sync_playwright

from mailer.editions import logo_outline
from mailer.public import masthead_ornament
from mailer.rendering import merge_tags, template_sandbox, theme, variants
from mailer.rendering.data_types import (
    Block,
    Content,
    LocalText,
    Masthead,
    MastheadText,
    Picture,
    Story,
    StoryLayout,
    StoryText,
    WrittenKind,
)
from tests import mail_views

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "mailer" / "demo" / "sample"
SITE = "https://gallery.example.org"
# By the theme's name: its changed tokens.
THEMES = {name or "default": name for name in theme.THEMES}

# What the sample edition leaves at its default, so that every form is seen.
LAYOUTS: Mapping[str, StoryLayout] = {"trafficking-plan": "large", "kazakhstan-profile": "brief"}
EVENTS: Mapping[str, Any] = {"ayka-screening": {"starts": "18:30", "ends": "20:30", "zone": "Asia/Almaty"}}


class View(NamedTuple):
    """One way of looking at a message."""

    name: str
    # Of the window, in CSS pixels.
    width: int = 680
    dark: bool = False
    # The client inverts colours, whatever the message says.
    forced_dark: bool = False
    pictures: bool = True
    media: str = "screen"


VIEWS = (
    View("680"),
    View("375", 375),
    View("dark", dark=True),
    View("375-dark", 375, dark=True),
    View("forced-dark", forced_dark=True),
    View("images-off", pictures=False),
    View("outlook"),
    View("no-styles"),
    View("print", media="print"),
)


def sample_content(base: str = "") -> Content:
    """The demo's sample edition, with every story and every kind of block."""
    head = tomllib.loads((SAMPLE / "newsletter.toml").read_text())
    raw = json.loads((SAMPLE / "stories.json").read_text())["stories"]
    stories = tuple(_story(one) for one in raw)
    return Content(
        masthead=Masthead(
            slug=head["slug"],
            name=head["name"],
            office=head["office"],
            postal_address=head["postal_address"],
            countries=tuple(head["countries"]),
            languages=tuple(head["languages"]),
            fallbacks=tuple(head["fallbacks"]),
            taglines=tuple(LocalText(code, text) for code, text in head["taglines"].items()),
            theme=theme.unvalidated_token_changes({theme.BASE: base}),
            texts=tuple(MastheadText(code, **texts) for code, texts in head["texts"].items()),
            logo=_logo_picture("22303C" if base == "plain" else "FFFFFF", base),
            logo_dark=_logo_picture("FFFFFF", base, dark=True),
            templates=template_sandbox.theme_parts(base),
        ),
        period="2021-12",
        number=12,
        slug="silk-road-monthly-2021-12",
        site_url=SITE,
        subjects=(),
        stories=stories,
        blocks=(
            Block("lead", ("diaspora-mapping",)),
            Block("story", ("ring-training",)),
            _written(
                "quote",
                en=(
                    "“We know our neighbours, but not how many of them live abroad.”",
                    "A participant of the workshop",
                    "Drawing",
                ),
                ru=(
                    "«Соседей мы знаем, но не знаем, сколько их живёт за рубежом».",
                    "Участница семинара",
                    "Рисунок",
                ),
                tk=(
                    "“Goňşularymyzy tanaýarys, ýöne näçesiniň daşary ýurtda ýaşaýandygyny bilmeýäris.”",
                    "Okuw maslahatyna gatnaşyjy",
                    "Surat",
                ),
            ),
            _written(
                "figures",
                en=("7 | services trained together\n4 | steps at the border\n5 | countries", "", ""),
                ru=("7 | служб учились вместе\n4 | шага на границе\n5 | стран", "", ""),
                tk=("7 | gulluk bilelikde okady\n4 | serhetdäki ädim\n5 | ýurt", "", ""),
            ),
            Block("heading", countries=("TJ",)),
            Block("story", ("trafficking-plan",)),
            Block("heading", countries=("KG",)),
            Block("story", ("digital-remittances",)),
            Block("story", ("kazakhstan-profile",)),
            _written(
                "picture",
                file="pictures/city.jpg?1080x720",
                en=("The city below the mountains", "A. Drawer", "Drawing: a city below snowy mountains"),
                ru=("Город под горами", "А. Рисунков", "Рисунок: город под снежными горами"),
                tk=("Daglaryň etegindäki şäher", "A. Suratçy", "Surat: garly daglaryň etegindäki şäher"),
            ),
            _written(
                "video",
                file="pictures/steppe.jpg?1080x608",
                en=("Diaspora mapping in two minutes", "", "Drawing: a yurt at sunrise"),
                ru=("Карта диаспоры за две минуты", "", "Рисунок: юрта на рассвете"),
                tk=("Diasporanyň kartasy iki minutda", "", "Surat: gün dogýan wagtky ak öý"),
            ),
            _written("divider"),
            _written(
                "button",
                en=("See all our courses", "", ""),
                ru=("Посмотреть все курсы", "", ""),
                tk=("Ähli okuwlarymyzy görmek", "", ""),
            ),
            _written(
                "note",
                en=(
                    "<p>We changed the order of stories. <b>Tell us</b> whether it suits you.</p>",
                    "The editors",
                    "",
                ),
                ru=("<p>Мы изменили порядок материалов. <b>Напишите</b>, удобно ли вам.</p>", "Редакция", ""),
                tk=("<p>Habarlaryň tertibini üýtgetdik. Amatlymy, <b>bize ýazyň</b>.</p>", "Redaksiýa", ""),
            ),
            Block("date", ("ayka-screening",)),
            Block("titles", ("technology-trafficking",)),
            Block("social", ("follow-our-page",)),
        ),
    )


def _logo_picture(colour: str, base: str, *, dark: bool = False) -> Picture:
    name = f"{colour}-{'dark' if dark else 'light'}-{base}.png"
    return Picture(f"{SITE}/logo/{name}", *_logo(colour, base, dark).size)


def _written(kind: WrittenKind, *, file: str = "", **texts: tuple[str, str, str]) -> Block:
    """A block of the editors' own; `texts` are text, detail and alt by language."""
    return Block(
        kind,
        texts=tuple(LocalText(language, *parts) for language, parts in texts.items()),
        link=f"{SITE}/courses/" if kind in ("button", "video") else "",
        picture=Picture(f"{SITE}/media/{file}", 1080, 720) if file else None,
    )


def _story(raw: dict[str, Any]) -> Story:
    picture = raw.get("picture") or {}
    alts = picture.get("alt", {})
    return Story(
        key=raw["key"],
        kind=raw["kind"],
        date=date.fromisoformat(raw["date"]),
        countries=tuple(raw["countries"]),
        texts=tuple(
            StoryText(
                language,
                text["headline"],
                text["summary"],
                text.get("body", ""),
                text.get("link_label", ""),
                alts.get(language, ""),
            )
            for language, text in sorted(raw["texts"].items())
        ),
        link=raw.get("link", ""),
        picture=Picture(f"{SITE}/media/{picture['file']}?1200x600", 1200, 600) if picture else None,
        small_picture=Picture(f"{SITE}/media/{picture['file']}?720x480", 720, 480) if picture else None,
        layout=LAYOUTS.get(raw["key"], ""),
        **EVENTS.get(raw["key"], {}),
    )


def page_of(content: Content, language: str, view: View) -> str:
    """The HTML that this view shows, filled for a reader of all countries."""
    rendered = variants.render(content, (), language)
    countries = merge_tags.country_names_or_all(content.masthead.countries, language)
    values = {**merge_tags.web_values(SITE, language), "subscriber_token": "", "countries": countries}
    filled = merge_tags.fill_html(rendered.html, values)
    if view.name == "outlook":
        return mail_views.as_outlook(filled)
    return mail_views.without_styles(filled) if view.name == "no-styles" else filled


@contextmanager
def browsers() -> Iterator[dict[bool, Browser]]:
    """Two browsers: one as it is, and one (True) that darkens every page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Install Debian's package chromium first.")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        forced = [*arguments, "--blink-settings=forceDarkModeEnabled=true"]
        started = {
            dark: playwright.chromium.launch(
                executable_path=chromium, args=forced if dark else arguments, headless=True
            )
            for dark in (False, True)
        }
        yield started
        for browser in started.values():
            browser.close()


def take(browser: Browser, page: str, view: View) -> bytes:
    """The whole page as a WebP picture."""
    context = browser.new_context(
        viewport={"width": view.width, "height": 900},
        color_scheme="dark" if view.dark else "light",
        reduced_motion="reduce",
    )
    context.route("**/*", lambda route: _answer(route, page, view))
    tab = context.new_page()
    tab.emulate_media(media="print" if view.media == "print" else "screen")
    tab.goto(f"{SITE}/")
    shot = tab.screenshot(full_page=True)
    context.close()
    written = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").save(written, "WEBP", quality=80)
    return written.getvalue()


def _answer(route: Route, page: str, view: View) -> None:
    """The message, the site's pictures, and nothing else."""
    address = route.request.url.removeprefix(SITE)
    if address == "/":
        route.fulfill(body=page, content_type="text/html; charset=utf-8")
    elif not view.pictures:
        route.abort()
    elif address.startswith("/media/"):
        route.fulfill(body=_cropped(address.removeprefix("/media/")), content_type="image/jpeg")
    elif address.startswith("/logo/"):
        colour, scheme, base = address.removeprefix("/logo/").removesuffix(".png").split("-")
        written = io.BytesIO()
        _logo(colour, base, scheme == "dark").save(written, "PNG")
        route.fulfill(body=written.getvalue(), content_type="image/png")
    elif address.startswith("/ornament/"):
        middle, _, ring = address.removeprefix("/ornament/").removesuffix(".png").partition("-")
        route.fulfill(body=masthead_ornament.ornament_png(middle, ring), content_type="image/png")
    else:
        route.abort()


@cache
def _logo(colour: str, base: str, dark: bool) -> Image.Image:
    """A mark of two hills and a sun in one colour, with stripes for an office's name, as a theme has it."""
    logo = Image.new("RGBA", (360, 96))
    draw = ImageDraw.Draw(logo)
    draw.ellipse((34, 8, 62, 36), fill=f"#{colour}")
    draw.polygon([(0, 90), (36, 40), (58, 68), (72, 52), (100, 90)], fill=f"#{colour}")
    draw.rectangle((124, 34, 350, 46), fill=f"#{colour}")
    draw.rectangle((124, 60, 290, 72), fill=f"#{colour}")
    return logo_outline.outlined(
        logo, theme.logo_background_and_contrasting_one({theme.BASE: base}, dark=dark)
    )


@cache
def _cropped(address: str) -> bytes:
    """A picture of the sample in the size that the address asks for: "pictures/city.jpg?720x480"."""
    name, _, size = address.partition("?")
    width, _, height = size.partition("x")
    written = io.BytesIO()
    with Image.open(SAMPLE / name) as picture:
        ImageOps.fit(picture, (int(width), int(height))).save(written, "JPEG", quality=80)
    return written.getvalue()


def write_gallery(folder: Path, languages: tuple[str, ...], views: tuple[View, ...]) -> int:
    """Write every picture and the index; returns how many pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with browsers() as started:
        for named, base in THEMES.items():
            content = sample_content(base)
            for language in languages or content.masthead.languages:
                for view in views:
                    name = f"{named}-{language}-{view.name}.webp"
                    page = page_of(content, language, view)
                    (folder / name).write_bytes(take(started[view.forced_dark], page, view))
                    rows.append((named, language, view.name, name))
    (folder / "index.html").write_text(_index(rows), encoding="utf-8")
    return len(rows)


_PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Gallery</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/24px sans-serif; margin: 24px; }} h2 {{ margin: 36px 0 12px; }}
.row {{ display: flex; gap: 18px; overflow-x: auto; align-items: flex-start; }}
figure {{ margin: 0; flex: none; }} img {{ width: 340px; border: 1px solid #CCCCCC; }}
</style><h1>Gallery</h1>{rows}</html>
"""


def _index(rows: list[tuple[str, str, str, str]]) -> str:
    sections = []
    for named, language in dict.fromkeys((row[0], row[1]) for row in rows):
        figures = "".join(
            f'<figure><figcaption>{html.escape(view)}</figcaption><a href="{name}"><img src="{name}" '
            f'alt="{html.escape(f"{named}, {language}, {view}")}" loading="lazy"></a></figure>'
            for of_theme, of_language, view, name in rows
            if (of_theme, of_language) == (named, language)
        )
        sections.append(f'<h2>{html.escape(named)}, {language}</h2><div class="row">{figures}</div>')
    return _PAGE.format(rows="".join(sections))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", default="", help="for example en,ru; all without it")
    parser.add_argument("--views", default="", help="for example 680,dark; all without it")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    if folder.is_relative_to(ROOT):
        raise SystemExit("Choose a folder outside of the repository.")
    wanted = set(filter(None, given.views.split(",")))
    views = tuple(view for view in VIEWS if not wanted or view.name in wanted)
    count = write_gallery(folder, tuple(filter(None, given.languages.split(","))), views)
    sys.stdout.write(f"{count} pictures; open {folder / 'index.html'}\n")


if __name__ == "__main__":
    main()

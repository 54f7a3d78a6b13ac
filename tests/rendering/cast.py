"""The edition that these tests read: December 2021, five countries, seven languages."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

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

MASTHEAD = Masthead(
    slug="silk-road-monthly",
    name="Silk Road Monthly",
    office="Regional Office for Example Affairs",
    postal_address="12 Example Street, Almaty 050000, Kazakhstan",
    countries=("KZ", "KG", "TJ", "TM", "UZ"),
    languages=("en", "ru", "kk", "ky", "tg", "uz", "tk"),
    fallbacks=("ru", "en"),
    taglines=(
        LocalText("en", "News on migration and people, from five countries"),
        LocalText("ru", "Новости о миграции и людях из пяти стран"),
        LocalText("kk", "Бес елден көші-қон және адамдар туралы жаңалықтар"),
    ),
)
DIASPORA = Story(
    "diaspora",
    "news",
    dt.date(2021, 11, 16),
    ("KZ",),
    (
        StoryText(
            "en",
            "A country maps its people abroad",
            "A memorandum with the World Association of Kazakhs opens a project that uses big data to find "
            "and engage talent living abroad.",
            "<p>A workshop on <strong>diaspora mapping</strong> for staff followed the signing.</p>",
            "How the project will work",
            "Hills in four shades of blue below a low sun",
        ),
        StoryText(
            "ru",
            "Страна составляет карту своей диаспоры",
            "Меморандум со Всемирной ассоциацией казахов открывает проект, в котором большие данные "
            "помогут найти соотечественников за рубежом.",
            "<p>После подписания прошёл семинар по <strong>картированию диаспоры</strong>.</p>",
            "Как будет работать проект",
            "Холмы четырёх оттенков синего под низким солнцем",
        ),
        StoryText(
            "kk",
            "Ел шетелдегі қандастарының картасын жасайды",
            "Дүниежүзі қазақтарының қауымдастығымен жасалған меморандум үлкен деректер арқылы "
            "шетелдегі қандастарды табуға көмектесетін жобаны бастайды.",
            "<p>Қол қойылғаннан кейін <strong>диаспораны картаға түсіру</strong> семинары өтті.</p>",
            "Жоба қалай жұмыс істейді",
            "Төмен күннің астындағы көк түсті төрт жота",
        ),
    ),
    "https://example.org/diaspora?from=mail&part=1",
    Picture("https://news.example.org/media/aa11.png", 1200, 600),
)
BORDER = Story(
    "border",
    "news",
    dt.date(2021, 11, 29),
    ("UZ", "KZ", "KG", "TJ"),
    (
        StoryText(
            "en",
            "Four steps when illness reaches the border",
            "In Tashkent, officers practised RING: recognise, isolate, notify, give support.",
            "",
            "What the teams learned",
            "Hills in three shades of green",
        ),
        StoryText(
            "ru",
            "Четыре шага, когда болезнь приходит на границу",
            "В Ташкенте отработали четыре действия: распознать, изолировать, сообщить, помочь.",
            "",
            "Чему научились команды",
            "Холмы трёх оттенков зелёного",
        ),
    ),
    "https://example.org/border",
    Picture("https://news.example.org/media/bb22.png", 900, 600),
)
PLAN = Story(
    "plan",
    "news",
    dt.date(2021, 11, 24),
    ("TJ",),
    (
        StoryText(
            "en", "A plan against trafficking, 2022–2024", "In Dushanbe, partners finished the national plan."
        ),
        StoryText(
            "ru", "План против торговли людьми на 2022–2024 годы", "В Душанбе завершили национальный план."
        ),
    ),
)
CASH = Story(
    "cash",
    "news",
    dt.date(2021, 11, 10),
    ("KG",),
    (
        StoryText(
            "en",
            "Cash is still king",
            "Most people who receive remittances prefer cash, a study finds.",
            "",
            "Read it",
        ),
        StoryText(
            "ru", "Наличные по-прежнему в почёте", "Большинство получателей переводов предпочитают наличные."
        ),
    ),
    "https://example.org/cash",
)
FILM = Story(
    "film",
    "event",
    dt.date(2021, 12, 18),
    ("KZ",),
    (
        StoryText(
            "en",
            "“Ayka”: a film for Migrants Day",
            "A screening in the worldwide festival, followed by a talk.",
        ),
        StoryText(
            "ru",
            "«Айка»: фильм ко Дню мигранта",
            "Показ в рамках всемирного фестиваля и разговор после него.",
        ),
        StoryText(
            "kk", "«Айка»: Мигранттар күніне арналған фильм", "Дүниежүзілік фестиваль аясындағы көрсетілім."
        ),
    ),
)
PROFILE = Story(
    "profile",
    "publication",
    dt.date(2021, 11, 1),
    ("KZ",),
    (
        StoryText("en", "Kazakhstan: a migration profile, 2014–2019", ""),
        StoryText("ru", "Казахстан: миграционный профиль, 2014–2019", ""),
    ),
    "https://example.org/profile",
)
ONLINE = Story(
    "online",
    "publication",
    dt.date(2021, 11, 2),
    ("KZ", "KG", "TJ"),
    (
        StoryText("en", "Recruited online: technology and trafficking in three countries", ""),
        StoryText("ru", "Завербованы в сети: технологии и торговля людьми в трёх странах", ""),
    ),
    "https://example.org/online",
)
PAGE = Story(
    "page",
    "notice",
    dt.date(2021, 12, 1),
    (),
    (
        StoryText("en", "Our page", "More pictures and stories every week:", "", "follow our page"),
        StoryText("ru", "Наша страница", "Больше фотографий и историй каждую неделю:", "", "подпишитесь"),
        StoryText("kk", "Біздің парақша", "Апта сайын көбірек сурет пен оқиға:"),
    ),
    "https://example.org/page",
)
EDITION = Content(
    masthead=MASTHEAD,
    period="2021-12",
    number=12,
    slug="silk-road-monthly-2021-12",
    site_url="https://news.example.org",
    subjects=(
        Subject(
            "en",
            "December: a country maps its people abroad",
            "And four steps when illness reaches the border",
        ),
        Subject("ru", "Декабрь: страна составляет карту своей диаспоры", "И четыре шага на границе"),
    ),
    stories=(DIASPORA, BORDER, PLAN, CASH, FILM, PROFILE, ONLINE, PAGE),
    blocks=(
        Block("lead", ("diaspora",)),
        Block("story", ("border",)),
        Block("heading", (), ("KG",)),
        Block("story", ("cash",)),
        Block("heading", (), ("TJ",)),
        Block("story", ("plan",)),
        Block("date", ("film",)),
        Block("titles", ("profile", "online")),
        Block("social", ("page",)),
    ),
)


def story(key: str, *countries: str, headline: str = "", picture: bool = False) -> Story:
    """A story of one line, in English."""
    return Story(
        key,
        "news",
        dt.date(2021, 12, 1),
        countries,
        (StoryText("en", headline or f"Headline of {key}", f"Summary of {key}."),),
        picture=Picture(f"https://news.example.org/media/{key}.png", 900, 600) if picture else None,
    )


def edition(*blocks: Block, stories: tuple[Story, ...] = ()) -> Content:
    """An edition of these blocks and stories, with the masthead and subject of the sample."""
    return replace(EDITION, blocks=blocks, stories=stories)

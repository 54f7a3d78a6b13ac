"""A clean edition that tests plant faults in: three stories in three languages, without a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from mailer.approval.preflight.check_input import Description, LinkFact, PictureFact, Reader, Sender
from mailer.approval.preflight.check_table import CHECKS
from mailer.approval.preflight.findings_and_overrides import Finding, run_checks
from mailer.rendering import variants
from mailer.rendering.data_types import (
    Block,
    Content,
    LocalText,
    Masthead,
    Picture,
    RenderedVariant,
    Story,
    StoryText,
    Subject,
)

SITE = "https://news.office.int"
PICTURE = f"{SITE}/media/pictures/a.jpg"

_STORIES = (
    Story(
        "map",
        "news",
        date(2021, 11, 16),
        ("KZ",),
        (
            StoryText(
                "en",
                "Kazakhstan begins to map its diaspora",
                "An agreement signed on Tuesday, 16 November 2021, opens a "
                "project that helps to reach people abroad.",
                "<p>The partners (an office and an association) want to learn where people live.</p>"
                '<p>Read <a href="https://www.office.int/reports/2021">the report of the workshop</a>.</p>',
                "How the project will work",
                "Two people sign a paper at a long table.",
            ),
            StoryText(
                "ru",
                "Казахстан составляет карту своей диаспоры",
                "Соглашение, подписанное во вторник, 16 ноября 2021 года, "
                "открывает проект для связи с людьми.",
                "<p>Партнёры хотят узнать, где живут «соотечественники» и как с ними связаться.</p>",
                "Как будет работать проект",
                "Двое подписывают бумагу за длинным столом.",
            ),
            StoryText(
                "kk",
                "Қазақстан қандастарының картасын жасай бастады",
                "2021 жылғы 16 қарашада, сейсенбі күні қол қойылған келісім "
                "шетелдегі адамдармен байланысқа жол ашады.",
                "<p>Серіктестер адамдардың қайда тұратынын білгісі келеді және олармен сөйлеседі.</p>",
                "Жоба қалай жүзеге асады",
                "Екі адам ұзын үстел басында қағазға қол қояды.",
            ),
        ),
        "https://www.office.int/kz/map",
        Picture(PICTURE, 1200, 600),
    ),
    Story(
        "cash",
        "news",
        date(2021, 11, 22),
        (),
        (
            StoryText(
                "en",
                "Why money from abroad still arrives as cash",
                "A study looks at digital transfers from both sides: who offers them, and who uses them.",
                "",
                "Read the study on transfers",
            ),
            StoryText(
                "ru",
                "Почему деньги из-за рубежа получают наличными",
                "Исследование рассматривает цифровые переводы с двух сторон: кто "
                "их предлагает и кто ими пользуется.",
                "",
                "Читать исследование о переводах",
            ),
            StoryText(
                "kk",
                "Шетелден келетін ақшаны неге қолма-қол алады",
                "Зерттеу цифрлық аударымдарды екі жағынан қарайды: оларды кім ұсынады және кім пайдаланады.",
                "",
                "Аударымдар туралы зерттеуді оқу",
            ),
        ),
        "https://www.office.int/cash",
    ),
    Story(
        "film",
        "event",
        date(2021, 12, 18),
        ("UZ",),
        (
            StoryText(
                "en",
                "A film for International Migrants Day",
                "The screening is on Saturday, 18 December, and belongs to a festival in many countries.",
                "",
                "About the screening",
            ),
            StoryText(
                "ru",
                "Фильм к Международному дню мигранта",
                "Показ пройдёт в субботу, 18 декабря, и входит в программу фестиваля во многих странах.",
                "",
                "О показе фильма",
            ),
            StoryText(
                "kk",
                "Халықаралық мигранттар күніне арналған фильм",
                "Көрсетілім 18 желтоқсан, сенбі күні өтеді және көптеген елдегі фестивальге кіреді.",
                "",
                "Көрсетілім туралы",
            ),
        ),
        "https://www.office.int/uz/film",
    ),
)

CONTENT = Content(
    masthead=Masthead(
        slug="monthly",
        name="Silk Road Monthly",
        office="Regional Office",
        postal_address="12 Example Street, Almaty 050000, Kazakhstan",
        countries=("KZ", "UZ"),
        languages=("en", "ru", "kk"),
        fallbacks=("ru", "en"),
        taglines=(
            LocalText("en", "Migration and people"),
            LocalText("ru", "Миграция и люди"),
            LocalText("kk", "Көші-қон және адамдар"),
        ),
    ),
    period="2021-12",
    number=12,
    slug="monthly-2021-12",
    site_url=SITE,
    subjects=(
        Subject(
            "en", "Why transfers arrive as banknotes", "A study, an agreement and a film in this edition."
        ),
        Subject(
            "ru", "Почему переводы приходят купюрами", "Исследование, соглашение и фильм в этом выпуске."
        ),
        Subject(
            "kk", "Аударымдар неге қағаз ақшамен келеді", "Осы шығарылымда зерттеу, келісім және фильм бар."
        ),
    ),
    stories=_STORIES,
    blocks=(
        Block("lead", ("cash",)),
        Block("heading", countries=("KZ",)),
        Block("story", ("map",)),
        Block("date", ("film",)),
        Block(
            "text",
            texts=(
                LocalText("en", "<p>Write to the editors with your questions.</p>"),
                LocalText("ru", "<p>Пишите редакции, если у вас есть вопросы.</p>"),
                LocalText("kk", "<p>Сұрақтарыңыз болса, редакцияға жазыңыз және бізбен бөлісіңіз.</p>"),
            ),
        ),
    ),
)

PORTRAIT = f"{SITE}/media/pictures/portrait.jpg"


def _texts(**parts: tuple[str, ...]) -> tuple[LocalText, ...]:
    return tuple(LocalText(code, *given) for code, given in parts.items())


# One block of each kind that editors write, without a finding.
WRITTEN: Mapping[str, Block] = {
    "quote": Block(
        "quote",
        texts=_texts(
            en=("I can read my contract now.", "Dilnoza, seamstress", "A woman with a needle at a window."),
            ru=("Теперь я могу прочитать свой договор.", "Дилноза, швея", "Женщина с иголкой у окна."),
            kk=("Енді шартымды өзім оқи аламын.", "Дилноза, тігінші", "Терезе жанында ине ұстаған әйел."),
        ),
        picture=Picture(PORTRAIT, 240, 240),
    ),
    "figures": Block(
        "figures",
        texts=_texts(
            en=("12 000 | people trained\n61 % | of them women",),
            ru=("12 000 | человек обучено\n61 % | из них женщины",),
            kk=("12 000 | адам оқыды\n61 % | әйелдер",),
        ),
    ),
    "video": Block(
        "video",
        texts=_texts(
            en=("How a seam is sewn", "", "A hand leads cloth under a needle."),
            ru=("Как шьют шов", "", "Рука ведёт ткань под иглой."),
            kk=("Тігіс қалай тігіледі", "", "Қол матаны иненің астына апарады."),
        ),
        link="https://www.office.int/video",
        picture=Picture(f"{SITE}/media/pictures/still.jpg", 1080, 608),
    ),
    "button": Block(
        "button",
        texts=_texts(en=("Register for the course",), ru=("Записаться на курс",), kk=("Курсқа жазылу",)),
        link="https://www.office.int/course",
    ),
    "picture": Block(
        "picture",
        texts=_texts(
            en=("The first lesson of the course", "Aidar Bekov", "Eight women around a table with cloth."),
            ru=("Первое занятие курса", "Айдар Беков", "Восемь женщин за столом с тканью."),
            kk=("Курстың алғашқы сабағы", "Айдар Беков", "Мата жайылған үстел басында сегіз әйел."),
        ),
        picture=Picture(f"{SITE}/media/pictures/lesson.jpg", 1080, 720),
    ),
    "divider": Block("divider"),
    "note": Block(
        "note",
        texts=_texts(
            en=("<p>Next month we write about schools.</p>", "The editors"),
            ru=("<p>В следующем месяце мы пишем о школах.</p>", "Редакция"),
            kk=("<p>Келесі айда біз мектептер туралы жазамыз.</p>", "Редакция"),
        ),
    ),
}


CLEAN = Description(
    content=CONTENT,
    sender=Sender("Regional Office", "news@office.int", "editors@office.int", dkim_domain="office.int"),
    today=date(2021, 12, 3),
    readers=(Reader(("KZ",), "kk"), Reader(("KZ", "UZ"), "ru")),
    links={"https://www.office.int/cash": LinkFact("ok", 200, "https://www.office.int/cash")},
    pictures={PICTURE: PictureFact(60_000, 0.9)},
)


@cache
def rendered(content: Content = CONTENT) -> tuple[RenderedVariant, ...]:
    """Every variant of a content."""
    pairs, _ = variants.countries_and_language_per_variant(content)
    return tuple(variants.render(content, countries, language) for countries, language in pairs)


def check(description: Description, *, render: bool = False) -> dict[str, Finding]:
    """What preflight finds, by code; `render`: the messages of this content, else those of the clean one."""
    if not description.variants:
        description = replace(description, variants=rendered(description.content) if render else rendered())
    return {one.code: one for one in run_checks(CHECKS, description)}


def with_text(description: Description, key: str, language: str, **values: str) -> Description:
    """The edition with other values in one story's text."""
    return with_story(
        description,
        key,
        lambda story: {
            "texts": tuple(
                replace(text, **values) if text.language == language else text for text in story.texts
            )
        },
    )


def with_story(description: Description, key: str, change: Any) -> Description:
    """The edition with other values of a story; `change` holds them, or is a function that returns them."""
    content = description.content
    stories = tuple(
        replace(story, **(change if isinstance(change, Mapping) else change(story)))
        if story.key == key
        else story
        for story in content.stories
    )
    return replace(description, content=replace(content, stories=stories))


def with_content(description: Description, **values: Any) -> Description:
    """The edition with other values of its content."""
    return replace(description, content=replace(description.content, **values))


def with_masthead(description: Description, **values: Any) -> Description:
    """The edition of a newsletter with other values."""
    return with_content(description, masthead=replace(description.content.masthead, **values))


def with_subject(description: Description, language: str, **values: str) -> Description:
    """The edition with another subject or preview text in one language."""
    subjects = tuple(
        replace(one, **values) if one.language == language else one for one in description.content.subjects
    )
    return with_content(description, subjects=subjects)


def with_block(description: Description, *blocks: Block) -> Description:
    """The edition with further blocks at its end."""
    return with_content(description, blocks=(*description.content.blocks, *blocks))


def with_written(description: Description, kind: str, language: str = "", **values: Any) -> Description:
    """The edition with the block of WRITTEN with other values, of its text in one language or of itself."""
    block = WRITTEN[kind]
    if language:
        texts = tuple(replace(one, **values) if one.language == language else one for one in block.texts)
        return with_block(description, replace(block, texts=texts))
    return with_block(description, replace(block, **values))


def with_sender(description: Description, **values: Any) -> Description:
    """The edition of another sender."""
    return replace(description, sender=replace(description.sender, **values))


def with_variants(description: Description, change: Any) -> Description:
    """The edition with messages that `change` turns into others."""
    return replace(description, variants=tuple(change(one) for one in rendered()))

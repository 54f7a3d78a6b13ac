"""Faults planted in a clean edition of seven languages: preflight finds each at its level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mailer.approval.preflight.check_input import Description, Reader
from mailer.approval.preflight.findings_and_overrides import Finding
from mailer.rendering.data_types import Block, Picture, RenderedVariant
from tests.approval.preflight_edition import (
    PICTURE,
    SITE,
    check,
    rendered,
    with_block,
    with_content,
    with_masthead,
    with_sender,
    with_story,
    with_subject,
    with_text,
)
from tests.approval.preflight_languages import CLEAN_IN_SEVEN, WRITTEN_IN_SEVEN, added, changed

Plant = Callable[[Description], Description]
EN, RU = "en", "ru"


@pytest.fixture(scope="module")
def variants() -> tuple[RenderedVariant, ...]:
    return rendered(CLEAN_IN_SEVEN.content)[:3]


def look(plant: Plant, variants: tuple[RenderedVariant, ...]) -> dict[str, Finding]:
    return check(plant(replace(CLEAN_IN_SEVEN, variants=variants)))


def text(language: str, key: str = "course", **values: str) -> Plant:
    return lambda d: with_text(d, key, language, **values)


def link(url: str) -> Plant:
    return lambda d: with_story(d, "cash", {"link": url})


def picture(**values: Any) -> Plant:
    return lambda d: with_story(d, "map", lambda story: {"picture": replace(story.picture, **values)})


def written(kind: str, language: str = "", **values: str) -> Plant:
    """One of the editors' blocks, with other values in a language, or in all."""

    def plant(description: Description) -> Description:
        block = WRITTEN_IN_SEVEN[kind]
        texts = tuple(
            replace(one, **values) if language in ("", one.language) else one for one in block.texts
        )
        return with_block(description, replace(block, texts=texts))

    return plant


def exchanged(one: str, other: str, language: str) -> Plant:
    """Two stories with each other's text in one language."""

    def plant(description: Description) -> Description:
        texts = {
            story.key: next(text for text in story.texts if text.language == language)
            for story in description.content.stories
            if story.key in (one, other)
        }
        for key, source in ((one, texts[other]), (other, texts[one])):
            values = {name: getattr(source, name) for name in ("headline", "summary", "body", "link_label")}
            description = with_text(description, key, language, **values)
        return description

    return plant


FAULTS: dict[str, list[Plant]] = {
    # One language beside the others.
    "text.facts_contradict": [
        changed("summary", "1250", "1520", RU),
        changed("summary", "61 %", "16 %", "kk"),
        changed("body", "1,5 mln", "1,5 mlrd", "uz"),
        changed("body", "1,5 млн", "15 млн", "ky"),
        changed("body", "сом,", "теңге,", "kk"),
        changed("body", "14:30", "15:30", "tk"),
        changed("summary", "4-oktabrdan", "4-noyabrdan", "uz"),
        changed("body", "соли 2022", "соли 2023", "tg"),
        changed("body", "61 00 00", "61 00 01", "kk"),
        changed("body", "courses@office.int", "course@office.int", RU),
    ],
    "text.facts_left_out": [changed("body", "10 января", "10 January", RU)],
    "text.exchanged": [exchanged("film", "course", "uz"), exchanged("course", "film", "kk")],
    "text.shorter": [
        changed("body", "<li>Балалармен келуге болады.</li>", "", "kk"),
        text("tk", body="<p>Indi şertnamamy okap bilýärin.</p>"),
    ],
    "text.places_differ": [
        changed("body", "Ҷопон", "Корея", "tg"),
        changed("summary", "Бішкек", "Алматы", "kk"),
    ],
    "text.people_differ": [
        changed("body", "Karimova", "Rahimova", "uz"),
        added(EN, "Dilnosa Karimova now works in Osh.", "course"),
        added(RU, "Гульнара Токтобаева пришла. О Гульнаре Токтабаевой писали."),
        written("quote", "tg", detail="Гулноза, дӯзанда"),
    ],
    "link.other_language": [
        changed("body", "int/course/plan", "int/course/old-plan", "ky"),
        changed("body", "int/course/plan", "int/en/course/plan", RU),
        changed("body", "int/course/plan", "int/course/plan?lang=ru", "kk"),
    ],
    "text.number_unknown": [
        lambda d: with_subject(d, EN, subject="Office trains 1,520 seamstresses"),
        text(EN, headline="Office trains 1,520 seamstresses at work"),
    ],
    # Left-overs.
    "text.instruction": [
        added(RU, "Вставить цитату министра."),
        added("kk", "Сілтеме қосу керек."),
        added("ky", "Шилтеме кошуу керек."),
        added("tg", "Пайвандро илова кунед."),
        added("uz", "Havola qo‘shish kerak."),
        added("tk", "Salgyny goşmaly."),
        added(EN, "Dear ##NAME##, here is the study."),
        added(EN, "Note to editor: please check the name."),
        added(EN, "[Anna, please confirm this with the ministry before we send.]"),
        text("kk", headline="Тақырып"),
    ],
    "text.placeholder": [
        added("kk", "Зерттеу {1}цифрлық аударымдарды{2} қарайды."),
        added(EN, "The study covers {0&gt;towns&lt;0} and &lt;g id='1'&gt;villages&lt;/g&gt;."),
    ],
    "text.machine_answer": [
        added(EN, "Translated with www.DeepL.com/Translator (free version)"),
        added(RU, "Вот перевод вашего текста на русский язык."),
        added(EN, "As an AI language model, I cannot verify this."),
    ],
    "text.internal": [
        added(EN, "For internal use only."),
        added("kk", "Қызмет бабында пайдалану үшін."),
        added(EN, "Embargoed until 15 December 2021."),
    ],
    "text.copied_along": [
        added(EN, "View this email in your browser."),
        added(RU, "С уважением, Айгуль."),
        text(RU, headline="[RU] Швеи узнают о своих правах"),
        added(EN, "The study covers towns[1] and villages."),
    ],
    "text.attachment": [
        added(EN, "The programme is attached."),
        added(EN, "For the dates see the attached file."),
        added(RU, "См. вложение."),
        added(RU, "Программа во вложении."),
        added(RU, "Анкета прилагается."),
        added(RU, "Список прикреплён к письму."),
        added("kk", "Бағдарлама қоса беріліп отыр."),
        added("ky", "Программа тиркелген."),
        added("tg", "Барнома замима шудааст."),
        added("uz", "Dastur ilova qilingan."),
        added("tk", "Maksatnama goşulan."),
    ],
    # Numbers.
    "text.number_impossible": [
        changed("body", "14:30", "14:30 pm", EN),
        changed("summary", "61%", "161%", EN),
        added(EN, "It serves SDG target 10.23."),
    ],
    "text.range_reversed": [
        added(EN, "The plan covers 2024–2022."),
        added(EN, "The course ran from 20 to 18 October."),
    ],
    "text.number_contradicts": [
        added(EN, "The course had 120 people: 74 women and 56 men."),
        added(EN, "Some fifty (60) people came."),
        added(EN, "The study covers three countries: Kazakhstan and Uzbekistan."),
    ],
    "text.number_form": [added(EN, "Each got $500 USD."), changed("summary", "1250", "1,250", RU)],
    "text.date_ambiguous": [added(EN, "Write to us before 05/06/2022.")],
    "text.language_mixed": [
        added("tk", "Araştırma üç ülkeyi ve on şehri kapsıyor, insanlar birçok soruya cevap verdi.")
    ],
    "subject.other_edition": [lambda d: with_subject(d, RU, subject="Новости региона за ноябрь 2021 года")],
    "text.telephone": [
        changed("body", "+996 312 61 00 00", "+996 312 61 00 00 00"),
        added(RU, "Звоните: 8 (0312) 61 00 00."),
    ],
    # Names.
    "text.name_wrong_form": [
        added(EN, "People in Kirgizia took part."),
        added(RU, "Встреча прошла: город Нур-Султан."),
        added("kk", "Жобаға Казахстан қатысады."),
        added("uz", "Loyihada Ozbekiston ishtirok etadi."),
        added("tk", "Taslama Turkmenistan gatnaşýar."),
    ],
    "text.city_elsewhere": [added(EN, "The meeting was in Bishkek, Kazakhstan.")],
    "text.titles": [added(EN, "Mr. Mr. Bekov opened the meeting.")],
    "text.newsletter_misspelt": [added(EN, "Silk Raod Monthly comes every month.")],
    "text.country_of_story": [lambda d: with_story(d, "map", {"countries": ("UZ",)})],
    "text.flag": [added(EN, "🇺🇿 The map is ready.", "map")],
    # People.
    "text.personal_data": [
        added(RU, "Паспорт AN1234567."),
        added(EN, "Zoom, password: 8hd72k"),
        added(EN, "Dilnoza (date of birth: 12.03.1987) took the course."),
    ],
    "text.private_address": [added(RU, "Пишите на aigul85@yandex.ru.")],
    "text.loaded_word": [added(EN, "The study asks illegal migrants."), added(RU, "Это касается нелегалов.")],
    "text.click_here": [added(EN, "Click here to read the study.")],
    # Letters and signs.
    "text.odd_characters": [
        added(EN, "The study \x07covers towns."),
        added(RU, "Новы\u0438\u0306 план."),
    ],
    "text.other_encoding": [added(RU, "Èññëåäîâàíèå îõâàòûâàåò"), added("kk", "Зерттеу ж?не он")],
    "text.spaces": [
        added(EN, "The study  covers towns."),
        added(RU, "Это исследо- вание охватывает города."),
    ],
    "text.sentences": [added(EN, "The study is done. it covers towns.")],
    "text.quotation_marks": [
        changed("body", "окуй алам»", "окуй алам”", "ky"),
        changed("body", "«Теперь я могу сама прочитать свой договор»", '"Теперь я могу сама"', RU),
    ],
    "text.lost_letters": [
        added("tk", "Barlag uc yurdy we on saheri oz icine alyar, adamlar kop soraglara jogap berdiler."),
        added("uz", "Tadqiqot toliq malumot beradi."),
        text("kk", "cash", headline="Шетелден келетин акшаны неге колма-кол алады"),
        text("ky", "cash", headline="Чет олкодон келген акча эмне учун накталай алынат"),
    ],
    "text.old_font": [text("tg", headline="Тољикистон ва њамкорон")],
    "text.apostrophes": [changed("summary", "o‘qitdi", "o'qitdi", "uz")],
    "text.spelling": [
        added(EN, "The goverment read the study."),
        added(RU, "Ghbdtn, исследование завершено."),
    ],
    "text.list_by_hand": [added(EN, "1. Read it.</p><p>2. Write to us.</p><p>4. Come.")],
    "text.hyphen_as_dash": [added(RU, "Исследование - часть проекта.")],
    # How it is built.
    "text.empty_pieces": [added(EN, "</p><ul><li>Towns.</li></ul><p>And villages.")],
    "text.markup_removed": [added(EN, '<img src="https://t.example.com/p.gif">The study.')],
    "text.long": [added(EN, "The study covers many different towns. " * 60)],
    "text.short": [text(EN, headline="Course"), text("ky", headline="Тигүүчүлөр укуктарын билишет.")],
    "text.unfinished": [added(EN, "The study covers these towns:")],
    "text.repeated": [
        added(EN, "The partners (an office and an association) want to learn where people live.")
    ],
    "edition.order": [lambda d: with_block(d, Block("divider"))],
    "edition.other_section": [lambda d: with_story(d, "course", {"countries": ("UZ",)})],
    "edition.kind": [lambda d: with_story(d, "cash", {"kind": "publication", "link": ""})],
    "edition.few_stories": [lambda d: with_content(d, stories=d.content.stories[:1])],
    "edition.unplaced_stories": [lambda d: with_content(d, blocks=d.content.blocks[:-2])],
    "edition.settings": [
        lambda d: with_content(d, number=0),
        lambda d: with_content(d, name="November 2021"),
    ],
    "audience.language_without_texts": [
        lambda d: with_masthead(
            replace(d, readers=(*d.readers, Reader((), "de"))),
            languages=(*d.content.masthead.languages, "de"),
        )
    ],
    # Time.
    "date.announced_late": [
        added(EN, "The meeting will take place on 8 November 2021."),
        added("kk", "Кездесу 2021 жылғы 8 қарашада өтеді."),
        added("tk", "Arzalar 2021-nji ýylyň 15-nji noýabryna çenli kabul edilýär."),
    ],
    "date.relative": [added(EN, "Yesterday the office opened a hall.")],
    "date.zone": [added(RU, "Начало в 15:00 мск.")],
    "date.no_such_time": [changed("body", "14:30", "25:00"), changed("body", "14:30", "14:75")],
    "date.event_ends_first": [
        lambda d: with_story(d, "film", {"starts": "18:30", "ends": "17:00", "zone": "Asia/Tashkent"})
    ],
    "date.event_elsewhere": [lambda d: with_story(d, "film", {"starts": "18:30", "zone": "Europe/Moscow"})],
    "link.home_page": [link("https://www.office.int/"), link("https://www.office.int/ru/")],
    "date.weekday": [changed("body", "дүйшөмбү", "бейшемби", "ky")],
    # Links.
    "link.broken": [
        link("https://www.office.int/cashhttps://www.office.int/kz/map"),
        link("https://www,office.int/cash"),
        link("https://www.office.int/u?e=*|EMAIL|*"),
        link("https://www.office.int/files/setup.exe"),
    ],
    "link.doubtful": [link("https://www.office.int/cash%20"), link("https://8.8.8.8/cash")],
    "link.file": [link("https://www.office.int/files/cash.docx")],
    "link.copy": [
        link("https://web.archive.org/web/2021/https://www.office.int/cash".replace("/https", "/")),
        link("https://www.google.com/search?q=office"),
    ],
    "link.personal": [
        link("https://t.me/joinchat/AAAAAE"),
        link("https://www.office.int/cash?token=eyJhbGci"),
    ],
    "link.words": [
        added(EN, '<a href="https://www.office.int/a">the pl</a><a href="https://www.office.int/a">an</a>')
    ],
    "link.mail_address": [
        changed("body", "courses@office.int", "courses@ofise.int"),
        changed("body", '">courses@office.int', '">info@office.int', EN),
    ],
    "link.other_address_shown": [
        added(EN, '<a href="https://www.office.int/reports/2020">www.office.int/reports/2021</a>')
    ],
    "link.not_linked": [added(EN, "More at www.office.int/other.", "course")],
    # Pictures.
    "picture.alt_same": [
        text(EN, picture_alt="Two people sign a paper at a long table."),
        text(RU, picture_alt="Изображение выглядит как стол. Автоматически созданное описание"),
    ],
    "picture.credit": [written("picture", detail=""), written("picture", EN, detail="Shutterstock")],
    "picture.form": [
        picture(width=600, height=1200),
        picture(url="https://cdn.other.int/a.jpg"),
        picture(url=f"{SITE}/a.heic"),
    ],
    # Settings.
    "newsletter.name": [
        lambda d: with_masthead(d, name="Test newsletter"),
        lambda d: with_masthead(d, office=""),
    ],
    "newsletter.logo": [lambda d: with_masthead(d, logo=Picture(PICTURE, 30, 10))],
    "sender.invalid": [
        lambda d: with_sender(d, email="news@office"),
        lambda d: with_sender(d, reply_to="editors@office"),
    ],
    "sender.answers": [
        lambda d: with_sender(d, reply_to="editors@ofice.int"),
        lambda d: with_sender(d, reply_to="a@gmail.com"),
    ],
}
ERRORS = frozenset(
    (
        *("text.facts_contradict", "text.instruction", "text.machine_answer", "text.personal_data"),
        *("text.other_encoding", "text.old_font", "link.broken", "link.mail_address", "sender.invalid"),
        *("text.exchanged", "text.placeholder", "link.other_address_shown"),
        "date.weekday",
        "date.event_ends_first",
        "date.no_such_time",
    )
)
CASES = [(code, plant) for code, plants in FAULTS.items() for plant in plants]


def test_the_edition_itself_has_no_finding() -> None:
    assert check(with_block(CLEAN_IN_SEVEN, *WRITTEN_IN_SEVEN.values()), render=True) == {}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[code for code, _ in CASES])
def test_a_planted_fault_is_found_at_its_level(number: int, variants: tuple[RenderedVariant, ...]) -> None:
    code, plant = CASES[number]
    found = look(plant, variants)
    assert code in found
    assert found[code].level == ("error" if code in ERRORS else "warning")


def test_a_publication_of_another_month_is_none_of_the_edition(variants: tuple[RenderedVariant, ...]) -> None:
    assert "date.story_date" in look(lambda d: with_story(d, "cash", {"date": date(2021, 5, 2)}), variants)


def test_what_is_attached_to_something_else_is_no_attachment(variants: tuple[RenderedVariant, ...]) -> None:
    for plant in (
        added(EN, "The label is attached to the parcel; people enclosed by mountains live there."),
        added(RU, "Дети прикреплены к школе. Прилагаются все усилия."),
        added("tk", "Täjigistan arassa suw maksatnamasyna goşuldy."),
    ):
        assert "text.attachment" not in look(plant, variants)


def test_the_domain_that_was_meant_and_both_places_are_named(variants: tuple[RenderedVariant, ...]) -> None:
    answers = look(lambda d: with_sender(d, reply_to="editors@ofise.int"), variants)["sender.answers"]
    assert "@office.int" in answers.found[0].detail
    mail = look(changed("body", "courses@office.int", "courses@offcie.int"), variants)["link.mail_address"]
    assert "@office.int" in mail.found[0].detail
    page = look(lambda d: with_story(d, "film", {"link": "https://www.office.int/cash/"}), variants)
    assert {one.place.key for one in page["edition.same_page"].found} == {"film", "cash"}
    pasted = added(EN, "The partners (an office and an association) want to learn where people live.", "cash")
    assert {one.place.key for one in look(pasted, variants)["text.repeated"].found} == {"map", "cash"}


def test_a_link_may_show_a_part_of_its_address(variants: tuple[RenderedVariant, ...]) -> None:
    for shown, url in (
        ("www.office.int", "https://www.office.int/ru/reports"),
        ("office.int/reports/2021.", "https://www.office.int/reports/2021/?from=news"),
        ("https://www.office.int/Reports…", "https://www.office.int/reports/2021"),
        ("www.office.int/отчёты", "https://www.office.int/%D0%BE%D1%82%D1%87%D1%91%D1%82%D1%8B"),
    ):
        found = look(added(EN, f'<a href="{url}">{shown}</a>'), variants)
        assert "link.other_address_shown" not in found, shown

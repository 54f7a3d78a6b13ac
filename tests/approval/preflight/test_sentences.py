# ruff: noqa: E501  (sentences, as people write them)
"""Sentences in seven languages that a check finds in a clean edition, and others that look alike and are right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.approval.preflight.edition_facts import Description
from mailer.rendering.data_types import RenderedVariant
from tests.approval.preflight_edition import check, rendered, with_block, with_story
from tests.approval.preflight_languages import CLEAN_IN_SEVEN, WRITTEN_IN_SEVEN

# Sentences by language, one a line.
Sentences = dict[str, str]


@pytest.fixture(scope="module")
def variants() -> tuple[RenderedVariant, ...]:
    return rendered(CLEAN_IN_SEVEN.content)[:3]


def in_note(language: str, sentence: str) -> Description:
    """The clean edition with a note of the team, which says this in one language."""
    note = WRITTEN_IN_SEVEN["note"]
    texts = tuple(
        replace(one, text=f"<p>{sentence}</p>") if one.language == language else one for one in note.texts
    )
    return with_block(CLEAN_IN_SEVEN, replace(note, texts=texts))


def in_story(language: str, sentence: str, key: str) -> Description:
    """The clean edition with a story whose body says this, too, in one language."""
    return with_story(
        CLEAN_IN_SEVEN,
        key,
        lambda story: {
            "texts": tuple(
                replace(one, body=f"{one.body}<p>{sentence}</p>") if one.language == language else one
                for one in story.texts
            )
        },
    )


def unlike(
    sentences: Sentences, code: str, variants: tuple[RenderedVariant, ...], *, found: bool, story: str = ""
) -> list[str]:
    """The sentences in which the check does not do as it should."""
    wrong = []
    for language, lines in sentences.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            planted = in_story(language, line, story) if story else in_note(language, line)
            if (code in check(replace(planted, variants=variants))) is not found:
                wrong.append(f"{language}: {line}")
    return wrong


# The edition is sent on 3 December 2021.
OVER: Sentences = {
    "en": """
        Apply by 30 November 2021 to take part.
        Applications are open until 1 December.
        Deadline for applications: 28 November 2021.
        Registration closes on 1 December 2021.
        Send your photos before Monday, 29 November.
    """,
    "ru": """
        Заявки принимаются до 1 декабря 2021 года.
        Срок подачи заявок — 30 ноября.
        Зарегистрируйтесь не позднее 29 ноября.
        Присылайте рассказы до понедельника, 29 ноября.
        Просим отправить анкету до 01.12.2021.
    """,
    "kk": """
        Өтінімдерді 2021 жылғы 1 желтоқсанға дейін жіберіңіз.
        Тіркелу 28 қарашаға дейін.
        Өтінім беру мерзімі – 30 қараша.
    """,
    "ky": """
        Арыздар 2021-жылдын 1-декабрына чейин кабыл алынат.
        28-ноябрга чейин катталыңыз.
        Арыз берүүнүн акыркы мөөнөтү — 30-ноябрь.
    """,
    "tg": """
        Аризаҳо то 1 декабри соли 2021 қабул карда мешаванд.
        То 28 ноябр номнавис шавед.
        Муҳлати супоридани ариза: 30 ноябр.
    """,
    "uz": """
        Arizalar 2021-yil 1-dekabrgacha qabul qilinadi.
        28-noyabrga qadar ro‘yxatdan o‘ting.
        Ariza topshirish muddati: 30-noyabr.
    """,
    "tk": """
        Arzalar 2021-nji ýylyň 1-nji dekabryna çenli kabul edilýär.
        28-nji noýabra çenli hasaba duruň.
        Arza bermegiň möhleti: 30-njy noýabr.
    """,
}
NOT_OVER: Sentences = {
    "en": """
        Applications were accepted until 1 December, and 40 people applied.
        By 30 November 2021 the office had received 40 applications.
        Apply by 20 December 2021.
        The office sent aid to families until 30 November.
        The list of applicants of 30 November is on the site.
    """,
    "ru": """
        Заявки принимались до 1 декабря, их подали 40 человек.
        До 30 ноября офис получил 40 заявок.
        Подайте заявку до 20 декабря.
        С 1 по 30 ноября заявки рассмотрела комиссия.
        Срок проекта — до 30 ноября 2023 года, заявки подайте сейчас.
    """,
    "kk": """
        1 желтоқсанға дейін 40 өтінім қабылданды.
        20 желтоқсанға дейін тіркеліңіз.
        30 қарашада өтінімдер қаралды.
    """,
    "ky": """
        1-декабрга чейин 40 арыз кабыл алынды.
        20-декабрга чейин катталыңыз.
        30-ноябрда арыздар каралды.
    """,
    "tg": """
        То 1 декабр 40 ариза қабул карда шуд.
        То 20 декабр номнавис шавед.
        30 ноябр аризаҳо баррасӣ шуданд.
    """,
    "uz": """
        1-dekabrgacha 40 ta ariza qabul qilindi.
        20-dekabrgacha ro‘yxatdan o‘ting.
        30-noyabrda arizalar ko‘rib chiqildi.
    """,
    "tk": """
        1-nji dekabra çenli 40 arza kabul edildi.
        20-nji dekabra çenli hasaba duruň.
        30-njy noýabrda arzalara seredildi.
    """,
}
# The film is shown on 18 December.
TOO_LATE: Sentences = {
    "en": """
        Register by 20 December.
    """,
    "ru": """
        Регистрация до 20 декабря.
    """,
    "kk": """
        20 желтоқсанға дейін тіркеліңіз.
    """,
    "ky": """
        20-декабрга чейин катталып коюңуз.
    """,
    "tg": """
        То 20 декабр ба қайд гирифта шавед.
    """,
    "uz": """
        20-dekabrgacha ro‘yxatdan o‘ting.
    """,
    "tk": """
        20-nji dekabra çenli ýazylyň.
    """,
}
ANNOUNCED_BEFORE: Sentences = {
    "en": """
        The training will take place on 10 January 2022. Register by 15 January 2022.
    """,
    "ru": """
        Тренинг пройдёт 10 января 2022 года. Заявки принимаются до 15 января 2022 года.
    """,
    "uz": """
        Trening 2022-yil 10-yanvarda bo‘ladi. 15-yanvargacha ro‘yxatdan o‘ting.
    """,
    "kk": """
        Тренинг 10 қаңтарда өтеді. 15 қаңтарға дейін тіркеліңіз.
    """,
}
FOREIGN_DATES: Sentences = {
    "kk": """
        2021 жылғы 16 ноября қол қойылды.
        Кездесу 10 января болады.
        Семинар 10-январда өтеді.
        2022 жылғы 10 қаңтарда, понедельник күні болады.
        Кездесу 10 March күні өтеді.
    """,
    "ky": """
        Жолугушуу 16-ноября болот.
        Жолугушуу 16 қарашада болот.
        10-январда, понедельник күнү болот.
        16 августа болот.
    """,
    "tg": """
        Вохӯрӣ 16 ноября мешавад.
        Вохӯрӣ рӯзи пятница, 16 ноябр мешавад.
        Вохӯрӣ 16 августа мешавад.
    """,
    "uz": """
        Uchrashuv 16 noýabrda bo‘ladi.
        Uchrashuv 16 ноября bo‘ladi.
        Uchrashuv 16 November kuni bo‘ladi.
        16-noyabr, sişenbe kuni.
    """,
    "tk": """
        Duşuşyk 16-noyabrda bolar.
        Duşuşyk 16 ноября bolar.
        Duşuşyk 5 yanvarda bolar.
        16-njy noýabr, вторник güni bolar.
    """,
    "ru": """
        Встреча пройдёт 16 қарашада.
        Встреча пройдёт 16 November.
        Встреча пройдёт 16 ноябрда.
        Встреча в сейсенбі, 16 ноября.
    """,
    "en": """
        The meeting is on 16 ноября.
        The meeting is on 16 noyabr.
        On вторник, 16 November, we met.
    """,
}
OWN_DATES: Sentences = {
    "kk": """
        2021 жылғы 16 қарашада қол қойылды.
        «10 января» фильмі көрсетілді.
        Мақала: «Встреча 5 марта».
        10 мамырға дейін, дүйсенбіде.
        9 Мамыр күні, 1 мамырдан 3 маусымға дейін.
        2 қазан, сенбі, 5 тамызда, 3 шілдеде.
    """,
    "ky": """
        16-ноябрда, 5-январга чейин, 3-мартта, 1-майда, 2-июнда, 8-августта, 9-майдан бери.
        2021-жылдын 16-ноябрынан тартып, дүйшөмбү күнү.
        5-март, бейшемби; 10-июлга чейин; 12-октябрга карата; 30 август.
        5 жолу субботник өттү.
    """,
    "tg": """
        16 ноябри соли 2021, рӯзи сешанбе. Аз 1 марти соли 2022, 9 майи соли 2021, 5 июни, 3 июл.
        3 август, 12 августи соли 2021; дар Душанбе 5 нафар.
        8 март, 21 марти 2022, 1 апрел, панҷшанбе.
    """,
    "uz": """
        16-noyabr, seshanba kuni. 5-mart, 8-mayda, 9-iyunda, 12-avgustgacha, 3-sentabrda, 1-oktabr.
        1-sentyabr, 2-oktyabr kunlari. Dushanbada 5 kishi.
        Anna 16 yoshda. Juma namozi soat 13 da.
    """,
    "tk": """
        16-njy noýabrda, sişenbe güni, 5-nji martda, 8-nji maýda, 3-nji sentýabrda.
        Anna güni, 12-nji awgustda. Duşenbede 5 adam.
    """,
    "ru": """
        16 ноября, 5 марта, 8 мая, 12 августа, 1 июня, в мае; к 10 января; 3 март.
        Рассказ «16 қарашада». Пишите на 16november@office.int.
        Анна, 16 лет, живёт в Душанбе. В среднем 5 раз.
    """,
    "en": """
        On Tuesday, 16 November; by 5 May; 12 marts were built; 30 may come.
        Anna, 16, lives in Dushanbe. “16 ноября” is a film.
        Read https://office.int/16-noyabr and 3 may apply.
    """,
}


def test_deadlines_that_are_over(variants: tuple[RenderedVariant, ...]) -> None:
    assert unlike(OVER, "date.deadline_over", variants, found=True) == []
    assert unlike(NOT_OVER, "date.deadline_over", variants, found=False) == []


def test_deadlines_after_the_event(variants: tuple[RenderedVariant, ...]) -> None:
    assert unlike(TOO_LATE, "date.deadline_late", variants, found=True, story="film") == []
    before = {language: lines.replace("20", "12") for language, lines in TOO_LATE.items()}
    assert unlike(before, "date.deadline_late", variants, found=False, story="film") == []
    assert unlike(ANNOUNCED_BEFORE, "date.deadline_late", variants, found=True) == []
    assert unlike(NOT_OVER, "date.deadline_late", variants, found=False) == []


def test_months_and_weekdays_of_another_language(variants: tuple[RenderedVariant, ...]) -> None:
    assert unlike(FOREIGN_DATES, "date.other_language", variants, found=True) == []
    assert unlike(OWN_DATES, "date.other_language", variants, found=False) == []

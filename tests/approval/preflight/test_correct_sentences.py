# ruff: noqa: E501  (sentences, as people write them)
"""Correct sentences that look like faults, each beside the fault that must still be found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.approval.preflight import place_names
from mailer.approval.preflight.check_table import CODES
from tests.approval.preflight_edition import with_story
from tests.approval.preflight_languages import CLEAN_IN_SEVEN


def found(code: str, texts: dict[str, str]) -> set[str]:
    """The languages in which a check finds something, after these sentences were added to a story."""
    planted = with_story(
        CLEAN_IN_SEVEN,
        "cash",
        lambda story: {
            "texts": tuple(replace(one, body=one.body + texts.get(one.language, "")) for one in story.texts)
        },
    )
    return {one.place.language for one in CODES[code].find(planted)}


@pytest.mark.parametrize(
    ("code", "right", "wrong"),
    [
        # The hours after a telephone number are no part of it.
        (
            "text.telephone",
            {
                "en": "<p>Call +996 312 61 00 00 (8:30–17:00).</p>",
                "ru": "<p>Звоните: +996 312 61 00 00 (8–17).</p>",
            },
            {
                "en": "<p>Call +996 312 61 00 (8:30–17:00).</p>",
                "ru": "<p>Звоните: +996 312 61 00 0 (8–17).</p>",
            },
        ),
        # The code of an area stands in brackets.
        (
            "text.telephone",
            {
                "en": "<p>Call +998 (71) 200-01-02 or +993(12)440000.</p>",
                "ru": "<p>Звоните: (+992 37) 221 00 00, +7 727 250\u201100\u201100.</p>",
                "ky": "<p>Чалыңыз: +996 (312) 61-00-00, 61-00-01.</p>",
            },
            {
                "en": "<p>Call +998 (71) 20.</p>",
                "ru": "<p>Звоните: (+992 37) 22.</p>",
                "ky": "<p>Чалыңыз: +996 (312) 61.</p>",
            },
        ),
        # A weekday behind one date is not that of the next.
        (
            "date.weekday",
            {
                "kk": "<p>Курс 10 қаңтардан, дүйсенбіден, 2022 жылғы 14 қаңтарға, жұмаға дейін өтеді.</p>",
                "ky": "<p>Курс 10-январдан, дүйшөмбүдөн, 2022-жылдын 14-январына, жумага чейин өтөт.</p>",
                "uz": "<p>Kurs 10-yanvar, dushanbadan 2022-yil 14-yanvar, jumagacha davom etadi.</p>",
                "tk": "<p>Okuw 10-njy ýanwardan, duşenbeden, 2022-nji ýylyň 14-nji ýanwaryna, anna çenli geçer.</p>",
            },
            {
                "kk": "<p>Курс 10 қаңтардан, дүйсенбіден, 2022 жылғы 14 қаңтарға, сенбіге дейін өтеді.</p>",
                "ky": "<p>Курс 10-январдан, шейшембиден, 2022-жылдын 14-январына, жумага чейин өтөт.</p>",
                "uz": "<p>Kurs 10-yanvar, dushanbadan 2022-yil 14-yanvar, shanbagacha davom etadi.</p>",
                "tk": "<p>Okuw 10-njy ýanwardan, sişenbeden, 2022-nji ýylyň 14-nji ýanwaryna, anna çenli geçer.</p>",
            },
        ),
        # Two weekdays are those of a first and a last day.
        (
            "date.weekday",
            {
                "en": "<p>It runs from 1 to 5 February 2022 (Tue–Sat).</p>",
                "ru": "<p>Курс идёт с 1 февраля по 5 февраля (вторник – суббота).</p>",
                "kk": "<p>Курс 1 ақпаннан 2022 жылғы 5 ақпанға (сейсенбіден сенбіге) дейін өтеді.</p>",
                "uz": "<p>Kurs 1-fevraldan 2022-yil 5-fevralgacha (seshanbadan shanbagacha) davom etadi.</p>",
            },
            {
                "en": "<p>It runs from 1 to 5 February 2022 (Tue).</p>",
                "ru": "<p>Курс идёт с 1 февраля по 5 февраля (вторник).</p>",
                "kk": "<p>Курс 1 ақпаннан 2022 жылғы 5 ақпанға (сейсенбіге) дейін өтеді.</p>",
                "uz": "<p>Kurs 1-fevraldan 2022-yil 5-fevralgacha (seshanbagacha) davom etadi.</p>",
            },
        ),
        # The word for the year stands between a date and its weekday.
        (
            "date.weekday",
            {
                "ru": "<p>Курс начнётся 5 февраля 2022 года (суббота) и 8 марта 2019 г., в пятницу.</p>",
                "tg": "<p>Курс 5 феврали соли 2022 (шанбе) ва 8 марти соли 2019 (ҷумъа) мегузарад.</p>",
            },
            {
                "ru": "<p>Курс начнётся 5 февраля 2022 г., в пятницу.</p>",
                "tg": "<p>Курс 5 феврали соли 2022 (ҷумъа) мегузарад.</p>",
            },
        ),
        # Quotation marks within others: the second of „…“ closes.
        (
            "text.quotation_marks",
            {
                "ru": "<p>«Мы читали „Войну и мир“ вслух», — вспоминает Айгуль.</p>",
                "kk": "<p>«Біз „Абай жолын“ оқыдық», – дейді Айгүл.</p>",
                "tk": "<p>«Biz „Görogly“ dessanyny okadyk» diýip, Aýgül aýdýar.</p>",
            },
            {
                "ru": "<p>«Мы читали „Войну и мир вслух», — вспоминает Айгуль.</p>",
                "kk": "<p>“Біз Абай жолын оқыдық», – дейді Айгүл.</p>",
                "tk": "<p>«Biz Görogly dessanyny okadyk” diýip, Aýgül aýdýar.</p>",
            },
        ),
        (
            "text.unbalanced",
            {
                "en": "<p>“We read „War and Peace” aloud,” she says.</p>",
                "uz": "<p>“Biz „Oʻtkan kunlar“ romanini oʻqidik”, deydi Oygul.</p>",
            },
            {
                "en": "<p>“We read „War and Peace aloud,” she says.</p>",
                "uz": "<p>“Biz „Oʻtkan kunlar“ romanini oʻqidik, deydi Oygul.</p>",
            },
        ),
        # An interview is no list.
        (
            "text.list_by_hand",
            {"en": "<p>– When did you return?</p><p>– In May.</p><p>– Was it hard?</p><p>– Yes.</p>"},
            {"en": "<p>– Copies of the contract</p><p>– A passport</p>"},
        ),
        # The Turkmen dative of a man's name, and the name of a woman.
        (
            "text.people_differ",
            {
                "en": "<p>We thank Marat Sadykov for his letter.</p>",
                "ky": "<p>Марат Садыковго каты үчүн рахмат айтабыз.</p>",
                "uz": "<p>Marat Sadikovga xati uchun rahmat aytamiz.</p>",
                "tk": "<p>Haty üçin Marat Sadykowa (Oş) sag bolsun aýdýarys.</p>",
            },
            {
                "en": "<p>Marat Sadykov wrote to us.</p>",
                "ky": "<p>Бизге Марат Садыков кат жазды.</p>",
                "uz": "<p>Bizga Marat Sadikov xat yozdi.</p>",
                "tk": "<p>Marat Sadykowa bize geldi.</p>",
            },
        ),
        # Uzbek writes the adjective of a town with a small letter; Turkmen softens the end of a name.
        (
            "text.places_differ",
            {
                "en": "<p>A builder from Samarkand waited near Shymkent.</p>",
                "ru": "<p>Строитель из Самарканда ждал у Шымкента.</p>",
                "kk": "<p>Самарқандтан келген құрылысшы Шымкенттің маңында күтті.</p>",
                "ky": "<p>Самарканддан келген куруучу Шымкенттин жанында күттү.</p>",
                "tg": "<p>Бинокоре аз Самарқанд дар назди Шимкент интизор шуд.</p>",
                "uz": "<p>Bir samarqandlik quruvchi Chimkent yaqinida kutdi.</p>",
                "tk": "<p>Samarkantdan gelen gurluşykçy Şymkendiň golaýynda garaşdy.</p>",
            },
            {
                "en": "<p>A builder waited near Shymkent.</p>",
                "ru": "<p>Строитель ждал у Шымкента.</p>",
                "kk": "<p>Құрылысшы Шымкенттің маңында күтті.</p>",
                "ky": "<p>Куруучу Шымкенттин жанында күттү.</p>",
                "tg": "<p>Бинокоре дар назди Шимкент интизор шуд.</p>",
                "uz": "<p>Bir quruvchi Chimkent yaqinida kutdi.</p>",
                "tk": "<p>Gurluşykçy Daşkendiň golaýynda garaşdy.</p>",
            },
        ),
    ],
)
def test_look_alikes(code: str, right: dict[str, str], wrong: dict[str, str]) -> None:
    assert found(code, right) == set()
    expected = {"tk"} if code in ("text.people_differ", "text.places_differ") else set(wrong)
    assert found(code, wrong) == expected


def test_turkmen_names_before_a_vowel_are_no_wrong_forms() -> None:
    patterns = [pattern for pattern, right in place_names.wrong_form_patterns("tk") if right == "Aşgabat"]
    for right in ("Aşgabadyň", "Aşgabada", "Aşgabatda"):
        assert not any(pattern.search(right) for pattern in patterns)
        assert place_names.city_patterns("tk")["Ashgabat"][1].search(right)
    assert any(pattern.search("Aşgabad şäheri") for pattern in patterns)

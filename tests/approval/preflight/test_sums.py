"""Parts that do not add up to the whole of their sentence."""

from __future__ import annotations

import pytest

from mailer.approval.preflight.sum_checks import wrong_sums
from tests.approval.preflight_clean_stories import STORIES

WRONG = (
    "The course had 120 people: 74 women and 56 men.",
    "Some came by bus. In all 1,250 participants (700 women, 500 men) took part.",
    "We met 50 people (74 women).",
    "We trained 120 workers, of whom 74 were women and 56 men.",
    "The group was 61% women and 45% men.",
    "В курсе 120 человек (74 женщины и 56 мужчин).",
    "Обучены 1 250 участников: женщин — 700, мужчин — 500.",
    "Среди них 61 % — женщины, 45 % — мужчины.",
    "Курсқа 120 адам (74 әйел және 56 ер адам) қатысты.",
    "Курска 120 киши катышты: 74 аял жана 56 эркек.",
    "Дар курс 120 нафар: 74 зан ва 56 мард буданд.",
    "Kursda 120 kishi (74 nafar ayol va 56 nafar erkak) o‘qidi.",
    "Kursa 120 adam (74 zenan we 56 erkek) gatnaşdy.",
    "Of the 120 participants, 74 were women and 56 were men.",
    "Из 120 участников 74 — женщины и 56 — мужчины.",
    "120 адамның 74-і әйел, 56-сы ер адам.",
    "120 кишинин 74ү аял, 56сы эркек.",
    "Аз 120 иштирокчӣ 74 нафар зан ва 56 нафар мард буданд.",
    "120 ishtirokchidan 74 nafari ayol va 56 nafari erkak.",
    "120 gatnaşyjydan 74-si zenan, 56-sy erkek.",
    "Women made up 70% and men 40%.",
    "Женщины составили 70 %, мужчины — 40 %.",
)
RIGHT = (
    "The course had 120 people: 74 women and 46 men.",
    "The course had 120 people, including 40 women and 20 men from Osh.",
    "Over 120 people came (74 women and 56 men).",
    "It helped 50 families (74 women and 80 men) in 2021.",
    "The study asked 120 people; 61% of women and 72% of men have telephones.",
    "Of the 120 participants, 74 were women and 46 were men.",
    "120 ishtirokchidan 74 nafari ayol va 46 nafari erkak.",
    "Women made up 60% and men 40%.",
    "120 people: 50 women, 40 men and 30 children.",
    "We met 12 people, 40 women wrote to us.",
    "На курсе 120 человек (74 женщины и 46 мужчин).",
    "Телефон есть у 61 % женщин и 72 % мужчин.",
    "Курсқа 120 адам (74 әйел және 46 ер адам) қатысты.",
    "Дар курс 120 нафар: 74 зан ва 46 мард буданд.",
    "Kursda 120 kishi (74 nafar ayol va 46 nafar erkak) o‘qidi.",
    "Kursa 120 adam (74 zenan we 46 erkek) gatnaşdy.",
)


@pytest.mark.parametrize("plain", WRONG)
def test_a_wrong_sum_is_found(plain: str) -> None:
    assert list(wrong_sums(plain))


@pytest.mark.parametrize("plain", RIGHT)
def test_a_right_sum_and_unlike_things_are_none(plain: str) -> None:
    assert not list(wrong_sums(plain))


def test_clean_stories_have_none() -> None:
    texts = [part for story in STORIES for parts in story.values() for part in parts]
    assert not [found for one in texts for found in wrong_sums(one)]

"""Remarks to a colleague that were left in a text, and sentences to readers that are none."""

from __future__ import annotations

import pytest

from mailer.approval.preflight.remark_checks import remark_in
from tests.approval.preflight_clean_stories import STORIES

REMARKS = (
    "Two towns take part. [Anna, please confirm this with the ministry before we send.]",
    "Two towns take part [please confirm with the ministry].",
    "Two towns (Anna, check the number!!!) take part.",
    "It cost 40 dollars. Please confirm before we send.",
    "@Anna update the figures",
    "NB: please verify the spelling",
    ">>> translate this",
    "[Anna, is that the right name?]",
    "Приняли участие 40 человек (Гульнара, уточни цифру!!!).",
    "[Айгерим, уточните, пожалуйста, у министерства]",
    "Встреча прошла в Оше (перепроверить).",
    "Встреча прошла в Оше. Не забыть проверить фамилию.",
    "Пожалуйста, подтвердите цифру до отправки.",
    "Прим. ред.: сократить абзац",
    "NB: уточнить дату",
    "→ проверить цифру",
    "[Айгерім, министрліктен нақтылап беріңізші]",
    "Кездесуге 40 адам келді (Айгерім, санды тексеріңіз).",
    "Редакторға: мәтінді қысқарту керек",
    "[Гүлнара, санын текшерип коюңуз]",
    "Жолугушуу өттү (котормону тактоо керек).",
    "[Гулнора, рақамро аниқ кунед]",
    "Вохӯрӣ гузашт (матнро тарҷума кардан лозим).",
    "[Gulnora, vazirlikdan aniqlab bering]",
    "Uchrashuv o‘tdi (raqamni tekshiring).",
    "[to be shortened]",
    "Editor: please shorten.",
    "Встреча прошла (фото пришлите до вечера).",
    "Жібермес бұрын санды тексеріңіз.",
    "Пеш аз фиристодан рақамро санҷед.",
    "Yuborishdan oldin raqamni tekshiring.",
    "Ibermezden öň sanlary barlaň.",
    "(Nurlan, muny terjime ediň)",
    "[Gülnara, sany anyklaň]",
    "Duşuşyk geçdi (terjimäni barlamaly).",
)
TO_READERS = (
    "Check the website for details (please confirm your participation by 5 May).",
    "He said: “We [the team] will check it.”",
    "NB: bring your passport and check the date of your visa.",
    "The check (a form of four pages) was added to the text.",
    "Send us your story; check it before sending.",
    "Проверьте, действует ли ваш паспорт (это бесплатно).",
    "Не забудьте проверить паспорт. Пришли 40 человек (отправили анкету 30).",
    "Чтобы уточнить дату, позвоните нам. Удалось проверить 40 договоров и перевести их.",
    "Құжатыңызды тексеріңіз. Өтінішті жіберіңіз (тегін).",
    "Арызды жөнөтүңүз. Документти текшерүү керек.",
    "Аризаро фиристед. Шартномаро санҷидан лозим аст.",
    "Arizani yuboring. Shartnomani tekshirish kerak.",
    "Arzany iberiň. Şertnamany barlamaly.",
    "Сократите, разделите на абзацы или дайте ссылку на страницу с остальным текстом.",
    "Қысқартыңыз, абзацтарға бөліңіз немесе мәтінге сілтеме етіңіз.",
    "More → Check the programme",
)


@pytest.mark.parametrize("plain", REMARKS)
def test_a_remark_is_found(plain: str) -> None:
    assert remark_in(plain)


@pytest.mark.parametrize("plain", TO_READERS)
def test_a_sentence_to_readers_is_none(plain: str) -> None:
    assert not remark_in(plain)


def test_clean_stories_have_no_remark() -> None:
    texts = [part for story in STORIES for parts in story.values() for part in parts]
    assert not [found for one in texts if (found := remark_in(one))]

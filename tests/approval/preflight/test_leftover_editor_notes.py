"""Remarks to a colleague that were left in a text, and sentences to readers that are none."""

from __future__ import annotations

import pytest

from mailer.approval.preflight.leftover_editor_notes import find_editor_note
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
    assert find_editor_note(plain)


@pytest.mark.parametrize("plain", TO_READERS)
def test_a_sentence_to_readers_is_none(plain: str) -> None:
    assert not find_editor_note(plain)


def test_clean_stories_have_no_remark() -> None:
    texts = [part for story in STORIES for parts in story.values() for part in parts]
    assert not [found for one in texts if (found := find_editor_note(one))]


ASIDES = """
Надя, проверь!
Гулнора, рақамро иваз кун!
Бақыт, тексер!
Бакыт, текшер!
Nodira, tekshir!
Maral, barla!
The workshop had 35 guests (ask Bakyt for the number).
(ask Aigul)
NB: check with Astana
The course begins soon. NB check with Astana!
[to confirm]
(tbc with Osh office)
The film is shown at six (is this right?).
(photo from Dilorom?)
(who wrote this?)
Dilorom, send the photo!
Bakyt to provide the figures
(number to follow)
(needs approval from Geneva)
(waiting for the photo from Osh)
[source?]
(Dana will send the text on Monday)
!!! old figure, new one from Aidar
Дилором, пришли фото!
Бакыт, пришлите цифры до вечера.
(спросить у Бакыта номер)
(узнать у Бакыта)
(Айгуль обещала прислать)
[уточнить]
(уточнить)
(проверить цифру)
(цифра верная?)
(это точно?)
(фото от Дилором?)
(ждём фото из Оша)
(нужно согласовать с Астаной)
(согласовать с Астаной)
Гуля, добавь сюда ссылку
Света, здесь нужна цитата министра
NB! сверить с английским
Коллеги, проверьте перевод этого абзаца.
(номер возьми у Бакыта)
(нөмірін Бақыттан сұрау керек)
(Бақыттан сұра)
Бақыт, фотоны жіберші!
[нақтылау керек]
(нақтылау)
[тексеру]
(сан дұрыс па?)
(Астанамен келісу керек)
Айгерім, осы жерге сілтеме қосшы
(фото Дилоромнан күтіп отырмыз)
(Бакыттан сура)
(номерин Бакыттан сураш керек)
Бакыт, сүрөттү жөнөтчү!
[тактоо керек]
(тактоо)
(бул туурабы?)
(сан туурабы?)
(Астана менен макулдашуу керек)
Айгүл, бул жерге шилтеме кошчу
Дилором, суратро фирист!
(рақамро аз Бахтиёр пурс)
(аз Бахтиёр пурсидан лозим)
[аниқ кардан]
[санҷидан лозим]
(ин дуруст аст?)
(бо Остона мувофиқа кардан лозим)
Гулнора, истинодро илова кун
Dilorom, rasmni yubor!
(raqamni Baxtiyordan so‘rash kerak)
(Baxtiyordan so‘ra)
[aniqlashtirish kerak]
[aniqlashtirish]
(tekshirish)
(bu to‘g‘rimi?)
(raqam to‘g‘rimi?)
(Ostona bilan kelishish kerak)
Gulnora, bu yerga havola qo‘sh
Gülnara, suraty iber!
(belgini Bagtyýardan sora)
(Bagtyýardan soramaly)
[anyklamaly]
(takyklamaly)
(bu dogrumy?)
(san dogrumy?)
(Astana bilen ylalaşmaly)
Gülnara, şu ýere salgy goş
Maral, bu sözlemi terjime et
"""
NO_ASIDES = """
Дилноза, тігінші
Дилноза, суретші
Айгүл, аудармашы
Дилноза, сүрөтчү
Дилноза, котормочу
Дилноза, тигүүчү
Gulnora, rassom
Maral, terjimeçi
Дилноза, нависанда
— Мама, проверь! — сказала она.
Айгүл, тапқыр қыз!
Anna, 34, sends the money home. Bakyt asks for the number of his case.
You can ask the hotline for advice (the number is 1414).
(The number is free of charge.)
Ask Bakyt: our lawyer answers your questions.
Dilorom, a teacher, sends photos of her pupils!
Migrants, check your contract before you sign!
Who wrote this poem? (Is this right? asks the boy.)
“Is this right?” she asked.
Is your employer right? (See the answer below.)
Parents wait for the approval of the school.
NB: the office is closed on Monday.
The group (who needs help?) met in Osh.
Dear readers, send us a photo!
Friends, write to us!
Дилором, учительница из Оша, прислала фото!
Дорогие читатели, пришлите нам фото!
Друзья, пришлите свои рассказы!
(вход свободный)
Спросите у врача (номер указан ниже).
Чтобы узнать больше, пишите нам.
Кто прав? (Спросите у юриста.)
Мама, пришли мне фото! — так называется выставка.
«Мама, пришли фото!» — пишет девочка.
Как проверить договор (памятка).
Как уточнить статус (инструкция)
NB: офис закрыт в понедельник.
Нужно согласовать отпуск с работодателем.
(Нужна справка из школы.)
Бақыт фотоны жіберді.
Құрметті оқырмандар, фото жіберіңіздер!
Дос, бізге жаз! (тегін)
Заңгерден сұраңыз (нөмірі төменде).
Шартты тексеру (нұсқаулық)
Урматтуу окурмандар, сүрөт жөнөтүңүздөр!
Юристтен сураңыз (номери төмөндө).
Келишимди текшерүү (көрсөтмө)
Бул туурабы? Юрист жооп берет.
Хонандагони азиз, сурат фиристед!
Аз ҳуқуқшинос пурсед (рақам дар поён).
Ин дуруст аст? Ҳуқуқшинос ҷавоб медиҳад.
Hurmatli o‘quvchilar, rasm yuboring!
Huquqshunosdan so‘rang (raqami quyida).
Shartnomani tekshirish (qo‘llanma)
Bu to‘g‘rimi? Huquqshunos javob beradi.
Hormatly okyjylar, surat iberiň!
Hukukçydan soraň (belgisi aşakda).
Bu dogrumy? Hukukçy jogap berýär.
Şertnamany barlamak (gollanma)
She said (to her sister) that she would ask the office.
The number (one in five) is high.
He came from Osh (to work).
The film (2019, 90 minutes) is shown at six.
The rules (as of 1 May) apply to all.
Прошёл семинар (35 участников, Ош).
(фото: Айдар Беков)
(photo: Aidar Bekov)
(Фото Дилором Каримовой)
(с субтитрами)
"""


def test_asides_are_found_and_sentences_to_readers_are_none() -> None:
    asides, others = ([one for one in text.splitlines() if one] for text in (ASIDES, NO_ASIDES))
    assert [one for one in asides if not find_editor_note(one)] == []
    assert [one for one in others if find_editor_note(one)] == []

# ruff: noqa: E501  (sentences, as people write them)
"""Sentences in seven languages that a check finds in a clean edition, and others that look alike and are right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from mailer.approval.preflight.check_input import Description
from mailer.approval.preflight.check_table import CODES
from tests.approval.preflight_edition import with_block, with_story, with_subject, with_text
from tests.approval.preflight_languages import CLEAN_IN_SEVEN, WRITTEN_IN_SEVEN, added

# Sentences by language, one a line.
Sentences = dict[str, str]


def in_note(language: str, sentence: str) -> Description:
    """The clean edition with a note of the team, which says this in one language."""
    note = WRITTEN_IN_SEVEN["note"]
    texts = tuple(
        replace(one, text=f"<p>{sentence}</p>") if one.language == language else one for one in note.texts
    )
    return with_block(CLEAN_IN_SEVEN, replace(note, texts=texts))


def in_story(language: str, sentence: str, key: str) -> Description:
    """The clean edition with a story whose body says this, too, in one language."""
    return added(language, sentence, key)(CLEAN_IN_SEVEN)


def unlike(sentences: Sentences, *codes: str, found: bool, story: str = "") -> list[str]:
    """The sentences in which the checks do not do as they should; " || " parts a summary from a body."""
    wrong = []
    for language, lines in sentences.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            summary, _, rest = line.partition(" || ")
            if rest:
                planted = with_text(CLEAN_IN_SEVEN, "cash", language, summary=summary, body=f"<p>{rest}</p>")
            else:
                planted = in_story(language, line, story) if story else in_note(language, line)
            if any(any(True for _ in CODES[code].find(planted)) for code in codes) is not found:
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

TWO_NUMBERS: Sentences = {
    "en": """
        The study covers 12 schools. || In 14 schools, teachers told us how they live.
        25 officials attended the workshop. || The 35 officials who attended the workshop asked many questions.
        Two of 1,250 seamstresses won a prize. || In all, 1,520 seamstresses took the course.
        The project reached 12,000 people. || Our teams reached 1,200 people in spring.
    """,
    "ru": """
        Исследование прошло в 12 школах. || В 14 школах учителя рассказали о себе.
        Обучены 1250 швей. || Курс окончили 1520 швей.
        Семинар собрал 25 чиновников. || Все 35 чиновников задали вопросы.
    """,
    "kk": """
        Зерттеу 12 мектепте өтті. || 14 мектепте мұғалімдер әңгімелеп берді.
    """,
    "ky": """
        Изилдөө 12 мектепте өттү. || 14 мектепте мугалимдер айтып беришти.
    """,
    "tg": """
        Таҳқиқот дар 12 мактаб гузашт. || Дар 14 мактаб муаллимон нақл карданд.
    """,
    "uz": """
        Tadqiqot 12 maktabda o‘tdi. || 14 maktabda o‘qituvchilar so‘zlab berdi.
        Kursda 1250 nafar tikuvchi o‘qidi. || Jami 1520 nafar tikuvchi kursni tugatdi.
    """,
    "tk": """
        Barlag 12 mekdepde geçdi. || 14 mekdepde mugallymlar gürrüň berdiler.
    """,
}
OTHER_THINGS: Sentences = {
    "en": """
        The study covers 12 schools. || Of the 12 schools, 3 schools are in Osh. A child needs 14 books.
        The office trained 1,250 seamstresses. || The next course has 20 seamstresses from Osh, aged 25 to 35.
        Five countries take part. || Three countries joined in 2019, two countries in 2021.
        On 16 November, 25 officials met. || In 2019, 250 people met; on 26 November, 30 people.
        It costs 40 dollars and takes 30 days. || You need 3 photos, and wait for 20 days.
    """,
    "ru": """
        Исследование прошло в 12 школах. || В 12 школах 14 учителей рассказали о себе; 3 школы в Оше.
        В 2021 году 25 чиновников прошли курс. || Курс длится 25 часов, за 35 часов выдают сертификат.
        Обучены 1250 швей. || На следующем курсе 20 швей. В 15 часов начало.
    """,
    "kk": """
        Зерттеу 12 мектепте өтті. || 12 мектепте 14 мұғалім әңгімелеп берді, 13 жаста болған.
    """,
    "ky": """
        Изилдөө 12 мектепте өттү. || Бул 12 мектептен 14 мугалим келди, 22 күн.
    """,
    "tg": """
        Таҳқиқот дар 12 мактаб гузашт. || Аз 12 мактаб 14 муаллим омад, 22 рӯз.
    """,
    "uz": """
        Tadqiqot 12 maktabda o‘tdi. || 12 maktabdan 14 nafar o‘qituvchi keldi, 22 kun.
    """,
    "tk": """
        Barlag 12 mekdepde geçdi. || 12 mekdepden 14 mugallym geldi, 22 gün.
    """,
}
WRONG_LISTS: Sentences = {
    "en": """
        The school has 300 pupils: 160 girls and 150 boys.
        The study was held in five regions: Osh, Naryn, Talas and Batken.
        We visited 26 schools: 14 in Osh, 8 in Batken and 5 in Naryn.
        The answers: 45% yes, 30% no, 20% do not know.
        Three cities (Osh, Bishkek) take part.
        The school has 300 pupils, 160 girls and 150 boys.
        300 pupils took part, 160 girls and 150 boys.
    """,
    "ru": """
        Исследование прошло в пяти областях: Ош, Нарын, Талас и Баткен.
        Мы посетили 26 школ: 14 в Оше, 8 в Баткене и 5 в Нарыне.
        В школе 300 учеников: 160 девочек и 150 мальчиков.
        В школе 300 учеников, 160 девочек и 150 мальчиков.
    """,
    "kk": """
        Зерттеу бес қалада өтті: Ош, Нарын, Талас және Баткен.
        Біз 26 мектепке бардық: Ошта 14, Баткенде 8, Нарында 5.
        Мектепте 300 оқушы бар, 160 қыз және 150 ұл.
    """,
    "ky": """
        Изилдөө беш шаарда өттү: Ош, Нарын, Талас жана Баткен.
        Биз 26 мектепке бардык: Ошто 14, Баткенде 8, Нарында 5.
        Мектепте 300 окуучу бар, 160 кыз жана 150 бала.
    """,
    "tg": """
        Таҳқиқот дар панҷ шаҳр гузашт: Хуҷанд, Кӯлоб, Бохтар ва Хоруғ.
        Дар мактаб 300 хонанда, 160 духтар ва 150 писар.
    """,
    "uz": """
        Tadqiqot beshta shaharda o‘tdi: O‘sh, Norin, Talas va Botken.
        Biz 26 ta maktabga bordik: O‘shda 14 ta, Botkenda 8 ta, Norinda 5 ta.
        Maktabda 300 nafar o‘quvchi, 160 nafar qiz va 150 nafar o‘g‘il bola bor.
    """,
    "tk": """
        Barlag bäş şäherde geçdi: Oş, Naryn, Talas we Batken.
        Biz 26 mekdebe bardyk: Oşda 14, Batkende 8, Narynda 5.
        Mekdepde 300 okuwçy, 160 gyz we 150 oglan bar.
    """,
}
RIGHT_LISTS: Sentences = {
    "en": """
        The school has 310 pupils: 160 girls and 150 boys.
        The study was held in four regions: Osh, Naryn, Talas and Batken.
        We visited 27 schools: 14 in Osh, 8 in Batken and 5 in Naryn.
        The answers: 45% yes, 30% no, 25% do not know.
        It has two aims: Trust and safety, and work for all.
        Two women tell of their way: Anna, a nurse from Osh, and Aigul.
        Five countries, including Japan and Norway, pay for it.
        The course has 40 lessons: 3 on law, 5 on health and 12 on work.
        Call 2 numbers: 1414 or 112.
        Three things help: “Ask. Read. Sign.”
        In three towns (Osh, Naryn and Talas) 45% of women, 60% of men and 20% of children agree.
    """,
    "ru": """
        Исследование прошло в четырёх областях: Ош, Нарын, Талас и Баткен.
        Мы посетили 27 школ: 14 в Оше, 8 в Баткене и 5 в Нарыне.
        В двух странах — Казахстане и Кыргызстане — проходят курсы.
        Пять стран, в том числе Япония и Норвегия, платят.
    """,
    "kk": """
        Зерттеу төрт қалада өтті: Ош, Нарын, Талас және Баткен.
        Біз 27 мектепке бардық: Ошта 14, Баткенде 8, Нарында 5.
    """,
    "ky": """
        Изилдөө төрт шаарда өттү: Ош, Нарын, Талас жана Баткен.
    """,
    "tg": """
        Таҳқиқот дар чор шаҳр гузашт: Хуҷанд, Кӯлоб, Бохтар ва Хоруғ.
    """,
    "uz": """
        Tadqiqot to‘rtta shaharda o‘tdi: O‘sh, Norin, Talas va Botken.
        Biz 27 ta maktabga bordik: O‘shda 14 ta, Botkenda 8 ta, Norinda 5 ta.
    """,
    "tk": """
        Barlag dört şäherde geçdi: Oş, Naryn, Talas we Batken.
        Biz 27 mekdebe bardyk: Oşda 14, Batkende 8, Narynda 5.
    """,
}
TWO_SPELLINGS: Sentences = {
    "en": """
        The first interviews were held in Naryn in May. People in Narin asked about the banks.
        We met Zhanar Tulegen in Osh. Later Janar Tulegen wrote to us.
        The town of Khujand has a school. The road to Hujand is long.
        A talk with Gulnara Asan follows. The teacher Gulnora showed us; then Gulnaara left.
        A visit to Jalal-Abad and Kyrgyzstan. He left Kyrgzstan at noon.
    """,
    "ru": """
        Встречи прошли в Нарыне. Жители Нарина спросили о банках.
        О себе рассказала Айгуль Сатыбалды. Потом Айгюль пошла домой. Мы видели Айгюль и Айгуль.
        Школа имени Байтурсына открыта. В школе Байтурсина учатся дети.
        Врач Мадина Кадыр и врач Медина. О враче Кадыре и враче Кадире.
    """,
    "kk": """
        Кездесу Нарында өтті. Кейін Наринде тұрғындар сұрады, біз Нариннен келдік.
        Біз Айгүл туралы жаздық. Сосын Айгул туралы айттық, біз Айгулді көрдік.
    """,
    "ky": """
        Биз Нарында болдук. Кийин биз Наринде сүйлөштүк.
    """,
    "tg": """
        Мо дар Хуҷанд будем. Баъд дар Хучжанд, мардуми Хӯҷанд пурсиданд.
    """,
    "uz": """
        Biz Norinda bo‘ldik, keyin Noryinda gaplashdik. U Gulnora bilan, keyin Gulnnora bilan gaplashdi.
    """,
    "tk": """
        Biz Gülnara bilen gürleşdik. Soň Gulnara bilen gitdik.
    """,
}
OTHER_NAMES: Sentences = {
    "en": """
        Kazakh migrants and Kazakhs live in Kazakhstan. The Kazakhstani side agreed with Uzbek and Uzbeks.
        Karina and Marina met Madina. We saw Aidan, Aidar and Aizada with Dilnoza and Dilfuza.
        We met Aigul in Osh and Aigerim in Almaty; the Ministry of Labour and the Ministries agreed.
        The United Nations and each Nation, Europe and European states, Russia and Russian schools.
        The Swiss and the Swedish embassies, Tashkent and Tashkenters, Turkmen and Turkmenistan.
    """,
    "ru": """
        В Женеве и из Женевы, с Женевой. Мы были в Оше и Ошской области, в Бишкеке и Бишкека.
        Анна Ивановна Иванова и Иван Иванович Иванов. Мария и Марина, Марии и Марины.
        В Казахстане казахстанцы, в Казахстан, о Республике Казахстан, Министерство труда и Министерства.
        Россия и России, Турция и в Турции, Азии и Азия, Европа и Европейский союз.
    """,
    "kk": """
        Алматыда, Алматыға, Алматының; Астанада, Астанаға. Біз Айгүл мен Айгерімді көрдік.
        Ресей мен Ресейдің, Қытайдан, Қытайға; Қазақстанның, Қазақстанға, Қазақ елі.
    """,
    "ky": """
        Биз Бишкекте, Бишкектен, Бишкекке бардык; Ошто, Оштон. Айгүл жана Айгерим келди.
    """,
    "tg": """
        Мо дар Душанбе, аз Душанбеи азиз, дар Тоҷикистон ва Тоҷикистони азиз. Мо Дилноза ва Дилфузаро дидем.
    """,
    "uz": """
        Biz Toshkentda, Toshkentdan, Toshkentga bordik. Biz Dilnoza va Dilfuzani, O‘zbekiston va O‘zbekistonni ko‘rdik.
    """,
    "tk": """
        Biz Aşgabatda, Aşgabatdan, Aşgabada bardyk. Biz Ogulgerek we Oguljan bilen gürleşdik.
    """,
}
OTHER_SEASON: Sentences = {
    "en": """
        Happy Nauryz to all our readers!
        Happy Women's Day!
    """,
    "ru": """
        С Наурызом, дорогие читатели!
        Поздравляем с 8 марта!
    """,
    "kk": """
        Наурыз мерекесі құтты болсын!
    """,
    "ky": """
        Нооруз майрамыңыздар менен!
    """,
    "tg": """
        Наврӯз муборак, дӯстони азиз!
    """,
    "uz": """
        Navro‘z muborak bo‘lsin!
    """,
    "tk": """
        Nowruz baýramyňyz gutly bolsun!
    """,
}
OWN_SEASON: Sentences = {
    "en": """
        Happy New Year, dear friends!
        They celebrated Nauryz together in March.
    """,
    "ru": """
        С Новым годом!
        С 8 марта по 10 мая шли курсы.
    """,
    "kk": """
        Жаңа жылыңыз құтты болсын!
        Наурыз айында курс басталды.
    """,
    "uz": """
        Yangi yilingiz bilan!
    """,
    "tg": """
        Мо дар Наврӯз дар хона будем.
    """,
    "tk": """
        Nowruz günleri biz öýde bolduk.
    """,
}
OTHER_EDITION: Sentences = {
    "en": """
        You are reading issue no. 11 of this newsletter.
        Welcome to the November edition!
    """,
    "ru": """
        Это выпуск № 11 нашего дайджеста.
        Добро пожаловать в ноябрьский выпуск!
    """,
    "kk": """
        Бұл – қараша айының шығарылымы.
    """,
    "tg": """
        Ин шумораи моҳи ноябр аст.
    """,
    "uz": """
        Bu noyabr oyining soni.
    """,
    "tk": """
        Bu noýabr aýynyň sany.
    """,
    "ky": """
        Бул ноябрь айынын чыгарылышы.
    """,
}
OWN_EDITION: Sentences = {
    "en": """
        In our last issue, no. 11, we wrote about schools.
        You are reading issue no. 12 of this newsletter.
        Welcome to the December edition!
        The November issue of the journal is out.
    """,
    "ru": """
        В прошлом, ноябрьском выпуске мы писали о школах.
        В декабрьском выпуске — три новости.
        Этот выпуск готовили с 5 ноября.
    """,
    "kk": """
        Бұл – желтоқсан айының шығарылымы.
    """,
    "uz": """
        Bu dekabr oyining soni.
    """,
}
# Subjects.
OF_NO_STORY: Sentences = {
    "en": """
        How schools in Batken got clean water
        Transfers: what Germany says
    """,
    "ru": """
        Как школы Баткена получили чистую воду
        Переводы и Германия: что нового
    """,
    "ky": """
        Баткен мектептери таза сууну кантип алды
    """,
    "tg": """
        Мактабҳои Хуҷанд чӣ тавр оби тоза гирифтанд
    """,
    "uz": """
        Botken maktablari toza suvni qanday oldi
    """,
    "tk": """
        Batken mekdepleri arassa suwy nädip aldy
    """,
}
OF_A_STORY: Sentences = {
    "en": """
        Why cash still arrives from abroad
        Kazakhstan maps its diaspora
        News of December
    """,
    "ru": """
        Карта диаспоры и деньги из-за рубежа
        Новости декабря
        Наши новости за декабрь
    """,
    "kk": """
        Қандастар картасы және қолма-қол ақша
    """,
    "uz": """
        Diaspora xaritasi va chet eldan pul
    """,
    "tg": """
        Харитаи диаспора ва пул аз хориҷа
    """,
    "ky": """
        Диаспоранын картасы
    """,
    "tk": """
        Daşary ýurtdan pul
    """,
}


def test_deadlines_that_are_over() -> None:
    assert unlike(OVER, "date.deadline_over", found=True) == []
    assert unlike(NOT_OVER, "date.deadline_over", found=False) == []


def test_deadlines_after_the_event() -> None:
    assert unlike(TOO_LATE, "date.deadline_late", found=True, story="film") == []
    before = {language: lines.replace("20", "12") for language, lines in TOO_LATE.items()}
    assert unlike(before, "date.deadline_late", found=False, story="film") == []
    assert unlike(ANNOUNCED_BEFORE, "date.deadline_late", found=True) == []
    assert unlike(NOT_OVER, "date.deadline_late", found=False) == []


def test_months_and_weekdays_of_another_language() -> None:
    assert unlike(FOREIGN_DATES, "date.other_language", found=True) == []
    assert unlike(OWN_DATES, "date.other_language", found=False) == []


def test_two_numbers_of_one_thing() -> None:
    assert unlike(TWO_NUMBERS, "text.two_numbers", found=True) == []
    assert unlike(OTHER_THINGS, "text.two_numbers", found=False) == []
    rooms = with_text(
        with_text(CLEAN_IN_SEVEN, "film", "en", venue="Room 204, Cinema House"),
        "film",
        "en",
        summary="In room 240.",
    )
    assert list(CODES["text.two_numbers"].find(rooms))


def test_lists_that_are_not_what_was_counted() -> None:
    codes = ("text.wrong_list", "text.number_contradicts")
    assert unlike(WRONG_LISTS, *codes, found=True) == []
    assert unlike(RIGHT_LISTS, *codes, found=False) == []


def test_names_that_are_spelled_in_two_ways() -> None:
    assert unlike(TWO_SPELLINGS, "text.name_variants", "text.people_differ", found=True) == []
    assert unlike(OTHER_NAMES, "text.name_variants", found=False) == []


def test_what_is_left_of_another_month() -> None:
    assert unlike(OTHER_SEASON, "text.other_season", found=True) == []
    assert unlike(OWN_SEASON, "text.other_season", found=False) == []
    assert unlike(OTHER_EDITION, "text.other_edition", found=True) == []
    assert unlike(OWN_EDITION, "text.other_edition", found=False) == []


def test_subjects_of_no_story() -> None:
    for sentences, expected in ((OF_NO_STORY, True), (OF_A_STORY, False)):
        for language, lines in sentences.items():
            for line in filter(None, map(str.strip, lines.splitlines())):
                planted = with_subject(CLEAN_IN_SEVEN, language, subject=line)
                assert any(True for _ in CODES["subject.no_story"].find(planted)) is expected, line


def test_a_subject_may_name_a_country_that_stands_above_a_story() -> None:
    find = CODES["subject.no_story"].find
    named = with_subject(CLEAN_IN_SEVEN, "en", subject="A map of people abroad begins, in Mongolia too")
    assert list(find(named))
    assert not list(find(with_story(named, "map", {"countries": ("MN",)})))


def test_events_on_public_holidays() -> None:
    for country, day in (("KZ", date(2021, 12, 16)), ("UZ", date(2021, 12, 8)), ("TM", date(2021, 12, 12))):
        planted = with_story(CLEAN_IN_SEVEN, "film", {"date": day, "countries": (country,)})
        headlines = {
            "texts": tuple(replace(one, headline="Film") for one in planted.content.stories[2].texts)
        }
        assert list(CODES["date.holiday"].find(with_story(planted, "film", headlines)))
        assert not list(CODES["date.holiday"].find(planted)), "an event of a day that is celebrated"


def test_translations_that_were_pasted_by_halves() -> None:
    shorter = CODES["text.shorter"].find
    three = with_story(
        CLEAN_IN_SEVEN,
        "map",
        lambda story: {
            "texts": tuple(
                replace(
                    one,
                    body="".join(f"<p>{one.summary}</p>" for _ in range(1 if one.language == "tk" else 4)),
                )
                for one in story.texts
            )
        },
    )
    assert {one.place.language for one in shorter(three)} == {"tk"}
    for language, old, new in (
        ("uz", "<li>Bolalar bilan kelish mumkin.</li>", ""),
        ("kk", '<a href="https://www.office.int/course/plan">Курс жоспарын</a>', "Курс жоспарын"),
    ):
        texts = next(one for one in CLEAN_IN_SEVEN.content.stories if one.key == "course").texts
        body = next(one.body for one in texts if one.language == language)
        assert old in body
        planted = with_text(CLEAN_IN_SEVEN, "course", language, body=body.replace(old, new))
        assert {one.place.language for one in shorter(planted)} == {language}


def test_addresses_and_numbers_that_are_almost_the_same() -> None:
    differ = CODES["text.contacts_differ"].find
    for line in ("Write to course@office.int.", "Call +996 312 16 00 00.", "Write to editor@office.int."):
        assert list(differ(in_note("ru", line))), line
    for line in (
        "Write to film@office.int or call +996 312 61 00 01.",
        "Ask courses@office.int.",
        "Call 112.",
    ):
        assert not list(differ(in_note("ru", line))), line

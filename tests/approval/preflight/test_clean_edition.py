# ruff: noqa: E501  (whole paragraphs, as people write them)
"""A second clean edition, as an office writes it: figures, quotations, abbreviations, dates. Nothing is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from mailer.approval.preflight.check_input import Description, Reader, Sender
from mailer.rendering.data_types import (
    Block,
    Content,
    LocalText,
    Masthead,
    Picture,
    Story,
    StoryKind,
    StoryText,
    Subject,
)
from tests.approval.preflight_clean_stories import STORIES as STORIES_IN_SEVEN
from tests.approval.preflight_edition import check, rendered, with_content
from tests.approval.preflight_languages import CLEAN_IN_SEVEN

SITE = "https://news.steppe.int"


def st(
    key: str,
    kind: StoryKind,
    day: date,
    countries: tuple[str, ...],
    link: str,
    pic: bool,
    **t: tuple[str, ...],
) -> Story:
    return Story(
        key,
        kind,
        day,
        countries,
        tuple(StoryText(code, *parts) for code, parts in t.items()),
        link,
        Picture(f"{SITE}/media/pictures/{key}.jpg", 1200, 600) if pic else None,
    )


STORIES = (
    st(
        "harvest",
        "news",
        date(2026, 9, 3),
        ("KZ", "UZ"),
        "https://www.steppe.int/news/seasonal-workers-2026",
        True,
        en=(
            "Seasonal workers get contracts in their own language",
            "From this harvest on, 2,400 workers from Uzbekistan sign contracts that they can read (Uzbek, Russian or Kazakh).",
            '<p>“Last year I signed without understanding a word,” says Dilnoza, 34, from Namangan. “This year I asked about overtime.”</p><p>The Ministry of Labour, the employers’ union and UNDP agreed on the text on 3 September 2026, after three rounds of talks. Articles 5(2) and 7(a) set the hours: 40 a week, at most 12 on one day.</p><ul><li>pay: 1,850 tenge an hour;</li><li>housing: paid by the employer;</li><li>hotline: 116-123, free of charge, 24/7.</li></ul><p>More in <a href="https://www.steppe.int/resources/contract-2026.pdf">the model contract (PDF, 210 KB)</a>.</p>',
            "Read about the contracts",
            "A woman in a headscarf reads a sheet of paper beside crates of apples.",
            "",
        ),
        ru=(
            "Сезонные работники получают договоры на родном языке",
            "С этого урожая 2400 работников из Узбекистана подписывают договоры, которые могут прочитать: на узбекском, русском или казахском.",
            '<p>«В прошлом году я подписала, не понимая ни слова, — говорит 34-летняя Дилноза из Намангана. — В этом году я спросила о сверхурочных».</p><p>Министерство труда, союз работодателей и ПРООН согласовали текст 3 сентября 2026 года. Пункты 5.2 и 7а) устанавливают часы: 40 в неделю, не более 12 в день.</p><p>Подробнее — <a href="https://www.steppe.int/resources/contract-2026.pdf">в типовом договоре (PDF, 210 КБ)</a>.</p>',
            "Подробнее о договорах",
            "Женщина в платке читает лист бумаги у ящиков с яблоками.",
            "",
        ),
        kk=(
            "Маусымдық жұмысшылар шартты ана тілінде алады",
            "Осы егіннен бастап Өзбекстаннан келген 2400 жұмысшы өзі оқи алатын шартқа қол қояды: өзбек, орыс немесе қазақ тілінде.",
            "<p>«Былтыр бір сөзін түсінбей қол қойдым, – дейді Наманганнан келген 34 жастағы Дилноза. – Биыл үстеме жұмыс туралы сұрадым».</p><p>Еңбек министрлігі, жұмыс берушілер одағы және БҰҰДБ мәтінді 2026 жылғы 3 қыркүйекте келісті. 5-тармақ сағаттарды белгілейді: аптасына 40, күніне 12-ден аспайды.</p>",
            "Шарттар туралы оқу",
            "Орамал таққан әйел алма жәшіктерінің жанында қағаз оқып тұр.",
            "",
        ),
    ),
    st(
        "xx-century",
        "publication",
        date(2026, 9, 10),
        (),
        "https://publications.steppe.int/books/steppe-xx-century",
        False,
        en=(
            "The steppe in the XX century: a reader",
            "Letters of deported families, 1937–1956, in three languages.",
            "",
            "Open the reader",
        ),
        ru=(
            "Степь в XX веке: хрестоматия",
            "Письма депортированных семей 1937–1956 годов на трёх языках.",
            "",
            "Открыть хрестоматию",
        ),
        kk=(
            "XX ғасырдағы дала: хрестоматия",
            "1937–1956 жылдары жер аударылған отбасылардың үш тілдегі хаттары.",
            "",
            "Хрестоматияны ашу",
        ),
    ),
    st(
        "hackathon",
        "event",
        date(2026, 10, 17),
        ("KZ",),
        "https://www.hackathon.int/2026",
        True,
        en=(
            "Hackathon “Code without Borders”",
            "Forty teams meet in Almaty on Saturday, 17 October 2026; applications close on Friday, 2 October.",
            "<p>Students from 16 to 25 may apply. Jury: AUCA, KBTU, UNDP, UNICEF.</p>",
            "Apply until 2 October",
            "Young people with laptops around a long table, seen from above.",
            "",
        ),
        ru=(
            "Хакатон «Код без границ»",
            "Сорок команд встретятся в Алматы в субботу, 17 октября 2026 года; заявки — до пятницы, 2 октября.",
            "<p>Подать заявку могут студенты от 16 до 25 лет. Жюри: AUCA, KBTU, ПРООН, ЮНИСЕФ.</p>",
            "Подать заявку до 2 октября",
            "Молодые люди с ноутбуками за длинным столом, вид сверху.",
            "",
        ),
        kk=(
            "«Шекарасыз код» хакатоны",
            "Қырық команда 2026 жылғы 17 қазанда, сенбі күні Алматыда кездеседі; өтінімдер 2 қазанға, жұмаға дейін қабылданады.",
            "<p>16 мен 25 жас аралығындағы студенттер өтінім бере алады. Қазылар: AUCA, KBTU, БҰҰДБ, ЮНИСЕФ.</p>",
            "2 қазанға дейін өтінім беру",
            "Ұзын үстел басында ноутбук ұстаған жастар, жоғарыдан қарағанда.",
            "",
        ),
    ),
    st(
        "returns",
        "news",
        date(2026, 9, 18),
        ("UZ",),
        "https://www.figures.int/migratsiya-2026?lang=ru&page=2#table-4",
        False,
        en=(
            "Fewer people return because they lost their job",
            "In the first half of 2026, 61 % of returnees came home by choice (2025: 48 %), says the survey of 5,120 households.",
            "<p>The share grew in 11 of 14 regions. In Karakalpakstan it fell – from 55 % to 51 %.</p><p>Remittances: $7.4 bn, i.e. 9 % more than a year ago.</p>",
            "See the tables",
        ),
        ru=(
            "Меньше людей возвращаются из-за потери работы",
            "В первой половине 2026 года 61 % вернувшихся приехали по своему желанию (в 2025-м — 48 %), показал опрос 5120 домохозяйств.",
            "<p>Доля выросла в 11 из 14 регионов. В Каракалпакстане она снизилась: с 55 до 51 %.</p><p>Денежные переводы — 7,4 млрд долл., на 9 % больше, чем год назад.</p>",
            "Посмотреть таблицы",
        ),
        kk=(
            "Жұмысынан айырылып қайтатындар азайды",
            "2026 жылдың бірінші жартысында қайтқандардың 61 %-ы өз еркімен келген (2025 жылы – 48 %), дейді 5120 үй шаруашылығын қамтыған сауалнама.",
            "<p>Үлес 14 өңірдің 11-інде өсті. Қарақалпақстанда ол 55 %-дан 51 %-ға төмендеді.</p>",
            "Кестелерді көру",
        ),
    ),
    st(
        "obituary",
        "news",
        date(2026, 8, 31),
        (),
        "",
        False,
        en=(
            "We remember Aizhan Sadykova (1961–2026)",
            "She founded the hotline in 2004 and answered it until last spring.",
            "<p>On 18 December 1990 the United Nations adopted the Convention on migrant workers; she learned it by heart. “A paper is a promise,” she said.</p>",
            "",
        ),
        ru=(
            "Памяти Айжан Садыковой (1961–2026)",
            "Она основала горячую линию в 2004 году и отвечала на звонки до прошлой весны.",
            "<p>18 декабря 1990 года ООН приняла Конвенцию о правах трудящихся-мигрантов; она знала её наизусть. «Бумага — это обещание», — говорила она.</p>",
            "",
        ),
        kk=(
            "Айжан Садықованы еске аламыз (1961–2026)",
            "Ол 2004 жылы сенім телефонын ашып, өткен көктемге дейін қоңырауларға жауап берді.",
            "<p>1990 жылғы 18 желтоқсанда БҰҰ еңбекші-мигранттар туралы конвенцияны қабылдады; ол оны жатқа білетін. «Қағаз – уәде», – дейтін.</p>",
            "",
        ),
    ),
)
CONTENT = Content(
    Masthead(
        "steppe",
        "Dala Digest",
        "Steppe Office",
        "14 Qabanbai Batyr Avenue, Astana 010000, Kazakhstan",
        ("KZ", "UZ"),
        ("en", "ru", "kk"),
        ("ru", "en"),
        (
            LocalText("en", "People on the move, month by month"),
            LocalText("ru", "Люди в пути, месяц за месяцем"),
            LocalText("kk", "Жолдағы адамдар, ай сайын"),
        ),
    ),
    "2026-10",
    34,
    "steppe-2026-10",
    SITE,
    (
        Subject(
            "en",
            "Contracts that workers can read",
            "Also: a hackathon in Almaty, new figures on return, and a farewell.",
        ),
        Subject(
            "ru",
            "Договоры, которые можно прочитать",
            "А также: хакатон в Алматы, новые данные о возвращении и прощание.",
        ),
        Subject(
            "kk",
            "Жұмысшы оқи алатын шарттар",
            "Сондай-ақ: Алматыдағы хакатон, қайту туралы жаңа деректер және қоштасу.",
        ),
    ),
    STORIES,
    (
        Block("lead", ("harvest",)),
        Block("heading", countries=("KZ",)),
        Block("date", ("hackathon",)),
        Block("heading", countries=("UZ",)),
        Block("story", ("returns",)),
        Block(
            "heading",
            texts=(LocalText("en", "In memoriam"), LocalText("ru", "Памяти"), LocalText("kk", "Еске алу")),
        ),
        Block("story", ("obituary",)),
        Block("titles", ("xx-century",)),
        Block(
            "text",
            texts=(
                LocalText(
                    "en",
                    '<p>Questions? Write to <a href="mailto:editors@steppe.int">editors@steppe.int</a>: we answer within two days.</p>',
                ),
                LocalText(
                    "ru",
                    '<p>Есть вопросы? Пишите на <a href="mailto:editors@steppe.int">editors@steppe.int</a>: мы отвечаем в течение двух дней.</p>',
                ),
                LocalText(
                    "kk",
                    '<p>Сұрақтарыңыз бар ма? <a href="mailto:editors@steppe.int">editors@steppe.int</a> мекенжайына жазыңыз: екі күн ішінде жауап береміз.</p>',
                ),
            ),
        ),
    ),
)
DESCRIPTION = Description(
    CONTENT,
    Sender("Steppe Office", "digest@steppe.int", "editors@steppe.int", dkim_domain="steppe.int"),
    date(2026, 9, 28),
    (Reader(("KZ",), "kk"), Reader(("KZ", "UZ"), "ru"), Reader((), "en")),
)


def test_an_edition_without_a_fault_raises_no_alarm() -> None:
    assert check(DESCRIPTION, render=True) == {}


def test_plausible_stories_in_seven_languages_raise_no_alarm() -> None:
    stories = tuple(
        Story(
            f"clean-{number}",
            "news",
            date(2021, 11, 20),
            (),
            tuple(StoryText(code, *parts) for code, parts in texts.items()),
            f"https://www.office.int/clean-{number}",
        )
        for number, texts in enumerate(STORIES_IN_SEVEN)
    )
    head, *others = (story.key for story in stories)
    blocks = (Block("lead", (head,)), *(Block("story", (key,)) for key in others))
    subjects = tuple(
        Subject(code, parts[0], STORIES_IN_SEVEN[1][code][0]) for code, parts in STORIES_IN_SEVEN[0].items()
    )
    edition = with_content(CLEAN_IN_SEVEN, stories=stories, blocks=blocks, subjects=subjects)
    assert check(replace(edition, variants=rendered(CLEAN_IN_SEVEN.content)[:1])) == {}

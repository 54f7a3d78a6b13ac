# ruff: noqa: E501  (texts in seven languages, as people write them)
"""A clean edition in seven languages, with a story that states facts of every kind; for checks that compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from mailer.approval.preflight.check_input import Description, LinkFact, PictureFact, Reader
from mailer.rendering.data_types import Block, LocalText, MastheadText, Picture, Story, StoryText, Subject
from tests.approval.preflight_edition import CLEAN, SITE, WRITTEN, with_story, with_text

LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")

MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "map": {
        "ky": (
            "Казакстан диаспорасынын картасын түзө баштады",
            "2021-жылдын 16-ноябрында, шейшембиде кол коюлган макулдашуу чет өлкөдөгү адамдар менен байланышка жол ачат.",
            "<p>Өнөктөштөр мекендештердин кайда жашаарын билгиси келет жана алар менен сүйлөшөт.</p>",
            "Долбоор кантип ишке ашат",
            "Эки адам узун үстөлдө кагазга кол коюп жатат.",
        ),
        "tg": (
            "Қазоқистон харитаи диаспораи худро тартиб медиҳад",
            "Созишномае, ки рӯзи сешанбе, 16 ноябри соли 2021 ба имзо расид, барои робита бо одамон дар хориҷа роҳ мекушояд.",
            "<p>Шарикон мехоҳанд бидонанд, ки ҳамватанон дар куҷо зиндагӣ мекунанд ва чӣ гуна бо онҳо дар тамос шаванд.</p>",
            "Лоиҳа чӣ гуна кор мекунад",
            "Ду нафар дар паси мизи дароз коғазро имзо мекунанд.",
        ),
        "uz": (
            "Qozog‘iston diasporasi xaritasini tuza boshladi",
            "2021-yil 16-noyabr, seshanba kuni imzolangan bitim chet eldagi odamlar bilan aloqaga yo‘l ochadi.",
            "<p>Hamkorlar vatandoshlar qayerda yashashini bilmoqchi va ular bilan gaplashmoqchi.</p>",
            "Loyiha qanday ishlaydi",
            "Ikki kishi uzun stol ortida qog‘ozga imzo qo‘ymoqda.",
        ),
        "tk": (
            "Gazagystan diasporasynyň kartasyny düzüp başlady",
            "2021-nji ýylyň 16-njy noýabrynda, sişenbe güni gol çekilen ylalaşyk daşary ýurtdaky adamlar bilen aragatnaşyga ýol açýar.",
            "<p>Hyzmatdaşlar watandaşlaryň nirede ýaşaýandygyny bilmek we olar bilen gürleşmek isleýärler.</p>",
            "Taslama nähili işleýär",
            "Iki adam uzyn stoluň başynda kagyza gol çekýär.",
        ),
    },
    "cash": {
        "ky": (
            "Чет өлкөдөн келген акча эмне үчүн накталай алынат",
            "Изилдөө санариптик которууларды эки тараптан карайт: аларды ким сунуштайт жана ким колдонот.",
            "",
            "Которуулар жөнүндө изилдөөнү окуу",
        ),
        "tg": (
            "Чаро пул аз хориҷа то ҳол нақд гирифта мешавад",
            "Таҳқиқот интиқоли рақамии пулро аз ду ҷониб меомӯзад: кӣ онро пешниҳод мекунад ва кӣ истифода мебарад.",
            "",
            "Хондани таҳқиқот дар бораи интиқоли пул",
        ),
        "uz": (
            "Nega chet eldan kelgan pul hamon naqd olinadi",
            "Tadqiqot raqamli o‘tkazmalarni ikki tomondan ko‘rib chiqadi: ularni kim taklif qiladi va kim foydalanadi.",
            "",
            "O‘tkazmalar haqidagi tadqiqotni o‘qish",
        ),
        "tk": (
            "Daşary ýurtdan gelýän pul näme üçin nagt alynýar",
            "Barlag sanly geçirimlere iki tarapdan seredýär: olary kim hödürleýär we kim ulanýar.",
            "",
            "Geçirimler baradaky barlagy okamak",
        ),
    },
    "film": {
        "ky": (
            "Эл аралык мигранттар күнүнө арналган тасма",
            "Көрсөтүү 18-декабрь, ишемби күнү өтөт жана көп өлкөдөгү фестивалдын программасына кирет.",
            "",
            "Көрсөтүү жөнүндө",
        ),
        "tg": (
            "Филм ба Рӯзи байналмилалии муҳоҷирон",
            "Намоиш рӯзи шанбе, 18 декабр баргузор мешавад ва ба барномаи ҷашнвора дар бисёр кишварҳо дохил аст.",
            "",
            "Дар бораи намоиш",
        ),
        "uz": (
            "Xalqaro migrantlar kuniga bag‘ishlangan film",
            "Namoyish 18-dekabr, shanba kuni bo‘ladi va ko‘p mamlakatlardagi festival dasturiga kiradi.",
            "",
            "Namoyish haqida",
        ),
        "tk": (
            "Halkara migrantlar gününe bagyşlanan film",
            "Görkeziliş 18-nji dekabrda, şenbe güni bolar we köp ýurtdaky festiwalyň maksatnamasyna girýär.",
            "",
            "Görkeziliş barada",
        ),
    },
}

SUBJECTS = {
    "ky": ("Которуулар эмнеге кагаз акча менен келет", "Бул чыгарылышта изилдөө, макулдашуу жана тасма бар."),
    "tg": ("Чаро интиқоли пул ба шакли коғазӣ мерасад", "Дар ин шумора таҳқиқот, созишнома ва филм ҳаст."),
    "uz": ("Nega o‘tkazmalar qog‘oz pulda keladi", "Bu sonda tadqiqot, bitim va film bor."),
    "tk": ("Geçirimler näme üçin kagyz pul bolup gelýär", "Bu sanda barlag, ylalaşyk we film bar."),
}
TAGS = {
    "ky": "Миграция жана адамдар",
    "tg": "Муҳоҷират ва одамон",
    "uz": "Migratsiya va odamlar",
    "tk": "Migrasiýa we adamlar",
}
NOTE = {
    "ky": "<p>Суроолоруңуз болсо, редакцияга жазыңыз жана биз менен бөлүшүңүз.</p>",
    "tg": "<p>Агар савол дошта бошед, ба идораи мо нависед ва бо мо нақл кунед.</p>",
    "uz": "<p>Savollaringiz bo‘lsa, tahririyatga yozing va biz bilan bo‘lishing.</p>",
    "tk": "<p>Soraglaryňyz bar bolsa, redaksiýa ýazyň we biziň bilen paýlaşyň.</p>",
}
BLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "quote": {
        "ky": ("Эми келишимимди өзүм окуй алам.", "Дилноза, тигүүчү", "Терезенин жанында ийне кармаган аял."),
        "tg": (
            "Акнун ман шартномаи худро хонда метавонам.",
            "Дилноза, дӯзанда",
            "Зане бо сӯзан дар назди тиреза.",
        ),
        "uz": (
            "Endi shartnomamni o‘zim o‘qiy olaman.",
            "Dilnoza, tikuvchi",
            "Deraza yonida igna ushlagan ayol.",
        ),
        "tk": (
            "Indi şertnamamy özüm okap bilýärin.",
            "Dilnoza, tikinçi",
            "Penjiräniň ýanynda iňňe tutan aýal.",
        ),
    },
    "figures": {
        "ky": ("12 000 | адам окуду\n61 % | алардын аялдары",),
        "tg": ("12 000 | нафар омӯзонида шуд\n61 % | аз онҳо занон",),
        "uz": ("12 000 | kishi o‘qitildi\n61 % | ulardan ayollar",),
        "tk": ("12 000 | adam okadyldy\n61 % | olaryň zenanlary",),
    },
    "video": {
        "ky": ("Тигиш кантип тигилет", "", "Кол кездемени ийненин астына алып барат."),
        "tg": ("Дӯзишро чӣ тавр медӯзанд", "", "Даст матоъро ба зери сӯзан мебарад."),
        "uz": ("Chok qanday tikiladi", "", "Qo‘l matoni igna ostiga olib boradi."),
        "tk": ("Tikin nähili tikilýär", "", "El matany iňňäniň aşagyna eltýär."),
    },
    "button": {
        "ky": ("Курска жазылуу",),
        "tg": ("Ба курс сабти ном шудан",),
        "uz": ("Kursga yozilish",),
        "tk": ("Kursa ýazylmak",),
    },
    "picture": {
        "ky": ("Курстун биринчи сабагы", "Айдар Беков", "Кездеме жайылган үстөлдүн айланасында сегиз аял."),
        "tg": ("Дарси якуми курс", "Айдар Беков", "Ҳашт зан дар гирди мизи пур аз матоъ."),
        "uz": ("Kursning birinchi darsi", "Aydar Bekov", "Mato yoyilgan stol atrofida sakkiz ayol."),
        "tk": ("Kursuň ilkinji sapagy", "Aýdar Bekow", "Mata ýazylan stoluň daşynda sekiz aýal."),
    },
    "note": {
        "ky": ("<p>Кийинки айда мектептер жөнүндө жазабыз.</p>", "Редакция"),
        "tg": ("<p>Моҳи оянда мо дар бораи мактабҳо менависем.</p>", "Идора"),
        "uz": ("<p>Keyingi oyda biz maktablar haqida yozamiz.</p>", "Tahririyat"),
        "tk": ("<p>Indiki aýda biz mekdepler hakda ýazarys.</p>", "Redaksiýa"),
    },
}


def _course(quote: str, when: str, write: str, read: str, one: str, two: str) -> str:
    mail = '<a href="mailto:courses@office.int">courses@office.int</a>'
    return (
        f"<p>{quote}</p><p>{when}</p><p>{write.replace('@@', mail)} "
        f"{read.replace('[', '<a href=' + chr(34) + 'https://www.office.int/course/plan' + chr(34) + '>').replace(']', '</a>')}</p>"
        f"<ul><li>{one}</li><li>{two}</li></ul>"
    )


COURSE: dict[str, tuple[str, ...]] = {
    "en": (
        "Seamstresses learn their rights at work",
        "Since 4 October 2021 the office has trained 1,250 seamstresses in Bishkek and Osh, 61% of them mothers.",
        _course(
            "“Now I can read my own contract,” says Dilnoza Karimova, 34, who took the course.",
            "The next course begins on Monday, 10 January 2022, at 14:30 (Bishkek time). It costs 1.5 million som and is paid for by Japan.",
            "Write to @@ or call +996 312 61 00 00.",
            "Read [the plan of the course].",
            "Lessons are in Kyrgyz and Russian.",
            "Children may come along.",
        ),
        "About the course",
        "Eight women sit around a table with cloth.",
    ),
    "ru": (
        "Швеи узнают о своих трудовых правах",
        "С 4 октября 2021 года офис обучил 1250 швей в Бишкеке и Оше, 61 % из них — матери.",
        _course(
            "«Теперь я могу сама прочитать свой договор», — говорит Дилноза Каримова, 34 года, которая прошла курс.",
            "Следующий курс начнётся в понедельник, 10 января 2022 года, в 14:30 (время Бишкека). Он стоит 1,5 млн сомов, его оплачивает Япония.",
            "Пишите на @@ или звоните +996 312 61 00 00.",
            "Прочитайте [план курса].",
            "Занятия проходят на киргизском и русском языках.",
            "Можно приходить с детьми.",
        ),
        "О курсе",
        "Восемь женщин сидят за столом с тканью.",
    ),
    "kk": (
        "Тігіншілер еңбек құқықтарын біледі",
        "2021 жылғы 4 қазаннан бері кеңсе Бішкек пен Ошта 1250 тігіншіні оқытты, олардың 61 %-ы — аналар.",
        _course(
            "«Енді өз шартымды өзім оқи аламын», — дейді курстан өткен 34 жастағы Дилноза Каримова.",
            "Келесі курс 2022 жылғы 10 қаңтарда, дүйсенбі күні сағат 14:30-да (Бішкек уақыты) басталады. Оның құны 1,5 млн сом, ақысын Жапония төлейді.",
            "@@ мекенжайына жазыңыз немесе +996 312 61 00 00 нөміріне қоңырау шалыңыз.",
            "[Курс жоспарын] оқыңыз.",
            "Сабақ қырғыз және орыс тілдерінде өтеді.",
            "Балалармен келуге болады.",
        ),
        "Курс туралы",
        "Мата жайылған үстел басында сегіз әйел отыр.",
    ),
    "ky": (
        "Тигүүчүлөр эмгек укуктарын билишет",
        "2021-жылдын 4-октябрынан бери кеңсе Бишкекте жана Ошто 1250 тигүүчүнү окутту, алардын 61 %ы — энелер.",
        _course(
            "«Эми келишимимди өзүм окуй алам», — дейт курстан өткөн 34 жаштагы Дилноза Каримова.",
            "Кийинки курс 2022-жылдын 10-январында, дүйшөмбү күнү саат 14:30да (Бишкек убактысы) башталат. Анын баасы 1,5 млн сом, акысын Япония төлөйт.",
            "@@ дарегине жазыңыз же +996 312 61 00 00 номерине чалыңыз.",
            "[Курстун планын] окуңуз.",
            "Сабактар кыргыз жана орус тилдеринде өтөт.",
            "Балдар менен келсе болот.",
        ),
        "Курс жөнүндө",
        "Кездеме жайылган үстөлдүн айланасында сегиз аял отурат.",
    ),
    "tg": (
        "Дӯзандагон ҳуқуқҳои меҳнатии худро меомӯзанд",
        "Аз 4 октябри соли 2021 идора дар Бишкек ва Ош 1250 дӯзандаро омӯзонд, ки 61 %-и онҳо модаранд.",
        _course(
            "«Акнун ман шартномаамро худам хонда метавонам», — мегӯяд Дилноза Каримова, 34-сола, ки курсро гузаштааст.",
            "Курси оянда рӯзи душанбе, 10 январи соли 2022, соати 14:30 (вақти Бишкек) оғоз мешавад. Он 1,5 млн сом арзиш дорад ва маблағи онро Ҷопон медиҳад.",
            "Ба @@ нависед ё ба рақами +996 312 61 00 00 занг занед.",
            "[Нақшаи курсро] хонед.",
            "Дарсҳо ба забонҳои қирғизӣ ва русӣ мегузаранд.",
            "Бо кӯдакон омадан мумкин аст.",
        ),
        "Дар бораи курс",
        "Ҳашт зан дар гирди мизи пур аз матоъ нишастаанд.",
    ),
    "uz": (
        "Tikuvchilar mehnat huquqlarini bilib oladi",
        "2021-yil 4-oktabrdan beri idora Bishkek va O‘shda 1250 nafar tikuvchini o‘qitdi, ularning 61 foizi — onalar.",
        _course(
            "“Endi shartnomamni o‘zim o‘qiy olaman”, — deydi kursni tugatgan 34 yoshli Dilnoza Karimova.",
            "Keyingi kurs 2022-yil 10-yanvar, dushanba kuni soat 14:30 da (Bishkek vaqti) boshlanadi. Uning narxi 1,5 mln som bo‘lib, uni Yaponiya to‘laydi.",
            "@@ manziliga yozing yoki +996 312 61 00 00 raqamiga qo‘ng‘iroq qiling.",
            "[Kurs rejasini] o‘qing.",
            "Darslar qirg‘iz va rus tillarida o‘tadi.",
            "Bolalar bilan kelish mumkin.",
        ),
        "Kurs haqida",
        "Mato yoyilgan stol atrofida sakkiz ayol o‘tiribdi.",
    ),
    "tk": (
        "Tikinçiler zähmet hukuklaryny öwrenýärler",
        "2021-nji ýylyň 4-nji oktýabryndan bäri edara Bişkekde we Oşda 1250 tikinçini okatdy, olaryň 61 %-i — eneler.",
        _course(
            "«Indi şertnamamy özüm okap bilýärin» diýip, kursy tamamlan 34 ýaşly Dilnoza Karimowa aýdýar.",
            "Indiki kurs 2022-nji ýylyň 10-njy ýanwarynda, duşenbe güni sagat 14:30-da (Bişkek wagty) başlanýar. Onuň bahasy 1,5 mln som, ony Ýaponiýa töleýär.",
            "@@ salgysyna ýazyň ýa-da +996 312 61 00 00 belgisine jaň ediň.",
            "[Kursuň meýilnamasyny] okaň.",
            "Sapaklar gyrgyz we rus dillerinde geçýär.",
            "Çagalar bilen gelip bolýar.",
        ),
        "Kurs barada",
        "Mata ýazylan stoluň daşynda sekiz zenan otyr.",
    ),
}
ADDRESSES: dict[str, dict[str, str]] = {
    "ru": {"office": "Региональный офис", "postal_address": "Казахстан, 050000, Алматы, улица Примерная, 12"},
    "kk": {"office": "Өңірлік кеңсе", "postal_address": "Қазақстан, 050000, Алматы, Үлгі көшесі, 12"},
    "ky": {"office": "Аймактык кеңсе", "postal_address": "Казакстан, 050000, Алматы, Үлгү көчөсү, 12"},
    "tg": {"office": "Идораи минтақавӣ", "postal_address": "Қазоқистон, 050000, Алмаато, кӯчаи Намунавӣ, 12"},
    "uz": {
        "office": "Mintaqaviy idora",
        "postal_address": "Qozog‘iston, 050000, Olmaota, Namuna ko‘chasi, 12",
    },
    "tk": {"office": "Sebitleýin edara", "postal_address": "Gazagystan, 050000, Almaty, Nusga köçesi, 12"},
}

PICTURE_OF_COURSE = f"{SITE}/media/pictures/course.jpg"
_COURSE = Story(
    "course",
    "news",
    date(2021, 11, 25),
    ("KG",),
    tuple(StoryText(code, *parts) for code, parts in COURSE.items()),
    "https://www.office.int/kg/course",
    Picture(PICTURE_OF_COURSE, 1200, 600),
)


def _edition() -> Description:
    content = CLEAN.content
    head = replace(
        content.masthead,
        languages=LANGUAGES,
        countries=("KZ", "KG", "UZ"),
        taglines=content.masthead.taglines + tuple(LocalText(*one) for one in TAGS.items()),
        texts=tuple(
            MastheadText(code, office=values["office"], postal_address=values["postal_address"])
            for code, values in ADDRESSES.items()
        ),
    )
    stories = tuple(
        replace(
            one, texts=one.texts + tuple(StoryText(code, *parts) for code, parts in MORE[one.key].items())
        )
        for one in content.stories
    )
    blocks = tuple(
        replace(one, texts=one.texts + tuple(LocalText(*parts) for parts in NOTE.items()))
        if one.kind == "text"
        else one
        for one in content.blocks
    )
    content = replace(
        content,
        masthead=head,
        subjects=content.subjects + tuple(Subject(code, *parts) for code, parts in SUBJECTS.items()),
        stories=(*stories, _COURSE),
        blocks=(*blocks[:3], Block("heading", countries=("KG",)), Block("story", ("course",)), *blocks[3:]),
    )
    urls = ("https://www.office.int/kg/course", "https://www.office.int/course/plan")
    return replace(
        CLEAN,
        content=content,
        readers=(*CLEAN.readers, Reader(("KG",), "ky"), Reader((), "tk")),
        pictures={**CLEAN.pictures, PICTURE_OF_COURSE: PictureFact(60_000, 0.9)},
        links={**CLEAN.links, **{url: LinkFact("ok", 200, url) for url in urls}},
    )


CLEAN_IN_SEVEN = _edition()
WRITTEN_IN_SEVEN = {
    kind: replace(
        block,
        texts=block.texts + tuple(LocalText(code, *parts) for code, parts in BLOCKS.get(kind, {}).items()),
    )
    for kind, block in WRITTEN.items()
}


def changed(
    part: str, written: str, other: str, *languages: str, key: str = "course"
) -> Callable[[Description], Description]:
    """Plants another piece of text in a story, in the languages; without any, in all."""

    def plant(description: Description) -> Description:
        for code in languages or LANGUAGES:
            story = description.content.stories_by_key[key]
            text = next(one for one in story.texts if one.language == code)
            assert written in getattr(text, part)
            description = with_text(
                description, key, code, **{part: getattr(text, part).replace(written, other)}
            )
        return description

    return plant


def added(language: str, text: str, key: str = "cash") -> Callable[[Description], Description]:
    """Plants a paragraph at the end of a story's body in a language."""
    return lambda description: with_story(
        description,
        key,
        lambda story: {
            "texts": tuple(
                replace(one, body=f"{one.body}<p>{text}</p>") if one.language == language else one
                for one in story.texts
            )
        },
    )

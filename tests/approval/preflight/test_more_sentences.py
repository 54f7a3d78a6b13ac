# ruff: noqa: E501  (sentences, as people write them)
"""More sentences that a check finds, or must not find: amounts, words of other languages, links, days of events."""

from __future__ import annotations

from dataclasses import replace

from mailer.approval.preflight.check_input import Description
from mailer.approval.preflight.check_table import CODES
from tests.approval.preflight.test_sentences import Sentences, in_story, unlike
from tests.approval.preflight_edition import with_block, with_story, with_text
from tests.approval.preflight_languages import CLEAN_IN_SEVEN, WRITTEN_IN_SEVEN

# The film is shown on 18 December 2021.
OTHER_DAY: Sentences = {
    "en": """
        The film will be shown on 19 December.
    """,
    "ru": """
        Фильм покажут 17 декабря в Доме кино.
    """,
    "kk": """
        Фильм 19 желтоқсанда, жексенбіде көрсетіледі.
    """,
    "ky": """
        Көрсөтүү 19-декабрда өтөт.
    """,
    "tg": """
        Намоиш 19 декабр баргузор мешавад.
    """,
    "uz": """
        Namoyish 19-dekabrda bo‘ladi.
    """,
    "tk": """
        Görkeziliş 19-njy dekabrda bolar.
    """,
}
OWN_DAY: Sentences = {
    "en": """
        The film will be shown on 18 December.
        A second screening will take place on 19 December.
        Registration takes place until 12 December.
    """,
    "ru": """
        Ещё один показ пройдёт 19 декабря.
        Фильм покажут 18 декабря.
    """,
    "kk": """
        Тағы бір көрсетілім 19 желтоқсанда өтеді.
    """,
    "ky": """
        Көрсөтүү 18-декабрда өтөт.
    """,
    "tg": """
        Намоиш то 19 декабр баргузор мешавад.
    """,
    "uz": """
        Namoyish 18-dekabrda bo‘ladi.
    """,
    "tk": """
        Ýene bir görkeziliş 19-njy dekabrda bolar.
    """,
}
FOREIGN: Sentences = {
    "ru": """
        Деньги получают қолма-қол в банке.
        Это называется көші-қон.
    """,
    "kk": """
        Бұл муҳоҷират туралы.
    """,
    "ky": """
        Бул қолма-қол акча.
    """,
    "tg": """
        Ин пулы нақд аст, ва ощутимо зиёд.
        Халқаро муҳожирлар кунига бағишланган фильм
    """,
    "uz": """
        Bu pul geçirim haqida.
    """,
}
QUOTED: Sentences = {
    "ru": """
        Фильм «Қаракөз» и город Өскемен.
        Слово (көші-қон) означает миграцию.
    """,
    "kk": """
        Бұл «муҳоҷират» деген сөз.
    """,
    "ky": """
        Шаар Қарағанды, окуучу Әсел.
    """,
    "tg": """
        Номи ӯ Айгүл аст; «Көшүү» филм аст.
    """,
    "uz": """
        Uning ismi Gülnara, filmi “Geçirim”.
    """,
    "tk": """
        Onuň ady Gulnora.
    """,
    "en": """
        A café in Almaty; the naïve reader.
    """,
}
TWICE: Sentences = {
    "ky": """
        Изилдөө санариптик санариптик которууларды карайт.
    """,
    "kk": """
        Зерттеу аударымдарды аударымдарды қарайды.
    """,
    "uz": """
        Tadqiqot o‘tkazmalarni tadqiqot tadqiqot ko‘rib chiqadi.
    """,
    "tg": """
        Таҳқиқот интиқоли интиқоли пулро меомӯзад.
    """,
}
TWICE_ON_PURPOSE: Sentences = {
    "ky": """
        Алар акырын акырын басты, кайра кайра сурашты.
    """,
    "kk": """
        Олар қайта қайта сұрады, бөлек бөлек отырды.
    """,
    "uz": """
        Ular sekin sekin yurishdi.
    """,
    "tg": """
        Онҳо оҳиста оҳиста рафтанд.
    """,
}
TWO_AMOUNTS: Sentences = {
    "en": """
        Banks moved $3.2 million last year. || The $3.2 billion came from Russia.
    """,
    "ru": """
        Курс стоит 500 долларов. || Курс стоит 500 тенге.
        Проект стоит 2,5 млн долларов. || На проект выделено 2,5 млрд долларов.
    """,
    "kk": """
        Курс 500 теңге тұрады. || Курстың құны 500 доллар.
    """,
    "ky": """
        Курс 500 сом турат. || Курстун баасы 500 доллар.
    """,
    "tg": """
        Курс 500 сомонӣ арзиш дорад. || Арзиши курс 500 доллар аст.
    """,
    "uz": """
        Loyiha 25 mln dollar turadi. || Loyihaga 25 mlrd dollar ajratildi.
    """,
    "tk": """
        Kurs 500 manat durýar. || Kursuň bahasy 500 dollar.
    """,
}
OTHER_AMOUNTS: Sentences = {
    "en": """
        It costs 500 dollars, or 42,500 som. || The 500 dollars are paid at once.
        Banks moved $3.2 million. || In 2020 it was $2.9 billion for all.
    """,
    "ru": """
        Курс стоит 500 сомов. || Ещё 300 долларов стоит дорога.
        Обучены 500 человек. || Курс стоит 500 тенге.
    """,
    "kk": """
        Курс 500 теңге тұрады. || 500 адам оқыды.
    """,
    "uz": """
        Loyiha 25 mln dollar turadi. || Loyihaga 25 kishi keldi.
    """,
}
MEASURES = {
    "en": "The road is 40 km long and takes 3 days.",
    "ru": "Длина дороги 40 км, это 3 дня.",
    "kk": "Жолдың ұзындығы 40 км, бұл 3 күн.",
    "ky": "Жолдун узундугу 40 км, бул 3 күн.",
    "tg": "Дарозии роҳ 40 км, ин 3 рӯз.",
    "uz": "Yo‘l uzunligi 40 km, bu 3 kun.",
    "tk": "Ýoluň uzynlygy 40 km, bu 3 gün.",
}
OTHER_MEASURES = {
    "en": "The road is 40 miles long and takes 3 days.",
    "ru": "Длина дороги 40 км, это 3 недели.",
    "kk": "Жолдың ұзындығы 40 м, бұл 3 ай.",
    "ky": "Жолдун узундугу 40 км, бул 3 саат.",
    "tg": "Дарозии роҳ 40 км, ин 3 ҳафта.",
    "uz": "Yo‘l uzunligi 40 km, bu 3 soat.",
    "tk": "Ýoluň uzynlygy 40 km, bu 3 hepde.",
}


def found(code: str, description: Description) -> set[str]:
    """The languages in which a check finds something."""
    return {one.place.language for one in CODES[code].find(description)}


def test_sentences_and_their_look_alikes() -> None:
    for code, wrong, right in (
        ("date.event_two_days", OTHER_DAY, OWN_DAY),
        ("text.foreign_word", FOREIGN, QUOTED),
        ("text.word_twice", TWICE, TWICE_ON_PURPOSE),
        ("text.amounts_differ", TWO_AMOUNTS, OTHER_AMOUNTS),
    ):
        assert unlike(wrong, code, found=True, story="film") == []
        assert unlike(right, code, found=False, story="film") == []


def measured(**others: str) -> Description:
    edition = CLEAN_IN_SEVEN
    for language, sentence in {**MEASURES, **others}.items():
        body = next(one.body for one in edition.content.stories[0].texts if one.language == language)
        edition = with_text(edition, "map", language, body=f"{body}<p>{sentence}</p>")
    return edition


def test_units_that_differ() -> None:
    assert found("text.units_differ", measured()) == set()
    for language, sentence in OTHER_MEASURES.items():
        assert found("text.units_differ", measured(**{language: sentence})) == {language}


def test_links_of_another_story_or_language() -> None:
    wrong = '<a href="https://www.office.int/cash">Register for the screening</a>'
    right = '<a href="https://www.office.int/cash">the study on transfers</a>'
    assert found("link.other_story", in_story("en", wrong, "film")) == {"en"}
    assert found("link.other_story", in_story("en", right, "film")) == set()
    label = next(one.link_label for one in CLEAN_IN_SEVEN.content.stories[1].texts if one.language == "ru")
    assert found("link.other_story", with_text(CLEAN_IN_SEVEN, "film", "ru", link_label=label)) == {"ru"}
    for uzbek, expected in (("uz", set()), ("ru", {"uz"})):
        pages = {one: one for one in MEASURES} | {"uz": uzbek}
        edition = with_story(
            CLEAN_IN_SEVEN,
            "map",
            lambda story, pages=pages: {
                "texts": tuple(
                    replace(
                        one, body=f'<p><a href="https://www.office.int/{pages[one.language]}/page">1</a></p>'
                    )
                    for one in story.texts
                )
            },
        )
        assert found("link.language_named", edition) == expected


def test_links_to_pages_of_editors() -> None:
    link = '<a href="https://news.office.int/desk/editions/12/">the edition</a>'
    assert found("link.private_page", in_story("en", link, "film")) | found(
        "link.personal", in_story("en", link, "film")
    )


def test_other_family_names_and_genders() -> None:
    block = WRITTEN_IN_SEVEN["picture"]
    texts = tuple(
        replace(one, detail="Айдар Бекенов") if one.language == "ru" else one for one in block.texts
    )
    assert found("text.people_differ", with_block(CLEAN_IN_SEVEN, replace(block, texts=texts))) == {"ru"}
    course = next(one for one in CLEAN_IN_SEVEN.content.stories if one.key == "course")
    body = next(one.body for one in course.texts if one.language == "en")
    assert "Dilnoza Karimova" in body
    planted = with_text(CLEAN_IN_SEVEN, "course", "en", body=body.replace("Karimova", "Karimov"))
    assert found("text.people_differ", planted) == {"en"}


def test_entities_without_a_semicolon_and_untranslated_venues() -> None:
    assert found(
        "text.markup", with_text(CLEAN_IN_SEVEN, "cash", "en", summary="Banks &amp post offices &nbsp send.")
    ) == {"en"}
    venues = {
        "ru": "Ташкент, улица Навои, Дом кино",
        "kk": "Ташкент, улица Навои, Дом кино",
        "en": "Cinema House",
    }
    edition = CLEAN_IN_SEVEN
    for language, venue in venues.items():
        edition = with_text(edition, "film", language, venue=venue)
    assert found("text.same_in_languages", edition) == {"kk"}


def test_stories_that_name_another_country_of_the_region() -> None:
    names = {
        "en": "Tajikistan",
        "ru": "Таджикистан",
        "kk": "Тәжікстан",
        "ky": "Тажикстан",
        "tg": "Тоҷикистон",
    }
    names |= {"uz": "Tojikiston", "tk": "Täjigistan"}
    edition = CLEAN_IN_SEVEN
    for language, name in names.items():
        edition = with_text(edition, "film", language, headline=name, summary=f"{name}.")
    assert list(CODES["text.country_of_story"].find(edition))


REVERSED: Sentences = {
    "en": "The exhibition runs from 20 December 2021 to 5 December 2021.",
    "ru": "Выставка открыта с 20 декабря по 5 декабря.",
    "kk": "Көрме 20 желтоқсан – 5 желтоқсан аралығында ашық.",
    "tg": "Намоишгоҳ аз 20 декабр то 5 декабр кушода аст.",
    "uz": "Ko‘rgazma 20-dekabr – 5-dekabr kunlari ochiq.",
}
IN_ORDER: Sentences = {
    "en": "The exhibition runs from 28 December to 5 January. On 20 December we met; on 5 December it rained.",
    "ru": "Выставка открыта с 28 декабря по 5 января, а не с 5 декабря по 20 декабря.",
    "kk": "Көрме 5 желтоқсан – 20 желтоқсан аралығында ашық.",
    "tg": "Намоишгоҳ аз 5 декабр то 20 декабр кушода аст.",
    "uz": "Ko‘rgazma 5-dekabr – 20-dekabr kunlari ochiq.",
}


def test_ranges_of_dates_that_end_before_they_begin() -> None:
    assert unlike(REVERSED, "date.range_reversed", found=True) == []
    assert unlike(IN_ORDER, "date.range_reversed", found=False) == []


def test_headlines_with_another_day_or_number_than_the_text() -> None:
    wrong = with_text(CLEAN_IN_SEVEN, "film", "ru", headline="Фильм 12 декабря к Международному дню мигранта")
    right = with_text(CLEAN_IN_SEVEN, "film", "ru", headline="Фильм 18 декабря к Международному дню мигранта")
    assert (found("date.event_two_days", wrong), found("date.event_two_days", right)) == ({"ru"}, set())
    for countries, expected in (("four", {"en"}), ("five", set()), ("two", set())):
        text = with_text(
            CLEAN_IN_SEVEN,
            "cash",
            "en",
            headline="Five countries study cash",
            body=f"<p>It asks in {countries} countries.</p>",
        )
        assert found("text.two_numbers", text) == expected


def test_shares_of_women_and_men_in_figures() -> None:
    for lines, expected in (("61 % | women\n49 % | men", {"en"}), ("61 % | women\n39 % | men", set())):
        texts = tuple(
            replace(one, text=lines) if one.language == "en" else one
            for one in WRITTEN_IN_SEVEN["figures"].texts
        )
        block = replace(WRITTEN_IN_SEVEN["figures"], texts=texts)
        assert found("text.wrong_list", with_block(CLEAN_IN_SEVEN, block)) == expected


def test_swapped_shares_and_misspelt_hosts() -> None:
    for share, expected in (("47", {"en"}), ("74", set()), ("30", set())):
        planted = with_text(
            CLEAN_IN_SEVEN,
            "cash",
            "en",
            summary="74% of families get cash.",
            body=f"<p>Of all, {share}% get cash.</p>",
        )
        assert found("text.amounts_differ", planted) == expected
    for host, expected in (("www.ofice.int", {"en"}), ("news.office.int", set()), ("www.un.int", set())):
        link = f'<a href="https://{host}/x">the page of the study</a>'
        assert found("text.contacts_differ", in_story("en", link, "film")) == expected

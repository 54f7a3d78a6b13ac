from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from babel import Locale
from babel.dates import format_date, format_skeleton
from jinja2 import Environment, nodes

from mailer.rendering import localization, merge_tags, template_sandbox
from mailer.rendering.data_types import LocalText
from subscribers import iso_codes

LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
NAMES = re.compile(r"\{\w+\}")


def said_by_the_templates() -> set[str]:
    """Every sentence that a template says, read from the parsed templates."""
    found = {"all countries", "Whole region", "and the region", "Read more", "Follow our page"}
    found |= {"Subscribe", "Earlier editions"}
    folder = next(folder for folder in template_sandbox.TEMPLATES if folder.is_dir())
    for path in folder.rglob("*.*"):
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        for call in tree.find_all(nodes.Call):
            if (
                isinstance(call.node, nodes.Name)
                and call.node.name == "translate"
                and isinstance(call.args[0], nodes.Const)
            ):
                found.add(call.args[0].value)
    assert found
    return found


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_sentence_is_missing_in_a_language(code: str) -> None:
    words = localization.for_language(code)
    assert {sentence for sentence in said_by_the_templates() if not words.has(sentence)} == set()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_translation_keeps_its_placeholders(code: str) -> None:
    for sentence in said_by_the_templates():
        values = {name.strip("{}"): "§" for name in NAMES.findall(sentence)}
        assert localization.for_language(code)(sentence, **values).count("§") == len(values), sentence


def test_the_catalogues_hold_no_unused_message() -> None:
    folder = Path(localization.__file__).with_name("locale")
    assert {path.stem for path in folder.glob("*.po")} == set(LANGUAGES)
    keys = set(re.findall(r'(?m)^msgid "(.+)"$', (folder / "en.po").read_text(encoding="utf-8")))
    assert keys == said_by_the_templates()


def test_an_unknown_language_is_spoken_to_in_english() -> None:
    assert localization.for_language("xx")("Unsubscribe") == "Unsubscribe"
    assert localization.for_language("../../../etc/passwd")("Unsubscribe") == "Unsubscribe"
    assert localization.country_name("KZ", "xx") == "Kazakhstan"


@pytest.mark.parametrize(
    ("code", "period", "day"),
    [
        ("en", "December 2021", "29 November"),
        ("ru", "Декабрь 2021", "29 ноября"),
        ("kk", "2021 жылғы желтоқсан", "29 қараша"),
        ("ky", "Декабрь 2021", "29-ноябрь"),
        ("tg", "Декабр 2021", "29 ноябр"),
        ("uz", "2021-yil dekabr", "29-noyabr"),
        ("tk", "Dekabr 2021", "29 noýabr"),
    ],
)
def test_periods_and_days_follow_the_language(code: str, period: str, day: str) -> None:
    assert localization.period_title("2021-12", code) == period
    assert (
        localization.format_day_without_year_of_period(dt.date(2021, 11, 29), "2021-12", code).replace(
            "\xa0", " "
        )
        == day
    )


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        ("2021-12-06", "6–12 дек 2021"),
        ("2021-11-29-2w", "29 ноя – 12 дек 2021"),
        ("2021-12-27", "27 дек 2021 – 2 янв 2022"),
    ],
)
def test_weeks_in_tajik_have_the_day_before_the_month_as_dates_have(period: str, shown: str) -> None:
    assert localization.period_title(period, "tg").replace("\xa0", " ") == shown
    assert localization.period_in_sentence(period, "tg").replace("\xa0", " ") == shown


# Where readers see something else than CLDR has: what, in which language, and why.
DEVIATIONS = {
    ("day", "tg"): "CLDR writes months as proper names; in a sentence they are not",
    ("day of another year", "tg"): "the same, and CLDR puts a zero before the day",
    ("month", "tg"): "the same; it stands below the number of a day",
    ("period", "ru"): "CLDR adds an abbreviation of “year”, which no title has",
    ("period", "kk"): "CLDR abbreviates “of the year”",
    ("period", "ky"): "CLDR abbreviates “of the year”",
    ("period", "uz"): "CLDR has a comma between month and year",
    ("country KG", "ru"): "the name that the country and its offices use",
    ("language ky", "ru"): "the name that goes with the country’s",
    ("language tg", "uz"): "CLDR has an adjective, and adverbs for Russian, Kazakh and Kyrgyz",
    ("language uz", "uz"): "the same, and another apostrophe than in the country’s name",
    ("language tk", "uz"): "an adjective, as above",
}


def test_dates_countries_and_languages_are_those_of_cldr_but_for_what_is_listed() -> None:
    found = set()
    for code in LANGUAGES:
        cldr = Locale.parse("en_GB" if code == "en" else code)
        pairs: list[tuple[str, str, str]] = []
        for number in range(1, 13):
            when, months = dt.date(2021, number, 5), f"2021-{number:02}"
            pairs += [
                (
                    "day",
                    localization.format_day_without_year_of_period(when, months, code),
                    format_skeleton("MMMMd", when, locale=cldr),
                ),
                (
                    "day of another year",
                    localization.format_day_without_year_of_period(when, "2022-01", code),
                    format_date(when, "long", locale=cldr),
                ),
                (
                    "month",
                    localization.month_name_beside_day(when, code),
                    format_date(when, "MMMM", locale=cldr),
                ),
                (
                    "period",
                    localization.period_in_sentence(months, code),
                    format_skeleton("yMMMM", when, locale=cldr),
                ),
            ]
        pairs += [
            (f"country {one}", localization.country_name(one, code), cldr.territories[one])
            for one in sorted(iso_codes.COUNTRIES)
        ]
        pairs += [
            (f"language {one}", localization.language_name(one, code), cldr.languages[one])
            for one in LANGUAGES
        ]
        # A title begins with a capital, and no reader sees which kind of space stands in a date.
        same = {"period": str.casefold}
        for what, ours, theirs in pairs:
            as_is = same.get(what, str)
            if as_is(re.sub(r"\s", " ", ours)) != as_is(re.sub(r"\s", " ", theirs)):
                found.add((what, code))
        # Times are written as "18:30" in every language.
        assert cldr.time_formats["short"].pattern == "HH:mm"
    assert found == set(DEVIATIONS)


@pytest.mark.parametrize("code", LANGUAGES)
def test_pages_of_readers_name_dates_and_countries_as_emails_do(code: str) -> None:
    for number in range(1, 13):
        when = dt.date(2021, number, 5)
        page, email = (
            iso_codes.long_date(when, code),
            localization.format_day_without_year_of_period(when, "2022-01", code),
        )
        assert re.sub(r"\s", " ", page) == re.sub(r"\s", " ", email)
    for one in iso_codes.COUNTRIES:
        page, email = iso_codes.country_name(one, code), localization.country_name(one, code)
        # Pages have American names, which differ for islands: "St. Lucia".
        assert page == email or (code == "en" and page.startswith(("St.", "U.S.")))


def test_a_day_of_another_year_names_the_year() -> None:
    assert (
        localization.format_day_without_year_of_period(dt.date(2021, 12, 18), "2022-01", "en").replace(
            "\xa0", " "
        )
        == "18 December 2021"
    )


def test_the_text_in_the_reader_s_language_wins_then_the_chain_then_any() -> None:
    texts = [LocalText("uz", "u"), LocalText("ru", "r"), LocalText("en", "e")]
    assert localization.choose_text_or_first(texts, "en", ("ru",)) == texts[2]
    assert localization.choose_text_or_first(texts, "kk", ("tg", "ru", "en")) == texts[1]
    assert localization.choose_text_or_first(texts, "kk", ("tg",)) == texts[0]
    assert localization.choose_text_or_first([], "kk", ("tg",)) is None


def test_a_reader_s_countries_are_named_in_the_reader_s_language() -> None:
    assert merge_tags.country_names_or_all(("KZ", "KG"), "ru") == "Казахстан, Кыргызстан"
    assert merge_tags.country_names_or_all((), "kk") == "барлық елдер"

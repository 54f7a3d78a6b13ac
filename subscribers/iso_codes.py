"""Countries and languages: their codes and names, and dates as each language writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.lists import format_list

# Two-letter codes that CLDR knows and ISO 3166-1 does not assign.
_NOT_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)
# Where CLDR's name is not the one that the country's people use in that language.
_OWN_NAMES = {("ru", "KG"): "Кыргызстан"}
_ENGLISH = Locale("en")
COUNTRIES: frozenset[str] = frozenset(
    code
    for code in map(str, _ENGLISH.territories)
    if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
)
# ISO 3166-1 alpha-3 code to alpha-2 code.
ALPHA_3: dict[str, str] = {
    code: short
    for code, (short, *_) in get_global("territory_aliases").items()
    if len(code) == 3 and code.isalpha() and short in COUNTRIES
}
LANGUAGES: frozenset[str] = frozenset(
    code for code in map(str, _ENGLISH.languages) if len(code) in (2, 3) and code.isalpha()
)

# Names of states in official use, which CLDR lacks: those of the region in its languages, others in English
# and Russian.
OFFICIAL_NAMES: dict[str, tuple[str, ...]] = {
    "KZ": (
        "Republic of Kazakhstan",
        "Республика Казахстан",
        "РК",
        "Қазақстан Республикасы",
        "Qazaqstan Respublikasy",
        "Казакстан Республикасы",
        "Ҷумҳурии Қазоқистон",
        "Qozogʻiston Respublikasi",
        "Қозоғистон Республикаси",
        "Gazagystan Respublikasy",
    ),
    "KG": (
        "Kyrgyz Republic",
        "Republic of Kyrgyzstan",
        "Кыргызская Республика",
        "Киргизская Республика",
        "Республика Кыргызстан",
        "КР",
        "Кыргыз Республикасы",
        "Қырғыз Республикасы",
        "Ҷумҳурии Қирғизистон",
        "Qirgʻiz Respublikasi",
        "Қирғиз Республикаси",
        "Gyrgyz Respublikasy",
    ),
    "TJ": (
        "Republic of Tajikistan",
        "Республика Таджикистан",
        "Ҷумҳурии Тоҷикистон",
        "Тәжікстан Республикасы",
        "Тажикстан Республикасы",
        "Tojikiston Respublikasi",
        "Тожикистон Республикаси",
        "Täjigistan Respublikasy",
    ),
    "TM": (
        "Republic of Turkmenistan",
        "Республика Туркменистан",
        "Түрікменстан Республикасы",
        "Түркмөнстан Республикасы",
        "Ҷумҳурии Туркманистон",
        "Turkmaniston Respublikasi",
        "Туркманистон Республикаси",
        "Türkmenistan Respublikasy",
    ),
    "UZ": (
        "Republic of Uzbekistan",
        "Республика Узбекистан",
        "РУз",
        "Oʻzbekiston Respublikasi",
        "Ўзбекистон Республикаси",
        "Өзбекстан Республикасы",
        "Ҷумҳурии Ӯзбекистон",
        "Özbegistan Respublikasy",
    ),
    "AF": ("Islamic Republic of Afghanistan", "Исламская Республика Афганистан"),
    "AM": ("Republic of Armenia", "Республика Армения"),
    "AT": ("Republic of Austria", "Австрийская Республика"),
    "AU": ("Commonwealth of Australia", "Австралийский Союз"),
    "AZ": ("Republic of Azerbaijan", "Азербайджанская Республика"),
    "BD": ("People's Republic of Bangladesh", "Народная Республика Бангладеш"),
    "BE": ("Kingdom of Belgium", "Королевство Бельгия"),
    "BG": ("Republic of Bulgaria", "Республика Болгария"),
    "BR": ("Federative Republic of Brazil", "Федеративная Республика Бразилия"),
    "BY": ("Republic of Belarus", "Республика Беларусь", "Белоруссия"),
    "CH": ("Swiss Confederation", "Швейцарская Конфедерация"),
    "CN": ("People's Republic of China", "PRC", "Китайская Народная Республика", "КНР"),
    "CZ": ("Czech Republic", "Чешская Республика"),
    "DE": ("Federal Republic of Germany", "Федеративная Республика Германия", "ФРГ"),
    "DK": ("Kingdom of Denmark", "Королевство Дания"),
    "EE": ("Republic of Estonia", "Эстонская Республика"),
    "EG": ("Arab Republic of Egypt", "Арабская Республика Египет"),
    "ES": ("Kingdom of Spain", "Королевство Испания"),
    "FI": ("Republic of Finland", "Финляндская Республика"),
    "FR": ("French Republic", "Французская Республика"),
    "GB": (
        "United Kingdom of Great Britain and Northern Ireland",
        "Great Britain",
        "Соединённое Королевство",
        "Соединенное Королевство",
        "Соединённое Королевство Великобритании и Северной Ирландии",
    ),
    "GE": ("Republic of Georgia",),
    "GR": ("Hellenic Republic", "Греческая Республика"),
    "IN": ("Republic of India", "Республика Индия"),
    "IQ": ("Republic of Iraq", "Республика Ирак"),
    "IR": ("Islamic Republic of Iran", "Исламская Республика Иран"),
    "IT": ("Italian Republic", "Итальянская Республика"),
    "JO": ("Hashemite Kingdom of Jordan", "Иорданское Хашимитское Королевство"),
    "KP": ("Democratic People's Republic of Korea", "DPRK", "КНДР"),
    "KR": ("Republic of Korea", "Республика Корея"),
    "KW": ("State of Kuwait", "Государство Кувейт"),
    "LB": ("Lebanese Republic", "Ливанская Республика"),
    "LT": ("Republic of Lithuania", "Литовская Республика"),
    "LV": ("Republic of Latvia", "Латвийская Республика"),
    "MD": ("Republic of Moldova", "Республика Молдова", "Молдавия"),
    "NL": ("Kingdom of the Netherlands", "Королевство Нидерландов"),
    "NO": ("Kingdom of Norway", "Королевство Норвегия"),
    "PK": ("Islamic Republic of Pakistan", "Исламская Республика Пакистан"),
    "PL": ("Republic of Poland", "Республика Польша"),
    "PT": ("Portuguese Republic", "Португальская Республика"),
    "QA": ("State of Qatar", "Государство Катар"),
    "RS": ("Republic of Serbia", "Республика Сербия"),
    "RU": ("Russian Federation", "Российская Федерация", "РФ"),
    "SA": ("Kingdom of Saudi Arabia", "Королевство Саудовская Аравия"),
    "SE": ("Kingdom of Sweden", "Королевство Швеция"),
    "SK": ("Slovak Republic", "Словацкая Республика"),
    "SY": ("Syrian Arab Republic", "Сирийская Арабская Республика"),
    "TR": ("Republic of Türkiye", "Republic of Turkey", "Турецкая Республика"),
    "US": ("United States of America", "Соединённые Штаты Америки", "Соединенные Штаты Америки"),
    "VN": ("Socialist Republic of Viet Nam", "Социалистическая Республика Вьетнам"),
    "YE": ("Republic of Yemen", "Йеменская Республика"),
}


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """The CLDR locale of a language code; English where CLDR has none."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return _ENGLISH


def country_name(code: str, language: str) -> str:
    """The country's name in `language`, else in English, else its code."""
    own = _OWN_NAMES.get((language, code))
    return own or locale_of(language).territories.get(code) or _ENGLISH.territories.get(code) or code


def language_name(code: str, language: str) -> str:
    """The language's name in `language`, else in English, else its code."""
    return locale_of(language).languages.get(code) or _ENGLISH.languages.get(code) or code


def country_names(codes: Sequence[str], language: str) -> str:
    """Names joined as the language joins a list: "Kazakhstan, Kyrgyzstan and Uzbekistan"."""
    return format_list([country_name(code, language) for code in codes], locale=locale_of(language))


def long_date(day: date, language: str) -> str:
    """A day as readers write it, and emails do: "31 January 2027", "31 января 2027 г."."""
    # English dates are those of international offices. CLDR writes Tajik ones as "05 Ноябр 2021".
    where = Locale.parse("en_GB") if language == "en" else locale_of(language)
    if language == "tg":
        return format_date(day, "d MMMM y", locale=where).lower()
    return format_date(day, "long", locale=where)


def parse_countries(codes: Iterable[str]) -> tuple[str, ...]:
    """Upper-case, distinct, sorted ISO 3166-1 alpha-2 codes.

    Raises ValueError naming the first that is none.
    """
    found = {code.strip().upper() for code in codes if code.strip()}
    for code in sorted(found):
        if code not in COUNTRIES:
            raise ValueError(f"{code} is no ISO 3166-1 country code")
    return tuple(sorted(found))

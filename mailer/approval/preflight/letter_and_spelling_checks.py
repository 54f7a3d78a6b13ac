"""Checks of letters and spelling: lost letters of an alphabet, apostrophes, misspellings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from mailer.approval.preflight.check_input import PROSE, Description, Text, excerpt, split_sentences
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.words_without_special_letters import old_font_word, word_without_letters
from mailer.rendering import language_detection

_COMMON_SLIPS: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:goverment|recieve[ds]?|teh|seperate|occured|untill|wich|adress|begining|beleive|comittee|"
        r"enviroment|accomodat\w+|"
        r"acheive\w*|definately|neccessary|publically|occurence|refered|succesful\w*|tommorow|thier|"
        r"wether|writting|traning|trainning|"
        r"migrans|refugess|particpant\w*|particiapnt\w*|organzation|orgnization|managment|developement|"
        r"commision|foriegn|independant|labor(?= organi[sz]ation))\b",
        re.IGNORECASE,
    ),
    "ru": re.compile(
        r"\b(?:расчитан\w*|учавств\w+|будующ\w+|следущ\w+|исскуств\w*|пробле?мм\w+|коммисси\w+|комисия|"
        r"програм(?:а|ы|е|у|ой)|агенств\w+|"
        r"правительсв\w*|учереж\w+|юбилейн?ний|преиму?шеств\w*|впринципе|вобщем|вообщем|извен?яюсь|"
        r"вкратце е|сдесь|зделать|зделан\w*|"
        r"обьяв\w+|обьедин\w+|сьезд\w*|подьем\w*|обьект\w*|сотрудничест?в[еа]а|мероприят[еяи]е|"
        r"финанасов\w+|мигрант[ао]в[ыа])\b",
        re.IGNORECASE,
    ),
}
_KEYBOARD = re.compile(
    r"(?<![\w.])(?=[a-z\[\];',.]*[bcdfghjklmnpqrstvwxyz]{4})(?=\w*[,;\[\]])?[a-zA-Z]{5,}(?![\w.])"
)
_VOWELS = re.compile("[aeiouyäöüý]", re.IGNORECASE)
# The letters that a foreign keyboard does not have; and how many letters of a text leave no doubt.
_OWN_LETTERS: Mapping[str, str] = {"kk": "әғқңөұүһі", "ky": "ңөү", "tg": "ғӣқӯҳҷ", "tk": "çäžňöşüý"}
_LEAST_LETTERS: Mapping[str, int] = {"kk": 50, "ky": 90, "tg": 90, "tk": 50}
# Uzbek words that have an oʻ or gʻ, without its sign.
_UZBEK_BARE = re.compile(
    r"\b(?:boyicha|korsat\w+|toliq|malumot\w*|otkaz\w+|organ\w+|ozbek\w*|togri|kop(?=\s|\b)|bolib|boladi|"
    r"bolgan|yoq|qollab|"
    r"orta|ozi|soz\w*|togrisida|qoshim\w+|ogir|togilgan|oqit\w+|oqish)\b",
    re.IGNORECASE,
)
_LONGEST_WORD = 60


@check_each_text
def missing_special_letters(text: Text) -> Iterator[Found]:
    """Texts without the letters that their alphabet has beside the common ones: "коптеген суроолорго"."""
    code = text.language.partition("-")[0]
    if code == "uz" and (bare := _UZBEK_BARE.search(text.plain)):
        yield Found(text.place, bare[0])
    elif typed := word_without_letters(text.plain, code):
        yield Found(text.place, typed)
        return
    if code not in _OWN_LETTERS or text.field not in PROSE:
        return
    for sentence in split_sentences(text.plain):
        letters = sum(map(str.isalpha, sentence))
        own = sum(one in _OWN_LETTERS[code] for one in sentence.casefold())
        if (
            letters >= _LEAST_LETTERS[code]
            and not own
            and not language_detection.contradicting_language(sentence, code)
        ):
            yield Found(text.place, excerpt(sentence))
            break
    else:
        yield from _latin_in_cyrillic(text, code)


@check_each_text
def legacy_font_encoding(text: Text) -> Iterator[Found]:
    """Kazakh, Kyrgyz and Tajik in an 8-bit font: "Тољикистон" for «Тоҷикистон»."""
    if word := old_font_word(text.plain, text.language.partition("-")[0]):
        yield Found(text.place, word)


def _latin_in_cyrillic(text: Text, code: str) -> Iterator[Found]:
    """Kazakh in Latin letters, and the Latin i in Kazakh words."""
    if (
        code == "kk"
        and len(re.findall("[ÁáǴǵÚúÝýŃńÓóİıŞşÇçĞğÖöÜüÄä]", text.plain)) >= 4
        and len(re.findall("[A-Za-z]", text.plain)) > 30
    ):
        yield Found(text.place, excerpt(text.plain))
    mixed = re.search("(?<=[\u0400-\u052f])[A-Za-z]|[A-Za-z](?=[\u0400-\u052f])", text.plain)
    if code == "kk" and mixed and mixed[0] in "iIhH":
        word = next(
            one
            for one in re.findall(r"\w+", text.plain)
            if re.search("[iIhH]", one) and re.search("[\u0400-\u052f]", one)
        )
        if min(len(re.findall("[A-Za-z]", word)), len(word)) > 2 or len(word) < 4:
            yield Found(text.place, word)


def mixed_uzbek_apostrophes(description: Description) -> Iterator[Found]:
    """Uzbek oʻ and gʻ with different signs in one edition."""
    signs: dict[str, list[Text]] = defaultdict(list)
    for text in description.texts:
        if text.language.startswith("uz") and text.place.kind != "newsletter":
            for sign in dict.fromkeys(re.findall("(?<=[oOgG])[‘ʻ’'`ʼ](?=\\w)", text.plain)):
                signs[{"ʻ": "‘", "ʼ": "’"}.get(sign, sign)].append(text)
    if len(signs) > 1:
        rare = min(signs, key=lambda sign: len(signs[sign]))
        for text in signs[rare]:
            yield Found(text.place, f"{rare} / {max(signs, key=lambda sign: len(signs[sign]))}")


@check_each_text
def misspellings(text: Text) -> Iterator[Found]:
    """Frequent misspellings, Russian typed on an English keyboard, words without an end."""
    pattern = _COMMON_SLIPS.get(text.language)
    if pattern and (found := pattern.search(text.plain)):
        yield Found(text.place, found[0])
    elif text.language in ("ru", "kk", "ky", "tg") and (typed := _typed_in_latin(text.plain)):
        yield Found(text.place, typed)
    elif word := next((one for one in re.findall(r"\w+", text.plain) if len(one) > _LONGEST_WORD), ""):
        yield Found(text.place, excerpt(word))


def _typed_in_latin(plain: str) -> str:
    """Latin words without vowels between Cyrillic ones: "ghbdtn" is «привет» on the other keyboard."""
    words = [one for one in re.findall(r"(?<![\w./@-])[A-Za-z]{4,}(?![\w./@-])", plain) if one[1:].islower()]
    strange = [one for one in words if len(_VOWELS.findall(one)) <= len(one) / 6]
    return strange[0] if strange else ""

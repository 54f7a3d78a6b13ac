"""Checks of the texts that staff wrote: characters, language, phrases that spam filters count."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from mailer.approval.preflight.check_input import (
    Description,
    Place,
    Text,
    excerpt,
    split_sentences,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.rendering import language_detection, localization
from subscribers.translate_stored_texts import stored

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Zero-width joiners stand in emoji and in Persian; the soft hyphen is a hyphen.
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u180e\u2061-\u2064]|(?<=[A-Za-zА-яЁё])[\u200c\u200d]")
_PAIRS = {")": "(", "]": "[", "}": "{", "»": "«"}
_LIST_MARK = re.compile(r"(?m)(?:^|\s)\w{1,2}\)(?=\s)|[:;]-?[)(]")
_TICK = re.compile(r'(?<=\d)["″]')
_SHOUT = re.compile(r"!{2,}|\${2,}|€{2,}|[!?]*(?:!\?|\?!)[!?]+")
_LEAST_CAPITALS = 12
# Texts that stand on a line of their own in large letters.
_LINES = frozenset(("headline", "heading", "button", "video_title", "link_label"))
_ABBREVIATIONS, _LONGEST_ABBREVIATION = 4, 6
# Of a text whose language is an error, and of a subject or preview text in another script; shorter ones warn.
_LEAST_LETTERS, _LEAST_OF_SUBJECT = 60, 30
# Texts of paragraphs, each of which may be an error on its own.
_LONG = frozenset(("summary", "body", "text", "note"))
# Of a sentence beside others that is looked at; of one in other letters.
_LEAST_OF_SENTENCE, _LEAST_IN_OTHER_LETTERS = 40, 25
# How much likelier the other language of a sentence must be: the rest of the text speaks for the label.
_SURE = 40.0
# Names are in any language.
_NAMES = frozenset(("newsletter_name", "office", "postal_address", "sender_name"))

# Phrases that content filters and readers take for advertising, by language.
_SPAM: Mapping[str, tuple[str, ...]] = {
    "en": (
        *(
            "act now",
            "buy now",
            "order now",
            "click below",
            "limited time",
            "risk-free",
            "risk free",
            "100% free",
        ),
        *("you have won", "you are a winner", "cash bonus", "earn money", "extra income", "no obligation"),
        *(
            "dear friend",
            "once in a lifetime",
            "special offer",
            "double your",
            "guaranteed income",
            "urgent reply",
        ),
    ),
    "ru": (
        *("только сегодня", "купите сейчас", "вы выиграли", "заработайте", "быстрый заработок", "без риска"),
        *("100% бесплатно", "абсолютно бесплатно", "спешите", "не упустите", "специальное предложение"),
        *("успейте", "гарантированный доход", "срочный ответ", "дорогой друг", "жмите", "кредит без"),
    ),
    "kk": (
        *("тек бүгін ғана", "сіз ұтып алдыңыз", "тегін алыңыз", "асығыңыз", "ақша табыңыз", "арнайы ұсыныс"),
        *("қазір сатып алыңыз", "қалт жібермеңіз", "100% тегін"),
    ),
    "ky": (
        *("бүгүн гана", "сиз утуп алдыңыз", "бекер алыңыз", "шашылыңыз", "акча табыңыз", "атайын сунуш"),
        *("азыр сатып алыңыз", "100% бекер"),
    ),
    "tg": (
        *("танҳо имрӯз", "шумо ғолиб шудед", "ройгон гиред", "шитоб кунед", "пул кор кунед"),
        *("пешниҳоди махсус", "ҳозир харед", "100% ройгон"),
    ),
    "uz": (
        *("faqat bugun", "siz yutdingiz", "bepul oling", "shoshiling", "pul ishlang", "maxsus taklif"),
        *("hozir sotib oling", "100% bepul"),
    ),
    "tk": (
        *("diňe şu gün", "siz utduňyz", "mugt alyň", "howlugyň", "pul gazanyň", "ýörite teklip"),
        *("häzir satyn alyň", "100% mugt"),
    ),
}


@check_each_text
def bidi_overrides(text: Text) -> Iterator[Found]:
    """Characters that turn the direction of what follows, so that it reads as something else."""
    if found := _BIDI.search(text.plain):
        yield Found(text.place, _code_point(found[0]))


@check_each_text
def zero_width_characters(text: Text) -> Iterator[Found]:
    """Characters without a width, which search, filters and screen readers stumble over."""
    if found := _ZERO_WIDTH.search(text.plain):
        yield Found(text.place, _code_point(found[0]))


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


@check_each_text
def unbalanced_brackets_and_quotes(text: Text) -> Iterator[Found]:
    """Brackets and quotation marks that are opened and not closed, or the other way round."""
    if found := _unbalanced(text.plain):
        yield Found(text.place, found)


def _unbalanced(plain: str) -> str:
    open_ones: list[str] = []
    # "(objective 10) and": the bracket of a list's number closes none that is open.
    marks = (
        one
        for one in _LIST_MARK.finditer(plain)
        if plain.count("(", 0, one.start()) <= plain.count(")", 0, one.start())
    )
    without = list(plain)
    for mark in marks:
        without[mark.start() : mark.end()] = " " * len(mark[0])
    for character in without:
        if character in "([{«":
            open_ones.append(character)
        elif character in _PAIRS and (not open_ones or open_ones.pop() != _PAIRS[character]):
            return character
    if open_ones:
        return open_ones[-1]
    plain = _TICK.sub("", plain)
    # „…“ is German and Russian, “…” English, „…” Polish: the middle one opens or closes.
    low, middle, high = (plain.count(mark) for mark in "„“”")
    closing, odd = divmod(low + middle - high, 2)
    if odd or not 0 <= closing <= min(low, middle):
        return "„" if low else "“"
    return '"' if plain.count('"') % 2 else ""


@check_each_text
def short_line_in_capitals(text: Text) -> Iterator[Found]:
    """Headlines, buttons and other short lines that shout."""
    if text.field in _LINES and is_in_capitals(text.plain):
        yield Found(text.place, excerpt(text.plain))


def is_in_capitals(plain: str) -> bool:
    """Whether a line of some length is in capital letters."""
    letters = [one for one in plain if one.isalpha()]
    if len(letters) < _LEAST_CAPITALS or sum(map(str.isupper, letters)) <= 0.8 * len(letters):
        return False
    # A row of abbreviations is none: "UNHCR, UNICEF, OSCE".
    words = re.findall(r"[^\W\d_]+", plain)
    return len(words) > _ABBREVIATIONS or max(map(len, words)) > _LONGEST_ABBREVIATION


@check_each_text
def spam_phrases(text: Text) -> Iterator[Found]:
    """Phrases of advertising in the text's language, and rows of exclamation marks."""
    lower = " ".join(text.plain.casefold().split())
    phrases = _SPAM.get(text.language, ())
    if found := next((one for one in phrases if re.search(rf"(?<!\w){re.escape(one)}", lower)), ""):
        yield Found(text.place, found)
    elif shout := _SHOUT.search(text.plain):
        yield Found(text.place, shout[0])


def wrong_language(description: Description) -> Iterator[Found]:
    """Whole texts, or long pieces of one, in another language than their label."""
    for place, texts in _by_place(description):
        whole = "\n".join(one.plain for one in texts)
        long = (one.plain for one in texts if one.field in _LONG)
        if found := _certain_contradiction(whole, place) or next(
            filter(None, (_surely(one, place) for one in long)), None
        ):
            yield Found(place, _looks_like(found.language))


def _surely(plain: str, place: Place) -> language_detection.Detected | None:
    """The language of one text among others, which speak for the label."""
    found = _certain_contradiction(plain, place)
    return found if found and found.margin >= _SURE else None


def _certain_contradiction(plain: str, place: Place) -> language_detection.Detected | None:
    """The text's language, where a text of some length is not in the labelled one."""
    letters = sum(map(str.isalpha, plain))
    if letters < (_LEAST_OF_SUBJECT if place.kind == "subject" else _LEAST_LETTERS):
        return None
    found = language_detection.contradicting_language(plain, place.language)
    return found if found and (letters >= _LEAST_LETTERS or found.margin == math.inf) else None


def doubtful_language(description: Description) -> Iterator[Found]:
    """A short text, or one beside others, that seems to be in another language than the labelled one."""
    reported = {found.place for found in wrong_language(description)}
    for place, texts in _by_place(description):
        if place in reported:
            continue
        pieces = (
            (piece, margin)
            for text in texts
            for piece, margin in ((text.plain, 0.0), *_sentences(text.plain))
        )
        for piece, margin in pieces:
            found = language_detection.contradicting_language(piece, place.language)
            if found and found.margin >= margin:
                yield Found(place, f"{excerpt(piece)} ({found.language})")
                break
        else:
            foreign = (
                one.plain
                for one in texts
                if one.field in _LONG and language_detection.is_in_unsupported_language(one.plain)
            )
            if other := next(foreign, ""):
                yield Found(place, excerpt(other))


def _sentences(plain: str) -> Iterator[tuple[str, float]]:
    """The longer sentences of a text, of which each decides on its own, and how sure it must be."""
    pieces = split_sentences(plain)
    for one in pieces if len(pieces) > 1 else ():
        letters = sum(map(str.isalpha, one))
        if letters >= _LEAST_IN_OTHER_LETTERS:
            yield one, _SURE if letters >= _LEAST_OF_SENTENCE else math.inf


def _looks_like(language: str) -> str:
    return stored(
        "This text seems to be in this language: %(language)s.",
        language=localization.name_in_english(language),
    )


def _by_place(description: Description) -> Iterator[tuple[Place, list[Text]]]:
    written = (one for one in description.texts if one.field not in _NAMES)
    for place, texts in groupby(written, key=lambda one: one.place):
        yield place, list(texts)


@check_each_text
def mixed_alphabets(text: Text) -> Iterator[Found]:
    """Words in which Latin and Cyrillic letters stand side by side: "Кaзахстан" with a Latin a."""
    for word in re.findall(r"[^\W\d_]{3,}", text.plain):
        latin = len(re.findall("[A-Za-z]", word))
        cyrillic = len(re.findall("[\u0400-\u052f]", word))
        if latin and cyrillic and min(latin, cyrillic) <= 2 and len(word) >= 4:
            yield Found(text.place, excerpt(word))
            break


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u061c]")
# What looks like letters: mathematical bold, full width, private use, ligatures of PDF files.
_STYLED = re.compile(
    "[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a\ue000-\uf8ff\ufb00-\ufb06\u24b6-\u24e9]"
)
_DECOMPOSED = re.compile("[иИеЕуУ][\u0306\u0308]|[a-zA-Z][\u0300-\u0304\u0306-\u030c\u0327]|\\w\u00b4\\w")
_LOST_LETTER = re.compile(
    r"(?<![\w?/&=])[^\W\d_]{1,12}\?[^\W\d_]{2,}|(?<=\s)\?[^\W\d_]{2,}|[a-z]\?(?:s|t|re|ll|ve)\b"
)


@check_each_text
def odd_characters(text: Text) -> Iterator[Found]:
    """Characters that show as boxes or styled letters, and letters that are put together of two."""
    for pattern in (_CONTROL, _STYLED, _DECOMPOSED):
        if found := pattern.search(text.plain):
            yield Found(
                text.place,
                f"{excerpt(found[0])} ({' '.join(f'U+{ord(one):04X}' for one in found[0][:3])})",
            )
            break


@check_each_text
def wrong_encoding(text: Text) -> Iterator[Found]:
    """Cyrillic letters that were read as Western ones ("Èññëåäîâàíèå"), or lost (“?”, "ж?не")."""
    western = re.findall("[\u00c0-\u00ff]{4,}", text.plain)
    if found := next((one for one in western if _reads_as_cyrillic(one)), ""):
        yield Found(text.place, excerpt(found))
    elif lost := _LOST_LETTER.search(re.sub(r"\S*(?:://|www\.)\S*", " ", text.plain)):
        yield Found(text.place, excerpt(lost[0]))


def _reads_as_cyrillic(letters: str) -> bool:
    try:
        return bool(re.fullmatch("[а-яА-ЯёЁ]+", letters.encode("cp1252").decode("cp1251")))
    except UnicodeError:
        return False

"""Checks for what must not be in a newsletter: personal data, passwords, loaded words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mailer.approval.preflight.check_input import Description, Text, excerpt
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.inbox_checks import FREE_MAIL
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.stated_facts import EMAIL

_FLAGS = re.VERBOSE | re.IGNORECASE
_IDENTITY = re.compile(
    r"""
    \b(?:passport|паспорт|төлқұжат|шиноснома|pasport)\w*\s*(?:no\.?|number|№|серия|номер|нөмірі|
      raqami)?\s*:?\s*[A-ZА-Я]{0,2}\s?№?\s?\d{6,9}\b
    | \b(?:ИИН|ЖСН|ИНН|ПИНФЛ|JSHSHIR|PIN|IIN)\s*:?\s*\d{9,14}\b
    | (?<!\d)(?:\d{4}[ -]){3}\d{4}(?!\d) | \b(?:KZ|KG|UZ|TJ|TM)\d{2}[A-Z0-9 ]{12,24}\b
    | \b(?:date\s+of\s+birth|d\.?o\.?b\.?|дата\s+рождения|туған\s+күні|туулган\s+күнү|санаи\s+таваллуд|
      tug.?ilgan\s+sana(?:si)?|doglan\s+güni)\s*:?\s*\d
    | \b(?:жив[её]т|проживает|проживающ\w+|lives|resid(?:es|ing))\s+(?:по\s+адресу|
      at)\s*:?\s*[^.\n]{0,40}\d | \bкв\.\s?\d+
    """,
    _FLAGS,
)
_PASSWORD = re.compile(
    r"\b(?:password|passcode|пароль|құпиясөз|құпия\s+сөз|сырсөз|рамз|parol|"
    r"açar\s+söz)(?:\s+[^\W\d_]+){0,3}\s*[:=–—]\s*(?=\S*\d)\S{4,}",
    re.IGNORECASE,
)
# Of children and of those to whom harm was done: their names in full.
_VICTIM = re.compile(
    r"\b(?:victim|survivor|minor|жертва|пострадавш(?:ая|ий)|потерпевш(?:ая|ий)|құрбан|жабыркаган|"
    r"қурбон\w*|qurbon)\b\s*,?\s+"
    r"(?-i:[A-ZА-ЯЁӘҒҚҢӨҰҮҺІ][^\W\d_]+\s+[A-ZА-ЯЁӘҒҚҢӨҰҮҺІ][^\W\d_]+)",
    re.IGNORECASE,
)
# Words for people that offices of the United Nations do not use.
_LOADED = re.compile(
    r"\billegal\s+(?:im)?migra(?:nt|tion)\w*|\billegals\b|\billegal\s+aliens?\b|"
    r"\bнелегальн\w+\s+(?:им)?мигра\w+|\bнелегал(?:ы|ов|ам|ами|ах)?\b"
    r"|\bгастарбайтер\w*|\bзаңсыз\s+мигрант\w*|\bмыйзамсыз\s+мигрант\w*|\bмуҳоҷир\w*\s+ғайриқонунӣ|"
    r"\bnoqonuniy\s+m[iu]\w+r?ant\w*|\bbikanun\s+migrant\w*"
    r"|\bthe\s+(?:disabled|handicapped)\b|\binvalids\b|\bинвалид(?:ы|ов|ам)\b|\bchairman\b|\bmanpower\b|"
    r"\bmankind\b",
    re.IGNORECASE,
)
_CLICK = re.compile(
    r"\bclick\s+(?:here|on\s+the\s+link|below|the\s+(?:link|button))\b|\b(?:нажмите|кликните)\s+(?:здесь|"
    r"сюда|на\s+ссылку)\b|\b(?:мұнда|осында)\s+басыңыз\b"
    r"|\b(?:бул|ушул)\s+жерди\s+басыңыз\b|\bин\s?ҷоро\s+(?:пахш|зер)\b|\b(?:bu|shu)\s+yer(?:ga|"
    r"ni)\s+bosing\b|\b(?:şu|bu)\s+ýere\s+basyň\b",
    re.IGNORECASE,
)


@check_each_text
def personal_data(text: Text) -> Iterator[Found]:
    """Numbers of passports, cards and persons, birthdays, addresses of homes, names of victims, passwords."""
    found = _IDENTITY.search(text.plain) or _PASSWORD.search(text.plain) or _VICTIM.search(text.plain)
    if found and text.field != "postal_address":
        yield Found(text.place, excerpt(found[0]))


def free_mail_addresses(description: Description) -> Iterator[Found]:
    """E-mail addresses at free providers, in texts, links and for answers."""
    for text in description.texts:
        if found := next((one for one in EMAIL.findall(text.plain) if _is_private(one)), ""):
            yield Found(text.place, found)
    for link in description.anchors:
        address = link.url.removeprefix("mailto:").partition("?")[0]
        if link.url.startswith("mailto:") and _is_private(address) and address not in link.words:
            yield Found(link.place, address)


def _is_private(address: str) -> bool:
    return address.rpartition("@")[2].lower().rstrip(".") in FREE_MAIL


@check_each_text
def loaded_words(text: Text) -> Iterator[Found]:
    """Words for people that are not used any more: "illegal migrants"."""
    if found := _LOADED.search(text.plain):
        yield Found(text.place, excerpt(found[0]))


def click_here_without_link(description: Description) -> Iterator[Found]:
    """ "Click here" in a text; links that say so have a check of their own."""
    pressed = " ".join(link.words.casefold() for link in description.anchors)
    for text in description.texts:
        if (found := _click_here_in(text.plain)) and found.casefold() not in pressed:
            yield Found(text.place, excerpt(found))


@lru_cache(maxsize=2_000)
def _click_here_in(plain: str) -> str:
    return found[0] if (found := _CLICK.search(plain)) else ""

"""Checks for texts that are still to be written: placeholders, marks of a draft, and "to be announced"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mailer.approval.preflight.check_input import Text, excerpt
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text

# What writers put where a text is still to come, and the merge tags of other products.
_PLACEHOLDERS = re.compile(
    r"""
    \blorem\s+ipsum\b | \bdolor\s+sit\s+amet\b
    | \b(?:TODO|FIXME|TBD|TBC|TBA|TKTK)\b
    | \b(?:sample|placeholder|dummy)\s+(?:text|headline|title|name)\b(?:\s+here\b)?
    | \byour\s+(?:text|headline|title|name)\s+here\b | ^\W*your\s+(?:text|headline|title|name)\W*$
    | \[\s*your\s[^\]]*\] | \byour\s+name,\s+(?:position|title|organi[sz]ation)\b
    | \b(?:text|headline|title|summary)\s+(?:goes\s+)?here\b
    | \b[xXхХ]{2,3}(?:[-\s][xXхХ]{2})+\b | \d[-\s(][xXхХ]{3}\b
    | \b[xX]{3,}\b | (?-i:\bxx\b) | (?<![\w])(?:20)XX\b | \bXX(?=[.:/%]|\s*%)
    | \{\{.*?\}\} | \{%.*?%\} | \{[A-Za-z_]+\} | \$\{.*?\} | \*\|.*?\|\* | %%.*?%% | %[A-Z_]{3,}% | <<.*?>>
    | \[\[.*?\]\] | \[(?:insert|add|name|date|link|title|place|tbd|todo)\b[^\]]*\]
    | \[[^\]]*\b(?:to\s+come|to\s+follow|goes\s+here|здесь\s+будет|будет\s+позже)\b[^\]]*\]
    | \[(?:вставить|добавить|указать|уточнить|имя|дата|ссылка|название|место)\b[^\]]*\]
    | \[(?:кірістіру|қосу|аты|күні|сілтеме|киргизүү|кошуу|шилтеме|ном|сана|истинод)\b[^\]]*\]
    | \[(?:qoʻshish|sana|havola|goşmak|senesi)\b[^\]]*\]
    | \bтекст[-\s]рыба\b | \bрыба[-\s]текст\b | \b(?:ваш|здесь)\s+(?:будет\s+)?текст\b | \bуточнить!
    | \bмәтін\s+осында\b | \bтекст\s+ушул\s+жерде\b | \bматн\s+ин\s+ҷо\b | \bmatn\s+shu\s+yerda\b
    | \((?:check|verify|to\s+be\s+(?:confirmed|checked)|проверить|перепроверить|уточнить|дописать|добавить|
        тексеру|текшерүү|санҷидан|tekshirish|barlamaly)\b[^)]{0,80}\)
    # The marks of translation programs: {1}, <2/>, {0>, <g id="1">.
    | [{<]/?\d{1,3}/?[}>] | </?(?:g|x|bx|ex|bpt|ept|ph|mrk)(?:\s[^<>]*)?/?>
    | \[email\s+protected\] | \[/?(?:caption|gallery|embed|video|audio|button|shortcode)\b[^\]]*\]
    | \b(?-i:ФИО|Ф\.\s?И\.\s?О\.) | \bname\s+surname\b | \bимя\s+фамилия\b | \bism\s+familiya\b
    | _{3,} | \?{3,} | …{2,} | \.{5,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "XX" is also the twentieth: a century, a congress, games.
_TWO_X = re.compile(
    r"\bXX\b(?!\s*[-–]?\s*\w*(?:век|ғасыр|кылым|аср|asr|centur|congress|"
    r"съезд|сесс|sess|games|игр|th|го|й\b|лет))"
)
# "The tagline is written here": in seven languages, what is to come and where.
_WRITE_HERE = re.compile(
    r"""
    \b(?:text|headline|title|summary|tagline|caption|quote|subtitle|description|photo|picture|logo|name|
      address)
        \s+(?:(?:is|goes|comes|will\s+be|to\s+be)\s+)*(?:written|added|inserted|placed)?\s*here\b
    | \b(?:type|insert|paste|enter)\s+(?:\w+\s+){1,3}here\b
    | \b(?:текст|заголов\w+|слоган|девиз|подпись|цитат\w|фото|название|имя|описание|адрес)
        \s+(?:(?:будет|пишется|нужно|надо)\s+)?(?:(?:написать|вписать|вставить|добавить)\s+)?(?:здесь|сюда)\b
    | \b(?:здесь|сюда)\s+(?:будет|пойд[её]т|вставить|вписать|впишите|вставьте)\b
    | \b(?:осы|мына)\s+жерге\s+(?:\w+\s+)?(?:жазылады|енгізіледі|қойылады|қосылады|енгізіңіз)
    | \b(?:ушул|бул)\s+жерге\s+(?:\w+\s+)?(?:жазылат|киргизилет|коюлат|кошулат|киргизиңиз)
    | \bин\s?ҷо\s+(?:\w+\s+)?(?:навишта|ворид|гузошта|илова)\s+(?:мешавад|карда|шавад|кунед)
    | \b(?:shu|bu)\s+yerga\s+(?:\w+\s+)?(?:yoziladi|kirit(?:iladi|ing)|qo.?(?:y|sh)iladi|joylashtiriladi)
    | \b(?:şu|bu)\s+ýere\s+(?:\w+\s+)?(?:ýazylýar|ýazylar|goýulýar|goýlar|girizilýär|goşulýar)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What files are called while people work on them: "FINAL v2 …", "… (TEST)", "Copy of …".
_DRAFT_MARK = re.compile(
    r"""
    ^\W*(?:test|тест)\s*\d*\s*: | \b(?-i:FINAL|ФИНАЛ)\W*$
    | ^\W*(?-i:(?:FINAL|DRAFT|TEST|ТЕСТ|ЧЕРНОВИК|ФИНАЛ)\b(?!\s+[A-ZА-ЯЁ]{2}))
    | [(\[](?:final|draft|test|copy|тест|черновик|финал|копия|проба|сынақ|сыноо|санҷиш|sinov|synag)\s*\d*[)\]]
    | \b(?:final|draft|финал|черновик)[\s_.-]*(?:v|ver|version|версия|вариант)?[\s_.-]*\d{1,2}\b
    | [\s_(-]v\d{1,2}\)?$ | _(?:final|draft|new|old|финал|черновик)\b | ^copy\s+of\b | ^копия\s*[:—-]
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Texts of a line, whose mark is no part of a sentence.
_MARKED = frozenset(
    (
        *("subject", "preheader", "headline", "heading", "link_label", "caption", "button", "video_title"),
        *("tagline", "newsletter_name", "office", "sender_name", "signature"),
    )
)
# "To be announced", as a venue, a person or a caption.
_TO_COME = re.compile(
    r"""
    \bto\s+be\s+(?:announced|confirmed|decided|determined|defined)\b | \bnot\s+(?:yet\s+)?(?:known|decided)\b
    | \b(?:will\s+be\s+)?(?:announced|confirmed)\s+later\b
    | \b(?:уточн|определ|сообщ|объяв|известн)\w*\s+(?:позже|позднее|дополнительно)\b
    | \b(?:позже|позднее|дополнительно)\s+(?:будет\s+)?(?:сообщ|объяв|уточн|определ)\w*
    | \bуточня[ею]тся\b | \bуточнить\b
    | \b(?:кейін(?:ірек)?|кеш)\s+(?:хабарлан|жариялан|нақтылан|белгілен|анықтал|айтыл)\w*
    | \bнақтылан(?:уда|ып)\b
    | \b(?:кийин(?:черээк)?|кечирээк)\s+(?:билдирил|жарыялан|такталат|такталып|белгилен|аныкталат|айтыл)\w*
    | \bтакталууда\b
    | \b(?:баъдтар|баъдан|дертар)\s+(?:эълон|муайян|маълум|хабар|аниқ)\w* | \bмуайян\s+(?:карда\s+)?мешавад\b
    | \b(?:keyin(?:roq)?|kechroq)\s+(?:e.?lon|aniqlan|ma.?lum|xabar|aytil)\w* | \baniqlan(?:moqda|adi)\b
    | \b(?:soň(?:rak)?|soňra|giç(?:räk)?)\s+(?:habar|yglan|anykla|mälim|belli)\w*
    | \banyklan(?:ýar|ylýar)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Texts that say one thing, and of which nothing is left when it is still to come.
_ONE_THING = frozenset(
    ("venue", "quoted_person", "photographer", "signature", "caption", "video_title", "button", "figures")
)


@check_each_text
def placeholders(text: Text) -> Iterator[Found]:
    """Text that stands for one that is still to be written."""
    if written := placeholder_in(text.plain):
        yield Found(text.place, excerpt(written))


@lru_cache(maxsize=2_000)
def placeholder_in(plain: str) -> str:
    """The first placeholder of a text; empty where it has none."""
    found = next(filter(None, (one.search(plain) for one in (_PLACEHOLDERS, _TWO_X, _WRITE_HERE))), None)
    return found[0] if found else ""


@check_each_text
def draft_marks(text: Text) -> Iterator[Found]:
    """Lines that say that they are a draft, a test or a copy, as file names do."""
    if text.field in _MARKED and (found := _DRAFT_MARK.search(text.plain.strip())):
        yield Found(text.place, excerpt(found[0]))


@check_each_text
def to_be_announced(text: Text) -> Iterator[Found]:
    """Places, persons and captions that are "to be announced"."""
    if text.field in _ONE_THING and _TO_COME.search(text.plain):
        yield Found(text.place, excerpt(text.plain))

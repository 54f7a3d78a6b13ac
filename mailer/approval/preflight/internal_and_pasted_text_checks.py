"""Checks for pasted text: remarks of writers, parts of mail and web pages, answers of programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import Description, Place, Text, excerpt
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.leftover_editor_notes import find_editor_note
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.placeholder_checks import placeholder_in

_FLAGS = re.VERBOSE | re.IGNORECASE | re.MULTILINE
# What writers and editors ask of each other, and what stands for a text to come: no reader's business.
_INSTRUCTIONS = re.compile(
    r"""
    \bnotes?\s+(?:to|for)\s+(?:the\s+)?(?:editors?|translators?|designers?|self|web)\b
    | @\w{2,}[,:]?\s+(?:please|can\s+you|could\s+you|pls) | \b(?:pls|plz)\b
    | \bplease\s+(?:check|confirm|verify|insert|add|update|replace|translate|review|provide)\s+
      (?:the\s+|this\s+)?(?:names?|numbers?|figures?|dates?|links?|quotes?|photos?|titles?|text|wording|
        spelling|translation|sentence|paragraph)\b
    | ^\W*(?:insert|add)\s+(?:the\s+|a\s+)?(?:quote|link|photo|picture|text|caption|headline|date|name|
      number|logo|url)\b
    | \b(?:remove|delete|cut|move)\s+this\s+(?:line|sentence|paragraph|section|part|text)\b
    | \bas\s+discussed\s+with\s+the\s+donor\b | \bOK(?:'?d|\s+from|\s+by)\s+[A-Z]\w+\s+\d
    | \(?\b(?:max(?:imum|\.)?|up\s+to|not\s+more\s+than)\s+\d{2,4}\s+(?:characters|signs|words)\b
    | \b\d{2,4}\s+(?:words|characters)\s+max\b | \boption\s+1\s*:.*\boption\s+2\s*:
    | ^\W*(?:вставить|добавить|вписать|указать)\s+(?:цитат|ссылк|фото|текст|подпис|заголов|дат[уы]|имя|
      назван|логотип|адрес)
    | \b(?:нужно|надо|необходимо)\s+(?:уточнить|проверить|дописать|добавить|вставить|перевести|согласовать)\s+
      (?:у\s|с\s|ссылк|цитат|фото|текст|имя|назван|перевод|дат|цифр|подпис)
    | \bпрос(?:ьба|им|ю)\s+(?:проверить|уточнить|добавить|вставить|заменить)\b | \(\s*прим\.?\s*(?:пер|
      ред)[.\s:]
    | \(?\bне\s+(?:более|больше)\s+\d{2,4}\s+(?:знак|символ|слов)\w*
    | \((?:ссылка|фото(?!\s*:|\s+(?-i:[А-ЯЁ]))|цитата|подпись|
      картинка)\b[^)]{0,40}\)
    | \bваш\s+текст\b | \bтекст\s+(?:прехедера|темы|письма|заголовка|подписи|кнопки|новости|статьи)\s*$
    | \b(?:здесь|тут)\s+(?:будет|должен\s+быть|должна\s+быть)\s+(?:текст|фото|ссылк|цитат|заголов)
    | \bрыба\s*:\s
    | \bсілтеме(?:ні|сін)?\s+қос(?:у|ыңыз|ыңдар)\b | \bмұнда\s+мәтін\s+бол | \b(?:мәтін|сурет|
      дәйексөз)(?:ді)?\s+қос(?:у\s+керек|ыңыз)
    | \bшилтеме(?:ни)?\s+кош(?:уу|уңуз)\b | \b(?:текст|сүрөт|цитата)(?:ти|ту|ны)?\s+(?:кошуу\s+керек|
      кошуңуз|киргизиңиз)
    | \b(?:пайванд|истинод|матн|сурат)(?:ро)?\s+(?:илова|гузош|ворид)\w*\s*(?:кун|шав|карда)? |
      \bматнро\s+дар\s+ин\s+ҷо
    | \b(?:havola|matn|rasm|iqtibos)(?:ni)?\s+(?:qo.?sh(?:ish\s+kerak|ing)|kiriting)
    | \bbu\s+ýere\s+\w+\s+(?:ýaz|goş|goý) | \b(?:salgy|salgylanma|tekst|surat)(?:ny|y|i)?\s+goş(?:maly|
      uň|mak\s+gerek)
    | ^\s*\[?(?:мәтін|тақырып|матн|matn|sarlavha|текст|заголовок|тема\s+письма|прехедер|subject\s+line|
      preheader|headline|title|body\s+text)\]?\s*$
    | \[(?:subject(?:\s+line)?|headline|мәтін|матн|matn|tekst|text|текст)\]
    | ^\s*(?:lorem|ipsum|asdf\w*|qwerty\w*|фыва\w*|йцукен\w*)\b | \basdf\s+asdf\b
    | ^\s*(?:test|тест|text|текст|sınaq|synag|sinov)(?:\s+(?:test|тест|text|текст|synag|sinov))+\W*$
    | ^\W*(?:text|текст)(?:\s+(?:text|текст)){2,}
    """,
    _FLAGS,
)
# What a translation program, or one that writes texts, adds to its answer.
_MACHINE = re.compile(
    r"""
    \btranslated\s+(?:with|by|using)\s+(?:www\.)?(?:deepl|google|yandex|bing|chatgpt) |
      \bdeepl\.com/translator
    | \bпереведено\s+(?:с\s+помощью|в|через|сервисом)\s+\w+
    | ^\W*(?:certainly|sure|of\s+course|absolutely)[!,.]\s+here(?:'s|’s|\s+is|\s+are)
    | \bhere(?:'s|’s|\s+is)\s+(?:the|your|a)\s+(?:translation|translated|revised|rewritten|improved|
      summary\s+of\s+your)\b
    | \bas\s+an?\s+(?:AI|large)\s+(?:language\s+)?(?:model|assistant)\b | \bI(?:'m|’m|
      \s+am)\s+sorry,\s+but\s+I\s+can
    | \b(?:I\s+hope\s+this\s+helps|let\s+me\s+know\s+if\s+you(?:'d|’d|\s+would)\s+like)\b
    | \bвот\s+(?:перевод|исправленный|улучшенный|сокращ[её]нный|ваш)\s+\w+ |
      \bкак\s+(?:языковая\s+модель|ИИ)\b
    | \bміне,?\s+(?:мәтіннің\s+)?аударма | \bмына,?\s+котормо | \bинак\s+тарҷума | \bmana\s+tarjima
    | \u3010\d+[^\u3011]{0,20}\u3011 | \bcontentReference\b | \boaicite\b | \[(?:source|citation\s+needed)\]
    | \butm_source=chatgpt
    """,
    _FLAGS,
)
# Merge tags that `placeholder_checks` does not know; greetings without a name; code.
_TAGS = re.compile(
    r"""
    \{\$?[^\W\d_][\w. ]{1,30}\} | \#\#[A-Z_]{3,}\#\# | (?<![\w.])@[a-z]{3,}@(?!\w) | \{\#.*?\#\}
    | \[(?:NAME|FIRST[_ ]?NAME|LAST[_ ]?NAME|EMAIL|DATE|ИМЯ|ФИО|ДАТА)\]
    | (?-i:\b(?:Dear|Hello|Hi)\s+(?:NAME|FIRSTNAME|FIRST\s+NAME)\b) | (?-i:Уважаемы[йе]\s+(?:ИМЯ|ФИО)\b)
    | ^\s*<{5,}|^\s*>{5,}\s|^={7}$
    | \[cid:[^\]\s]+\] | \[(?:embedded\s+)?(?:image|picture|photo|изображение|рисунок|фото)(?:\s*\d*)\]
    | \[/?(?:b|i|u|url|img|quote|color|size)(?:=[^\]]{0,80})?\] | \[[A-Z]{2,3}\d{1,2}\](?=\s)
    | ^\s*\.?[\w.-]+\s*\{[^{}]*:[^{}]*\} | (?<=\w)%(?:20|0A|D0|D1)(?=[\w%]) | \\u[0-9a-f]{4} | \w\\n\w
    | ^\s*(?:Formatted|Deleted|Inserted|Отформатировано|Удалено)\s*:\s
    | \b(?:NaN|null|undefined)\s+(?:people|countries|towns|persons|women|men|years|человек|стран|лет|women)
    | \b(?:covers|of|by|for|to|with|всего|для|из)\s+(?-i:NaN|null|undefined)\b | ^\s*(?-i:undefined|null|
      NaN)\s
    """,
    _FLAGS,
)
_TWO_CYRILLIC_X = re.compile(
    r"(?<!\w)[ХX]{2}(?=\s+(?:стран|челов|город|участ|сел|дет|женщ|мужч|сем|тыс|млн|лет\b|дн|процент|"
    r"декабр|ноябр|январ|ел\b|адам|өлкө|киш|кишвар|нафар|mamlakat|nafar|ýurt|adam|countr|people|towns|"
    r"particip|women|men\b|years))"
)
# What belongs to the office alone.
_INTERNAL = re.compile(
    r"""
    \bnot\s+for\s+(?:distribution|publication|circulation|quotation)\b |
      \b(?:strictly\s+)?(?:for\s+)?internal\s+use\s+only\b
    | \bembargo(?:ed)?\s+(?:until|till)\b | \b(?:strictly\s+)?confidential\s*(?:$|[.!:–—-])
    | \bдля\s+служебного\s+пользования\b | \bне\s+(?:рассылать|публиковать|распространять|для\s+публикации)\b
    | \b(?:согласовано|на\s+согласовании|утверждено)\b(?:\s+(?:с|у)\s+\w+)?\W*$ | \bэмбарго\s+до\b |
      \bконфиденциально\b
    | \bқызмет\s+бабында\s+пайдалан | \bкызматтык\s+пайдалануу | \bбарои\s+истифодаи\s+хизматӣ
    | \bxizmat(?:da|\s+doirasida)\s+foydalanish | \bgulluk\s+üçin\b
    | ^\W*(?:черновик|draft|долбоор\s+текст|жоба\s+мәтін|лоиҳаи\s+матн|loyiha\s+matni|
      taslama\s+tekst)\b(?=\W*$|\s*[(–—,:-]) | \((?:draft|черновик)\)
    | \bcopy\s+of\b(?=.*\(draft\))
    """,
    _FLAGS,
)
# What belongs to an e-mail or a document that the text was copied from.
_OF_MAIL = re.compile(
    r"""
    ^\W*(?:best|kind|warm)\s+regards\b | ^\W*(?:yours\s+)?sincerely\s*, | ^\W*с\s+уважением\b\s*,
    | ^\W*(?:dear|hello|hi)\s+(?:colleagues|all|team)\b | ^\W*(?:добрый\s+день|здравствуйте|
      уважаемые)\s*,?\s+коллеги
    | \bplease\s+find\s+below\b | \b(?:направляю|высылаю|
      прилагаю)\s+(?:вам\s+)?(?:текст|файл|новост|материал)
    | ^\s*От\s*:\s.*\bКому\s*: | ^\s*From\s*:\s.*\bTo\s*: | ^\W*(?:EOM|END)\W*$ | \b(?:FYI|ASAP)\b
    | \bpress\s+release\s*[–—:-] | \bfor\s+immediate\s+release\b | ^\W*пресс-релиз\W*$ |
      \bдля\s+немедленного\s+распространения
    """,
    _FLAGS,
)
# Files that a message came with: a digest has none.
_ATTACHED = re.compile(
    r"""
    \b(?:(?:see|find|in)\s+(?:the\s+)?(?:attached|attachments?|enclosed) | attachments?\s+\d
    | (?:attached|enclosed)\s+(?:\w+\s+)?(?:files?|documents?|programmes?|agendas?|letters?|forms?|lists?|
      pdf|reports?|
        tables?|photos?|flyers?|invitations?|herewith)
    | (?:is|are)\s+(?:also\s+|herewith\s+)?(?:attached(?!\s+(?:to|great|much|little|with|by)\b)|
      enclosed(?!\s+(?:by|
        with(?:in)?)\b)) | attached\s+(?:to\s+this\s+(?:e-?mail|message|letter|mail)|please\s+find)
    | I\s+(?:attach|enclose) | we\s+(?:attach|enclose)(?!\s+(?:great|importance)))\b
    | \bво\s+вложени(?:и|ях)\b | \bсм\.?\s+вложени | \bво?\s+вложенн\w+\s+(?:файл|документ) |
      \bвложенн\w+\s+(?:файл|
      документ)
    | \bприкрепл[её]н(?:а|о|ы)?\b(?!\s+(?:к|ко|за)\b(?!\s+(?:этому\s+)?(?:письм|сообщени)))
    | \bприкрепл[её]нн\w+\s+(?:\w+\s+)?(?:файл|документ|программ|письм|форм|список|списк|анкет)
    | \b(?:прикрепля|прилага)(?:ю|ем)(?:тся)?\b(?!\s+(?:\w+\s+)?усили) |
      \bприлага[ею]тся\b(?!\s+(?:\w+\s+)?усили)
    | \bприложенн\w+\s+(?:файл|документ|программ|письм|форм|спис) |
      \bв\s+приложени[ия]\s+к\s+(?:этому\s+)?(?:письму|
      сообщению)
    | \bқоса\s+(?:беріл|тіркел|жіберіл)\w* | \bтіркемеде\s+(?:беріл|көр)\w* | \bтіркелген\s+(?:файл|құжат|хат)
    | \bхатқа\s+(?:қоса|тіркел)\w*
    | \bтиркелген(?!\s+(?:адам|киши|мигрант|жаран))\b | \bтиркемеде\s+(?:берил|кара)\w* | \bтиркел(?:ди|ет|
      үүдө)\b
    | \bкошо\s+(?:тиркел|жөнөтүл|берил)\w* | \bкатка\s+тиркел\w*
    | \bзамима\s+(?:шуд|карда|гардид|мешав|мегард|аст)\w* | \bфайли\s+(?:замима|илова)\w* |
      \bба\s+нома\s+замима\w*
    | \bдар\s+замимаи?\b
    | \bilova\s+qilin\w+ | \bilovada\s+(?:berilgan|keltirilgan)\b | \bbiriktirilgan\s+(?:fayl|hujjat|dastur)
    | \bfayl\w*\s+(?:ilova|biriktir)\w*
    | \b(?:faýl|resminama|maksatnama|sanaw|hat)(?:lar|s?y)?\s+(?:\w+\s+)?goş(?:ulan|ulýar|uldy|ulandyr)\b
    | \bgoş(?:ulan|maça)\s+(?:faýl|resminama|maksatnama|sanaw)\w* | \bgoşundyda\b | \bhata\s+goşul\w+
    """,
    _FLAGS,
)
# What belongs to a web page, a slide or a manuscript.
_OF_A_PAGE = re.compile(
    r"""
    \bview\s+(?:this|it)\s+(?:e-?mail\s+)?in\s+(?:your|a)\s+browser\b | \bunsubscribe\s+from\s+this\s+list\b
    | \b(?:accept|reject)\s+(?:all|cookies)\b | \bcookie\s+policy\b | \bshare\s+on\s+(?:facebook|twitter|
      x|linkedin|telegram)\b
    | \bпринять\s+(?:все\s+)?(?:файлы\s+)?cookie | \bподелиться\s+в\s+(?:facebook|соцсетях|telegram)
    | \b(?:click|tap)\s+(?:on\s+)?(?:the\s+)?(?:picture|image|photo)\b.*\benlarge\b |
      \bнажмите,?\s+чтобы\s+увеличить
    | \b(?:leave\s+a\s+comment|\d+\s+min(?:ute)?s?\s+read|related\s+(?:posts|articles)|back\s+to\s+top)\s*$
    | \bpage\s+\d+\s+of\s+\d+\b | \bстр(?:аница|\.)\s*\d+\s+из\s+\d+ | ^\W*slide\s+\d+\b | ^\W*слайд\s+\d+\b
    | ^\s*(?:photo|picture|image|figure|фото|рис|рисунок|сурет|сүрөт|расм|rasm|
      surat)\.?\s*\d{1,2}(?:\s+here)?\W*$
    | ^\s*(?:title|headline|lead|subtitle|caption|body|link|заголовок|лид|подзаголовок|подпись|тақырып|
      сарлавҳа|sarlavha)\s*:\s
    | \b(?:end|start)\s+of\s+(?:the\s+)?(?:russian|english|kazakh|text|story)\s*(?:text|version)?\W*$
    | ^\W*(?:(?:english|russian|kazakh)\s+version\s+(?:below|above)|(?:ниже|выше)\s+(?:версия|
      текст)\s+на\s+\w+)
    | ^\s*(?:\[(?:RU|EN|KZ|KK|KG|KY|TJ|TG|UZ|TM|TK|ENG|RUS|KAZ|РУС|ҚАЗ|АНГЛ)\]|(?-i:(?:RU|EN|ENG|RUS|KAZ|
      KZ|KYR|KG|TJK|TAJ|UZB|TKM|РУС|ҚАЗ|КЫР|ТАҶ|АНГЛ)\s*:\s))
    | ^\W*(?:see|in)\s+the\s+table\s+(?:below|above)\b | \bin\s+the\s+(?:table|chart|map|
      photo)\s+below\b | \bв\s+таблице\s+ниже\b
    | (?:\b[A-Z]:\\|\\\\\w+\\)\S+ | \b[\w-]*_(?:final|v\d|new|draft|AS|rev)[\w-]*\.(?:docx?|pdf|xlsx?|
      pptx?)\b | ^\S+\.(?:docx?|xlsx?|pptx?|jpe?g)\s*$
    | https?://(?:localhost|127\.0\.0\.1|10\.\d|192\.168)
    | \[\d{1,2}\](?=[\s.,;]|$)
    """,
    _FLAGS,
)


@check_each_text
def instructions_to_colleagues(text: Text) -> Iterator[Found]:
    """What writers ask of each other, and words that stand for a text to come."""
    patterns = (_INSTRUCTIONS, _TAGS, _TWO_CYRILLIC_X)
    match = next(filter(None, (one.search(text.plain) for one in patterns)), None)
    found = match[0] if match else find_editor_note(text.plain)
    if found and not placeholder_in(text.plain):
        yield Found(text.place, excerpt(found))


@check_each_text
def chatbot_phrases(text: Text) -> Iterator[Found]:
    """What programs that translate or write texts add to their answers."""
    yield from _matches(text, _MACHINE)


@check_each_text
def internal_texts(text: Text) -> Iterator[Found]:
    """Texts that say that they are not for readers."""
    yield from _matches(text, _INTERNAL)


def copied_page_elements(description: Description) -> Iterator[Found]:
    """Greetings, buttons, page numbers and labels that were copied with a text from a message or a page."""
    for found in _of_mail(description):
        # A note of the team may close like a letter.
        if not _is_of_the_team(description, found.place):
            yield found
    yield from _of_a_page(description)


@check_each_text
def _of_mail(text: Text) -> Iterator[Found]:
    yield from _matches(text, _OF_MAIL)


@check_each_text
def _of_a_page(text: Text) -> Iterator[Found]:
    # Descriptions of pictures have checks of their own.
    if text.field not in ("alt", "picture_alt"):
        yield from _matches(text, _OF_A_PAGE)


@check_each_text
def mentioned_attachments(text: Text) -> Iterator[Found]:
    """Attachments that are spoken of, although a digest has none."""
    yield from _matches(text, _ATTACHED)


def _is_of_the_team(description: Description, place: Place) -> bool:
    if place.kind != "block":
        return False
    return description.content.blocks[int(place.key)].kind in ("note", "text")


def _matches(text: Text, pattern: re.Pattern[str]) -> Iterator[Found]:
    if found := pattern.search(text.plain):
        yield Found(text.place, excerpt(found[0]))

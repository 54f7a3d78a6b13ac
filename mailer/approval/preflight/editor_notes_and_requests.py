"""Finds remarks to colleagues in brackets: questions, doubts, what is awaited, and requests to one person."""

from __future__ import annotations

import re

_FLAGS = re.VERBOSE | re.IGNORECASE
_BRACKET = re.compile(r"\((?P<round>[^()\n]{3,160})\)|\[(?P<square>[^\[\]\n]{3,160})\]")
# A name of one person or office, as a text spells it.
_NAME = r"(?-i:[A-ZА-ЯЁӘҒҚҢӨҰҮҺІҶҲӮӢÇŞÝŽÖÜÄ][^\W\d_]{2,})"
# Asking a colleague, or agreeing with one: the whole bracket.
_ASK = re.compile(
    rf"""^\W*(?:
      (?:please\s+|pls\s+)?(?:ask|check\s+with|confirm\s+with|clear\s+with|get\s+(?:it\s+)?from
        |tbc\s+with)\s+{_NAME}
    | (?:надо\s+|нужно\s+)?(?:спро[сш]\w+|узна(?:й|йте|ть)|выясни(?:ть)?|запроси(?:ть)?
      |возьми)\s+у\s+{_NAME}
    | (?:надо\s+|нужно\s+)?(?:согласу(?:й|йте)|согласовать|сверить)\s+с(?:о)?\s+{_NAME}
    | (?:\S+\s+){{0,3}}(?:возьми|спроси|узнай|запроси|выясни)\s+у\s+{_NAME}
    | (?:\S+\s+){{0,3}}{_NAME}\s+(?:\S+\s+){{0,2}}(?:сұра|сұрау\s+керек|келісу\s+керек|алу\s+керек|біл)
    | (?:\S+\s+){{0,3}}{_NAME}\s+(?:\S+\s+){{0,2}}(?:сура|сураш\s+керек|макулдашуу\s+керек|алуу\s+керек|бил)
    | (?:аниқ|дақиқ|тасдиқ|иваз)\s+кун | (?:бисанҷ|санҷ|пурс)
    | (?:\S+\s+){{0,3}}(?:аз|бо)\s+{_NAME}\s+(?:пурс|пурсидан\s+(?:лозим|даркор)|мувофиқа\s+кардан\s+\w+
      |гир)
    | (?:\S+\s+){{0,3}}{_NAME}\s+(?:\S+\s+){{0,2}}(?:so.?ra|so.?rash\s+kerak|kelishish\s+kerak
      |olish\s+kerak)
    | (?:\S+\s+){{0,3}}{_NAME}\s+(?:\S+\s+){{0,2}}(?:sora|soramaly|ylalaşmaly|almaly)
    )(?![\w])""",
    _FLAGS,
)
# Work on a text, as a bracket of one or two words; readers are told what to do in sentences.
_WORK = re.compile(
    r"""^\W*(?:нақтылау|тексеру|растау|аудару|толықтыру|тактоо|текшерүү|которуу|толуктоо|ырастоо
    | санҷидан|аниқ\s+кардан|тарҷума\s+кардан|пурсидан|aniqlashtirish|aniqlash|tekshirish|tarjima\s+qilish
    | takyklamaly|anyklamaly|barlamaly|takyklamak|terjime\s+etmeli|doldurmaly
    | (?:source|figure|number|date|name|link|photo|quote|caption|title|spelling|check|sure|really|correct)
    | (?:источник|цифра|число|дата|имя|фамилия|ссылка|цитата|должность|название|подпись|точно|проверено)
    )(?:\s+(?:керек|лозим|даркор|kerak|gerek))?\W*$""",
    _FLAGS,
)
# A doubt about what stands in front of the bracket.
_DOUBT = re.compile(
    r"""^\W*(?:
      (?:is|are)\s+(?:this|that|it|these|those|the\s+\w+)\s+(?:(?:still|really|all)\s+)?
        (?:right|correct|true|ok(?:ay)?|up\s+to\s+date|current|final|the\s+right\s+\w+)
    | (?:right|correct|which|what|whose|another|old|new)\s+
        (?:figures?|numbers?|dates?|names?|photos?|links?|titles?|spelling|quotes?)
    | who\s+(?:wrote|said|sent|has|took)\s+(?:this|that|it|the\s+\w+)
    | (?:photos?|figures?|quotes?|numbers?|links?|texts?)\s+(?:from|by)\s+\w+
    | (?:(?:это|так|цифр\w*|числ\w*|дат\w*|имя|фамилия|название|все|всё)\s+)*(?:точно|верн\w+|правильн\w+
      |актуальн\w+)
      (?:\s+(?:цифр\w*|числ\w*|дат\w*|имя|фамилия|название))?
    | (?:фото|цифры|цитата|текст|номер)\s+(?:от|у|есть)(?:\s+\w+)?
    | (?:(?:бұл|осы|сан|күні|аты|есім|дерек)\w*\s+)*(?:дұрыс|рас|анық)\s+(?:па|пе|ма|ме|ба|бе)
    | (?:(?:бул|ушул|сан|күнү|аты|маалымат)\w*\s+)*(?:туурабы|чынбы|тактыбы|туура\s+бы)
    | (?:(?:ин|рақам|ном|сана)\w*\s+)*(?:дуруст\s+аст|дуруст|рост\s+аст)
    | (?:(?:bu|shu|raqam|sana|ism)\w*\s+)*(?:to.?g.?ri(?:mi)?|aniqmi|rostmi)
    | (?:(?:bu|şu|san|sene|at)\w*\s+)*(?:dogrumy|takykmy|dogry\s+my)
    )\W*\?\W*$""",
    _FLAGS,
)
# What is still to come, from whom; the end of a bracket decides in the languages whose verb stands last.
_WAITING = re.compile(
    rf"""^\W*(?:
      (?:still\s+)?(?:waiting|wait)\s+(?:for|on)\s | (?:needs?|awaiting|pending)\s+(?:final\s+)?
        (?:approval|confirmation|clearance|sign-?off|translation|numbers?|figures?|photos?|quotes?)(?!\w)
    | (?:the\s+)?(?:number|figure|date|name|photo|quote|link|text|caption
      |translation)s?\s+(?:to\s+(?:follow|come)|missing|tbc)
    | {_NAME}\s+(?:will|is\s+going\s+to|promised\s+to|to)\s+(?:send|provide|check|confirm|find|translate
      |write|add)(?!\w)
    | (?:жд[её]м|ждать|дождаться|жду)\s+(?:от\s+)?(?:фото|цифр|ответ|цитат|подтвержд|текст|перевод|данн
      |имен)
    | {_NAME}\s+(?:обеща\w+\s+|должн\w+\s+)?(?:пришл[её]т|прислать|уточнит|уточнить|проверит|проверить
      |перевед[её]т|допишет)
    | (?:фото|цифр\w*|текст\w*|перевод\w*|цитат\w*|номер\w*|ссылк\w*)\s+(?:будет|будут|пришлют|позже
      |потом|от\s+\w+\s+завтра)
    | .*(?:күтіп\s+(?:отыр|тұр)\w*|күтудеміз|кейін\s+(?:қосамыз|жібереді))
    | .*(?:күтүп\s+(?:жата|тура)\w*|кийин\s+(?:кошобуз|жөнөтөт))
    | .*(?:интизор(?:ем|ам)|баъд\s+(?:илова\s+мекунем|мефиристад))
    | .*(?:kutyapmiz|kutmoqdamiz|keyin\s+(?:qo.?shamiz|yuboradi)) | .*(?:garaşýarys|soň\s+(?:goşarys
      |iberer))
    )""",
    _FLAGS,
)
# Requests of one colleague to another, in the familiar form; the office speaks politely to its readers.
_TO_ONE = re.compile(
    rf"""^\W*{_NAME}\s?[,!–—:-]\s*(?:\S+\s+){{0,4}}?(?:
      (?:пришли|скинь|добавь|проверь|уточни|замени|исправь|вставь|переведи|допиши|убери|найди|возьми
        |спроси|дай|обнови)
    | (?:жібер|тексер|қос|аудар|түзет|ауыстыр|алмастыр|нақтыла|сұра|жаз|тап|бер)(?:шы|ші)?
    | (?:жөнөт|текшер|кош|котор|оңдо|алмаштыр|такта|сура|жаз|тап|бер)(?:чу|чү|чы|чи)?
    | (?:бифирист|фирист|санҷ|илова\s+кун|иваз\s+кун|тарҷума\s+кун|навис|ёб|пурс)
    | (?:yubor|tekshir|qo.?sh|tarjima\s+qil|almashtir|tuzat|top|so.?ra) | (?:iber|barla|goş|terjime\s+et
      |çalyş|düzet|tap|sora)
    )(?![\w-])""",
    _FLAGS,
)
# "Nadia, check!", which needs no object.
_CHECK = re.compile(
    rf"^{_NAME}\s?[,!]\s*(?:(?:пере)?проверь|уточни|исправь|замени|тексер|нақтыла|түзет|ауыстыр|текшер|такта|оңдо|алмаштыр"
    r"|(?:би)?санҷ|иваз\s+кун|tekshir|almashtir|tuzat|barla|çalyş|düzet)(?:ші|шы|чи|чү|чы|чу)?(?!\w)",
    re.IGNORECASE,
)
# Something of the text is asked for.
_OF_THE_TEXT = re.compile(
    r"""(?<!\w)(?:фото\w*|цифр\w*|ссылк\w*|цитат\w*|подпис\w*|текст\w*|перевод\w*|заголов\w*|абзац\w*
      |дат[уы]|имя|фамили\w*
    | сурет\w*|сілтеме\w*|дәйексөз\w*|мәтін\w*|аударма\w*|сан(?:ды|дар\w*)|сөйлем\w*
    | сүрөт\w*|шилтеме\w*|котормо\w*|сүйлөм\w*|суратро|сурат\w*|истинод\w*|иқтибос\w*|матн\w*|рақам\w*
      |ҷумла\w*|пайванд\w*
    | rasm\w*|havola\w*|iqtibos\w*|matn\w*|raqam\w*|gap(?:ni)?|tarjima\w*
    | surat\w*|salgy\w*|tekst\w*|sözlem\w*|belgi\w*|san(?:y|lary)\w*)(?!\w)""",
    _FLAGS,
)
_NEEDED_HERE = re.compile(
    rf"^\W*{_NAME}\s?,\s*(?:здесь|тут|сюда|осы\s+жер\w+|бул\s+жер\w+|ин\s+ҷо|bu\s+yer\w+|şu\s+ýer\w+"
    r"|here)\s",
    re.IGNORECASE,
)
# "NB: check with Astana", "Bakyt to provide the figures", "!!! old figure".
_NOTE = re.compile(
    rf"""(?:^|(?<=[.!?]\s)|(?<=\n))\W*(?:
      N\.?B\.?\W{{1,3}}(?:check|confirm|agree|verify|clear)\s+(?:this\s+|it\s+)?with\s+(?!you)
    | {_NAME}\s+to\s+(?:provide|check|confirm|add|send|supply|translate|update|write)\s+(?:the\s+)?
        (?:figures?|numbers?|texts?|photos?|quotes?|links?|names?|dates?|captions?|translations?|headlines?)
    | !{{2,}}\s*(?-i:[a-zа-яё])
    )""",
    _FLAGS,
)
_QUOTED = re.compile(r"«[^»\n]*»|“[^”\n]*”|„[^“\n]*“")
_SENTENCE = re.compile(r"\n+|(?<=[.!?…])\s+")
_LONGEST = 90
_FEW_WORDS = 3


def find_note_or_request_to_colleague(plain: str) -> str:
    """The first aside of a text to colleagues; empty where it has none."""
    for bracket in _BRACKET.finditer(plain):
        words = bracket["round"] or bracket["square"]
        if any(pattern.search(words) for pattern in (_ASK, _WORK, _DOUBT, _WAITING)) and not _is_noun(
            bracket
        ):
            return bracket[0]
    said = _QUOTED.sub(" ", plain)
    if note := _NOTE.search(said):
        return said[note.start() :].strip()
    sentences = _SENTENCE.split(said)
    for at, sentence in enumerate(sentences):
        following = sentences[at + 1] if at + 1 < len(sentences) else ""
        is_request = _TO_ONE.search(sentence) and _OF_THE_TEXT.search(sentence)
        # "Mum, send me a photo!" — is the exhibition's name.
        # "Nadia, check!" stands alone, and is no speech.
        is_short = _CHECK.search(sentence) and len(sentence.split()) <= _FEW_WORDS
        is_said = is_request or is_short or _NEEDED_HERE.search(sentence)
        if is_said and len(sentence) <= _LONGEST and not re.match(r"\W*[—–-]\s", following):
            return sentence
    return ""


def _is_noun(bracket: re.Match[str]) -> bool:
    """Whether a bracket of one word may name a kind of thing, and asks nothing: "(photo)", "(дата)"."""
    words = bracket["round"] or ""
    return bool(re.fullmatch(r"[^\W\d_]+", words.strip())) and not _VERB_NOUN.fullmatch(
        words.strip().casefold()
    )


_VERB_NOUN = re.compile(
    r"нақтылау|тексеру|растау|аудару|толықтыру|тактоо|текшерүү|которуу|толуктоо|ырастоо|санҷидан|пурсидан"
    r"|aniqlashtirish|aniqlash|tekshirish|takyklamaly|anyklamaly|barlamaly|takyklamak|doldurmaly"
)

"""Finds remarks to a colleague that were left in a text: "[Anna, please confirm this with the ministry]"."""

from __future__ import annotations

import re

from mailer.approval.preflight.check_input import split_sentences
from mailer.approval.preflight.editor_notes_and_requests import find_note_or_request_to_colleague

_FLAGS = re.VERBOSE | re.IGNORECASE
# What an editor is asked to do: imperatives, singular and plural, and infinitives.
_REQUEST = re.compile(
    r"""
    (?<![\w-])(?:
      (?:double-?|re-?)?check | (?:re-?)?confirm | clarify | verify | translate | shorten | insert | replace
    | rewrite | rephrase | proofread | approve | correct | fix | expand | (?:update|send|add|cut|delete|
        remove|provide|attach|review|ask|change|move)(?=\s+(?:the|this|these|that|it|a|him|her|them|me|to|
      with|photos?|
        figures?|numbers?|links?|quotes?|names?|dates?|more)\b)
    | (?:пере|до)?уточни(?:те|ть)? | (?:пере)?провер(?:ь|ьте|ить) | подтверди(?:те|ть)? | обнови(?:те|ть)?
    | перевед(?:и|ите) | перевести | сократи(?:те|ть)? | отправ(?:ь|ьте|ить) | пришлите | прислать
    | встав(?:ь|ьте|ить) | добав(?:ь|ьте|ить) | замени(?:те|ть)? | исправ(?:ь|ьте|ить) | поправ(?:ь|ьте|ить)
    | согласуй(?:те)? | согласовать | спроси(?:те|ть)? | удали(?:те|ть)? | убер(?:и|ите) | убрать
    | (?:до|пере|в)пиш(?:и|ите) | (?:до|пере|в)писать | свер(?:ь|ьте|ить) | вычитай(?:те)? | вычитать
    | посмотри(?:те)? | глянь(?:те)? | скинь(?:те)? | утверди(?:те|ть)?
    | (?:тексер|жібер|енгіз|кірістір)(?:іңіз(?:дер)?|іңдер|ші|іп\s+(?:бер|қой|жібер|шығ)\w*|у\s+керек)?
    | (?:жаңарт|аудар|қысқарт|қос|сұрат)(?:ыңыз(?:дар)?|ыңдар|шы|ып\s+(?:бер|қой|жібер)\w*|у\s+керек)
    | (?:нақтыла|раста|анықта|сұра|алмастыр)(?:ңыз(?:дар)?|ыңыз|ңдар|шы|п\s+(?:бер|қой|ал)\w*|у\s+керек)
    | (?:нақтыла|раста) | түзет(?:іңіз|іңдер|ші|іп\s+\w+|у\s+керек)
    | (?:текшер|киргиз)(?:иңиз(?:дер)?|чи|ип\s+(?:бер|кой|кою|чык)\w*|(?:үү|ип)\s+керек)? | текшерүү\s+керек
    | (?:жаңырт|кыскарт)(?:ыңыз(?:дар)?|чы|ып\s+(?:бер|кой|кою)\w*|уу\s+керек)
    | (?:такта|ыраста)(?:ңыз(?:дар)?|чы|п\s+(?:бер|кой|кою|ал)\w*|о(?:о)?\s+керек)? | оңдо(?:ңуз|п\s+\w+)
    | (?:котор|кош)(?:уңуз(?:дар)?|чу|уп\s+(?:бер|кой|кою)\w*|уу\s+керек)
    | жөнөт(?:үңүз|чү|үп\s+\w+|үү\s+керек)
    | (?:сура|алмаштыр)(?:ңыз|ыңыз|п\s+кой\w*)
    | санҷ(?:ед|идан) | бисанҷ(?:ед)? | пурсед | фирист(?:ед|онед)
    | (?:тафтиш|аниқ|дақиқ|тасдиқ|нав|навсозӣ|тарҷума|кӯтоҳ|илова|ислоҳ|иваз|ворид|муайян)\s+
      (?:кун(?:ед)?|намо(?:ед)?|кардан|бояд\s+кард|карда\s+шавад)
    | (?:tekshir|yubor|qisqartir|kirit|almashtir)(?:ing(?:lar)?|ib\s+(?:ber|qo|chiq)\w*|ish\s+kerak|gin)?
    | (?:aniqla|tasdiqla|yangila|aniqlashtir|so.?ra)(?:i?ng(?:lar)?|b\s+(?:ber|ol)\w*|i?sh\s+kerak|gin)
    | tarjima\s+qil(?:ing|ish\s+kerak)? | (?:jo.?nat|tuzat|qo.?sh)(?:ing|ib\s+(?:ber|qo)\w*|ish\s+kerak)
    | (?:barla|anykla|tassykla|täzele|sora)(?:ň(?:yz|iz|lar)?|p\s+(?:ber|gör)\w*|maly|meli)?
    | terjime\s+(?:et|ediň|etmeli) | (?:gysgalt|goş|iber|giriz|düzet|çalyş)(?:[yiuü]ň|maly|meli)
    )(?![\w-])
    """,
    _FLAGS,
)
# Infinitives and the familiar singular, in which no office speaks to its readers.
_AMONG_COLLEAGUES = re.compile(
    r"""
    ^\W*(?:пожалуйста,?\s+|плиз,?\s+|надо\s+|нужно\s+|не\s+забыть\s+|срочно\s+)*
    (?:(?:пере|до)?уточни(?:ть)?|(?:пере)?провер(?:ь|ить)|подтверди(?:ть)?|обнови(?:ть)?|переведи|перевести
    |сократи(?:ть)?|встав(?:ь|ить)|добав(?:ь|ить)|замени(?:ть)?|исправ(?:ь|ить)|поправ(?:ь|ить)|согласовать
    |согласуй|удали(?:ть)?|убери|убрать|допиши|дописать|свер(?:ь|ить)|вычитать)(?![\w-])
    | (?<!\w)(?:тексер|нақтыла|раста|текшер|такта|ыраста|бисанҷ|tekshir|barla|anykla|tassykla)(?!\w)
    | (?<!\w)(?:тексеру|нақтылау|растау|аудару|қысқарту|текшерүү|тактоо|ырастоо|которуу|кыскартуу)\s+керек
    | (?<!\w)(?:кардан|санҷидан)\s+(?:лозим|даркор|зарур) | (?:tekshir|aniqla|tasdiqla|qisqartir)i?sh\s+kerak
    | (?<!\w)(?:barlamaly|anyklamaly|tassyklamaly|terjime\s+etmeli|gysgaltmaly)(?!\w)
    """,
    _FLAGS,
)
# What only those who make the text speak of.
_OF_THE_TEXT = re.compile(
    r"""
    (?<!\w)(?:
      (?:the|this|these|that|all|his|her|their)\s+(?:\w+\s+)?(?:figures?|numbers?|dates?|names?|titles?|
      quotes?|
        spelling|photos?|captions?|translations?|text|headlines?|paragraphs?|sentences?|wording|
        sources?|totals?)
    | (?:this|it)\s+with | with\s+the\s+(?:ministry|donor|author|translator|partner|press)
    | (?:цифр|числ(?:о|а)(?!\w)|дат[уы](?!\w)|имя(?!\w)|имена|фамили|должност|назван|цитат|подпис|перевод
      |текст|заголов|абзац|источник|формулиров|написани|опечат|сумм[уы]|фото(?!\w))
    | у\s+(?:министерств|донор|автор|партн[её]р)
    | (?:с|со)\s+(?:министерств|донор|автор|пресс)
    | (?:цифр|сан(?:ды|дар)|есім|атын|дәйексөз|сілтеме|аударма|мәтін|тақырып|дерек|министрлік)
    | (?:санын|датасын|цитат|шилтеме|котормо|аталыш|маалымат|министрлик)
    | (?:рақам|сана(?:ро|и)|номро|номи|иқтибос|тарҷума|матн|сарлавҳа|вазорат)
    | (?:raqam|sana(?:ni|si)|ism(?:ni|i)|iqtibos|havola|tarjima|matn|sarlavha|vazirlik)
    | (?:sany(?!\w)|sanlary|senäni|senesini|adyny|terjimän|teksti|sözbaşy|maglumaty|ministrlik)
    )
    """,
    _FLAGS,
)
_BEFORE_WE_SEND = re.compile(
    r"""
    (?<!\w)(?:before\s+(?:we|you|it|this|the\s+(?:issue|digest|newsletter|edition))\s+
        (?:sends?|publish(?:es)?|goes?\s+(?:out|live)|is\s+(?:sent|published)|prints?)
    | (?:before|prior\s+to)\s+(?:sending|publication|the\s+mailing)
    | (?:до|перед)\s+(?:отправк|рассылк|публикаци)\w+
    | (?:до|перед)\s+тем,?\s+как\s+(?:отправ|публик|рассыл)\w+
    | (?:жібер|жарияла)\w*\s+(?:бұрын|алдында) | (?:жөнөт|жарыяла|жарыяло)\w*\s+(?:мурун|алдында)
    | (?:пеш|қабл)\s+аз\s+(?:фиристодан|ирсол|нашр)\w*
    | (?:yubor|jo.?nat|nashr|chop\s+et)\w*\s+(?:oldin|avval)
    | (?:ibermez|ugratmaz|çap\s+etmez|neşir\s+etmez)\w*\s+(?:öň|ozal))
    """,
    _FLAGS,
)
_NOT_TO_FORGET = re.compile(
    r"""
    (?<!\w)(?:don.?t\s+forget\s+to\s+(?:check|confirm|update|translate|verify)\s+(?:the|this)\b
    | не\s+забыть\s+\w+ть(?!\w) | (?:тексеру|нақтылау|аудару|растау)ды\s+ұмытпа(?:йық)?(?!\w)
    | (?:текшерүү|тактоо|которуу|ырастоо)\w+\s+унутпа(?:йлы)?(?!\w)
    | (?:санҷидан|кардан)ро\s+фаромӯш\s+на(?:кун|кунем)(?!\w)
    | (?:tekshir|aniqla|tasdiqla)\w*ni\s+unut(?:ma|maylik)(?!\w)
    | (?:barla|anykla|tassykla)ma\w*\s+ýatdan\s+çykarma(?:lyň)?(?!\w))
    """,
    _FLAGS,
)
# To readers: what they send, check and confirm is theirs.
_TO_READERS = re.compile(
    r"(?<!\w)(?:your|you\s+(?:travel|leave|go)|ваш\w*|сво[йюеёи]\w*|сіздің|өзіңіз\w*|сиздин|өзүңүз\w*|"
    r"худатон\w*|шумо|sizning|o.?zingiz\w*|siziň|öz\w*ňiz\w*)(?!\w)",
    re.IGNORECASE,
)
# "[to be shortened]", "(TO TRANSLATE)", "— confirm the date with Anna —", "Editor: please shorten."
_STILL_TO_DO = re.compile(
    r"""
    ^\W*(?:still\s+)?to\s+be\s+(?:shortened|translated|checked|confirmed|updated|verified|replaced|added|
      rewritten|
      approved)\b | ^\W*(?-i:TO\s+(?:TRANSLATE|CHECK|CONFIRM|UPDATE|SHORTEN|VERIFY))\b
    | ^\W*(?:на\s+перевод|на\s+проверк[еу]|ждём\s+(?:ответ|подтвержд)\w+|тексерілмеген|нақтыланбаған|
      текшериле\s+элек
      |такталган\s+эмес|санҷида\s+нашуда|tekshirilmagan|barlanmadyk)\W*$
    """,
    _FLAGS,
)
_SQUARE, _ROUND = re.compile(r"\[([^\[\]\n]{4,300})\]"), re.compile(r"\(([^()\n]{4,300})\)")
_VOCATIVE = re.compile(r"^\W*@?[^\W\d_a-zа-яё][^\W\d_]{2,}(?:\s[^\W\d_a-zа-яё][^\W\d_]+)?\s?[,:!—–]")
_POLITE = (
    r"(?:please|pls|kindly|can\s+you|could\s+you|we\s+)?\s*(?:need\s+|have\s+|must\s+)?(?:to\s+|still\s+)*"
)
_ENGLISH_FIRST = re.compile(rf"^\W*{_POLITE}$", re.IGNORECASE)
_TO_THE_EDITOR = re.compile(
    r"""(?:^|(?<=[\n.!?(\[]))\W*(?:
    (?:notes?|message|question)\s+(?:to|for)\s+(?:the\s+)?(?:editors?|translators?|designers?|team)
    | editors?\s*:\s*(?=please|check|cut|shorten|confirm|translate)
    | прим(?:\.|ечание)\s*(?:для\s+)?ред(?:акт\w+|\.)?\s*: | (?:вопрос\s+)?(?:для\s+)?(?:редактор|переводчик|
      верстальщик)[ауя]\s*: | коллег[аи]м?\s*[:,]\s*(?=провер|уточн|просьб)
    | (?:редактор|аудармашы)(?:ға|дың\s+назарына)\s*: | (?:редактор|котормочу)го\s*:
    | ба\s+(?:муҳаррир|тарҷумон)\s*:
    | (?:muharrir|tarjimon)(?:ga|\s+uchun)\s*: | (?:redaktor|terjimeçi)(?:a|e|\s+üçin)\s*:)""",
    _FLAGS,
)
_MARKED = re.compile(
    r"(?:^|(?<=[\s(\[]))(?P<mark>NB|N\.B\.|@[^\W\d_]+(?!\w)|→|->|=>|>{2,}|\?{2,}|!{3,}|\*{2,}|#{2,})"
    r"(?P<rest>[\s:,.!—–-]+[^\n]{3,160})"
)


def find_editor_note(plain: str) -> str:
    """The first remark of a text to a colleague; empty where it has none."""
    if found := _TO_THE_EDITOR.search(plain):
        return plain[found.start() :].strip()
    for pattern, is_one in ((_SQUARE, _is_square_remark), (_ROUND, _is_round_remark)):
        for bracket in pattern.finditer(plain):
            if _STILL_TO_DO.search(bracket[1]) or (not _TO_READERS.search(bracket[1]) and is_one(bracket[1])):
                return bracket[0]
    for marked in _MARKED.finditer(plain):
        if _is_marked_remark(marked["mark"], marked["rest"]):
            return marked[0].strip()
    first = next((one for one in split_sentences(plain) if _is_sentence_remark(one)), "")
    return first or find_note_or_request_to_colleague(plain)


def _requests(words: str, *, first: bool = False) -> bool:
    """Whether something is asked for; of English verbs, which are nouns too, where a request begins."""
    for found in _REQUEST.finditer(words):
        before = re.sub(_VOCATIVE, "", words[: found.start()])
        if not found[0].isascii() or not re.match(_ENGLISH_VERB, found[0]):
            if not first or not before.strip():
                return True
        elif _ENGLISH_FIRST.match(before) or re.search(r"\b(?:please|pls)\s+$", before, re.IGNORECASE):
            return True
    return False


_ENGLISH_VERB = re.compile(
    r"(?:double|re|check|confirm|clar|verif|transl|short|insert|proof|appro|correct|fix|expand|update|send|"
    r"add|"
    r"cut|delete|provide|attach|ask|change|move)",
    re.IGNORECASE,
)


def _is_addressed(words: str) -> bool:
    """Whether a name stands first: "Anna, check …", and not "Check, and write …"."""
    found = _VOCATIVE.match(words)
    return bool(found and not _REQUEST.search(found[0]))


def _is_square_remark(words: str) -> bool:
    return _requests(words) or bool(_is_addressed(words) and words.rstrip("! ").endswith("?"))


def _is_round_remark(words: str) -> bool:
    if _AMONG_COLLEAGUES.search(words):
        return True
    is_clear = _is_addressed(words) or _OF_THE_TEXT.search(words) or words.rstrip().endswith("!!")
    return bool((is_clear or _BEFORE_WE_SEND.search(words)) and _requests(words))


def _is_marked_remark(mark: str, rest: str) -> bool:
    words = rest.lstrip(" :,.!—–-")
    if _TO_READERS.search(words) or not _requests(words):
        return False
    return mark not in ("NB", "N.B.", "→", "->", "=>") or bool(
        _OF_THE_TEXT.search(words) or _AMONG_COLLEAGUES.search(words)
    )


def _is_sentence_remark(sentence: str) -> bool:
    if _TO_READERS.search(sentence):
        return False
    if _NOT_TO_FORGET.search(sentence):
        return True
    if not _requests(sentence):
        return False
    is_of_text = bool(_OF_THE_TEXT.search(sentence))
    return bool(
        (_is_addressed(sentence) and is_of_text)
        or (_BEFORE_WE_SEND.search(sentence) and (is_of_text or "before we" in sentence.casefold()))
    )

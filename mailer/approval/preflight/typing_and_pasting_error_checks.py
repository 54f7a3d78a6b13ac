"""Checks of slips of writing: markup and garbled letters, words twice, sentences that break off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mailer.approval.preflight.check_input import Description, Text, excerpt, place_of
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from subscribers.translate_stored_texts import stored

# What readers would see of HTML and Markdown that was typed or pasted as text.
_MARKUP = re.compile(
    r"</?(?:a|b|i|u|p|em|br|li|ul|ol|div|span|font|strong|h[1-6])\b[^<>\n]{0,200}>"
    r"|&(?:nbsp|laquo|raquo|[mn]dash|hellip|shy|[rl][sd]?quo)\b|&amp(?=[\s;])|&(?:nbsp|amp|lt|gt|quot|apos|laquo|raquo|[mn]dash|hellip|shy|#\d{2,5}|#x[0-9a-f]{2,5});"
    r"|\[[^\]\n]{1,120}\]\((?:https?:|mailto:)|\*\*\w[^*\n]{0,120}\*\*|^#{1,4}\s\w",
    re.IGNORECASE | re.MULTILINE,
)
# What Word, Excel and programs write in place of a value.
_PROGRAM_ERROR = re.compile(
    r"""
    \b(?:Error|Ошибка|Қате|Ката|Хато|Xato|Ýalňyşlyk)!\s+\w+
    | [#](?:REF|VALUE|NAME|DIV/0|ССЫЛКА|ЗНАЧ|ИМЯ|ДЕЛ/0)[!?] | [#](?:N/A|Н/Д)(?!\w)
    | \[object\s+Object\] | ^(?:undefined|null|NaN|None)$ | \bundefined\s+(?:undefined|null)\b
    """,
    re.VERBOSE | re.MULTILINE,
)
_EDITING = re.compile(
    r"""
    -{3,}\s*(?:Forwarded|Original|Пересылаемое|Пересланное|Исходное|Конец|Жіберілген)\b[^\n]*
    | ^(?:From|Sent|От\s+кого|От|Отправлено|Кому|To|Cc|Копия|Тема|Subject):\s[^\n]*@
    | \b(?:Commented|Comment|Deleted|Formatted|Примечание|Комментарий|Удалено)\s*\[[^\]\n]{1,12}\]\s*:
    | \bSent\s+from\s+my\s+\w+ | \bОтправлено\s+(?:с|из)\s+(?:моего|iPhone|Mail)
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_LONGEST_HEADLINE = 130
_NOT_ASCII = re.compile(r"[^\x00-\x7f\s]{4,}")
# UTF-8 that was read as one of these becomes other letters: «Рџ…», "â€™".
_WRONG_CODECS = ("cp1251", "cp1252", "latin-1")
# The same of Cyrillic text, where some of its letters were lost on the way, and of single signs.
_DOUBLED = re.compile(
    "(?:[РС][\u0401-\u040f\u0451-\u045f\u0490\u0491\u2010-\u2122\x80-\xbf]){3,}|â€.|Ã[\x80-\xbf]"
)
_TWICE = re.compile(
    r"(?<![\w-])(?P<word>[^\W\d_]{2,}|[вксуо])\s+(?P<again>(?P=word))(?![\w-])", re.IGNORECASE
)
# Words that stand twice on purpose; and, where doubling a word is grammar, words that never do.
_MAY_REPEAT: Mapping[str, frozenset[str]] = {"en": frozenset({"had", "that"}), "ru": frozenset({"вот", "да"})}
_NEVER_TWICE: Mapping[str, frozenset[str]] = {
    "kk": frozenset({"және", "үшін", "туралы", "бұл"}),
    "ky": frozenset({"жана", "үчүн", "тууралуу", "бул"}),
    "tg": frozenset({"ва", "дар", "барои", "аз", "ки"}),
    "uz": frozenset({"va", "uchun", "bilan", "bu"}),
    "tk": frozenset({"we", "üçin", "bilen", "bu"}),
}
_LONG_WORD = 8
_BREAKS_OFF = re.compile(
    r"(?:,|\b(?:and|or|the|of|with|и|или|что|в|на|және|мен|үшін|жана|менен|үчүн|ва|ё|барои|va|uchun|we|"
    r"üçin))\s*$"
)
# An ellipsis has three dots; « .org» and « ,5» begin with their sign.
_SPACING = re.compile(
    r"\w{2,}\s+[,.;](?=\s|$)|\w(?<!\.)\.\.(?!\.)|\w,,|(?<![\w@/.-])[^\W\d_]{3,},[^\W\d_]{3,}"
)
# A sentence that begins directly behind another one; not in an address.
_NO_SPACE = re.compile(r"(?<![\w@/.-])[^\W\d_]{3,}[.!?](?P<next>[^\W\d_]{2,})(?![\w@/]|\.\w)")
_SENTENCES = frozenset(("summary", "quote", "preheader"))
# Of lines, and of texts that were cut: signs that are no end.
_NO_END = re.compile(r"[,;]\s*$"), re.compile(r"(?:…|\.\.\.)\]?\s*$")
_LINES = frozenset(("headline", "heading", "subject", "caption", "button", "link_label", "video_title"))
_CUT = frozenset(("subject", "preheader", "summary", "headline"))


@check_each_text
def visible_markup(text: Text) -> Iterator[Found]:
    """HTML, entities and Markdown that readers would see as they are."""
    if found := _MARKUP.search(text.plain):
        yield Found(text.place, excerpt(found[0]))


@check_each_text
def program_error_text(text: Text) -> Iterator[Found]:
    """Messages of programs in place of a value: "Error! Bookmark not defined.", "#REF!"."""
    if found := _PROGRAM_ERROR.search(text.plain):
        yield Found(text.place, excerpt(text.plain[found.start() :]))


@check_each_text
def long_headline(text: Text) -> Iterator[Found]:
    """Headlines that are a paragraph."""
    if text.field in ("headline", "heading") and len(text.plain) > _LONGEST_HEADLINE:
        yield Found(text.place, stored("The text has %(count)s characters", count=len(text.plain)))


@check_each_text
def garbled_letters(text: Text) -> Iterator[Found]:
    """Letters that were read in the wrong encoding."""
    if "\N{REPLACEMENT CHARACTER}" in text.plain:
        at = text.plain.index("\N{REPLACEMENT CHARACTER}")
        yield Found(text.place, excerpt(text.plain[max(0, at - 20) : at + 20]))
    elif doubled := _DOUBLED.search(text.plain):
        yield Found(text.place, excerpt(doubled[0]))
    elif found := next((one for one in _NOT_ASCII.findall(text.plain) if _is_garbled(one)), ""):
        yield Found(text.place, excerpt(found))


def _is_garbled(letters: str) -> bool:
    for codec in _WRONG_CODECS:
        try:
            letters.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


@check_each_text
def word_twice(text: Text) -> Iterator[Found]:
    """A word that was typed twice."""
    for found in _TWICE.finditer(text.plain):
        word = found["word"].casefold()
        never = _NEVER_TWICE.get(text.language)
        # Grammar doubles short words only.
        is_doubled = never is not None and (word in never or len(word) >= _LONG_WORD)
        wrong = is_doubled if never is not None else word not in _MAY_REPEAT.get(text.language, ())
        # "Duran Duran" is a name.
        if wrong and found["again"].islower():
            yield Found(text.place, found[0])
            break


@check_each_text
def wrong_spacing_or_doubled_punctuation(text: Text) -> Iterator[Found]:
    """Spaces before commas and full stops, and signs that stand twice."""
    joined = (one for one in _NO_SPACE.finditer(text.plain) if one["next"].istitle() and one[0][0:3] != "www")
    if found := _SPACING.search(text.plain) or next(joined, None):
        yield Found(text.place, excerpt(found[0]))


@check_each_text
def sentence_breaks_off(text: Text) -> Iterator[Found]:
    """Sentences that end with a comma or a conjunction."""
    patterns = (
        (_SENTENCES, _BREAKS_OFF),
        (_LINES, _NO_END[0]),
        (_CUT, _NO_END[1]),
    )
    matches = (one.search(text.plain.casefold()) for fields, one in patterns if text.field in fields)
    if found := next(filter(None, matches), None):
        yield Found(text.place, f"…{text.plain[max(0, found.start() - 20) :].strip()}")


@check_each_text
def begins_in_lower_case(text: Text) -> Iterator[Found]:
    """Texts that begin with a small letter, as if their beginning had been cut off."""
    first = re.match(r"[^\W\d_]+(?![\w-])", text.plain)
    if text.field in ("headline", "summary", "subject", "preheader") and first and first[0].islower():
        yield Found(text.place, excerpt(text.plain))


@check_each_text
def editing_traces(text: Text) -> Iterator[Found]:
    """Heads of forwarded mail, comments and tracked changes, as they come with a pasted text."""
    if found := _EDITING.search(text.plain):
        yield Found(text.place, excerpt(found[0]))


def summary_repeats_headline(description: Description) -> Iterator[Found]:
    """Summaries that say what the headline has just said."""
    for story in description.shown_stories:
        for text in story.texts:
            words = re.findall(r"\w+", text.summary.casefold())
            if words and words == re.findall(r"\w+", text.headline.casefold()):
                yield Found(place_of(story, text.language), excerpt(text.summary))

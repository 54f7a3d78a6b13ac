"""What cells say about people who must get no mail: in words, as a yes or no, as a date or a number.

Products say it in many ways: "Unsubscribed", `deleted_at`, `email_disabled=true`, «Отписан». Headings and
cells are matched by classes of words, in English and Russian. What is not understood is never ignored: see
`staff_questions.Question`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from subscribers.addresses import without_invisible


class Status(StrEnum):
    """What the other system says about a person."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"
    # These two did not ask to get no mail, and never asked for any.
    UNCONFIRMED = "unconfirmed"
    NOT_SUBSCRIBED = "not_subscribed"


# People who may be suppressed: they left, or their mailbox did. The first one counts where columns disagree.
DO_NOT_MAIL = (Status.COMPLAINED, Status.BOUNCED, Status.UNSUBSCRIBED, Status.BLOCKED)
_WEIGHT = {
    status: rank
    for rank, status in enumerate(
        (*DO_NOT_MAIL, Status.NOT_SUBSCRIBED, Status.UNCONFIRMED, Status.SUBSCRIBED)
    )
}


_FALSE = frozenset(
    {
        *(
            "",
            "0",
            "0.0",
            "no",
            "n",
            "false",
            "f",
            "off",
            "null",
            "none",
            "nil",
            "never",
            "na",
            "n a",
            "not set",
        ),
        # Kazakh, Kyrgyz, Uzbek, Tajik, Turkmen and Turkish, also as Excel writes it there.
        *("жоқ", "жалған", "жок", "жалган", "yoq", "yo q", "yoʻq", "йўқ", "йуқ", "йук", "yolgʻon", "yolg on"),
        *("не", "дурӯғ", "ýok", "yok", "ýalan", "hayır", "hayir", "yanlış", "yanliş", "yanlis"),
        *("нет", "н", "никогда", "ложь", "0000 00 00", "0000 00 00 00 00 00", "undefined", "nan"),
    }
)
_TRUE = frozenset(
    {
        *("1", "1.0", "yes", "y", "true", "t", "on", "x", "v", "да", "д", "истина", "checked", "ok", "ок"),
        *("check", "иә", "ия", "ақиқат", "ооба", "чындык", "ha", "rost", "ҳа", "бале", "рост"),
        *("hawa", "dogry", "evet", "doğru", "dogru"),
    }
)
_YES_SIGNS = ("✓", "✔", "+", "☑", "✅", "●", "•", "*")
_NO_SIGNS = ("✗", "✘", "×", "☐", "❌")
_NOTHING = ("-", "–", "—", "\\N", "[]", "{}")
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{8}t\d|\d{10}$|\d{13}$"
    r"|(?:[a-z]{3},? )?(?:[a-zа-я]{3,9}\.? \d{1,2}|\d{1,2} [a-zа-я]{3,9}),? \d{4})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?%?$")
_LINK = re.compile(r"https?://|mailto:", re.IGNORECASE)

# Unsubscribing in Kazakh and Kyrgyz, Uzbek and Tajik, Turkmen and Turkish.
_UNSUBSCRIBED_ELSEWHERE = (
    r"бас тарт|жазыл\w* шық|баш тарт|жазыл\w* чык|обуна\w* (?:бекор|чиқ|воз кеч)|аз обуна"
    r"|бекор (?:\w+ )?обуна|obuna\w* (?:bekor|chiq|voz kech)|ýazyl\w* ýatyr|abuna\w* (?:ýatyr|çyk)"
    r"|abone\w* (?:\w+ )?(?:iptal|çık|ayrıl)"
)
# Words of each status, as they begin; the first that matches counts. "е" stands for "ё" too.
_WORDS: tuple[tuple[Status, str], ...] = (
    (
        Status.UNSUBSCRIBED,
        r"(?:do|does|must|should|please|can|may) ?not\b|don ?t|donot|dn[cdem]\b"
        r"|no ?(?:e ?)?mails?\b|no ?mailings?\b"
        r"|no (?:newsletters?|contact|marketing)\b|never (?:e ?mail|mail|contact|send|write)"
        r"|не (?:слать|отправл|рассыл|писать|беспоко|присыл|посыл|отсыл|контакт|хочет|хотят|жела"
        r"|получа)|больше не",
    ),
    (
        Status.UNCONFIRMED,
        r"un ?confirm|un ?verif|un ?activated|non ?confirm|(?:not|never)(?: yet)? ?(?:confirm|verif"
        r"|activated)"
        r"|pending|await|waiting|validating|verifying|activation request|invited|invitation"
        r"|не ?подтвер|ожида|ждет|приглаш"
        r"|не ?активирован",
    ),
    (
        Status.NOT_SUBSCRIBED,
        r"non ?subscri|(?:not|never) ?subscri|non ?marketing|in ?active|(?:not|never) active|archiv"
        r"|dormant|lapsed"
        r"|expired|unengaged|lost interest|not interested|paused|snoozed|muted|no permission"
        r"|permission not|soft ?bounc"
        r"|transactional|не ?подпис|не ?активн|не ?активен|архив|заморож|приостан",
    ),
    (Status.COMPLAINED, r"complain|spam|abus|junk\b|fbl\b|feedback loop|жалоб|пожалов|спам"),
    (
        Status.BOUNCED,
        r"bounc|un ?deliver|non ?deliver|(?:not|never) ?deliver|un ?reachable|not reachable"
        r"|in ?valid|not valid"
        r"|returned mail|(?:e ?mail|mail)s? returned|cleaned|clean (?:time|date|at|campaign|reason)"
        r"|dead\b|non ?exist|(?:not|no longer) exist"
        r"|(?:delivery|e ?mail|mail|smtp|hard|permanent)(?: \w+)? (?:error|fail)|failed|failing"
        r"|failure|mailbox full"
        r"|недостав|не достав|возврат|баунс|отскок|недейств|не действ|невалид|не валид|некоррект"
        r"|неверн|несуществ"
        r"|не существ|недоступ|не доступ|ошибк|не работает",
    ),
    (
        Status.UNSUBSCRIBED,
        r"un ?sub|de ?subscri|opt(?:ed|s|ing)? ?outs?\b|opt(?:ed|ing)?out|un ?opt|signed ?off"
        r"|sign ?off|left\b|leave\b"
        r"|leaving|ended\b|cancel|remov|delet|eras|purged?\b|trash|withdr[ae]w|revok|objected"
        r"|objection|quit\b"
        r"|resign|churn|terminat|stop(?:ped)?\b|forgotten|deceased|died|declin|отпис|отказ|удал"
        r"|отозв|отзыв соглас"
        r"|выбыл|покинул|ушел|ушла|вышел|вышла|отмен|снят|снял|умер"
        rf"|{_UNSUBSCRIBED_ELSEWHERE}",
    ),
    (
        Status.BLOCKED,
        r"block|black ?list|deny ?list|denied|suppress|ban(?:ned)?\b|disabl|deactivat|stop ?list"
        r"|exclu[ds]|held\b"
        r"|on hold|hold\b|suspend|quarantin|restrict|locked|lock\b|has ?lock|lock ?(?:remove"
        r"|confirm|bad)|refus|reject"
        r"|заблок|блок|черн\w* спис|бан\b|забан|стоп ?лист|исключ|запре[тщ]|отключ|деактив",
    ),
)
_SPEAKS = [(status, re.compile(rf"\b(?:{words})")) for status, words in _WORDS]
_DENYING, _LEFT = _SPEAKS[:3], _SPEAKS[3:]
# "not bounced", "no complaints": the opposite of what the next word says.
_NEGATED = re.compile(r"\b(?:not|no|never|non|without|не|нет|без)\b")

# In a column about something else only these are taken for a status, and they are looked for in every cell.
_CLEAR = re.compile(
    r"\b(?:un ?sub(?!mi)|opt(?:ed|s|ing)? ?outs?\b|(?:hard|soft)? ?bounc|complain|spam|black ?list"
    r"|block ?list|blocked"
    r"|suppressed|un ?deliver|un ?confirmed|un ?verified|do ?not (?:e ?mail|mail|send|contact"
    r"|write)|in ?active"
    r"|disabled|deactivated|deleted|cleaned|banned|no ?mail\b|non ?subscribed|not subscribed"
    r"|un ?reachable|отпис|заблок"
    r"|черн\w* спис|жалоб|недостав|удален|не ?актив|не ?подтвер|отказ|недоступ"
    r"|не (?:слать|писать|отправл|рассыл|присыл|посыл|беспоко|хочет получ|хотят получ|жела\w* получ|получать)"
    r"|(?:исключи|убра|снят|удали|вычеркн)\w* (?:\w+ ){0,2}(?:из|с) (?:\w+ )?(?:рассыл|подписк|спис|баз)"
    r"|don ?t (?:e ?mail|mail|send|contact|write)|stop (?:e ?mail|mail|send)"
    r"|remov\w* (?:\w+ ){0,3}from (?:\w+ ){0,2}(?:list|mailing|newsletter|database)"
    r"|no longer (?:wants?|wishes|interested)|withdr[ae]w\w* consent|consent (?:\w+ )?withdr|stop ?list"
    r"|стоп ?лист|отозв\w* соглас|соглас\w* отозв|отмен\w* подписк"
    rf"|{_UNSUBSCRIBED_ELSEWHERE})"
)
# Each clear word holds one of these: a quick look at the cells of a column together.
_STEMS = (
    *("unsub", "un-sub", "un sub", "opt", "bounc", "complain", "spam", "black", "block", "suppress"),
    *("deliver", "confirm", "verif", "not", "active", "disabled", "deactiv", "deleted", "cleaned"),
    *("banned", "subscri", "reach", "отпис", "заблок", "черн", "чёрн", "жалоб", "недост", "удал"),
    *("актив", "подтвер", "отказ", "слать", "писать", "отправл", "nomail", "no mail", "no-mail"),
    *("no_mail", "dont", "don't", "don’t", "don t", "stop", "remov", "no longer", "рассыл", "присыл"),
    *("посыл", "беспоко", "получ", "исключ", "убра", "снят", "вычерк"),
    *("withdr", "стоп", "отозв", "отмен", "бас тарт", "баш тарт", "жазыл", "обуна", "obuna", "ýazyl"),
    *("abuna", "abone"),
)
_CLEAR_LENGTH = 200

_ACTIVE = frozenset(
    {
        *("subscribed", "subscriber", "subscribe", "active", "activated", "enabled", "confirmed", "verified"),
        *(
            "valid",
            "ok",
            "opted in",
            "opt in",
            "optin",
            "double opt in",
            "regular",
            "premium",
            "member",
            "paid",
        ),
        *(
            "free",
            "comped",
            "gifted",
            "trialed",
            "marketing",
            "marketing contact",
            "available",
            "normal",
            "current",
            "reachable",
        ),
        *(
            "deliverable",
            "express",
            "implied",
            "by list",
            "good",
            "clean",
            "yes",
            "y",
            "true",
            "1",
            "on",
            "x",
        ),
        *("подписан", "подписана", "подписаны", "подписчик", "активен", "активна", "активный", "активные"),
        *("подтвержден", "подтверждена", "подтвержденный", "да", "действует", "действующий", "включен"),
        *("доступен", "участник", "валидный", "рассылка разрешена"),
    }
)
_ACTIVE_BEGINS = re.compile(
    r"(?:is |e ?mail |currently |single |double )?(?:subscribed|active|confirmed|opt(?:ed)? in"
    r"|подписан\w*|активн\w*"
    r"|подтвержд\w*)\b"
)


def normalise_words(text: str) -> str:
    """Without case, punctuation, doubled spaces and invisible characters; "ё" is "е", "isActive" two."""
    text = re.sub(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])", " ", text)
    text = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return " ".join(re.sub(r"[\W_]+", " ", without_invisible(text)).split())


@lru_cache(maxsize=4096)
def word_status(cell: str) -> Status | None:
    """What a word in a column of statuses means: nothing means subscribed, None is not understood."""
    text = normalise_words(cell)
    if not text:
        # Nothing, or a sign without letters.
        sign = cell.strip()
        if sign in _NO_SIGNS:
            return Status.NOT_SUBSCRIBED
        return Status.SUBSCRIBED if not sign or sign in (*_NOTHING, *_YES_SIGNS) else None
    if text in _ACTIVE:
        return Status.SUBSCRIBED
    if text in _FALSE:
        return Status.NOT_SUBSCRIBED
    if (denying := negative_phrase_status(text)) is not None:
        return denying
    if (found := opt_out_or_bounce_status(text)) is not None:
        return None if is_negated(text) else found
    return Status.SUBSCRIBED if _ACTIVE_BEGINS.match(text) else None


@lru_cache(maxsize=4096)
def explicit_status_or_subscribed(cell: str) -> Status:
    """What a cell of any column says clearly; SUBSCRIBED where it says nothing about that."""
    text = cell.strip()[:_CLEAR_LENGTH]
    if is_link_or_address(text):
        return Status.SUBSCRIBED
    text = normalise_words(text)
    if not _CLEAR.search(text):
        return Status.SUBSCRIBED
    return negative_phrase_status(text) or opt_out_or_bounce_status(text) or Status.UNSUBSCRIBED


def may_mention_status(cells: Iterable[str]) -> bool:
    """Whether any of the cells may say that a person left.

    Much faster than `explicit_status_or_subscribed`, which is called only if so.
    """
    text = without_invisible("\n".join(cells)).casefold()
    return any(stem in text for stem in _STEMS)


def most_severe(statuses: Iterable[Status]) -> Status:
    """The status that counts where several columns speak about one person."""
    return min(statuses, key=_WEIGHT.__getitem__, default=Status.SUBSCRIBED)


def is_no_or_empty(cell: str) -> bool:
    """Whether a cell says no, nothing, or never."""
    text, sign = normalise_words(cell), cell.strip()
    return sign in _NOTHING or sign in _NO_SIGNS or (text in _FALSE and bool(text)) or not sign


def is_true(cell: str) -> bool:
    """Whether a cell says yes."""
    return normalise_words(cell) in _TRUE or cell.strip() in _YES_SIGNS


def is_date(cell: str) -> bool:
    """Whether a cell begins with a date or is a moment in seconds since 1970, and not "0000-00-00"."""
    return bool(_DATE.match(cell.strip())) and not cell.strip().startswith("0000")


def is_number(cell: str) -> bool:
    """Whether a cell is a number, perhaps a share."""
    return bool(_NUMBER.match(cell.strip()))


def is_link_or_address(cell: str) -> bool:
    """Whether a cell is a link or an address, which says nothing about the person."""
    return "@" in cell or bool(_LINK.match(cell.strip()))


def is_negated(text: str) -> bool:
    """Whether a plain text denies what it speaks of: "not bounced"."""
    return bool(_NEGATED.search(text))


def is_do_not_mail(text: str) -> bool:
    """Whether a plain text says that no mail is wanted: "do not mail", "больше не писать"."""
    return bool(_DENYING[0][1].search(text))


def negative_phrase_status(text: str) -> Status | None:
    """What a plain text says with a "not" of its own: "do not mail", "unconfirmed", "not subscribed"."""
    return next((status for status, words in _DENYING if words.search(text)), None)


def opt_out_or_bounce_status(text: str) -> Status | None:
    """What the words for leaving, bouncing, complaining and blocking in a plain text say."""
    return most_severe(found) if (found := [one for one, words in _LEFT if words.search(text)]) else None

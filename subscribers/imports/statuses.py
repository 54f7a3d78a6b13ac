"""What a file says about people who must get no mail: in words, as a yes or no, as a date or a number.

Products say it in many ways: "Unsubscribed", `deleted_at`, `email_disabled=true`, «Отписан». Headings and
cells are matched by classes of words, in English and Russian. What is not understood is never ignored: see
`survey.Question`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


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

# Fields of columns that decide who is added, see `gate`.
GATES = ("status", "opted_out", "opted_in", "mentions")

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
        *("нет", "н", "никогда", "ложь", "0000 00 00", "0000 00 00 00 00 00", "undefined", "nan"),
    }
)
_TRUE = frozenset(
    {"1", "1.0", "yes", "y", "true", "t", "on", "x", "v", "да", "д", "истина", "checked", "ok", "ок", "check"}
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
        r"|выбыл|покинул|ушел|ушла|вышел|вышла|отмен|снят|снял|умер",
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
_DO_NOT, _UNCONFIRMED, _NOT_SUBSCRIBED, *_LEFT = _SPEAKS
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
    r"|черн\w* спис|жалоб|недостав|удален|не ?актив|не ?подтвер|отказ|недоступ|не (?:слать|писать|отправл))"
)
# Each clear word holds one of these: a quick look at the cells of a column together.
_STEMS = (
    *("unsub", "un-sub", "un sub", "opt", "bounc", "complain", "spam", "black", "block", "suppress"),
    *("deliver", "confirm", "verif", "not", "active", "disabled", "deactiv", "deleted", "cleaned"),
    *("banned", "subscri", "reach", "отпис", "заблок", "черн", "чёрн", "жалоб", "недост", "удал"),
    *("актив", "подтвер", "отказ", "слать", "писать", "отправл", "nomail", "no mail", "no-mail"),
    "no_mail",
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

_OTHER_CHANNEL = re.compile(
    r"\b(?:sms|phone|mobile|whats ?app|viber|telegram|push|calls?|fax|postal|телефон\w*|смс|звон\w*)\b"
)
_BY_MAIL = re.compile(r"\b(?:e ?mails?|mailing|newsletter|почт\w*|рассыл\w*)\b")
_STATUS_HEADINGS = frozenset(
    {
        *(
            "status",
            "subscription status",
            "email status",
            "member status",
            "contact status",
            "subscriber status",
        ),
        *(
            "e mail status",
            "email marketing",
            "email marketing status",
            "marketing status",
            "delivery status",
        ),
        *("subscription state", "subscription type", "email state", "list status", "email availability"),
        *("статус", "статус подписки", "статус email", "статус e mail", "статус адреса", "состояние"),
    }
)
_STATUS_HEADING = re.compile(r"\b(?:status|state|статус\w*|состояни\w*)\b")
_OPTED_IN = re.compile(
    r"\b(?:subscribed|is subscri\w*|is active|active|enabled|confirmed|confirm\w*|verified|is valid"
    r"|valid(?:ity|ated)?|deliverable"
    r"|reachable|mailable|contactable|opt(?:ed|s)? ?in|optin|doi|(?:can|may|receives?|wants?"
    r"|gets?) (?:e ?mails?|mail"
    r"|news\w*|marketing)|подписан\w*|подтвержд\w*|активен|активна|активный|валид\w*|получает\w*)\b"
)
_MAYBE_OPTED_IN = re.compile(
    r"\b(?:subscri\w*|consent\w*|permission\w*|permitted|allowed|agree\w*|accepts?|newsletters?"
    r"|marketing|gdpr"
    r"|mailings?|send (?:e ?mails?|mail|news\w*)|e ?mails? enabled|подписк\w*|соглас\w*|разреш\w*"
    r"|рассылк\w*|получать)\b"
)
_NOT_OPTED_IN = re.compile(
    r"\b(?:last|ip|id|ids|url|link|key|token|hash|source|campaign|reason|page|track\w*|by|method"
    r"|form|cookies?|terms"
    r"|count|последн\w*|источник\w*|способ\w*)\b"
)
# A yes or no under one of these may be about the wish to get mail.
_ABOUT_MAIL = re.compile(
    r"\b(?:e ?mails?|mail\w*|contact\w*|newsletter\w*|news|wants?|interested|ok|почт\w*|письм\w*"
    r"|рассыл\w*|хочет)\b"
)
_WHY = re.compile(r"\b(?:reason|why|comment|campaign|title|code|message|details?|причин\w*|комментар\w*)\b")
_REFUSED_IN: tuple[tuple[str, Status], ...] = (
    (r"\b(?:confirm|verif|doi\b|opt(?:ed|s)? ?in|optin|подтвержд)", Status.UNCONFIRMED),
    (r"\b(?:valid|deliver|reach|валид)", Status.BOUNCED),
    (r"\b(?:subscri|подпис|receiv|получ)", Status.UNSUBSCRIBED),
)


@dataclass(frozen=True)
class Kind:
    """What a heading says that its column is about."""

    # One of GATES, or "ignore" for what is known to be about something else.
    field: str
    # What a yes in an `opted_out` column, or a no in an `opted_in` column, says about the person.
    status: Status
    # Whether the heading alone is enough; otherwise the cells must say it too.
    sure: bool
    # Whether the cells are reasons or titles, and not a yes or no.
    explains: bool = False
    # Whether a person must say what a yes or no means, as under "not bounced" or just "mail".
    denied: bool = False


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are read, as far as its first rows tell."""

    # One of GATES, or "ignore".
    field: str
    # Whether a person must confirm that.
    doubtful: bool = False


def plain(text: str) -> str:
    """Without case, punctuation and doubled spaces; "ё" becomes "е", "isActive" two words."""
    text = re.sub(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])", " ", text)
    text = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


@lru_cache(maxsize=4096)
def word_status(cell: str) -> Status | None:
    """What a word in a column of statuses means: nothing means subscribed, None is not understood."""
    text = plain(cell)
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
    for status, words in (_DO_NOT, _UNCONFIRMED, _NOT_SUBSCRIBED):
        if words.search(text):
            return status
    found = _left(text)
    if found is not None:
        return None if _NEGATED.search(text) else found
    return Status.SUBSCRIBED if _ACTIVE_BEGINS.match(text) else None


@lru_cache(maxsize=4096)
def mentioned_status(cell: str) -> Status:
    """What a cell of any column says clearly; SUBSCRIBED where it says nothing about that."""
    text = cell.strip()[:_CLEAR_LENGTH]
    if "@" in text or _LINK.match(text):
        return Status.SUBSCRIBED
    text = plain(text)
    if not _CLEAR.search(text):
        return Status.SUBSCRIBED
    for status, words in (_DO_NOT, _UNCONFIRMED, _NOT_SUBSCRIBED, *_LEFT):
        if words.search(text):
            return status
    return Status.UNSUBSCRIBED


def may_mention(cells: Iterable[str]) -> bool:
    """Whether any of the cells may say that somebody left: a quick look before `mentioned_status`."""
    text = "\n".join(cells).casefold()
    return any(stem in text for stem in _STEMS)


@lru_cache(maxsize=4096)
def heading_kind(heading: str) -> Kind | None:
    """What a heading says about who must get no mail; None for a heading about something else."""
    text = plain(heading)
    if _OTHER_CHANNEL.search(text) and not _BY_MAIL.search(text):
        return Kind("ignore", Status.SUBSCRIBED, sure=True)
    if text in _STATUS_HEADINGS:
        return Kind("status", Status.UNSUBSCRIBED, sure=True)
    for status, words in (_DO_NOT, _UNCONFIRMED, _NOT_SUBSCRIBED):
        if words.search(text):
            return Kind("opted_out", status, sure=True, explains=bool(_WHY.search(text)))
    if (found := _left(text)) is not None:
        if _NEGATED.search(text):
            return Kind("opted_in", found, sure=True, denied=True)
        return Kind("opted_out", found, sure=True, explains=bool(_WHY.search(text)))
    if _STATUS_HEADING.search(text):
        return Kind("status", Status.UNSUBSCRIBED, sure=False)
    sure = bool(_OPTED_IN.search(text))
    if (sure or _MAYBE_OPTED_IN.search(text)) and not _NOT_OPTED_IN.search(text):
        refused = next((one for words, one in _REFUSED_IN if re.search(words, text)), Status.NOT_SUBSCRIBED)
        return Kind("opted_in", refused, sure)
    if _ABOUT_MAIL.search(text) and not _NOT_OPTED_IN.search(text):
        return Kind("opted_in", Status.NOT_SUBSCRIBED, sure=False, denied=True)
    return None


def read_column(kind: Kind | None, cells: Iterable[str], words: Mapping[str, Status]) -> Reading:
    """How to read a column by its heading's kind and its first cells; `words`: what their words mean."""
    stripped = [cell.strip() for cell in cells]
    values = set(filter(None, stripped))
    empty = "" in stripped
    if kind is None:
        return _read_unnamed(values, words)
    if kind.field == "ignore":
        return Reading("ignore")
    if not values or all(_LINK.match(value) or "@" in value for value in values):
        # Nothing is known yet; the survey asks if that changes.
        return Reading("opted_out" if kind.field == "opted_out" and not values else "ignore")
    if kind.denied and not kind.sure and not any(is_true(value) or is_false(value) for value in values):
        return _read_unnamed(values, words)
    understood = [words.get(plain(value)) or word_status(value) for value in values]
    if kind.field == "status":
        if kind.sure or any(status not in (None, Status.SUBSCRIBED) for status in understood):
            return Reading("status")
        return Reading("status" if all(understood) else "ignore")
    if kind.field == "opted_out":
        return _read_opted_out(kind, values, understood)
    return _read_opted_in(kind, values, understood, empty)


def gate(field: str, refused: Status, words: Mapping[str, Status]) -> Callable[[str], Status | None]:
    """The function that says what a cell of such a column means; None where a word is not understood.

    `refused`: what a yes under `opted_out`, or a no under `opted_in`, means. `words`: by `plain` word.
    """

    @lru_cache(maxsize=4096)
    def status(cell: str) -> Status | None:
        return words.get(plain(cell)) or word_status(cell)

    @lru_cache(maxsize=4096)
    def opted_out(cell: str) -> Status:
        return Status.SUBSCRIBED if is_false(cell) else refused

    @lru_cache(maxsize=4096)
    def opted_in(cell: str) -> Status:
        return Status.SUBSCRIBED if is_true(cell) or _DATE.match(cell.strip()) else refused

    by_field: dict[str, Callable[[str], Status | None]] = {
        "status": status,
        "opted_out": opted_out,
        "opted_in": opted_in,
        "mentions": mentioned_status,
    }
    return by_field[field]


def heaviest(statuses: Iterable[Status]) -> Status:
    """The status that counts where several columns speak about one person."""
    return min(statuses, key=_WEIGHT.__getitem__, default=Status.SUBSCRIBED)


def is_false(cell: str) -> bool:
    """Whether a cell says no, nothing, or never."""
    text, sign = plain(cell), cell.strip()
    return sign in _NOTHING or sign in _NO_SIGNS or (text in _FALSE and bool(text)) or not sign


def is_true(cell: str) -> bool:
    """Whether a cell says yes."""
    return plain(cell) in _TRUE or cell.strip() in _YES_SIGNS


_FILE_NAME = re.compile(
    r"(subscribed|unsubscribed|cleaned|nonsubscribed|non_subscribed|pending|archived)_\w*export",
    re.IGNORECASE,
)


def file_status(name: str) -> tuple[str, bool]:
    """What a file's name says about the people in it, as a word, and whether that is sure; "" for nothing."""
    base = name.replace("\\", "/").rpartition("/")[2]
    if exported := _FILE_NAME.match(base):
        return exported[1].casefold(), True
    text = plain(base.rpartition(".")[0] or base)
    said = mentioned_status(text)
    if said is Status.SUBSCRIBED and re.search(r"\bblocks?\b|\bno ?mail\b|\bblack\b", text):
        said = Status.BLOCKED
    return ("", True) if said is Status.SUBSCRIBED else (said.value, False)


def _left(text: str) -> Status | None:
    return heaviest(found) if (found := [one for one, words in _LEFT if words.search(text)]) else None


def _read_unnamed(values: set[str], words: Mapping[str, Status]) -> Reading:
    """A column whose heading says nothing: a few clear words in it may be statuses."""
    if not may_mention(values) or not any(
        mentioned_status(value) is not Status.SUBSCRIBED for value in values
    ):
        return Reading("ignore")
    understood = [words.get(plain(value)) or word_status(value) for value in values]
    if len(values) > 1 and all(understood) and Status.SUBSCRIBED in understood:
        return Reading("status")
    return Reading("mentions", doubtful=True)


def _read_opted_out(kind: Kind, values: set[str], understood: list[Status | None]) -> Reading:
    rest = {value for value in values if not is_false(value)}
    if not rest:
        return Reading("opted_out")
    if all(is_true(value) or _DATE.match(value) for value in rest):
        return Reading("opted_out")
    if all(understood) and not any(_NUMBER.match(value) for value in rest):
        return Reading("status")
    # Whoever gave a reason for leaving has left.
    return Reading("opted_out", doubtful=not kind.explains)


def _read_opted_in(kind: Kind, values: set[str], understood: list[Status | None], empty: bool) -> Reading:
    yes = [value for value in values if is_true(value) or _DATE.match(value)]
    no = [value for value in values if is_false(value)]
    left = any(status not in (None, Status.SUBSCRIBED) for status in understood)
    if len(yes) + len(no) == len(values):
        if not kind.sure and not any(is_true(value) or is_false(value) for value in values):
            # The day on which they joined.
            return Reading("ignore")
        # Does an empty cell mean no, or that nobody asked? Is nobody subscribed?
        return Reading("opted_in", doubtful=kind.denied or not yes or (empty and not no))
    if all(understood) and (kind.sure or left):
        return Reading("status")
    return Reading("opted_in", doubtful=True) if kind.sure or left else Reading("ignore")

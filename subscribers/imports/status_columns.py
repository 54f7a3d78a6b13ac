"""Which columns say who must get no mail: by their headings and first cells, and what a cell of each means.

So does the name of a file: `unsubscribed_members_export_1.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from subscribers.imports.status_cells import (
    Status,
    explicit_status_or_subscribed,
    is_date,
    is_do_not_mail,
    is_link_or_address,
    is_negated,
    is_no_or_empty,
    is_number,
    is_true,
    may_mention_status,
    negative_phrase_status,
    normalise_words,
    opt_out_or_bounce_status,
    word_status,
)

# Fields of columns that decide who is added, see `make_cell_reader`.
GATES = ("status", "opted_out", "opted_in", "mentions")
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


@lru_cache(maxsize=4096)
def status_column_of_heading(heading: str) -> Kind | None:
    """What a heading says about who must get no mail; None for a heading about something else."""
    text = normalise_words(heading)
    if _OTHER_CHANNEL.search(text) and not _BY_MAIL.search(text):
        return Kind("ignore", Status.SUBSCRIBED, sure=True)
    if text in _STATUS_HEADINGS:
        return Kind("status", Status.UNSUBSCRIBED, sure=True)
    if (denying := negative_phrase_status(text)) is not None:
        return Kind("opted_out", denying, sure=True, explains=bool(_WHY.search(text)))
    if (found := opt_out_or_bounce_status(text)) is not None:
        if is_negated(text):
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


def infer_reading(kind: Kind | None, cells: Iterable[str], words: Mapping[str, Status]) -> Reading:
    """How to read a column by its heading's kind and its first cells; `words`: what their words mean."""
    stripped = [cell.strip() for cell in cells]
    values = set(filter(None, stripped))
    empty = "" in stripped
    if kind is None:
        return _read_unnamed(values, words)
    if kind.field == "ignore":
        return Reading("ignore")
    if not values or all(map(is_link_or_address, values)):
        # Nothing is known yet; the survey asks if that changes.
        return Reading("opted_out" if kind.field == "opted_out" and not values else "ignore")
    if kind.denied and not kind.sure and not any(is_true(value) or is_no_or_empty(value) for value in values):
        return _read_unnamed(values, words)
    understood = [words.get(normalise_words(value)) or word_status(value) for value in values]
    if kind.field == "status":
        if kind.sure or any(status not in (None, Status.SUBSCRIBED) for status in understood):
            return Reading("status")
        return Reading("status" if all(understood) else "ignore")
    if kind.field == "opted_out":
        return _read_opted_out(kind, values, understood)
    return _read_opted_in(kind, values, understood, empty)


def make_cell_reader(
    field: str, refused: Status, words: Mapping[str, Status]
) -> Callable[[str], Status | None]:
    """The function that says what a cell of such a column means; None where a word is not understood.

    `refused`: what a yes under `opted_out`, or a no under `opted_in`, means. `words`: by `plain` word.
    """

    @lru_cache(maxsize=4096)
    def status(cell: str) -> Status | None:
        return words.get(normalise_words(cell)) or word_status(cell)

    @lru_cache(maxsize=4096)
    def opted_out(cell: str) -> Status:
        return Status.SUBSCRIBED if is_no_or_empty(cell) else refused

    @lru_cache(maxsize=4096)
    def opted_in(cell: str) -> Status:
        return Status.SUBSCRIBED if is_date(cell) or is_true(cell) else refused

    by_field: dict[str, Callable[[str], Status | None]] = {
        "status": status,
        "opted_out": opted_out,
        "opted_in": opted_in,
        "mentions": explicit_status_or_subscribed,
    }
    return by_field[field]


_FILE_NAME = re.compile(
    r"(subscribed|unsubscribed|cleaned|nonsubscribed|non_subscribed|pending|archived)_\w*export",
    re.IGNORECASE,
)


# Words that are clear in the name of a file or a sheet or in a title, and may mean something else in a note.
_NAME_SAYS = re.compile(
    r"\b(?:blocks?\b|black\b|suppress|stop ?list|dn[cdem]\b|in ?valid|bad (?:e ?mails?|address)"
    r"|fail(?:ed|ures?)\b|returned (?:e ?)?mail|стоп ?лист|исключ|недейств|не действ|невалид|не валид"
    r"|несуществ|не существ|неверн|некоррект|возврат|баунс)"
)


def file_name_status_and_certainty(name: str) -> tuple[str, bool]:
    """What a file's name says about the people in it, as a word, and whether that is sure; "" for nothing."""
    base = name.replace("\\", "/").rpartition("/")[2]
    if exported := _FILE_NAME.match(base):
        return exported[1].casefold(), True
    said = title_status_or_subscribed(base.rpartition(".")[0] or base)
    return ("", True) if said is Status.SUBSCRIBED else (said.value, False)


def title_status_or_subscribed(title: str) -> Status:
    """What the title of some people says about all of them; SUBSCRIBED where it says nothing about that."""
    text = normalise_words(title)
    said = explicit_status_or_subscribed(text)
    if said is Status.SUBSCRIBED and (_NAME_SAYS.search(text) or is_do_not_mail(text)):
        said = negative_phrase_status(text) or opt_out_or_bounce_status(text) or Status.BLOCKED
    return said


def _read_unnamed(values: set[str], words: Mapping[str, Status]) -> Reading:
    """A column whose heading says nothing: a few clear words in it may be statuses."""
    if not may_mention_status(values) or not any(
        explicit_status_or_subscribed(value) is not Status.SUBSCRIBED for value in values
    ):
        return Reading("ignore")
    understood = [words.get(normalise_words(value)) or word_status(value) for value in values]
    if len(values) > 1 and all(understood) and Status.SUBSCRIBED in understood:
        return Reading("status")
    return Reading("mentions", doubtful=True)


def _read_opted_out(kind: Kind, values: set[str], understood: list[Status | None]) -> Reading:
    rest = {value for value in values if not is_no_or_empty(value)}
    if not rest:
        return Reading("opted_out")
    if all(is_true(value) or is_date(value) for value in rest):
        return Reading("opted_out")
    if all(understood) and not any(map(is_number, rest)):
        return Reading("status")
    # A person with a reason for leaving has left.
    return Reading("opted_out", doubtful=not kind.explains)


def _read_opted_in(kind: Kind, values: set[str], understood: list[Status | None], empty: bool) -> Reading:
    yes = [value for value in values if is_true(value) or is_date(value)]
    no = [value for value in values if is_no_or_empty(value)]
    left = any(status not in (None, Status.SUBSCRIBED) for status in understood)
    if len(yes) + len(no) == len(values):
        if not kind.sure and not any(is_true(value) or is_no_or_empty(value) for value in values):
            # The day on which they joined.
            return Reading("ignore")
        # Does an empty cell mean no, or that nobody asked? Is nobody subscribed?
        return Reading("opted_in", doubtful=kind.denied or not yes or (empty and not no))
    if all(understood) and (kind.sure or left):
        return Reading("status")
    return Reading("opted_in", doubtful=True) if kind.sure or left else Reading("ignore")

"""Signals by which the kinds of returned mail are told apart; their phrases are kept as data in
keywords.toml.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources

from mailer.feedback.parsing.fast_regex_lists import (
    PatternIndex,
    PatternList,
    Possible,
    first_start,
    is_found,
)
from mailer.feedback.parsing.mime import Headers

_REPLY_PREFIX = r"^\W*(?:re:\s*)?"


class KeywordList(PatternList):
    """A list in keywords.toml, any entry of which may match a text, whatever its case."""

    def __init__(self, name: str) -> None:
        super().__init__(_keywords()[name], re.MULTILINE)
        _LISTS.append(self)

    def found_in(self, text: str) -> bool:
        """Whether any entry matches anywhere in the text."""
        lowered, possible = _possible_in(text)
        return is_found(possible.get(self, ()), lowered)

    def first_start(self, text: str) -> int:
        """Where the first match of any entry begins in the text in lower case; -1 without one."""
        lowered, possible = _possible_in(text)
        return first_start(possible.get(self, ()), lowered)


_LISTS: list[KeywordList] = []


# The subject, the author and the text of a message are each searched for several lists.
@lru_cache(maxsize=8)
def _possible_in(text: str) -> tuple[str, Possible]:
    """A text in lower case, and the entries of all lists that may match it."""
    lowered = text.lower()
    return lowered, _index().possible_in(lowered)


@lru_cache(maxsize=1)
def _index() -> PatternIndex:
    return PatternIndex(_LISTS)


def keyword_pattern(name: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """The entries of a list in keywords.toml as one expression, with what must stand around them."""
    return re.compile(f"{before}(?:{'|'.join(_keywords()[name])}){after}", re.IGNORECASE | re.MULTILINE)


@lru_cache(maxsize=1)
def _keywords() -> dict[str, list[str]]:
    text = resources.files(__package__).joinpath("keywords.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


_DAEMON = KeywordList("daemon")
_FAILURE_SUBJECT = KeywordList("failure_subject")
_FAILURE_TEXT = KeywordList("failure_text")
_DELAY = KeywordList("delay")
_GIVEN_UP = KeywordList("given_up")
_AUTO_REPLY_SUBJECT = keyword_pattern("auto_reply_subject", before=_REPLY_PREFIX)
_AWAY = KeywordList("away")
_CHALLENGE = KeywordList("challenge")
_HUMAN = KeywordList("human")
_SIGN_IN = KeywordList("sign_in")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_REPLY_CODE = re.compile(r"(?<![\d.])[45](?:\d\d[ -]|\.\d{1,3}\.\d)")
_UNSUBSCRIBE_SUBJECT = keyword_pattern("unsubscribe_subject", before=_REPLY_PREFIX, after=r"\W*$")
_NO_REPLY = re.compile(r"\b(?:no|do.?not).?reply@", re.IGNORECASE)
# "Re:", also as "RE[2]:", "[EXTERNAL] Re:" and "Ynt：".
_REPLY_OR_FORWARD = keyword_pattern(
    "reply_or_forward", before=r"^\s*(?:\[[^\]]{1,30}\]\s*)?", after=r"\s*(?:[\[(^]\d{1,3}[\])]?)?\s*[:：]"
)
# Amazon SES sends notices of bounces and complaints as JSON by mail.
_SES_EVENT = re.compile(r'"(?:notificationType|eventType)"\s*:\s*"(Bounce|Complaint)"')
_SES_COMPLAINT_TYPE = re.compile(r'"complaintFeedbackType"\s*:\s*"([\w-]{1,40})"')
# Names of fields that auto-responders set, whatever stands before and between.
_AUTO_REPLY_FIELD = re.compile(r"auto-?(?:reply|respon(?!se-suppress)|generated$)")


def is_mailer_daemon(headers: Headers) -> bool:
    """Whether a mail system, not a person, is named as the author."""
    return _DAEMON.found_in(headers.decoded("from")[:300]) or "x-failed-recipients" in headers


def is_automated(headers: Headers) -> bool:
    """Whether a program wrote the message, though none that calls itself a mail system."""
    return bool(_NO_REPLY.search(headers.first("from")[:300])) or headers.first(
        "auto-submitted"
    ).lower().startswith("auto-generated")


def has_null_return_path(headers: Headers) -> bool:
    """Whether the envelope sender was empty, as every report's must be (RFC 5321 §4.5.5)."""
    return any(
        path.strip().lower() in ("<>", "", "<mailer-daemon>", "<null>") for path in headers.all("return-path")
    )


def is_failure_subject(headers: Headers) -> bool:
    """Whether the subject is that of a bounce; one that was forwarded or replied to is a person's."""
    return _FAILURE_SUBJECT.found_in(headers.decoded("subject")[:300]) and not is_reply_or_forward_subject(
        headers
    )


def is_reply_or_forward_subject(headers: Headers) -> bool:
    """Whether the subject says that a person replies or forwards."""
    return bool(_REPLY_OR_FORWARD.match(headers.decoded("subject")[:100]))


def mentions_failure(text: str) -> bool:
    """Whether the text says that a message was not delivered."""
    return _FAILURE_TEXT.found_in(text[:6000])


def is_delay_notice(headers: Headers, text: str) -> bool:
    """Whether the server says that it continues to try."""
    text = text[:4000]
    delayed = _DELAY.found_in(headers.decoded("subject")[:300]) or _DELAY.found_in(text)
    return delayed and not _GIVEN_UP.found_in(text)


def is_auto_reply(headers: Headers) -> bool:
    """Whether a program replied for a person who is away (RFC 3834)."""
    submitted = headers.first("auto-submitted").lower()
    return (
        (submitted.startswith("auto-") and not submitted.startswith("auto-generated"))
        or is_auto_reply_subject(headers)
        or (has_null_return_path(headers) and _AWAY.found_in(headers.decoded("subject")[:200]))
        or any(_AUTO_REPLY_FIELD.search(name) for name in headers)
        or "mailbox rules agent" in headers.first("x-ms-exchange-generated-message-source").lower()
        or "autoresponder" in headers.first("x-post-messageclass").lower()
        or headers.first("precedence").strip().lower() in ("auto_reply", "auto-reply")
        or headers.first("x-auto-response-suppress").strip().lower() == "all"
    )


def is_auto_reply_subject(headers: Headers) -> bool:
    """Whether the subject begins like that of an automatic reply."""
    return bool(_AUTO_REPLY_SUBJECT.search(headers.decoded("subject")[:200]))


def is_challenge(headers: Headers, text: str) -> bool:
    """Whether a filter asks the sender to prove that they are human."""
    return _CHALLENGE.found_in(headers.decoded("subject")[:200]) and _CHALLENGE.found_in(text[:3000])


def asks_for_a_human(text: str) -> bool:
    """Whether a filter wants proof, in words that no bounce uses, that a person sent the message."""
    return _HUMAN.found_in(text[:4000])


def looks_like_sign_in_phishing(text: str) -> bool:
    """Whether the text wants the reader to log in at a link, and repeats no server's reply: mail that
    pretends to come from a mail system does.
    """
    text = text[:4000]
    return bool(_LINK.search(text)) and not _REPLY_CODE.search(text) and _SIGN_IN.found_in(text)


def is_unsubscribe_subject(headers: Headers) -> bool:
    """Whether the subject asks to be unsubscribed, and says nothing else."""
    return bool(_UNSUBSCRIBE_SUBJECT.match(headers.decoded("subject")[:100]))


def ses_bounce_or_complaint(text: str) -> str:
    """The event in a notice of Amazon SES in JSON: bounce or complaint; "" where the text is none."""
    event = _SES_EVENT.search(text[:3000])
    return event[1].lower() if event else ""


def ses_complaint_type_or_abuse(text: str) -> str:
    """The feedback type (RFC 5965) in Amazon's notice of a complaint; abuse where it gives none."""
    given = _SES_COMPLAINT_TYPE.search(text[:3000])
    return given[1].lower() if given else "abuse"

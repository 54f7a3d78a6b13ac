"""Signs that tell the kinds of returned mail apart: who writes, under which subject, with which marks."""

from __future__ import annotations

import re

from mailer.feedback.parsing.keywords import Words, pattern
from mailer.feedback.parsing.mime import Headers

_REPLY = r"^\W*(?:re:\s*)?"
_DAEMON = Words("daemon")
_FAILURE_SUBJECT = Words("failure_subject")
_FAILURE_WORDS = Words("failure_words")
_DELAY = Words("delay")
_GIVEN_UP = Words("given_up")
_AUTO_SUBJECT = pattern("auto_subject", before=_REPLY)
_AWAY = Words("away")
_CHALLENGE = Words("challenge")
_LEAVE_SUBJECT = pattern("leave_subject", before=_REPLY, after=r"\W*$")
_NOBODY = re.compile(r"\b(?:no|do.?not).?reply@", re.IGNORECASE)
_PERSONAL = re.compile(r"\s*(?:re|fwd?|aw|wg|tr|ha|пересл\w*|отв\w*)\s*:", re.IGNORECASE)
# Amazon's own notices of bounces and complaints, by mail.
_NOTICE = re.compile(r'"(?:notificationType|eventType)"\s*:\s*"(Bounce|Complaint)"')
_COMPLAINT_TYPE = re.compile(r'"complaintFeedbackType"\s*:\s*"([\w-]{1,40})"')
# Names of fields that answering programs set, whatever stands before and between.
_AUTO_FIELD = re.compile(r"auto-?(?:reply|respon(?!se-suppress)|generated$)")


def by_daemon(headers: Headers) -> bool:
    """Whether a mail system, not a person, signs as the writer."""
    return _DAEMON.stand_in(headers.words("from")[:300]) or "x-failed-recipients" in headers


def by_machine(headers: Headers) -> bool:
    """Whether a program wrote, though none that calls itself a mail system."""
    return bool(_NOBODY.search(headers.first("from")[:300])) or headers.first(
        "auto-submitted"
    ).lower().startswith("auto-generated")


def null_path(headers: Headers) -> bool:
    """Whether the envelope sender was empty, as every report's must be (RFC 5321 §4.5.5)."""
    return any(
        path.strip().lower() in ("<>", "", "<mailer-daemon>", "<null>") for path in headers.all("return-path")
    )


def failure_subject(headers: Headers) -> bool:
    """Whether the subject is that of a bounce; one that was forwarded or answered is a person's."""
    return _FAILURE_SUBJECT.stand_in(headers.words("subject")[:300]) and not personal(headers)


def personal(headers: Headers) -> bool:
    """Whether the subject says that a person answers or forwards."""
    return bool(_PERSONAL.match(headers.words("subject")[:100]))


def failure_words(words: str) -> bool:
    return _FAILURE_WORDS.stand_in(words[:6000])


def says_delay(headers: Headers, words: str) -> bool:
    """Whether the server says that it will go on trying."""
    text = f"{headers.words('subject')[:300]}\n{words[:4000]}"
    return _DELAY.stand_in(text) and not _GIVEN_UP.stand_in(words[:4000])


def auto_reply(headers: Headers) -> bool:
    """Whether a program answered for a person who is away (RFC 3834)."""
    submitted = headers.first("auto-submitted").lower()
    return (
        (submitted.startswith("auto-") and not submitted.startswith("auto-generated"))
        or auto_subject(headers)
        or (null_path(headers) and _AWAY.stand_in(headers.words("subject")[:200]))
        or any(_AUTO_FIELD.search(name) for name in headers)
        or "mailbox rules agent" in headers.first("x-ms-exchange-generated-message-source").lower()
        or "autoresponder" in headers.first("x-post-messageclass").lower()
        or headers.first("precedence").strip().lower() in ("auto_reply", "auto-reply")
        or headers.first("x-auto-response-suppress").strip().lower() == "all"
    )


def auto_subject(headers: Headers) -> bool:
    return bool(_AUTO_SUBJECT.search(headers.words("subject")[:200]))


def challenge(headers: Headers, words: str) -> bool:
    """Whether a filter asks the sender to prove that they are human."""
    return _CHALLENGE.stand_in(headers.words("subject")[:200]) and _CHALLENGE.stand_in(words[:3000])


def leave_subject(headers: Headers) -> bool:
    return bool(_LEAVE_SUBJECT.match(headers.words("subject")[:100]))


def machine_notice(words: str) -> str:
    """The event that a service tells of in JSON: bounce, complaint; "" where the words are none."""
    notice = _NOTICE.search(words[:3000])
    return notice[1].lower() if notice else ""


def complaint_type(words: str) -> str:
    """The feedback type (RFC 5965) in a service's notice of a complaint; abuse where it gives none."""
    given = _COMPLAINT_TYPE.search(words[:3000])
    return given[1].lower() if given else "abuse"

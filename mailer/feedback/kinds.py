"""Signs that tell the kinds of returned mail apart: who writes, under which subject, with which marks."""

from __future__ import annotations

import re

from mailer.feedback.mime import Headers

_DAEMON = re.compile(
    r"mailer-?\s?daemon|mail\.?delivery|postmaster|mail-?daemon|mail delivery|delivery (sub)?system|mail system|(e-?)?mail (router|server|gateway|administrator)"
    r"|system administrator|mmsc|ndr administrator|bounce|undeliver|smtp.?gateway|content-?filter|returned mail|mail administrator",
    re.IGNORECASE,
)
_FAILURE_SUBJECT = re.compile(
    r"undeliver|returned mail|mail returned|delivery (status|failure|failed|report|notification|problem|error)|(failure|delivery|non-?delivery|error) (notice|notification|report|message)"
    r"|(mail|message|delivery).{0,30}(fail|error|could not|not be delivered|problem|returned|bounced|undeliverable)|failed (delivery|mail)|failure notice|mail failure|nondeliverable"
    r"|error sending your mail|warning: (message|could not|e?mail)|delayed|message status|mail system error|can'?t be delivered|returned to sender|permanent delivery failure|postmaster notify|user unknown"
    r"|не доставлен|недоставлен|ошибка доставки|не удалось доставить|unzustellbar|non remis|échec de la remise|no se puede entregar|teslim edilemedi|配信|配達",
    re.IGNORECASE,
)
_FAILURE_WORDS = re.compile(
    r"(could not|couldn.?t|can ?not|can.?t|unable to|wasn.?t able to|was not|were not|wasn.?t|not able to|trouble|failed|failure|failing|impossible|error).{0,60}(deliver|reach|sent|send|relay)"
    r"|(deliver|send|message|mail|reach).{0,60}(fail|could not|couldn.?t|not be|unable|error|problem|impossible|delayed|reject|undeliverable|trouble)|did ?n.t reach|did not reach"
    r"|undeliver|not delivered|returned to sender|permanent(ly)? (error|fail|fatal)|fatal errors?|delivery (errors?|problems?)|failure reasons?|user unknown|host unknown|unknown (user|recipient)|mailbox.{0,20}(full|exceed)"
    r"|was rejected|rejected by|(^|\W)[45]\d\d[ -]|not listed in|expired|не может быть доставлен|не удалось доставить|не доставлено|недоставлен|konnte nicht.{0,30}zugestellt|n.a pas pu être|teslim edilemedi",
    re.IGNORECASE | re.MULTILINE,
)
_DELAY = re.compile(
    r"warning message only|do not need to resend|(has|have) been delayed|(is|was|been) delayed|delivery (status notification )?\(?delay|will (be )?(retried|keep trying|continue to try|try again)|will be retried|still trying|not yet (been )?(delivered|able)|delivery attempts will continue",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(r"not going to try|given up|giving up|gave up|permanent|no further|final|failed after|being returned", re.IGNORECASE)
_AUTO_SUBJECT = re.compile(
    r"^\W*(?:re:\s*)?(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer|responder)|out of (?:the )?office|ooo\b|away|on vacation|vacation|absence|abwesen|autoreply|on leave|holiday"
    r"|автоматич|автоответ|нет на месте|отпуск|вне офиса|отсутств|автоматты|автожооп|авто ?жауап|жұмыста емес|демалыс|автоматтык|жооп|ҷавоби? худкор|avtomatik|avtojavob|otomatik|ofis dışı|izinde"
    r"|automatische antwort|abwesenheit|r[ée]ponse automatique|absence du bureau|absent|respuesta autom|risposta automat)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(r"(confirm|verify|verification|approve).{0,40}(your )?(message|e-?mail|sender|address|delivery)|please (click|reply).{0,60}(deliver|human|not spam)|подтвердите.{0,30}отправ", re.IGNORECASE)
_LEAVE_SUBJECT = re.compile(r"^\W*(?:re:\s*)?(?:unsubscribe|remove( me)?|stop|opt[ -]?out|leave|отпис\w*|отказ\w* от (?:рассылки|подписки))\W*$", re.IGNORECASE)
# Amazon's own notices of bounces, by mail.
_NOTICE = re.compile(r'"(?:notificationType|eventType)"\s*:\s*"Bounce"')
_AUTO_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-mail-autoreply", "x-ms-exchange-inbox-rules-loop", "x-apple-action")


def by_daemon(headers: Headers) -> bool:
    """Whether a mail system, not a person, signs as the writer."""
    return bool(_DAEMON.search(headers.words("from")[:300])) or "x-failed-recipients" in headers


def null_path(headers: Headers) -> bool:
    """Whether the envelope sender was empty, as every report's must be (RFC 5321 §4.5.5)."""
    return any(path.strip().lower() in ("<>", "", "<mailer-daemon>", "<null>") for path in headers.all("return-path"))


def failure_subject(headers: Headers) -> bool:
    return bool(_FAILURE_SUBJECT.search(headers.words("subject")[:300]))


def failure_words(words: str) -> bool:
    return bool(_FAILURE_WORDS.search(words[:6000]))


def says_delay(headers: Headers, words: str) -> bool:
    """Whether the server says that it will go on trying."""
    text = f"{headers.words('subject')[:300]}\n{words[:4000]}"
    return bool(_DELAY.search(text)) and not _GIVEN_UP.search(words[:4000])


def auto_reply(headers: Headers) -> bool:
    """Whether a program answered for a person who is away (RFC 3834)."""
    submitted = headers.first("auto-submitted").lower()
    return (
        (submitted.startswith("auto-") and not submitted.startswith("auto-generated"))
        or auto_subject(headers)
        or any(name in headers for name in _AUTO_HEADERS)
        or headers.first("precedence").strip().lower() in ("auto_reply", "auto-reply")
        or headers.first("x-auto-response-suppress").strip().lower() == "all"
    )


def auto_subject(headers: Headers) -> bool:
    return bool(_AUTO_SUBJECT.search(headers.words("subject")[:200]))


def challenge(headers: Headers, words: str) -> bool:
    """Whether a filter asks the sender to prove that they are human."""
    return bool(_CHALLENGE.search(headers.words("subject")[:200])) and bool(_CHALLENGE.search(words[:3000]))


def leave_subject(headers: Headers) -> bool:
    return bool(_LEAVE_SUBJECT.match(headers.words("subject")[:100]))


def machine_notice(words: str) -> bool:
    """Whether the words are a service's event in JSON that tells of a bounce."""
    return bool(_NOTICE.search(words[:3000]))

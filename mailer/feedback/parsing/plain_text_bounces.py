"""Bounces in plain text: what the server says, which recipients it names, and where the returned message
begins.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mailer.feedback.parsing.dsn import WIDE, find_addresses, lowercase_without_punctuation
from mailer.feedback.parsing.message_kind_signals import KeywordList, keyword_pattern
from mailer.feedback.parsing.mime import Headers, Part, split_headers

# Characters of the server's text that are looked at.
MAX_NOTICE = 12_000
MAX_RECIPIENTS = 50
_RETURNED_TYPES = {
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
    "message/partial",
}

# Fields of a returned message that has no `To`.
_DELIVERED_TO = (
    "x-original-to",
    "delivered-to",
    "envelope-to",
    "x-envelope-to",
    "x-rcpt-to",
    "apparently-to",
    "recipient",
)
_FOR = re.compile(r"\bfor <([^<>\s@]{1,80}@[^<>\s@]{1,253})>")
# A line after which the message that was sent begins.
_MARKER = keyword_pattern(
    "returned", before=r"^[ \t>*_=-]{0,80}", after=r"[ \t:.*_=-]{0,80}(?:[,;:].{0,80})?$"
)
_FOOTER = KeywordList("footer")
_REPLY_CODE = re.compile(r"(?:^|\W)[45]\d\d[ -]")
_HEADER_LINE = re.compile(
    r"^[ \t]*(received|return-path|message-id|from|to|cc|subject|date|mime-version|dkim-signature|x-[a-z-]+"
    r"|content-type|content-transfer-encoding|reply-to|sender|precedence|in-reply-to|references|list-[a-z-]+"
    r"|delivered-to|authentication-results|user-agent)[ \t]*:",
    re.IGNORECASE,
)
# Fields that only a message has, and no list of facts in a notice.
_MESSAGE_FIELDS = {"received", "message-id", "return-path", "dkim-signature"}

_A = rf"(?:smtp:|mailto:|rfc822;\s?)?[^\s<>\"'(),;:\[\]{WIDE}]{{1,80}}@[^\s<>\"'(),;:\[\]@{WIDE}]{{1,253}}"
_ADDRESS_TYPE = re.compile(r"^(?:smtp:|mailto:|rfc822;\s?)", re.IGNORECASE)
# The address opens the line: "<a@b>:", "a@b: reason", "a@b... reason", "  * a@b", ">>> a@b", "a@b on Thu…".
_OPENING = re.compile(
    r"^[ \t>*-]{0,20}(?:(?:failed )?recipients?:?|addressees?:?|address:?|e-?mail:?|adresse?:?)?"
    r"[ \t]{0,20}"
    rf"[<'\"(\[]{{0,2}}({_A})[>'\")\]]{{0,2}}[ \t]*"
    rf"(?:$|[:{WIDE}]|"
    r"\.\.\.|[(\[;,|]|-\s|<|[45]\d\d\s|(?:on|was|could|has|is|user|mailbox|rejected)\s|invalid|unknown)",
    re.IGNORECASE | re.MULTILINE,
)
# Addresses after the first one: ", a@b; <c@d>".
_LISTED = re.compile(rf"(?:[>'\")\]]{{0,2}}[ \t]*[,;，；、][ \t]*[<'\"(\[]{{0,2}}{_A}){{1,20}}")
# Exchange: "dda:SMTP=a@b;" and its kind.
_DIRECTORY = re.compile(rf"\bsmtp[=:]\s?({_A})", re.IGNORECASE)
# The address is part of a sentence that says who did not get the message.
_NAMED = re.compile(
    r"(?:\bto|recipients?|address(?:es)?|user|mailbox|account|for|reach|group|rcpt to:?|адрес\w*"
    r"|пользовател\w*|получател\w*|кому|an|für|destinatario|destinataire|alıcı"
    r"|宛先|送信先|配送先|受信者|收件人|收信人|수신자|받는 ?사람)(?:\b| ?\(to\))[\s:：=,]{0,6}"
    rf"(?:recipient |address |user |following address(?:es)?:? )?[<'\"(\[«]{{0,2}}({_A})",
    re.IGNORECASE,
)
_REPLY = re.compile(rf"(?:^|[^\d.])[45]\d\d[ -][^\n]{{0,160}}?<?({_A})", re.IGNORECASE | re.MULTILINE)
_COLONED = re.compile(rf":\s*<?({_A})>?\s*$", re.MULTILINE)
_PIPE = re.compile(rf"generated (?:by|from) ({_A})", re.IGNORECASE)
# The address that was written to, where a list or an alias expanded to another one.
_EXPANDED_FROM = re.compile(rf"\((?:expanded|generated|ultimately generated) from:? <?({_A})", re.IGNORECASE)
_JSON = re.compile(rf'"emailAddress"\s*:\s*"({_A})"')
# A notice names whom to ask, who did not fail.
_ROLE_ADDRESS = re.compile(r"(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|admin|info|no-?reply)@")
_PATTERNS = (_JSON, _DIRECTORY, _OPENING, _PIPE, _REPLY, _NAMED, _COLONED)


@dataclass(frozen=True)
class NoticeText:
    """The two halves of a bounce, as far as they can be told apart."""

    # What the server says.
    text: str
    # Headers of the returned message; empty when they were not returned.
    returned: Headers
    # Whether the returned message, or its headers, is part of the bounce.
    has_returned_message: bool = False

    @cached_property
    def returned_to(self) -> list[str]:
        """Addresses in the `To` of the returned message; without any, those to which it was delivered."""
        named = find_addresses(" ".join(self.returned.all("to")))
        for name in () if named else _DELIVERED_TO:
            named = named or find_addresses(self.returned.first(name))
        if named:
            return named
        return [address for line in self.returned.all("received")[:1] for address in _FOR.findall(line)]

    @property
    def has_whole_header(self) -> bool:
        """Whether the returned message has fields that people who quote it do not repeat."""
        return any(name in self.returned for name in _MESSAGE_FIELDS)

    def original_recipient(self, address: str) -> str:
        """The single recipient of the returned message, when it is another than the `address` that failed."""
        written = self.returned_to
        return written[0] if len(written) == 1 and written[0] != address else ""


class NamedRecipient(NamedTuple):
    """A recipient that the server's text names."""

    address: str
    # The address that was written to, where it differs; "" else.
    alias: str
    # What the text says about it.
    text: str


def extract_notice_and_returned_headers(root: Part) -> NoticeText:
    """The server's text and the returned headers of a message."""
    texts: list[str] = []
    returned: Headers | None = None
    for part in root.walk():
        if part.type in _RETURNED_TYPES:
            returned = returned or part.enclosed_headers()
        # HTML repeats the plain text; it is read only where there is nothing else.
        elif part.type.startswith("text/") and not (part.type == "text/html" and any(texts)):
            notice, message = _split(part.text)
            returned = returned or (split_headers(message)[0] if message else None)
            texts.append(notice)
    text = _without_footer("\n".join(texts)[:MAX_NOTICE])
    if '\\"notificationType\\"' in text or '\\"eventType\\"' in text:
        # Amazon's notice within a message of its notification service.
        text = text.replace('\\"', '"')
    return NoticeText(text, returned or Headers([]), returned is not None)


def _without_footer(text: str) -> str:
    """The text up to a legal footer or the mark of a virus scanner, whose words are no reason."""
    start = _FOOTER.first_start(text)
    if start < 0:
        return text
    lines = text.split("\n")
    first = text.lower()[:start].count("\n")
    # A server's reply may say the same, and what begins with a footer has nothing else.
    is_reply = _REPLY_CODE.search(lines[first]) is not None
    return text if is_reply or not "".join(lines[:first]).strip() else "\n".join(lines[:first])


def named_recipients(notice: NoticeText, own: Collection[str]) -> list[NamedRecipient]:
    """Each recipient that the server's text names.

    `own` are addresses that sent or received the report: the text names them although they did not fail.
    """
    # Somebody who writes to themselves is named at the head of a line all the same.
    names = _names(notice, own) or _matches(_OPENING, notice, ())
    texts = {name: text_about(notice.text, name, names) for name in names[:MAX_RECIPIENTS]}
    if len(names) != 1:
        return [NamedRecipient(name, _expanded_from(text, name), text) for name, text in texts.items()]
    ((name, text),) = texts.items()
    return [NamedRecipient(name, _expanded_from(text, name) or notice.original_recipient(name), text)]


def sole_recipient(notice: NoticeText, own: Collection[str]) -> list[NamedRecipient]:
    """The recipient of a notice with a single address, wherever that is; empty with more or none."""
    named = [
        name for name in find_addresses(notice.text) if name not in own and not _ROLE_ADDRESS.match(name)
    ]
    return [NamedRecipient(named[0], "", notice.text)] if len(named) == 1 else []


def json_recipients(notice: NoticeText) -> list[str]:
    """The addresses in a notice of Amazon SES in JSON."""
    return _matches(_JSON, notice, ())


def text_about(text: str, name: str, names: list[str]) -> str:
    """The text from a recipient's name up to the next one's; with a single name, also the text before it."""
    if len(names) > 1:
        return _text_about_one(text, name, [other for other in names if other != name])[:2000]
    # From the beginning of its line, whose other words belong to it.
    start = text.rfind("\n", 0, max(text.lower().find(name), 0)) + 1
    head = text[start:]
    # What stands before the name may well be the reason: "User unknown: a@b".
    return f"{head}\n{text[:start]}"[:4000]


def _text_about_one(text: str, name: str, others: list[str]) -> str:
    """The lines that name a recipient, each with what follows up to the next recipient or, after a reason, to
    an empty line: what follows that is about another, or about all.
    """
    kept: list[str] = []
    about, has_reason = False, False
    for line in text.split("\n"):
        lowered = line.lower()
        if name in lowered:
            about, has_reason = True, len(lowered.replace(name, "").strip(" <>:,;\t*-.")) > 3
        elif any(other in lowered for other in others):
            about = False
        elif not line.strip():
            about = about and not has_reason
        elif about:
            has_reason = True
        if about:
            kept.append(line)
    return "\n".join(kept)


def _names(notice: NoticeText, own: Collection[str]) -> list[str]:
    known = set(notice.returned_to)
    for pattern in _PATTERNS:
        names = _matches(pattern, notice, own)
        if pattern in (_NAMED, _COLONED) and known.intersection(names):
            names = [name for name in names if name in known]
        if names:
            return names
    return []


def _matches(pattern: re.Pattern[str], notice: NoticeText, own: Collection[str]) -> list[str]:
    """The addresses that a pattern finds in the text, each once."""
    known = notice.returned_to
    found = dict.fromkeys(
        address
        for match in pattern.finditer(notice.text)
        for address in _addresses(match, pattern, notice.text)
    )
    return [
        name
        for name in found
        if "@" in name and not name.endswith("@") and (name not in own or name in known)
    ]


def _addresses(match: re.Match[str], pattern: re.Pattern[str], text: str) -> list[str]:
    """The address that a pattern found; with one that opens a line, also those listed after it."""
    named = [_without_type(match[1])]
    if pattern is _OPENING:
        listed = _LISTED.match(text, match.end(1))
        named += find_addresses(listed[0]) if listed else []
    return named


def _expanded_from(text: str, name: str) -> str:
    match = _EXPANDED_FROM.search(text[:500])
    alias = _without_type(match[1]) if match else ""
    return "" if alias == name else alias


def _without_type(address: str) -> str:
    return lowercase_without_punctuation(_ADDRESS_TYPE.sub("", address))


def _split(text: str) -> tuple[str, str]:
    """The server's text, and the text of the message it returns ("" when there is none)."""
    marker = next((match for match in _MARKER.finditer(text) if _headers_follow(text[match.end() :])), None)
    if marker is not None:
        rest = text[marker.end() :].lstrip("\n -=\t*_")
        return text[: marker.start()], _without_indent(rest)
    block = _header_block(text)
    return (text, "") if block is None else (text[:block], text[block:])


def _without_indent(message: str) -> str:
    """A message whose lines the server indented, as they were; the first lost its spaces before."""
    second = message.partition("\n")[2]
    indent = second[: len(second) - len(second.lstrip(" \t"))]
    if not indent or not _HEADER_LINE.match(second):
        return message
    return "\n".join(line.removeprefix(indent) for line in message.split("\n"))


def _headers_follow(rest: str) -> bool:
    lines = [line for line in rest[:3000].split("\n") if line.strip(" -=*_\t")][:4]
    return any(_HEADER_LINE.match(line) for line in lines)


def _header_block(text: str) -> int | None:
    """Where a block of message headers begins: at least three in a row, one of them from _MESSAGE_FIELDS."""
    position, start, names = 0, 0, set[str]()
    for line in text.split("\n"):
        # The server quotes indented ones in its own text.
        match = None if line[:1] in (" ", "\t") else _HEADER_LINE.match(line)
        if match:
            if not names:
                start = position
            names.add(match[1].lower())
            if len(names) >= 3 and names & _MESSAGE_FIELDS:
                return start
        elif not (line[:1] in (" ", "\t") and line.strip() and names):
            names = set()
        position += len(line) + 1
    return None

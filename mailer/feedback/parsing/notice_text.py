"""Bounces written for people: what the server says, whom it names, and where the returned message begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailer.feedback.parsing.dsn import addresses, bare
from mailer.feedback.parsing.keywords import pattern
from mailer.feedback.parsing.mime import Headers, Part, split_headers

# Characters of the server's own words that are looked at.
MAX_NOTICE = 12_000
MAX_RECIPIENTS = 50
_RETURNED_TYPES = {
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
    "message/partial",
}

# A line behind which stands what was sent.
_MARKER = pattern("returned", before=r"^[ \t>*_=-]{0,80}", after=r"[ \t:.*_=-]{0,80}(?:[,;:].{0,80})?$")
_HEADER_LINE = re.compile(
    r"^[ \t]*(received|return-path|message-id|from|to|cc|subject|date|mime-version|dkim-signature|x-[a-z-]+"
    r"|content-type|content-transfer-encoding|reply-to|sender|precedence|in-reply-to|references|list-[a-z-]+"
    r"|delivered-to|authentication-results|user-agent)[ \t]*:",
    re.IGNORECASE,
)
_TELLING = {"received", "message-id", "return-path", "dkim-signature"}

_A = r"(?:smtp:|mailto:|rfc822;\s?)?[^\s<>\"'(),;:\[\]]{1,80}@[^\s<>\"'(),;:\[\]@]{1,253}"
# The address opens the line: "<a@b>:", "a@b: reason", "a@b... reason", "  * a@b", ">>> a@b", "a@b on Thu…".
_OPENING = re.compile(
    r"^[ \t>*-]{0,20}(?:(?:failed )?recipients?:?|addressees?:?|address:?|e-?mail:?|adresse?:?)?"
    r"[ \t]{0,20}"
    rf"[<'\"(\[]{{0,2}}({_A})[>'\")\]]{{0,2}}[ \t]*"
    r"(?:$|:|\.\.\.|[(\[;,|]|-\s|<|[45]\d\d\s|(?:on|was|could|has|is|user|mailbox|rejected)\s|invalid|unknown)",
    re.IGNORECASE | re.MULTILINE,
)
# Exchange: "dda:SMTP=a@b;" and its kind.
_DIRECTORY = re.compile(rf"\bsmtp[=:]\s?({_A})", re.IGNORECASE)
# The address stands in a sentence that says who did not get it.
_NAMED = re.compile(
    r"(?:\bto|recipients?|address(?:es)?|user|mailbox|account|for|reach|group|rcpt to:?|адрес\w*"
    r"|пользовател\w*|получател\w*|кому|an|für|destinatario|destinataire|alıcı)\b[\s:=,]{0,6}"
    rf"(?:recipient |address |user |following address(?:es)?:? )?[<'\"(\[«]{{0,2}}({_A})",
    re.IGNORECASE,
)
_REPLY = re.compile(rf"(?:^|[^\d.])[45]\d\d[ -][^\n]{{0,160}}?<?({_A})", re.IGNORECASE | re.MULTILINE)
_COLONED = re.compile(rf":\s*<?({_A})>?\s*$", re.MULTILINE)
_PIPE = re.compile(rf"generated (?:by|from) ({_A})", re.IGNORECASE)
# Who was written to, where a list or an alias led on to somebody else.
_ORIGIN = re.compile(rf"\((?:expanded|generated|ultimately generated) from:? <?({_A})", re.IGNORECASE)
_JSON = re.compile(rf'"emailAddress"\s*:\s*"({_A})"')
# Whom to ask is named in a notice without having failed.
_OFFICE = re.compile(r"(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|admin|info|no-?reply)@")
_PATTERNS = (_JSON, _DIRECTORY, _OPENING, _PIPE, _REPLY, _NAMED, _COLONED)


@dataclass(frozen=True)
class Notice:
    """A bounce's two halves, as far as they can be told apart."""

    # The server's own words.
    words: str
    # Headers of what was sent; empty when they were not returned.
    returned: Headers

    # Whether the message that was sent, or its headers, came back with it.
    returns: bool = False

    @property
    def returned_to(self) -> list[str]:
        """Addresses in the returned message's To:."""
        return addresses(" ".join(self.returned.all("to")))

    def alias_of(self, address: str) -> str:
        """Whom the returned message was written to, when that is one other than the `address` that failed."""
        written = self.returned_to
        return written[0] if len(written) == 1 and written[0] != address else ""


def notice(root: Part) -> Notice:
    """The server's words and the returned headers of a message."""
    words: list[str] = []
    returned: Headers | None = None
    for part in root.walk():
        if part.type in _RETURNED_TYPES:
            returned = returned or part.enclosed()
        # HTML repeats the plain text; it is read only where there is nothing else.
        elif part.type.startswith("text/") and not (part.type == "text/html" and any(words)):
            ours, theirs = _split(part.text)
            returned = returned or (split_headers(theirs)[0] if theirs else None)
            words.append(ours)
    return Notice("\n".join(words)[:MAX_NOTICE], returned or Headers([]), returned is not None)


class Named(NamedTuple):
    """A recipient that the server's words name."""

    address: str
    # The address that was written to, where it differs; "" else.
    alias: str
    # What is said about it.
    words: str


def recipients(found: Notice, own: set[str]) -> list[Named]:
    """Each recipient that the server's words name.

    `own` are addresses that the report was written to or by: they are named in it without having failed.
    """
    # Who writes to themselves is named at the head of a line all the same.
    names = _names(found, own) or _of(_OPENING, found, set())
    about = {name: words_about(found.words, name, names) for name in names[:MAX_RECIPIENTS]}
    if len(names) != 1:
        return [Named(name, _origin(words, name), words) for name, words in about.items()]
    ((name, words),) = about.items()
    return [Named(name, _origin(words, name) or found.alias_of(name), words)]


def _names(found: Notice, own: set[str]) -> list[str]:
    known = set(found.returned_to)
    for shape in _PATTERNS:
        names = _of(shape, found, own)
        if shape in (_NAMED, _COLONED) and known.intersection(names):
            names = [name for name in names if name in known]
        if names:
            return names
    return []


def in_json(found: Notice) -> list[str]:
    """The addresses in a service's notice in JSON."""
    return _of(_JSON, found, set())


def only(found: Notice, own: set[str]) -> list[Named]:
    """The recipient of a notice in which a single address stands, wherever it stands."""
    named = [name for name in addresses(found.words) if name not in own and not _OFFICE.match(name)]
    return [Named(named[0], "", found.words)] if len(named) == 1 else []


def _of(shape: re.Pattern[str], found: Notice, own: set[str]) -> list[str]:
    """The addresses that stand in the words in this shape."""
    known = found.returned_to
    named = dict.fromkeys(_clean(match[1]) for match in shape.finditer(found.words))
    return [
        name
        for name in named
        if "@" in name and not name.endswith("@") and (name not in own or name in known)
    ]


def _origin(words: str, name: str) -> str:
    origin = _ORIGIN.search(words[:500])
    alias = _clean(origin[1]) if origin else ""
    return "" if alias == name else alias


def _clean(address: str) -> str:
    return bare(re.sub(r"^(?:smtp:|mailto:|rfc822;\s?)", "", address, flags=re.IGNORECASE))


def words_about(words: str, name: str, names: list[str]) -> str:
    """The words from the recipient's name on, up to the next one's; a single one gets those before too."""
    lowered = words.lower()
    start = max(lowered.find(name), 0)
    others = [lowered.find(other, start + len(name)) for other in names if other != name]
    end = min((position for position in others if position > start), default=len(words))
    head = words[start:end]
    if len(names) > 1:
        return head[:2000]
    # A single recipient: what stands before its name may well be the reason ("User unknown: a@b").
    return f"{head}\n{words[:start]}"[:4000]


def _split(text: str) -> tuple[str, str]:
    """The server's words, and the text of the message it returns ("" when there is none)."""
    marker = next((match for match in _MARKER.finditer(text) if _headers_follow(text[match.end() :])), None)
    if marker is not None:
        rest = text[marker.end() :].lstrip("\n -=\t*_")
        return text[: marker.start()], rest
    block = _header_block(text)
    return (text, "") if block is None else (text[:block], text[block:])


def _headers_follow(rest: str) -> bool:
    lines = [line for line in rest[:3000].split("\n") if line.strip(" -=*_\t")][:4]
    return any(_HEADER_LINE.match(line) for line in lines)


def _header_block(text: str) -> int | None:
    """Where a block of message headers begins: at least three of them running, one that only mail has."""
    position, start, names = 0, 0, set[str]()
    for line in text.split("\n"):
        # Indented ones are quoted by the server in its own words.
        match = None if line[:1] in (" ", "\t") else _HEADER_LINE.match(line)
        if match:
            if not names:
                start = position
            names.add(match[1].lower())
            if len(names) >= 3 and names & _TELLING:
                return start
        elif not (line[:1] in (" ", "\t") and line.strip() and names):
            names = set()
        position += len(line) + 1
    return None

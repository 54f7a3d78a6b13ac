"""Stories of an email: its text, or the Word documents attached to it, with the pictures attached.

The message is untrusted: a process with limits reads it (`email_parser_process`).
"""

from __future__ import annotations

import json
import re
import tempfile
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from mailer.rendering.sanitize import without_unprintable
from mailer.stories.sources import folder, word_documents
from mailer.stories.sources.documents.blocks import Notes, Paragraph, blocks_of
from mailer.stories.sources.documents.build_found_story import (
    FoundStory,
    add_line,
    finish_story,
    first_sentence,
)
from mailer.stories.sources.reader_interface import SourceError, SourceItem, SourceResult
from subscribers.limited_process import LimitExceeded, ProcessLimits, run_lines
from subscribers.translate_stored_texts import stored

_READER, _LIMITS = "mailer.stories.sources.email_parser_process", ProcessLimits(cpu_seconds=20, line=48 << 20)
# A header is read of anybody's email.
_LIMITS_OF_HEAD = ProcessLimits(cpu_seconds=3)
_PREFIX = re.compile(
    r"^\s*(?:(?:re|fwd?|aw|wg|ответ|пересл?)\s*(?:\[\d+\])?:|\[[^\]]{1,40}\])\s*", re.IGNORECASE
)
_METHOD = re.compile(r"\s*(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
# The properties with the address or domain that SPF or DKIM vouches for (RFC 8601 §2.7). The first one that
# is there counts: a server names itself in HELO as it likes.
_VOUCHED_FOR = {"spf": ("smtp.mailfrom", "smtp.mfrom", "smtp.helo"), "dkim": ("header.d", "header.i")}
_PROPERTY = re.compile(r"([a-z]+\.[a-z]+)\s*=\s*(\S+)", re.IGNORECASE)
# A quoted text, such as a local part that the sender chose, and what would look like a result within it.
_QUOTED, _SYNTAX = re.compile(r'"(?:[^"\\]|\\.)*"'), re.compile(r"[\s;()=]")
_COMMENT = re.compile(r"\([^()]*\)")
# Characters of a field that are read. What a mail server writes has a few hundred.
_MAX_FIELD = 4_000
# The result of one that vouches for another domain than the sender's.
_UNALIGNED = "policy"


@dataclass(frozen=True)
class MailHead:
    """What the header of a message says."""

    # The only address in From; "" where there are none or several.
    sender: str
    subject: str
    message_id: str
    sent: datetime | None
    # Values of Authentication-Results, the topmost first.
    authentication: tuple[str, ...]


@dataclass(frozen=True)
class MailMessage(MailHead):
    """What is in a message."""

    blocks: tuple[Paragraph, ...]
    # Names and contents.
    pictures: tuple[tuple[str, bytes], ...]
    documents: tuple[tuple[str, bytes], ...]
    # What else is attached: names, and reasons for not reading it, by `_UNREAD`.
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it has neither a text of its own nor a document."""
        return not self.blocks and not self.documents


def read_head(raw: bytes) -> MailHead:
    """The header of the message in `raw` (RFC 5322). Raises SourceError where it breaks the limits."""
    return _head(_lines(raw, _LIMITS_OF_HEAD, "HEAD")[0])


def read_message(raw: bytes) -> MailMessage:
    """The message in `raw` (RFC 5322). Raises SourceError where it breaks the limits."""
    found = _lines(raw, _LIMITS)
    files = {
        kind: tuple(
            (without_unprintable(one["name"]), b64decode(one["data"])) for one in found if one["kind"] == kind
        )
        for kind in ("picture", "document")
    }
    blocks = blocks_of(one for one in found if one["kind"] == "p")
    return MailMessage(
        **vars(_head(found[0])),
        blocks=tuple(one for one in blocks if isinstance(one, Paragraph)),
        pictures=files["picture"],
        documents=files["document"],
        unread=tuple(
            (without_unprintable(one["name"]), one["reason"]) for one in found if one["kind"] == "unread"
        ),
    )


def _lines(raw: bytes, limits: ProcessLimits, *arguments: str) -> list[dict[str, Any]]:
    """What the process writes about the message."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        try:
            return [json.loads(line) for line in run_lines(_READER, file, limits, *arguments)]
        except LimitExceeded as error:
            raise SourceError(
                stored("The email needs far more memory or time than usual to be read.")
            ) from error


def _head(line: dict[str, Any]) -> MailHead:
    sent = datetime.fromisoformat(line["sent"]) if line["sent"] else None
    sender = line["sender"]
    return MailHead(
        # A header can encode characters that no database takes. Without them it could be the address of
        # another person.
        sender if sender == without_unprintable(sender) else "",
        without_unprintable(line["subject"]),
        line["message_id"],
        sent if sent is None or sent.tzinfo else sent.replace(tzinfo=UTC),
        tuple(line["authentication"]),
    )


def authentication_results(message: MailHead, trusted: Collection[str]) -> dict[str, str]:
    """Results such as {"spf": "pass", "dkim": "pass"} (RFC 8601) of the topmost field of a trusted server.

    Fields of other servers are ignored: the sender could have written them. A pass for another domain than
    that of the sender's address proves nothing about the address: the result is "policy" then.
    """
    names = {one.lower() for one in trusted}
    for value in message.authentication:
        # Before anything that takes long: others wrote most of the fields.
        server = _COMMENT.sub("", value).partition(";")[0]
        if (server.split() or [""])[0].lower() not in names:
            continue
        plain = _QUOTED.sub(lambda quoted: _SYNTAX.sub("", quoted[0]), value[:_MAX_FIELD])
        results = _COMMENT.sub("", plain).partition(";")[2]
        found: dict[str, str] = {}
        for part in results.split(";"):
            if (match := _METHOD.match(part)) is None:
                continue
            method, result = match[1].lower(), match[2].lower()
            if result == "pass" and not _is_aligned(method, part, message.sender):
                result = _UNALIGNED
            # One of several signatures is enough.
            if found.get(method) != "pass":
                found[method] = result
        return found
    return {}


def _is_aligned(method: str, result: str, sender: str) -> bool:
    """Whether a result is about the sender's domain, one above it or one below it (RFC 7489 §3.1)."""
    named = {name.lower(): value for name, value in reversed(_PROPERTY.findall(result))}
    first = next((named[name] for name in _VOUCHED_FOR.get(method, ()) if name in named), None)
    if first is None:
        return True
    own = sender.rpartition("@")[2].lower()
    domain = first.strip("\"'<>,").rpartition("@")[2].lower()
    is_above = "." in domain and own.endswith(f".{domain}")
    return bool(domain) and (domain == own or is_above or domain.endswith(f".{own}"))


def is_forged(results: dict[str, str]) -> bool:
    """Whether our own mail server says that the sender's address is not theirs."""
    if "dmarc" in results and results["dmarc"] in ("pass", "fail"):
        return results["dmarc"] == "fail"
    refused = ("fail", "softfail", "permerror", _UNALIGNED)
    failed = [one for one in ("spf", "dkim") if results.get(one) in refused]
    passed = [one for one in ("spf", "dkim") if results.get(one) == "pass"]
    return bool(failed) and not passed


def stories_of(message: MailMessage, fallback_id: str) -> SourceResult:
    """The stories of the documents attached, else the one of the text. `fallback_id` identifies the message.

    A picture that is attached belongs to the only story. What is attached and not used is in the warnings.
    """
    key = message.message_id or fallback_id
    items: list[SourceItem] = []
    warnings = [_not_read(name, reason) for name, reason in message.unread]
    for number, (file, data) in enumerate(message.documents, 1):
        try:
            found = folder.with_id_prefix(word_documents.read_document(data), f"{key}#{number} ")
        except SourceError as error:
            warnings.append(f"{file}: {error}")
            continue
        items += found.items
        warnings += (f"{file}: {one}" for one in found.warnings)
    # The story of a message without text is in what cannot be read.
    is_elsewhere = message.is_empty and message.unread
    if not message.documents and not is_elsewhere and (story := _story(message)):
        items.append(replace(story, id=key))
    left = list(message.pictures)
    if left and len(items) == 1 and not items[0].picture:
        file, data = left.pop(0)
        items[0] = replace(items[0], picture=data, picture_name=PurePath(file).name)
    warnings += (_not_added(file, len(items)) for file, _data in left)
    items = [one if one.published or one.starts else replace(one, published=message.sent) for one in items]
    return SourceResult(tuple(items), warnings=tuple(warnings))


def _not_read(file: str, reason: str) -> str:
    """The stored text about an attachment; `reason` as the reader of emails writes it."""
    if reason == "many":
        return stored(
            "The email has more attachments than are read. Ask the sender to send the others in another "
            "email."
        )
    if reason == "encrypted":
        return stored(
            "%(file)s was not read: the email is encrypted, or signed in a way that hides its text. Ask the "
            "sender to send it without encryption and signature.",
            file=file,
        )
    if reason == "outlook":
        return stored(
            "%(file)s was not read: only Outlook reads it. Ask the sender to send the email as HTML or plain "
            "text.",
            file=file,
        )
    if reason == "damaged":
        return stored(
            "%(file)s was not read: the picture is damaged. Ask the sender to send it again.", file=file
        )
    return stored(
        "%(file)s was not read. Stories can be in the text of the email or in Word documents (DOCX), "
        "pictures in JPEG, PNG, GIF, WebP or HEIC. Ask the sender for such a file.",
        file=file,
    )


def _not_added(file: str, stories: int) -> str:
    """The stored text about a picture that belongs to no story."""
    if stories > 1:
        return stored(
            "The picture %(file)s was not added: the email has several stories. Download the email, and add "
            "the picture to the story that it belongs to.",
            file=file,
        )
    return stored(
        "The picture %(file)s was not added: a story has one picture. If this one is better, download the "
        "email and replace the picture in the story.",
        file=file,
    )


def _story(message: MailMessage) -> SourceItem | None:
    """The story of the text; None of an empty message."""
    title = message.subject
    while (shorter := _PREFIX.sub("", title)) != title:
        title = shorter
    story = FoundStory(title.strip(), 0)
    for block in message.blocks:
        add_line(story, block)
    finish_story(story, Notes())
    if not story.title and message.blocks:
        story.title = first_sentence(message.blocks[0].line)
    if not story.title:
        return None
    return word_documents.item_of(story)

"""Machine-readable delivery reports (RFC 3464, RFC 6533) and read receipts (RFC 8098), read leniently."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailer.feedback.parsing.mime import Headers, Part, decode_encoded_words, split_headers

MAX_RECIPIENTS = 100
_STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}
_RECEIPT_TYPES = {"message/disposition-notification"}
_REPORT_TYPES = _STATUS_TYPES | _RECEIPT_TYPES
_RECIPIENT_FIELD = re.compile(r"^(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_RECIPIENT_DETAIL = re.compile(r"\n*(?:action|status|diagnostic-code|remote-mta)[ \t]*:", re.IGNORECASE)
_NEXT_GROUP = re.compile(r"\n(?=(?:final)-recipient[ \t]*:)", re.IGNORECASE)
_ACTION = re.compile(r"\s*(?:failed|delayed|delivered|relayed|expanded)\b")
# It begins where a word begins, so that each word is tried once.
# Full-width punctuation ends an address as the narrow one does.
WIDE = "，。；：、！？（）「」『』【】〔〕〈〉《》“”‘’«»…　"
_ADDRESS = re.compile(
    rf"(?<![^\s<>\"(),;:\[\]{WIDE}])[^\s<>\"(),;:\[\]{WIDE}]{{1,80}}@[^\s<>\"(),;:\[\]@{WIDE}]{{1,253}}"
)
# Words before and after an address in languages that write without spaces.
IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"
_WITHOUT_SPACES = re.compile(rf"^[{IDEOGRAPHS}]+(?=[!-~]+@)|(?<=[a-z]{{2}})[{IDEOGRAPHS}]+$", re.IGNORECASE)
_DIAGNOSTIC_TYPE = re.compile(r"^\s*(?:smtp|x-[a-z0-9-]+|dns|unknown)\s*;\s*", re.IGNORECASE)


@dataclass(frozen=True)
class RecipientStatus:
    """What a delivery report says of one recipient."""

    # Lower case: the address that failed in the end, and the one that was written to when they differ.
    address: str
    alias: str
    # failed, delayed, delivered, relayed or expanded; guessed from the code where it is missing or unknown.
    action: str
    # Enhanced code, "5.1.1"; "" without one.
    status: str
    diagnostic: str
    # Name of the server that reported it.
    mta: str


def recipient_statuses(root: Part) -> list[RecipientStatus]:
    """Every recipient that a delivery report in the message names; a receipt about a failure has one too."""
    found: list[RecipientStatus] = []
    for part in root.walk():
        if part.type in _REPORT_TYPES:
            found += _parse_groups(part.text)
    if not found:
        for part in root.walk():
            # Reports whose part lost its type on the way, or that are the only part.
            if part.type.startswith(("text/", "application/octet-stream")) and _has_recipient_fields(part):
                found += _parse_groups(part.text)
    return found[:MAX_RECIPIENTS]


def has_report_part(root: Part) -> bool:
    """Whether a part has the type of a report; `recipient_statuses` also reads those that lost it."""
    return any(part.type in _REPORT_TYPES for part in root.walk())


def is_read_receipt(root: Part) -> bool:
    """Whether the message reports that a reader opened or deleted a message (RFC 8098)."""
    if root.parameters.get("report-type", "").lower() == "disposition-notification":
        return True
    return any(part.type in _RECEIPT_TYPES for part in root.walk())


def find_addresses(text: str) -> list[str]:
    """Every address in a text, lower case, without the punctuation around it, each once."""
    found = dict.fromkeys(lowercase_without_punctuation(match) for match in _ADDRESS.findall(text))
    return [address for address in found if not address.endswith("@")]


def lowercase_without_punctuation(address: str) -> str:
    """The address in lower case, without the punctuation of the sentence around it."""
    if not address.isascii():
        address = _WITHOUT_SPACES.sub("", address)
    address = address.lower()
    if address.startswith("=?"):
        return address
    return address.rstrip(".'>&;*!?").lstrip("'*").removeprefix("=3c").removeprefix("=")


def _has_recipient_fields(part: Part) -> bool:
    # Most parts have none, and this is known without decoding them.
    encoded = part.headers.first("content-transfer-encoding").strip()
    if not encoded and b"-recipient" not in part.body.lower():
        return False
    return bool(_RECIPIENT_FIELD.search(part.text))


def _parse_groups(text: str) -> list[RecipientStatus]:
    found = []
    for block in _blocks(text):
        # Fields may stand in any order; only where groups run into each other does a recipient begin a new
        # one.
        for group in _NEXT_GROUP.split(block) if len(_NEXT_GROUP.findall(f"\n{block}")) > 1 else [block]:
            fields = split_headers(group)[0]
            if "final-recipient" in fields or "original-recipient" in fields:
                found += _parse_group(fields)
    return [status for status in found if status.address or status.action]


def _blocks(text: str) -> list[str]:
    """The parts of a report between empty lines; a recipient's fields that stand apart join it."""
    blocks: list[list[str]] = []
    is_recipients = False
    for piece in re.split(r"\n[ \t]*\n", text.lstrip("\n")):
        names_recipient = _RECIPIENT_FIELD.search(piece) is not None
        if is_recipients and not names_recipient and _RECIPIENT_DETAIL.match(piece):
            blocks[-1].append(piece.strip("\n"))
        else:
            blocks.append([piece])
            is_recipients = names_recipient
    return ["\n".join(pieces) for pieces in blocks]


def _parse_group(fields: Headers) -> list[RecipientStatus]:
    """The status of the recipient of a group; of each, where its field lists several."""
    listed = find_addresses(fields.first("final-recipient"))
    final = _typed_address(fields.first("final-recipient"))
    original = _typed_address(fields.first("original-recipient")) or _typed_address(
        fields.first("x-actual-recipient")
    )
    code = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", fields.first("status"))
    action = _ACTION.match(fields.first("action").lower())
    positive = code is not None and code[1].startswith("2")
    diagnostic = " ".join(map(decode_encoded_words, fields.all("diagnostic-code")[:3])) or _comment(
        fields.first("status")
    )
    status = RecipientStatus(
        address=final or original,
        alias=original if final and original != final else "",
        action=action[0].strip() if action else "delivered" if positive else "failed",
        status=code[1] if code else "",
        diagnostic=_DIAGNOSTIC_TYPE.sub("", diagnostic).strip(),
        mta=_typed_name(fields.first("remote-mta")) or _typed_name(fields.first("reporting-mta")),
    )
    others = [replace(status, address=address, alias="") for address in listed[:20] if address != final]
    return [status, *others]


def _typed_address(value: str) -> str:
    """The address in "rfc822; name@example.org", with or without its type."""
    text = value.partition(";")[2] if ";" in value else value
    found = find_addresses(text)
    return found[0] if found else ""


def _typed_name(value: str) -> str:
    """The name in "dns; mx.example.org", lower case."""
    return value.partition(";")[2].strip().lower()


def _comment(status: str) -> str:
    """The comment that some servers write after the code: "5.2.2 (mailbox is full)"."""
    match = re.search(r"\((.{1,500})\)", status)
    return match[1] if match else ""

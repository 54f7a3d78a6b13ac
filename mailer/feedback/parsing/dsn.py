"""Machine-readable delivery reports (RFC 3464, RFC 6533), read leniently."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.feedback.parsing.mime import Headers, Part, split_headers

MAX_RECIPIENTS = 100
_STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}
_FIELD = re.compile(r"^(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NEXT = re.compile(r"\n(?=(?:final)-recipient[ \t]*:)", re.IGNORECASE)
_ACTION = re.compile(r"\s*(?:failed|delayed|delivered|relayed|expanded)\b")
# It begins where a word begins, so that each word is tried once.
_ADDRESS = re.compile(r"(?<![^\s<>\"(),;:\[\]])[^\s<>\"(),;:\[\]]{1,80}@[^\s<>\"(),;:\[\]@]{1,253}")
# RFC 6522's sibling for read receipts, RFC 8098.
_RECEIPT_TYPES = {"message/disposition-notification"}


@dataclass(frozen=True)
class Status:
    """What a delivery report says of one recipient."""

    # Lower case; the one that finally failed, and the one that was written to when they differ.
    address: str
    alias: str
    # failed, delayed, delivered, relayed, expanded; another word or none is judged by the code.
    action: str
    # Enhanced code, "5.1.1"; "" without one.
    status: str
    diagnostic: str
    # Name of the server that said so.
    mta: str


def statuses(root: Part) -> list[Status]:
    """Every recipient that a delivery report in this message names; a refusing receipt names one too."""
    found: list[Status] = []
    for part in root.walk():
        if part.type in _STATUS_TYPES | _RECEIPT_TYPES:
            found += _groups(part.text)
    if not found:
        for part in root.walk():
            # Reports that lost their type on the way, or stand in the only part.
            if part.type.startswith(("text/", "application/octet-stream")) and _holds_fields(part):
                found += _groups(part.text)
    return found[:MAX_RECIPIENTS]


def _holds_fields(part: Part) -> bool:
    # Most parts do not, and are told without decoding them.
    plain = not part.headers.first("content-transfer-encoding").strip()
    return not (plain and b"-recipient" not in part.body.lower()) and bool(_FIELD.search(part.text))


def is_receipt(root: Part) -> bool:
    """Whether the message says that somebody opened or deleted a mail (RFC 8098)."""
    if root.parameters.get("report-type", "").lower() == "disposition-notification":
        return True
    return any(part.type in _RECEIPT_TYPES for part in root.walk())


def addresses(text: str) -> list[str]:
    """Every address in a text, lower case, without marks around it, each once."""
    seen = dict.fromkeys(bare(match) for match in _ADDRESS.findall(text))
    return [address for address in seen if not address.endswith("@")]


def bare(address: str) -> str:
    """The address in lower case, without what a sentence leaves hanging on it."""
    return (
        address.lower().rstrip(".'>&;*!?").lstrip("'*").removeprefix("=3c").removeprefix("=")
        if not address.startswith("=?")
        else address.lower()
    )


def _groups(text: str) -> list[Status]:
    found = []
    for block in re.split(r"\n[ \t]*\n", text.lstrip("\n")):
        # Fields may stand in any order; only where groups run into each other does a name begin a new one.
        for group in _NEXT.split(block) if len(_NEXT.findall(f"\n{block}")) > 1 else [block]:
            fields = split_headers(group)[0]
            if "final-recipient" in fields or "original-recipient" in fields:
                found.append(_status(fields))
    return [status for status in found if status.address or status.action]


def _status(fields: Headers) -> Status:
    final = _recipient(fields.first("final-recipient"))
    original = _recipient(fields.first("original-recipient")) or _recipient(
        fields.first("x-actual-recipient")
    )
    code = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", fields.first("status"))
    action = _ACTION.match(fields.first("action").lower())
    positive = code is not None and code[1].startswith("2")
    return Status(
        address=final or original,
        alias=original if final and original != final else "",
        action=action[0].strip() if action else "delivered" if positive else "failed",
        status=code[1] if code else "",
        diagnostic=_without_type(
            " ".join(fields.all("diagnostic-code")[:3]) or _remark(fields.first("status"))
        ),
        mta=fields.first("remote-mta").partition(";")[2].strip().lower()
        or fields.first("reporting-mta").partition(";")[2].strip().lower(),
    )


def _recipient(value: str) -> str:
    """The address in "rfc822; name@example.org", with or without its type."""
    text = value.partition(";")[2] if ";" in value else value
    found = addresses(text)
    return found[0] if found else ""


def _remark(status: str) -> str:
    """The words that some servers write behind the code: "5.2.2 (mailbox is full)"."""
    match = re.search(r"\((.{1,500})\)", status)
    return match[1] if match else ""


def _without_type(diagnostic: str) -> str:
    return re.sub(
        r"^\s*(?:smtp|x-[a-z0-9-]+|dns|unknown)\s*;\s*", "", diagnostic, flags=re.IGNORECASE
    ).strip()

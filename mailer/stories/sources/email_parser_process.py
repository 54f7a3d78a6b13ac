"""Reads an email from standard input, in a process of its own with limits.

`python -m mailer.stories.sources.email_parser_process MEMORY CPU` writes lines of JSON: the header, the
paragraphs of the text without quoted replies and signatures, the attached pictures and Word documents, then
an empty line.
It loads neither Django nor the configuration.
"""

from __future__ import annotations

import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from io import BytesIO
from typing import Any

from subscribers.limited_process import limit_this_process

_MOST_PARTS, _MOST_ATTACHMENTS = 300, 40
# Characters of the text.
_MOST_TEXT = 400_000
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PICTURES = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
_HEIF = frozenset(("image/heic", "image/heif"))
# A picture within the text that is smaller, in pixels, is a logo of a signature.
_LOGO = 160
_JPEG_QUALITY = 90
# Parts of a message that repeat another one or sign it, as the most common mail programs mark them.
_QUOTED = (
    ".gmail_quote, .gmail_signature, .moz-cite-prefix, blockquote[type=cite], .moz-signature, #Signature, "
    "#signature, #appendonsend, #divRplyFwdMsg, .protonmail_quote, .yahoo_quoted, "
    ".ms-outlook-mobile-signature"
)
_QUOTE_BEGINS = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|исходное сообщение|пересылаемое сообщение|"
    r"бастапқы хабар).*|(?:on|am|le)\b.{5,200}\b(?:wrote|schrieb|écrit)\s*:"
    r"|.{5,200}(?:пишет|писал\(а\)|писал|"
    r"написал|написала|жазды)\s*:)\s*$",
    re.IGNORECASE,
)
_OUTLOOK_HEAD = re.compile(r"^\s*(?:from|от|кімнен|кимден)\s*:\s.+", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(r"^\s*(?:sent|date|to|отправлено|дата|кому|жіберілді)\s*:\s.+", re.IGNORECASE)
_SENT_FROM = re.compile(
    r"^\s*(?:sent from my|отправлено с|get outlook for|скачать outlook)\b.{0,80}$", re.IGNORECASE
)
_BLOCKS = frozenset(
    (
        *("p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "td", "th", "pre"),
        *("blockquote", "section", "article", "header", "footer", "center"),
    )
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SKIPPED = frozenset(("script", "style", "head", "title", "template", "svg", "noscript"))


def read(data: bytes) -> Iterator[dict[str, Any]]:
    """The lines."""
    message = message_from_bytes(data)
    yield {"kind": "head", **_head(message)}
    parts = [
        part for _, part in zip(range(_MOST_PARTS), message.walk(), strict=False) if not part.is_multipart()
    ]
    yield from _blocks(parts)
    number = 0
    for part in parts:
        if number < _MOST_ATTACHMENTS and (found := _attachment(part)):
            yield found
            number += 1


def _head(message: Message) -> dict[str, Any]:
    senders = [address for _, address in getaddresses(map(str, message.get_all("From", [])))]
    try:
        sent = parsedate_to_datetime(str(message.get("Date", ""))).isoformat()
    except (ValueError, TypeError, OverflowError):
        sent = ""
    return {
        # Several authors are none that we know.
        "sender": senders[0] if len(senders) == 1 else "",
        "subject": _decoded(message.get("Subject")),
        "message_id": str(message.get("Message-ID", "")).strip(" <>\r\n\t")[:300],
        "sent": sent,
        "authentication": [
            " ".join(str(one).split()) for one in message.get_all("Authentication-Results", [])
        ],
    }


def _decoded(value: Any) -> str:
    try:
        text = str(make_header(decode_header(str(value or ""))))
    except (ValueError, LookupError, MessageError):
        text = str(value or "")
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _blocks(parts: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Paragraphs as `word_reader` writes them: of the HTML part, else of the plain text."""
    texts: dict[str, list[str]] = {}
    for part in parts:
        kind = part.get_content_type()
        if kind in ("text/html", "text/plain") and not part.get_filename():
            texts.setdefault(kind, []).append(_text(part))
    html = "".join(texts.get("text/html", ()))
    found = list(_html_blocks(html)) if html else []
    yield from _without_quotes(found or list(_text_blocks("\n\n".join(texts.get("text/plain", ())))))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", "replace")[:_MOST_TEXT]
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")[:_MOST_TEXT]


def _paragraph(runs: list[tuple[str, bool, bool, str, float]], list_tag: str = "") -> dict[str, Any]:
    return {"kind": "p", "style": "", "level": 0, "list": list_tag, "runs": runs, "pictures": []}


def _text_blocks(text: str) -> Iterator[dict[str, Any]]:
    """Paragraphs of plain text: lines up to an empty one; lines of a list, and short ones, stay apart."""
    lines = text.replace("\r\n", "\n").split("\n")
    waiting: list[str] = []
    for line in [*lines, ""]:
        bare = line.strip()
        # Programs break long lines; a short line ends where its author ended it.
        if waiting and (not bare or len(waiting[-1]) < 55 or bare.startswith((">", "- ", "* ", "• ", "--"))):
            yield _text_paragraph(waiting)
            waiting = []
        if line.rstrip("\r") == "-- ":
            yield _paragraph([("--", False, False, "", 0.0)])
        elif bare:
            waiting.append(bare)


def _text_paragraph(lines: list[str]) -> dict[str, Any]:
    text = " ".join(lines)
    is_item = text.startswith(("- ", "* ", "• "))
    return _paragraph([(text[2:] if is_item else text, False, False, "", 0.0)], "ul" if is_item else "")


def _html_blocks(html: str) -> Iterator[dict[str, Any]]:
    from bs4 import BeautifulSoup  # slow to load, and only this process needs it

    soup = BeautifulSoup(html, "html.parser")
    for quoted in soup.select(_QUOTED):
        quoted.decompose()
    # Outlook draws a line above the message that is answered.
    for head in soup.select('div[style*="border-top:solid"]'):
        for after in [*head.find_all_next()]:
            after.extract()
        head.extract()
    yield from _Walk().blocks(soup)


class _Walk:
    """Goes through elements, and yields a paragraph wherever one ends."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, bool, bool, str, float]] = []
        self.list_tag = ""

    def blocks(self, root: Any) -> Iterator[dict[str, Any]]:
        # Without recursion: elements may be nested as deep as the sender likes.
        stack: list[tuple[Any, bool, bool, str, bool]] = [(root, False, False, "", False)]
        while stack:
            node, bold, italic, link, ends = stack.pop()
            if ends:
                yield from self._end()
                if node in ("ul", "ol"):
                    self.list_tag = ""
                continue
            name = getattr(node, "name", None)
            if name is None:
                self._add(str(node), bold, italic, link, type(node).__name__)
                continue
            if name in _SKIPPED:
                continue
            if name == "br":
                self.runs.append(("\n", bold, italic, link, 0.0))
                continue
            if name in _BLOCKS:
                yield from self._end()
                if name in ("ul", "ol"):
                    self.list_tag = name
                stack.append((name, False, False, "", True))
            if name == "a":
                link = str(node.get("href") or "")
            bold, italic = (
                bold or name in ("b", "strong", "th") or name in _HEADINGS,
                italic or name in ("i", "em"),
            )
            stack += ((child, bold, italic, link, False) for child in reversed(list(node.children)))
        yield from self._end()

    def _add(self, text: str, bold: bool, italic: bool, link: str, kind: str) -> None:
        # Comments and declarations are kinds of strings too.
        if kind == "NavigableString":
            self.runs.append((re.sub(r"\s+", " ", text.replace("\u00ad", "")), bold, italic, link, 0.0))

    def _end(self) -> Iterator[dict[str, Any]]:
        if "".join(run[0] for run in self.runs).strip():
            yield _paragraph(self.runs, self.list_tag)
        self.runs = []


def _without_quotes(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The paragraphs before a signature or a message that is answered, without quoted lines."""
    lines = ["".join(run[0] for run in block["runs"]).strip() for block in blocks]
    for place, (block, line) in enumerate(zip(blocks, lines, strict=True)):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        last = line.rpartition("\n")[2]
        outlook = _OUTLOOK_HEAD.match(line) and (_OUTLOOK_NEXT.match(following) or "\n" in line)
        # What stands above is the message itself.
        if place and (line == "--" or _QUOTE_BEGINS.match(" ".join(line.split())) or outlook):
            return
        if not line.startswith(">") and not _SENT_FROM.match(last):
            yield block


def _attachment(part: Message) -> dict[str, Any] | None:
    kind, name = part.get_content_type(), _decoded(part.get_filename())
    payload = part.get_payload(decode=True) if part.get_content_maintype() != "text" else None
    if not isinstance(payload, bytes):
        return None
    if kind == _DOCX or name.lower().endswith(".docx"):
        return _file("document", name or "document.docx", payload)
    if kind in _HEIF or name.lower().endswith((".heic", ".heif")):
        converted = _as_jpeg(payload)
        return (
            _file("picture", f"{name.rpartition('.')[0] or 'picture'}.jpg", converted) if converted else None
        )
    if kind in _PICTURES:
        within_text = part.get_content_disposition() != "attachment"
        if within_text and _is_small(payload):
            return None
        return _file("picture", name or f"picture.{_PICTURES[kind]}", payload)
    return None


def _file(kind: str, name: str, data: bytes) -> dict[str, Any]:
    return {"kind": kind, "name": name[:120], "data": b64encode(data).decode()}


def _is_small(data: bytes) -> bool:
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
            return min(picture.size) < _LOGO
    except Exception:  # noqa: BLE001  (Pillow raises anything for files that were made to confuse it)
        return True


def _as_jpeg(data: bytes) -> bytes:
    """A picture of a telephone (HEIF) as JPEG; b"" where it is damaged."""
    import pillow_heif
    from PIL import Image, ImageOps

    pillow_heif.register_heif_opener()
    target = BytesIO()
    try:
        with Image.open(BytesIO(data), formats=("HEIF",)) as picture:
            ImageOps.exif_transpose(picture).convert("RGB").save(target, "JPEG", quality=_JPEG_QUALITY)
    except Exception:  # noqa: BLE001  (damaged files make the library raise anything)
        return b""
    return target.getvalue()


def _main() -> None:
    limit_this_process(sys.argv[1:])
    for line in read(sys.stdin.buffer.read()):
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main()

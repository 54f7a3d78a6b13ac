"""Reads an email from standard input, in a process of its own with limits.

`python -m mailer.stories.sources.email_parser_process MEMORY CPU` writes lines of JSON: the header, the
paragraphs of the text without quoted replies and signatures, the attached pictures and Word documents, what
is attached and not read, then an empty line. With HEAD as a third argument it writes the header alone.
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
from email.header import Header, decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import unquote

from mailer.stories.picture_formats import ENDINGS, format_of
from subscribers.imports.likeliest_encoding import likeliest_encoding
from subscribers.limited_process import limit_this_process

_MOST_PARTS, _MOST_ATTACHMENTS = 300, 40
# Parts within each other.
_MOST_LEVELS = 40
# Characters of the text, and letters by which a text is found again.
_MOST_TEXT, _REPEATED = 400_000, 300
# A paragraph as `word_reader` writes it.
_Block = dict[str, Any]
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# Types of pictures that are read, also in other words of some programs.
_PICTURES = re.compile(r"image/(?:p?jpe?g|(?:x-)?png|gif|webp|hei[cf])")
# Parts that belong to the message itself, or say nothing that a story could have: signatures, keys,
# invitations, cards and reports of mail servers.
_WITHOUT_STORY = frozenset(
    (
        *("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"),
        # The version that stands before an encrypted message, and half of what Macs send of a file.
        *("application/pgp-keys", "application/pgp-encrypted", "application/applefile"),
        *("text/calendar", "application/ics", "text/vcard", "text/x-vcard", "text/directory"),
        *("message/delivery-status", "message/disposition-notification", "text/rfc822-headers"),
    )
)
_ENDINGS_WITHOUT_STORY = (".p7s", ".sig", ".ics", ".vcf")
_ENCRYPTED = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_OPENPGP = b"-----BEGIN PGP MESSAGE"
# A message in the format of Outlook, which no other program reads.
_TNEF = b"\x78\x9f\x3e\x22"
# A picture within the text that is smaller, in pixels, is a logo of a signature.
_LOGO = 160
_JPEG_QUALITY = 90
# Parts of a message that sign it, or repeat another one, as the most common mail programs mark them.
_SIGNATURES = (
    ".gmail_signature, .moz-signature, #Signature, #signature, #appendonsend, .ms-outlook-mobile-signature, "
    ".moz-email-headers-table tr"
)
_QUOTED = ".gmail_quote, .moz-cite-prefix, blockquote[type=cite], .protonmail_quote, .yahoo_quoted"
# Above the message that is answered or forwarded, Outlook draws a line; on the web it marks the place.
_OUTLOOK_HEADS = 'div[style*="border-top:solid"], #divRplyFwdMsg'
# The subject of a message that forwards another one, and the line above that.
_FORWARDS = re.compile(r"\s*(?:fwd?|wg|пересл?)\s*(?:\[\d+\])?:", re.IGNORECASE)
_FORWARDED = re.compile(
    r"\s*(?:-{2,}\s*(?:forwarded message|(?:пересылаемое|пересланное|перенаправленное) сообщение)"
    r"|begin forwarded message\s*:|начало переадресованного сообщения\s*:)",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(r"^\s*-{2,}\s*(?:original message|исходное сообщение|бастапқы хабар)", re.IGNORECASE)
_QUOTE_BEGINS = re.compile(
    r"^\s*(?:(?:on|am|le)\b.{5,200}\b(?:wrote|schrieb|écrit)\s*:|.{5,200}(?:пишет|писал\(а\)|писал|"
    r"написал|написала|жазды)\s*:)\s*$",
    re.IGNORECASE,
)
_OUTLOOK_HEAD = re.compile(r"^\s*(?:from|от|кімнен|кимден|von|kimden|gönderen)\s*:\s.+", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(r"^\s*(?:sent|date|to|отправлено|дата|кому|жіберілді)\s*:\s.+", re.IGNORECASE)
# A line of the head of a message that is forwarded.
_HEAD_LINE = re.compile(
    r"\s*(?:from|sent|date|to|cc|subject|reply-to|от|от кого|отправлено|дата|кому|копия|тема"
    r"|кімнен|жіберілді|кімге|тақырыбы|кимден|кимге|темасы|von|gesendet|an|betreff|kimden|kime|konu)\s*:",
    re.IGNORECASE,
)
_SENT_FROM = re.compile(
    r"^\s*(?:sent from my|отправлено с|get outlook for|скачать outlook)\b.{0,80}$", re.IGNORECASE
)
_BLOCKS = frozenset(
    (
        *("p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "td", "th", "pre"),
        *("blockquote", "section", "article", "header", "footer", "center"),
    )
)
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta\b[^>]*\bcharset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# Pictures that the text shows are named so.
_SHOWN = re.compile(r"\bcid:([^\s\"'<>)]+)", re.IGNORECASE)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SKIPPED = frozenset(("script", "style", "head", "title", "template", "svg", "noscript"))


def read(data: bytes) -> Iterator[dict[str, Any]]:
    """The lines."""
    message = message_from_bytes(data)
    yield _head(message)
    parts = list(islice(message.walk(), _MOST_PARTS + 1))
    is_cut, parts = len(parts) > _MOST_PARTS, parts[:_MOST_PARTS]
    yield from _blocks(message, frozenset(map(id, parts)))
    shown = _shown(parts)
    files = (one for part in parts if not part.is_multipart() and (one := _attachment(part, shown)))
    yield from islice(files, _MOST_ATTACHMENTS)
    if is_cut or next(files, None):
        yield {"kind": "unread", "name": "", "reason": "many"}


def _head(message: Message) -> dict[str, Any]:
    senders = [address for _, address in getaddresses(map(str, message.get_all("From", [])))]
    try:
        sent = parsedate_to_datetime(str(message.get("Date", ""))).isoformat()
    except (ValueError, TypeError, OverflowError):
        sent = ""
    return {
        "kind": "head",
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
        if isinstance(value, Header):
            # Letters that are not encoded, as old programs write them, and new ones in UTF-8.
            pieces = decode_header(value)
            text = "".join(_decoded_piece(piece, charset) for piece, charset in pieces)
        else:
            text = str(make_header(decode_header(str(value or ""))))
    except (ValueError, LookupError, MessageError):
        text = str(value or "")
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _decoded_piece(piece: str | bytes, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    return _ENCODED_WORD.sub(lambda found: _decoded(found[0]), _text_of(piece, [charset]))


def _blocks(
    part: Message, allowed: frozenset[int], *, forwards: bool = False, level: int = 0
) -> list[_Block]:
    """Paragraphs as `word_reader` writes them, of all texts; of alternatives the last, which is the richest.

    `allowed`: ids of the parts that are read. `forwards`: the message is there for another one in it.
    """
    if id(part) not in allowed or level > _MOST_LEVELS:
        return []
    forwards = bool(_FORWARDS.match(_decoded(part["Subject"]))) if part["Subject"] else forwards
    kind = part.get_content_type()
    if part.is_multipart():
        inner = [
            (one.get_content_type(), _blocks(one, allowed, forwards=forwards, level=level + 1))
            for one in part.get_payload()
            if isinstance(one, Message)
        ]
        if kind == "multipart/alternative":
            return next((found for _, found in reversed(inner) if found), [])
        return [block for found in _without_repeated(inner) for block in found]
    if not _is_text(part):
        return []
    text = _text(part)
    found = _html_blocks(text, forwards=forwards) if kind == "text/html" else _text_blocks(text)
    return list(_without_quotes(list(found), forwards=forwards))


def _without_repeated(inner: list[tuple[str, list[_Block]]]) -> Iterator[list[_Block]]:
    """The texts, without plain ones that one in HTML beside them repeats."""
    rich = "".join(_letters(found) for kind, found in inner if kind != "text/plain")
    for kind, found in inner:
        if kind != "text/plain" or _letters(found)[:_REPEATED] not in rich:
            yield found


def _letters(blocks: list[_Block]) -> str:
    return re.sub(r"\W", "", "".join(run[0] for block in blocks for run in block["runs"]))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    named = _META_CHARSET.search(data[:4_000]) if part.get_content_type() == "text/html" else None
    charsets = [part.get_content_charset(), named[1].decode("ascii") if named else None]
    return _text_of(data, charsets)[:_MOST_TEXT]


def _text_of(data: bytes, charsets: Iterable[str | None]) -> str:
    """The text in the first of the encodings that fits, else in UTF-8, else in the one that its words are in.

    Where the words do not tell, in that of Windows in Russian.
    """
    for charset in (*charsets, "utf-8"):
        try:
            return data.decode(charset or "utf-8")
        except (LookupError, ValueError):
            continue
    text = data.decode("utf-8", "replace")
    # A few damaged letters do not make it another encoding.
    broken, foreign = text.count("\ufffd"), sum(not letter.isascii() for letter in text)
    if 4 * broken < foreign:
        return text
    return data.decode(likeliest_encoding([data]) or "windows-1251", "replace")


def _paragraph(runs: list[tuple[str, bool, bool, str, float]], list_tag: str = "") -> _Block:
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


def _html_blocks(html: str, *, forwards: bool) -> Iterator[_Block]:
    from bs4 import BeautifulSoup  # slow to load, and only this process needs it

    # No tag is complete there, and the parser would look for the end of one again from every "<".
    complete, end, rest = html.rpartition(">")
    soup = BeautifulSoup(f"{complete}{end}{rest.replace('<', '&lt;')}", "html.parser")
    for signature in soup.select(_SIGNATURES):
        signature.decompose()
    for quoted in soup.select(_QUOTED):
        if not forwards and not _FORWARDED.match(quoted.get_text()):
            quoted.decompose()
    for head in soup.select(_OUTLOOK_HEADS):
        if not _OUTLOOK_HEAD.match(" ".join(head.get_text().split())):
            continue
        for after in [] if forwards else [*head.find_all_next()]:
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


def _without_quotes(blocks: list[_Block], *, forwards: bool) -> Iterator[_Block]:
    """The paragraphs before a signature or a message that is answered, without quoted lines.

    Of a message that is forwarded all but its head: it is what the message is about.
    """
    lines = ["".join(run[0] for run in block["runs"]).strip() for block in blocks]
    signed = in_head = False
    for place, (block, line) in enumerate(zip(blocks, lines, strict=True)):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        outlook = _OUTLOOK_HEAD.match(line) and (_OUTLOOK_NEXT.match(following) or "\n" in line)
        original = bool(_ORIGINAL.match(line) or outlook)
        if _FORWARDED.match(line) or (forwards and original) or (in_head and _HEAD_LINE.match(line)):
            in_head, signed = True, False
            if below := _below_head(block):
                yield below
            continue
        in_head = False
        # What stands above is the message itself.
        if place and (original or _QUOTE_BEGINS.match(" ".join(line.split()))):
            return
        signed = signed or (place > 0 and line == "--")
        if not signed and not line.startswith(">") and not _SENT_FROM.match(line.rpartition("\n")[2]):
            yield block


def _below_head(block: _Block) -> _Block | None:
    """What stands in the same paragraph below the head of a message that is forwarded."""
    lines: list[list[Any]] = [[]]
    for run in block["runs"]:
        lines += [[]] if run[0] == "\n" else []
        lines[-1].append(run)
    texts = ["".join(run[0] for run in line).strip() for line in lines]
    is_head = [
        not text or bool(_FORWARDED.match(text) or _HEAD_LINE.match(text) or _ORIGINAL.match(text))
        for text in texts
    ]
    rest = lines[is_head.index(False) :] if False in is_head else []
    return (
        {**block, "runs": [run for line in rest for run in line][rest[0][0][0] == "\n" :]} if rest else None
    )


def _shown(parts: Iterable[Message]) -> frozenset[str]:
    """Identifiers of the parts that texts in HTML show within them."""
    texts = (_text(part) for part in parts if _is_text(part) and part.get_content_subtype() == "html")
    return frozenset(unquote(found) for text in texts for found in _SHOWN.findall(text))


def _is_text(part: Message) -> bool:
    """Whether it is a text of the message, and no file."""
    return part.get_content_type() in ("text/html", "text/plain") and not part.get_filename()


def _attachment(part: Message, shown: frozenset[str]) -> dict[str, Any] | None:
    """The file, or that it is not read and why; None for what is no file, or is there for the text only."""
    kind, name = part.get_content_type(), _decoded(part.get_filename())
    is_attached = part.get_content_disposition() == "attachment"
    # Other texts without a name are the message in another form.
    is_message = _is_text(part) or (part.get_content_maintype() == "text" and not name and not is_attached)
    if is_message or kind in _WITHOUT_STORY or name.lower().endswith(_ENDINGS_WITHOUT_STORY):
        return None
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    if part.get_content_maintype() == "text" and not data.strip():
        # As Exchange adds one between attachments.
        return None
    if kind == _DOCX or name.lower().endswith(".docx"):
        return _file("document", name or "document.docx", data)
    given = format_of(data)
    if given in ENDINGS:
        is_logo = not is_attached and _is_small(data)
        return None if is_logo else _file("picture", _picture_name(name, given), data)
    if given == "HEIC" and (converted := _as_jpeg(data)):
        return _file("picture", _picture_name(name, "JPEG"), converted)
    if str(part.get("Content-ID", "")).strip(" <>") in shown:
        return None
    return {"kind": "unread", "name": (name or kind)[:120], "reason": _reason(kind, data, given)}


def _picture_name(name: str, given: str) -> str:
    """The name with an ending of the format, by which browsers and programs know it."""
    endings = (".jpg", ".jpeg") if given == "JPEG" else (f".{ENDINGS[given]}",)
    if name.lower().endswith(endings):
        return name
    return f"{name.rpartition('.')[0] or name or 'picture'}{endings[0]}"


def _reason(kind: str, data: bytes, given: str) -> str:
    """Why an attachment is not read: "encrypted", "outlook", "damaged" or "" for its format."""
    if kind in _ENCRYPTED or data.startswith(_OPENPGP):
        return "encrypted"
    if data.startswith(_TNEF) or kind.endswith("ms-tnef"):
        return "outlook"
    is_damaged = given == "HEIC" or (not given and _PICTURES.fullmatch(kind))
    return "damaged" if is_damaged else ""


def _file(kind: str, name: str, data: bytes) -> dict[str, Any]:
    return {"kind": kind, "name": name[:120], "data": b64encode(data).decode()}


def _is_small(data: bytes) -> bool:
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
            return min(picture.size) < _LOGO
    except Exception:  # noqa: BLE001  (Pillow raises anything for files that were made to confuse it)
        # What is wrong with it is told when it is stored.
        return False


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
    is_head = limit_this_process(sys.argv[1:]) == ["HEAD"]
    data = sys.stdin.buffer.read()
    for line in [_head(BytesHeaderParser().parsebytes(data))] if is_head else read(data):
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main()

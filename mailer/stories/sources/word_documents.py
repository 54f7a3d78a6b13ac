"""Stories of a Word document (.docx) as offices send them: several in one file, below headings.

The file is untrusted: a process with limits reads it (`word_reader`), and only its texts, links and pictures
come back.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from itertools import count
from typing import Any

from mailer.stories.sources.documents.blocks import Block, Columns, Notes, Table, blocks_of
from mailer.stories.sources.documents.build_found_story import FoundStory
from mailer.stories.sources.documents.split import split
from mailer.stories.sources.reader_interface import SourceError, SourceItem, SourceResult
from subscribers.limited_process import LimitExceeded, ProcessLimits, run_lines
from subscribers.translate_stored_texts import stored

MAX_BYTES = 40_000_000
# Most stories of one document.
_MOST = 200
_READER, _LIMITS = "mailer.stories.sources.word_reader", ProcessLimits(cpu_seconds=20)
# Headlines of fewer words stand above different texts every month.
_DISTINCT_WORDS = 4


@dataclass(frozen=True)
class _Read:
    """What the process wrote."""

    blocks: list[Block]
    notes: dict[str, str]
    title: str
    pictures: dict[int, tuple[str, bytes]]
    left_out: dict[str, int]


def read_document(data: bytes) -> SourceResult:
    """The stories of a .docx file, in their order, with translations after the text that they translate.

    Raises SourceError for what is no Word document, is too large, or needs a password.
    """
    if len(data) > MAX_BYTES:
        raise SourceError(stored("The Word file is larger than 40 MB. Reduce its pictures."))
    read = _read(data)
    found = split(read.blocks, Notes(read.notes), read.title)
    ids = list(_ids(found))
    items = tuple(
        _item(story, ids, place, read.pictures) for place, story in enumerate(found) if place < _MOST
    )
    return SourceResult(items, warnings=tuple(_warnings(read, found)))


def _read(data: bytes) -> _Read:
    raw: list[dict[str, Any]] = []
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            raw += (json.loads(line) for line in run_lines(_READER, file, _LIMITS))
        except LimitExceeded as error:
            raise SourceError(
                stored("The Word file needs far more memory or time than usual to be read.")
            ) from error
    if raw and raw[0]["kind"] == "error":
        raise SourceError(_reason(raw[0]["reason"]))
    about = next((one for one in raw if one["kind"] == "document"), {})
    return _Read(
        blocks_of(one for one in raw if one["kind"] in ("p", "table")),
        about.get("notes", {}),
        about.get("title", ""),
        {one["number"]: (one["name"], b64decode(one["data"])) for one in raw if one["kind"] == "picture"},
        next((one["counts"] for one in raw if one["kind"] == "left_out"), {}),
    )


def _reason(code: str) -> str:
    return {
        "old": stored(
            "The file is in an older format of Word, or needs a password. Save it as a Word document "
            "(.docx) without a password."
        ),
        "macro": stored("The Word file contains macros. Save it as a Word document (.docx) without macros."),
        "template": stored("The file is a Word template (.dotx). Save it as a Word document (.docx)."),
        "strict": stored(
            "The file is in the format Strict Open XML. Save it as the type “Word Document (.docx)” in Word."
        ),
        "large": stored("The Word file is too large when it is unpacked. Save its pictures smaller."),
    }.get(code, stored("The file is damaged, or is not a Word document (.docx)."))


def _ids(found: Sequence[FoundStory]) -> Iterator[str]:
    """An id for each story that stays the same when other stories are added, or its text is corrected."""
    seen: set[str] = set()
    for story in found:
        named = [story.title.casefold(), story.language]
        # A story of every month may have the same headline each time.
        named += [f"{story.day:%Y-%m}"] if story.day else []
        if len(story.title.split()) < _DISTINCT_WORDS:
            named += [str(story.day or ""), story.link, story.html[:200]]
        for repeated in count():
            digest = hashlib.sha256("\0".join([*named, str(repeated)]).encode()).hexdigest()[:24]
            if digest not in seen:
                break
        seen.add(digest)
        yield digest


def _item(
    story: FoundStory, ids: Sequence[str], place: int, pictures: dict[int, tuple[str, bytes]]
) -> SourceItem:
    origin = ids[story.translates] if story.translates is not None else ""
    item = replace(item_of(story), id=ids[place], translation_of=origin)
    shown = next(((number, alt) for number, alt in story.pictures if number in pictures), None)
    if shown is None:
        return item
    name, blob = pictures[shown[0]]
    return replace(item, picture=blob, picture_name=name, picture_alt=shown[1][:250])


def item_of(story: FoundStory) -> SourceItem:
    """The item of a story, without its id and picture."""
    item = SourceItem(
        id="",
        title=story.title,
        html=story.html,
        link=story.link,
        language=story.language,
        kind=story.kind,
        place=story.place,
        countries=story.countries or (),
    )
    if story.day is not None and story.kind == "event":
        item = replace(
            item,
            starts=datetime.combine(story.day, story.starts or time()),
            ends=datetime.combine(story.day, story.ends) if story.ends else None,
        )
    elif story.day is not None:
        # Noon, which is the same day in every country of the region.
        item = replace(item, published=datetime.combine(story.day, time(12), UTC))
    return item


def _warnings(read: _Read, found: Sequence[FoundStory]) -> Iterator[str]:
    """What staff should know of the document."""
    left_out = read.left_out
    if not found:
        yield stored("The document has no text.")
    if left_out.get("changes"):
        yield stored("The document has tracked changes: insertions were imported, deletions were not.")
    if left_out.get("comments"):
        yield stored("The document has comments, which were not imported.")
    if left_out.get("formats"):
        yield stored(
            "Some pictures in the document are drawings or in formats that emails cannot "
            "show (EMF, WMF, TIFF, BMP). They were not imported."
        )
    if left_out.get("large"):
        yield stored(
            "Some pictures in the document are larger than 10 MB, or there are too "
            "many. They were not imported."
        )
    if left_out.get("linked"):
        yield stored("Some pictures are only linked from the document. They were not imported.")
    if left_out.get("charts"):
        yield stored("The document has charts or diagrams, which were not imported. Save them as pictures.")
    if left_out.get("embedded"):
        yield stored("The document contains another document, which was not imported.")
    if any(_has_table(story) for story in found):
        yield stored("Stories cannot have tables: each table in the document became a list.")
    if len(found) > _MOST:
        yield stored(
            "The document has more than %(number)s stories. Only the first ones were read.", number=_MOST
        )
    for story in found:
        if len(story.pictures) > 1:
            yield stored(
                "The story “%(title)s” has several pictures: only the first was imported.", title=story.title
            )


def _has_table(story: FoundStory) -> bool:
    return any(isinstance(one, Table | Columns) for one in story.body)

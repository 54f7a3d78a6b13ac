"""Reads a folder of Markdown and Word files on the server, and what changed in it since the last poll.

The folder lies below `[stories] folders` of the configuration; no symbolic link leads out of it. A file that
is still being written waits until it stays the same. `story.ru.md` is the Russian text of `story.md`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from django.conf import settings as django_settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mailer.rendering import sanitize
from mailer.stories.sources import front_matter, word_documents
from mailer.stories.sources.front_matter import FrontMatter, FrontMatterError
from mailer.stories.sources.reader_interface import (
    Fetch,
    Listing,
    SourceError,
    SourceItem,
    SourceResult,
    SourceSettings,
)
from subscribers.translate_stored_texts import stored

_MARKDOWN, _WORD = (".md", ".markdown"), ".docx"
# Files of a folder that are looked at, and folders within each other.
_MOST_FILES, _MOST_LEVELS = 5_000, 8
_MAX_MARKDOWN, _MAX_PICTURE = 1_000_000, 10_000_000
# Files that are read in one poll; the others follow in the next.
_AT_A_TIME = 200
# Seconds for which a file stays the same before it is read for the first time.
_SETTLED = 20
_LANGUAGE_ENDING = re.compile(r"(.+)\.([a-z]{2,3}(?:-[A-Za-z]{2,4})?)")
_HEADING = re.compile(r"<h[1-6]>(.*?)</h[1-6]>", re.DOTALL)


@dataclass(frozen=True)
class _File:
    # Below the source's folder, with "/".
    name: str
    path: Path
    # Size and time of the last change: two files that have the same are taken for the same.
    state: str
    changed_at: float


class _Problem(Exception):  # noqa: N818  (a finding about one file)
    """What is wrong with a file, as a stored text; line 0: with all of it."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


def read(settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
    """The stories of the files that are new or were changed. Raises SourceError.

    A file that cannot be read is reported at every poll until it is corrected.
    """
    folder = resolve_folder(settings.folder)
    known: dict[str, str] = json.loads(validators.get("files") or "{}")
    seen: dict[str, str] = json.loads(validators.get("seen") or "{}")
    stories: dict[str, list[str]] = json.loads(validators.get("stories") or "{}")
    listed = list(_files(folder))
    files = [file for file in listed if _readable_name(file.name) == file.name]
    unnamed = [name for file in listed if (name := _readable_name(file.name)) != file.name]
    # Names of files that were read, those that are waiting, and what is wrong.
    done = {
        file.name: file.state for file in files if known.get(file.name) == file.state and file.name in stories
    }
    fresh = [file for file in files if file.name not in done]
    ready = [file for file in fresh if _is_settled(file, seen)]
    items: list[SourceItem] = []
    warnings = [
        stored("The name of the file or folder “%(file)s” is not UTF-8; rename it.", file=name)
        for name in unnamed[:_AT_A_TIME]
    ]
    for file in ready[:_AT_A_TIME]:
        try:
            found = _read_file(file, folder, files)
        except _Problem as problem:
            warnings.append(_located(file.name, problem))
            continue
        if _state_of(file.path) == file.state:
            if other := _other_with_an_id_of(found, file, files, stories):
                warnings.append(
                    stored(
                        "%(file)s: its “id” is the one of %(other)s too; give it another.",
                        file=file.name,
                        other=other,
                    )
                )
                stories[file.name] = []
                continue
            items += found.items
            warnings += (f"{file.name}: {one}" for one in found.warnings)
            done[file.name] = file.state
            stories[file.name] = [item.id for item in found.items]
    waiting = len(fresh) - len(ready) + max(0, len(ready) - _AT_A_TIME)
    if waiting:
        warnings.append(
            stored(
                "Files that were changed just now and will be read at the next check of the "
                "source: %(number)s",
                number=waiting,
            )
        )
    if len(listed) >= _MOST_FILES:
        warnings.append(stored("The folder has more than %(number)s files.", number=_MOST_FILES))

    def without(ids: Collection[str]) -> Mapping[str, str]:
        read = {name: state for name, state in done.items() if not set(ids) & set(stories[name])}
        return {**following, "files": json.dumps(read)}

    following = {
        "files": json.dumps(done),
        "seen": json.dumps({file.name: file.state for file in fresh}),
        "stories": json.dumps({file.name: stories[file.name] for file in files if file.name in stories}),
    }
    return SourceResult(
        tuple(items),
        following,
        not items and not warnings,
        tuple(warnings),
        None if unnamed else _listing(files, stories),
        without,
    )


def _other_with_an_id_of(
    found: SourceResult, file: _File, files: Sequence[_File], stories: Mapping[str, Sequence[str]]
) -> str:
    """The name of another file that already gives one of the stories, or ""."""
    ids = {item.id for item in found.items}
    others = (one.name for one in files if one.name != file.name)
    return next((name for name in others if not ids.isdisjoint(stories.get(name, ()))), "")


def _listing(files: Sequence[_File], stories: Mapping[str, Sequence[str]]) -> Listing | None:
    """The stories of all files, also of one that cannot be read now; None while one was never read."""
    if len(files) >= _MOST_FILES or any(file.name not in stories for file in files):
        return None
    return Listing(frozenset(one for file in files for one in stories[file.name]))


def resolve_folder(folder: str) -> Path:
    """The source's folder: a path below the configured one, or relative to it.

    Raises SourceError where none is configured, or it leads elsewhere.
    """
    configured = django_settings.CONFIG.stories.folders
    if not configured:
        raise SourceError(
            stored(
                "No folder can be a source yet: the operator of the server must allow "
                "some in [stories] folders."
            )
        )
    root = django_settings.CONFIG.path(configured)
    try:
        found = (root / folder).resolve()
        is_folder = found.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(stored("The folder “%(folder)s” cannot be read.", folder=folder)) from error
    if not found.is_relative_to(root):
        raise SourceError(
            stored("The folder “%(folder)s” is not one of those that are allowed as sources.", folder=folder)
        )
    if not is_folder:
        raise SourceError(stored("There is no folder “%(folder)s” on the server.", folder=folder))
    return found


def _files(folder: Path) -> Iterator[_File]:
    """The files in the order of their names, without hidden ones and links that lead elsewhere."""
    found = []
    for place, folders, names in os.walk(folder):
        level = len(Path(place).relative_to(folder).parts)
        folders[:] = (
            [] if level >= _MOST_LEVELS else sorted(one for one in folders if not one.startswith("."))
        )
        for name in sorted(names):
            # Word keeps a lock file, "~$name.docx", beside an open document.
            if name.startswith((".", "~$")) or not name.lower().endswith((*_MARKDOWN, _WORD)):
                continue
            path = Path(place) / name
            if path.resolve().is_relative_to(folder) and (state := _state_of(path)):
                relative = path.relative_to(folder).as_posix()
                found.append(_File(relative, path, state, float(state.split()[1])))
            if len(found) >= _MOST_FILES:
                return iter(found)
    return iter(found)


def _readable_name(name: str) -> str:
    """The name with replacement characters for what is not UTF-8, which no database takes."""
    return os.fsencode(name).decode("utf-8", "replace")


def _state_of(path: Path) -> str:
    try:
        about = path.stat()
    except OSError:
        return ""
    return f"{about.st_size} {about.st_mtime:.6f}"


def _is_settled(file: _File, seen: Mapping[str, str]) -> bool:
    return seen.get(file.name) == file.state or abs(time.time() - file.changed_at) > _SETTLED


def _located(name: str, problem: _Problem) -> str:
    if problem.line:
        return stored("%(file)s, line %(line)s: %(problem)s", file=name, line=problem.line, problem=problem)
    return f"{name}: {problem}"


def _read_file(file: _File, folder: Path, files: Iterable[_File]) -> SourceResult:
    if file.name.lower().endswith(_WORD):
        data = _content(file.path, word_documents.MAX_BYTES)
        try:
            return with_id_prefix(word_documents.read_document(data), f"{file.name}#")
        except SourceError as error:
            raise _Problem(str(error)) from error
    item = _story(file, folder, {one.name for one in files})
    return SourceResult((item,) if item else ())


def with_id_prefix(result: SourceResult, prefix: str) -> SourceResult:
    """The result of one of several documents, whose ids begin with `prefix`."""
    items = (
        replace(
            item,
            id=f"{prefix}{item.id}",
            translation_of=f"{prefix}{item.translation_of}" if item.translation_of else "",
        )
        for item in result.items
    )
    return replace(result, items=tuple(items))


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise _Problem(
            stored("The file cannot be read (%(reason)s).", reason=error.strerror or "")
        ) from error
    if len(data) > most:
        raise _Problem(stored("The file is larger than %(number)s MB.", number=most // 1_000_000))
    return data


def _story(file: _File, folder: Path, names: set[str]) -> SourceItem | None:
    """The story of a Markdown file; None of one that says it is a draft."""
    data = _content(file.path, _MAX_MARKDOWN)
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Problem(stored("The file is not UTF-8; save it as UTF-8."), line) from error
    try:
        mark, given, markdown = front_matter.split(text)
        about = (
            front_matter.read(mark, given, ZoneInfo(django_settings.CONFIG.site.timezone))
            if mark
            else FrontMatter()
        )
    except FrontMatterError as error:
        raise _Problem(str(error), error.line) from error
    if about.draft:
        return None
    body = _Body.of(markdown)
    title = about.title or body.title
    if not title:
        raise _Problem(stored("The file has no title: write “title: …” between two lines of “---”."), 1)
    base, language = _translation(file.name, names)
    original = _id_of(folder, base) if base else ""
    own = about.id or file.name
    above = text.count("\n") - markdown.count("\n")
    line = about.picture_line if about.picture else above + body.picture_line
    picture = about.picture or body.picture
    is_address = picture.startswith(("http://", "https://"))
    file_of_picture = None if is_address or not picture else _picture(picture, file.path.parent, folder, line)
    return SourceItem(
        # A translation is often a copy, with the same id.
        id=f"{own}.{language}" if own == original else own,
        title=title,
        html=body.html,
        summary=about.summary,
        link=about.link,
        published=about.published,
        updated=datetime.fromtimestamp(file.changed_at, UTC),
        language=about.language or language,
        picture_url=picture if is_address else "",
        picture=_content_of_picture(file_of_picture, line) if file_of_picture else b"",
        picture_alt=about.alt or (body.alt if unquote(picture) == unquote(body.picture) else ""),
        picture_name=file_of_picture.name if file_of_picture else "",
        kind=about.kind,
        starts=about.starts,
        ends=about.ends,
        place=about.place,
        countries=about.countries,
        translation_of=original,
    )


def _id_of(folder: Path, name: str) -> str:
    """The id of the story in a Markdown file of the folder."""
    try:
        text = _content(folder / name, _MAX_MARKDOWN).decode("utf-8-sig").replace("\r\n", "\n")
        mark, given, _ = front_matter.split(text)
        return (front_matter.read_id(mark, given) if mark else "") or name
    except (_Problem, FrontMatterError, UnicodeDecodeError):
        return name


def _translation(name: str, names: set[str]) -> tuple[str, str]:
    """The file that this one translates, or ""; and the language that its name states."""
    path = Path(name)
    found = _LANGUAGE_ENDING.fullmatch(path.stem)
    languages = django_settings.CONFIG.site.languages
    if found is None or found[2] not in languages:
        return "", ""
    endings = ("", *(f".{code}" for code in languages))
    candidates = (path.with_name(f"{found[1]}{ending}{path.suffix}").as_posix() for ending in endings)
    base = next((one for one in candidates if one in names), name)
    return (base if base != name else ""), found[2]


def _picture(name: str, where: Path, folder: Path, line: int) -> Path:
    """The picture's file: its name as it is written, else without escapes such as "%20".

    Editors write spaces so, and the parser of Markdown every letter that is not ASCII.
    """
    for one in dict.fromkeys((name, unquote(name))):
        path = where / one
        try:
            if path.resolve().is_relative_to(folder) and path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            continue
    shown = sanitize.without_unprintable(unquote(name)).rpartition("/")[2]
    raise _Problem(stored("There is no picture “%(name)s” in the folder.", name=shown), line)


def _content_of_picture(path: Path, line: int) -> bytes:
    try:
        return _content(path, _MAX_PICTURE)
    except _Problem as problem:
        raise _Problem(f"{path.name}: {problem}", line) from problem


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class _Body:
    """A text in Markdown (CommonMark)."""

    # Its first heading, where nothing stands above it.
    title: str
    html: str
    # The first picture, its address in percent-encoding, its alternative text, and its line, from 1.
    picture: str
    alt: str
    picture_line: int

    @classmethod
    def of(cls, markdown: str) -> _Body:
        tokens = _parser().parse(markdown)
        title = ""
        if len(tokens) > 2 and tokens[0].type == "heading_open":
            title = sanitize.html_to_single_line(_html(tokens[1:2]))
            tokens = tokens[3:]
        image, line = _first_image(tokens)
        return cls(
            title,
            _HEADING.sub(r"<p><b>\1</b></p>", _html(tokens)).strip(),
            str(image.attrs.get("src") or "") if image else "",
            image.content if image else "",
            line,
        )


def _first_image(tokens: Iterable[Token]) -> tuple[Token | None, int]:
    """The first picture, and its line, from 1."""
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        for child in token.children or ():
            if child.type == "image":
                return child, line
            line += child.type in ("softbreak", "hardbreak")
    return None, 1


def _html(tokens: list[Token]) -> str:
    return str(_parser().renderer.render(tokens, _parser().options, {}))

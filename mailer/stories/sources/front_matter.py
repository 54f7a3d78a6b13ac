"""Front matter of Markdown files, in YAML or TOML: what it says of a story.

Values are read as texts, so that `countries: [NO]` names Norway. Keys that are not known are ignored: files
of static sites have many.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml

from mailer.rendering import sanitize
from mailer.stories.sources.documents import line_recognition
from mailer.stories.sources.reader_interface import is_year_of_stories
from subscribers import iso_codes
from subscribers.imports.countries_and_languages import parse_language
from subscribers.translate_stored_texts import stored

# Characters of front matter.
_MOST = 50_000
_OPENING = re.compile(r"(?:[ \t]*\n)*(---|\+\+\+)[ \t]*\n")
_LINE = re.compile(r"line (\d+)")
_LONG_NUMBER = re.compile(r"[\d_]{4300,}")
_NAMES = {
    "title": ("title", "headline"),
    "summary": ("summary", "description", "excerpt"),
    "date": ("date", "published"),
    "countries": ("countries", "country"),
    "language": ("language", "lang"),
    "kind": ("kind", "type"),
    "link": ("link", "url", "canonical"),
    "picture": ("picture", "image", "cover"),
    "alt": ("alt", "picture_alt", "image_alt"),
    "starts": ("starts", "start", "begins"),
    "ends": ("ends", "end"),
    "place": ("place", "venue", "location"),
    "draft": ("draft",),
    "id": ("id", "key"),
}
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")
_KINDS = frozenset(("news", "event", "publication", "notice"))


class FrontMatterError(Exception):
    """What is wrong, as a stored text, and in which line of the file."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class FrontMatter:
    """What the front matter says; "" and None for what it does not."""

    title: str = ""
    summary: str = ""
    published: datetime | None = None
    countries: tuple[str, ...] = ()
    language: str = ""
    kind: str = ""
    link: str = ""
    picture: str = ""
    alt: str = ""
    starts: datetime | None = None
    ends: datetime | None = None
    place: str = ""
    draft: bool = False
    id: str = ""
    # The line of the file in which the picture is named.
    picture_line: int = 1


def split(text: str) -> tuple[str, str, str]:
    """The mark ("---" of YAML, "+++" of TOML, or ""), the front matter, and the Markdown after it.

    The front matter begins with as many empty lines as stand above its mark, so that its lines are counted
    from there. Raises FrontMatterError where it does not end.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return "", "", text
    above = text.count("\n", 0, opening.start(1))
    # YAML may also end in three dots.
    ends = re.escape(opening[1]) + (r"|\.\.\." if opening[1] == "---" else "")
    closing = re.compile(rf"^(?:{ends})[ \t]*$", re.MULTILINE).search(text, opening.end())
    if closing is None or closing.start() > _MOST:
        raise FrontMatterError(
            above + 1,
            stored(
                "The front matter (the data at the top of the file) has no end: write “%(mark)s” after it.",
                mark=opening[1],
            ),
        )
    return (
        opening[1],
        "\n" * above + text[opening.end() : closing.start()],
        text[closing.end() :].lstrip("\n"),
    )


def read(mark: str, text: str, zone: ZoneInfo) -> FrontMatter:
    """The front matter between its marks; times without a zone are of `zone`. Raises FrontMatterError."""
    found = _values(mark, text)
    return FrontMatter(
        title=found.text("title"),
        summary=found.text("summary"),
        published=found.moment("date", zone),
        countries=found.countries(),
        language=found.language(),
        kind=found.kind(),
        link=found.link(),
        picture=found.text("picture"),
        alt=found.text("alt"),
        starts=found.local("starts"),
        ends=found.local("ends"),
        place=found.text("place"),
        draft=found.text("draft").lower() in _YES or found.is_held_back(),
        id=found.text("id"),
        picture_line=found.line("picture"),
    )


def read_id(mark: str, text: str) -> str:
    """The id that the front matter between its marks gives the story, or "". Raises FrontMatterError."""
    return _values(mark, text).text("id")


def _values(mark: str, text: str) -> _Values:
    table = _toml(text) if mark == "+++" else _yaml(text)
    return _Values({str(key).lower().replace("-", "_"): value for key, value in table.items()}, text)


class _Loader(yaml.BaseLoader):
    """Reads every value as a text, and no aliases, by which a short text becomes a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(None, None, "aliases are not supported", mark)
        return super().compose_node(parent, index)


def _yaml(text: str) -> Mapping[Any, Any]:
    try:
        found = yaml.load(text, _Loader)  # noqa: S506  (builds texts, lists and tables only)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FrontMatterError(
            (mark.line if mark else 0) + 2, _invalid("YAML", error.problem or "")
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FrontMatterError(2, _invalid("YAML", "")) from error
    return found if isinstance(found, dict) else {}


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _LINE.search(str(error))
        reason = str(error).partition(" (at ")[0]
        raise FrontMatterError((int(at[1]) if at else 1) + 1, _invalid("TOML", reason)) from error
    except RecursionError as error:
        raise FrontMatterError(2, _invalid("TOML", "too many tables or lists in each other")) from error
    except ValueError as error:
        # The one thing that Python refuses and TOML allows.
        number = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, number.start() if number else 0) + 2
        raise FrontMatterError(line, _invalid("TOML", "a number with too many digits")) from error


def _invalid(language: str, reason: str) -> str:
    return stored(
        "The data at the top of the file (front matter) are not valid %(format)s (%(reason)s).",
        format=language,
        reason=reason,
    )


class _Values:
    """The values by the names of fields, and the lines in which they are written."""

    def __init__(self, table: Mapping[str, Any], text: str) -> None:
        self._table, self._text = table, text

    def value(self, field: str) -> Any:
        return next((self._table[name] for name in _NAMES[field] if self._table.get(name)), "")

    def text(self, field: str) -> str:
        value = self.value(field)
        # Escapes write characters that no database takes.
        is_text = not isinstance(value, dict | list)
        return " ".join(sanitize.without_unprintable(str(value)).split()) if is_text else ""

    def is_held_back(self) -> bool:
        """Whether it says "published: false", as Jekyll has it; elsewhere that is the day."""
        return str(self._table.get("published", "")).lower() in _NO

    def line(self, field: str) -> int:
        """The line of the file; front matter begins in its second."""
        names = "|".join(_NAMES[field]).replace("_", "[_-]")
        found = re.search(rf"^\s*[\"']?(?:{names})[\"']?\s*[:=]", self._text, re.MULTILINE | re.IGNORECASE)
        return self._text.count("\n", 0, found.start() if found else 0) + 2

    def countries(self) -> tuple[str, ...]:
        value = self.value("countries")
        texts = map(sanitize.without_unprintable, map(str, value if isinstance(value, list) else [value]))
        codes: list[str] = []
        for text in filter(None, texts):
            code = text.strip().upper()
            found = (code,) if code in iso_codes.COUNTRIES else line_recognition.parse_countries_line(text)
            if found is None:
                self._fail(
                    "countries", stored("“%(word)s” is not a known country code or name", word=text[:60])
                )
            codes += found or ()
        return tuple(dict.fromkeys(codes))

    def language(self) -> str:
        try:
            return parse_language(self.text("language"))
        except ValueError as error:
            self._fail("language", str(error))

    def kind(self) -> str:
        kind = self.text("kind").lower()
        # Static sites write names of their own templates here.
        return kind if kind in _KINDS - {"news"} else ""

    def link(self) -> str:
        link = self.text("link")
        try:
            # Without one it is a path of the static site that the file is of.
            return link if urlsplit(link).scheme in ("http", "https") else ""
        except ValueError:
            return ""

    def local(self, field: str) -> datetime | None:
        """A moment as it is written: aware, or local without a zone."""
        found = self._moment(field)
        if found is not None and not is_year_of_stories(found):
            self._fail(
                field,
                stored(
                    "“%(field)s” has the year %(year)s; write one from 1971 to 9998.",
                    field=field,
                    year=found.year,
                ),
            )
        return found

    def _moment(self, field: str) -> datetime | None:
        text = self.text(field)
        if not text or (field == "date" and text.lower() in (*_YES, *_NO)):
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        found = line_recognition.find_day(text)
        if found is None:
            self._fail(
                field,
                stored("“%(word)s” is not a date; write 2021-12-18 or 2021-12-18 18:30", word=text[:40]),
            )
        return datetime.combine(found[0], line_recognition.find_times(text)[0] or time())

    def moment(self, field: str, zone: ZoneInfo) -> datetime | None:
        """Aware UTC; noon of a day without a time, which is the same day in the whole region."""
        found = self._moment(field)
        # Programs write 0001-01-01 where there is no day.
        if found is None or not is_year_of_stories(found):
            return None
        if found.tzinfo is None:
            is_day = found.time() == time()
            found = datetime.combine(found.date(), time(12), UTC) if is_day else found.replace(tzinfo=zone)
        return found.astimezone(UTC)

    def _fail(self, field: str, text: str) -> NoReturn:
        raise FrontMatterError(self.line(field), text)

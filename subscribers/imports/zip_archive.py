"""Unpacks a ZIP archive of tables in a process of its own with limits (see `limited_process`).

`python -m subscribers.imports.zip_archive` is that process: it loads neither Django nor the configuration.
"""

from __future__ import annotations

import base64
import json
import lzma
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import BinaryIO

from subscribers.imports.row_types import UnreadableFile
from subscribers.limited_process import LimitExceeded, ProcessLimits, limit_this_process, run_lines
from subscribers.translate_stored_texts import stored

# Limits: files in the archive, tables among them, and bytes of all tables.
_MAX_FILES, _MAX_TABLES, _MAX_BYTES = 10_000, 50, 1 << 30
# The compression ratio of a file of so many bytes or more; a table of people never exceeds it.
_LARGE, _MAX_RATIO = 1 << 20, 100
_TABLES = (".csv", ".tsv", ".txt", ".xlsx")
_CHUNK = 1 << 19
_DAMAGED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    # RuntimeError: an encrypted file, or a kind of compression that zipfile lacks.
    *(KeyError, IndexError, ValueError, EOFError, OSError, RuntimeError),
)
_TOO_LARGE = stored(
    "The files of the ZIP archive are too large when unpacked. Unpack the archive, and "
    "import its files one by one."
)


@dataclass(frozen=True)
class Archive:
    """The tables of an archive, unpacked into temporary files, in the order of their names."""

    tables: list[tuple[str, BinaryIO]] = field(default_factory=list)
    # Names of other files.
    others: list[str] = field(default_factory=list)


def unpack(stream: BinaryIO, size: int, closed_at_the_end: ExitStack) -> Archive:
    """Unpack an archive; `stream` has a file descriptor and `size` bytes. Raises UnreadableFile."""
    found, written = Archive(), 0
    limits = ProcessLimits(cpu_seconds=20 + 10 * (size >> 20))
    try:
        with closing(run_lines(__name__, stream, limits)) as lines:
            for line in lines:
                kind, text = json.loads(line)
                if kind == "error":
                    raise UnreadableFile(text)
                if kind == "other":
                    found.others.append(text)
                elif kind == "table":
                    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by the caller's stack)
                    found.tables.append((text, closed_at_the_end.enter_context(file)))
                else:
                    written += found.tables[-1][1].write(base64.b64decode(text))
                    if written > _MAX_BYTES:
                        raise UnreadableFile(_TOO_LARGE)
    except LimitExceeded as error:
        raise UnreadableFile(_TOO_LARGE) from error
    if not found.tables:
        raise UnreadableFile(stored("The ZIP archive contains no CSV or XLSX file."))
    for _, table in found.tables:
        table.flush()
        table.seek(0)
    return found


def zip_names_and_base64_data(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """What the process writes: ("table" or "other", name), and ("data", base64) after each table."""
    try:
        with zipfile.ZipFile(stream) as packed:
            files = [one for one in packed.infolist() if not one.is_dir() and not _is_hidden(_name(one))]
            tables = sorted((one for one in files if _is_table(one)), key=lambda one: _name(one).casefold())
            if (
                len(files) > _MAX_FILES
                or len(tables) > _MAX_TABLES
                or sum(one.file_size for one in tables) > _MAX_BYTES
                or any(_is_bomb(one) for one in tables)
            ):
                raise UnreadableFile(_TOO_LARGE)
            yield from (("other", _name(one)) for one in files if not _is_table(one))
            for one in tables:
                if one.flag_bits & 1:
                    raise UnreadableFile(
                        stored("The ZIP archive has a password: unpack it, and import the files in it.")
                    )
                yield "table", _name(one)
                with packed.open(one) as source:
                    while piece := source.read(_CHUNK):
                        yield "data", base64.b64encode(piece).decode("ascii")
    except _DAMAGED as error:
        raise UnreadableFile(stored("The ZIP archive is damaged; download or pack it again.")) from error


def _name(file: zipfile.ZipInfo) -> str:
    """The name as it was meant: Windows packs Russian names in its own encoding."""
    if file.flag_bits & 0x800 or file.filename.isascii():
        return file.filename
    try:
        russian = file.filename.encode("cp437").decode("cp866")
    except UnicodeError:
        return file.filename
    return russian if any("а" <= letter.casefold() <= "я" for letter in russian) else file.filename


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _is_table(file: zipfile.ZipInfo) -> bool:
    return _name(file).casefold().endswith(_TABLES)


def _is_bomb(file: zipfile.ZipInfo) -> bool:
    return file.file_size > _LARGE and file.file_size > _MAX_RATIO * max(file.compress_size, 1)


def _main() -> None:
    """Write each piece as a line of JSON; an error as ["error", text]; an empty line at the end."""
    limit_this_process(sys.argv[1:])
    out = sys.stdout
    try:
        for piece in zip_names_and_base64_data(sys.stdin.buffer):
            out.write(json.dumps(piece) + "\n")
    except UnreadableFile as error:
        out.write(json.dumps(["error", str(error)]) + "\n")
    out.write("\n")
    out.flush()


if __name__ == "__main__":
    _main()

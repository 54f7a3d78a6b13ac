"""A few limited processes that parse what sources answer; one that breaks its limits is replaced."""

from __future__ import annotations

import json
import logging
import subprocess
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self

from mailer.stories.sources import web_source_parser_process
from mailer.stories.sources.reader_interface import SourceError
from subscribers.limited_process import LimitExceeded, ProcessLimits, read_lines, start_process
from subscribers.translate_stored_texts import stored

_MODULE = web_source_parser_process.__name__
# Of one document: 5 MB of XML take a few seconds.
LIMITS = ProcessLimits(cpu_seconds=20)
# A process is replaced after so many documents: parsers keep caches.
_DOCUMENTS = 1_000

log = logging.getLogger(__name__)


class Parsers(Protocol):
    """Parses what a source answered."""

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        """What the parser (web_source_parser_process.PARSERS) reads from `body`. Raises SourceError."""


class UnlimitedParsers:
    """Parses in this process: for tests, whose documents are their own."""

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        """As ParserPool.parse."""
        return _checked(web_source_parser_process.parse_or_error(parser, body, context))


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    if "error" in found:
        raise SourceError(found["error"] or stored("The source could not be read: its answer is not valid."))
    return found


class ParserPool:
    """Parses in at most `size` processes at a time, which start when they are first needed.

    Threads may share it. As a context manager it ends its processes.
    """

    def __init__(self, size: int = 2, limits: ProcessLimits = LIMITS) -> None:
        self._limits = limits
        # A place is empty until its process is needed.
        self._places: SimpleQueue[_ParserProcess | None] = SimpleQueue()
        self._size = size
        for _ in range(size):
            self._places.put(None)

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        """What the parser (web_source_parser_process.PARSERS) reads from `body`. Raises SourceError."""
        process = self._places.get()
        try:
            if process is None:
                process = _ParserProcess(self._limits)
            found = process.parse(parser, body, context)
            if process.documents >= _DOCUMENTS:
                process.end()
                process = None
        except (LimitExceeded, OSError, ValueError) as error:
            log.warning("action=parser_ended parser=%s bytes=%d", parser, len(body))
            if process is not None:
                process.end()
                process = None
            raise SourceError(
                stored("The source's answer needs far more memory or time than a feed does.")
            ) from error
        finally:
            self._places.put(process)
        return _checked(found)

    def close(self) -> None:
        """End the processes, once each has finished its document."""
        for _ in range(self._size):
            if process := self._places.get():
                process.end()
        for _ in range(self._size):
            self._places.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _ParserProcess:
    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits
        self._process = start_process(_MODULE, subprocess.PIPE, limits)
        self.documents = 0

    def parse(self, parser: str, body: bytes, context: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self.documents += 1
        request = {"parser": parser, "context": context, "length": len(body)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n" + body)
        self._process.stdin.flush()
        (answer,) = read_lines(self._process, self._limits)
        found: dict[str, Any] = json.loads(answer)
        return found

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()

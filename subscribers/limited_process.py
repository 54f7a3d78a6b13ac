"""Parses hostile files in a process of its own, with limits of memory, CPU time and silence.

A parser of workbooks or feeds can be made to take all memory or minutes of CPU time. In a process of its own
that ends the process only: the parent goes on, and says that the file is too complex.
"""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

_PIECE = 64 * 1024
# Nesting of XML elements; workbooks and feeds have fewer than twenty levels.
MAX_DEPTH = 100


class LimitExceeded(Exception):  # noqa: N818  (a finding about the file)
    """The process ended before it was done: it reached a limit, or the file made it crash."""


@dataclass(frozen=True)
class ProcessLimits:
    """What the process may use."""

    # Bytes of address space.
    memory: int = 512 << 20
    # Seconds of CPU time.
    cpu_seconds: int = 20
    # Seconds for which the parent waits for the next line.
    silence_seconds: float = 60
    # Bytes of a line that the process writes.
    line: int = 32 << 20


def run_lines(
    module: str, source: BinaryIO, limits: ProcessLimits, *arguments: str
) -> Generator[bytes, None, None]:
    """The lines that `python -m module` writes while it reads `source`, a file with a descriptor.

    The module calls `limit_this_process` first, and its last line is empty. Raises LimitExceeded where that
    line is missing. The process is ended when the generator is closed.
    """
    source.seek(0)
    with start_process(module, source, limits, *arguments) as process:
        try:
            yield from read_lines(process, limits)
        finally:
            process.kill()


def start_process(
    module: str, source: BinaryIO | int, limits: ProcessLimits, *arguments: str
) -> subprocess.Popen[bytes]:
    """`python -m module` with `source` as its standard input, a file or subprocess.PIPE."""
    # Configuration and secrets of this process are not for that one.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-m", module, str(limits.memory), str(limits.cpu_seconds), *arguments]
    return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        command,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def limit_this_process(arguments: list[str], *, renewable: bool = False) -> list[str]:
    """Limit this process as `run_lines` asks; returns the arguments that are left.

    `renewable`: it may call `renew_cpu_limit`.
    """
    import resource  # not on every system, and only this process needs it

    memory, cpu = int(arguments[0]), int(arguments[1])
    # Readers' pages come first.
    os.nice(10)
    for kind, limit in (
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_CPU, (cpu, resource.getrlimit(resource.RLIMIT_CPU)[1] if renewable else cpu + 1)),
        (resource.RLIMIT_CORE, (0, 0)),
        # It writes to its pipe only, and to no file.
        (resource.RLIMIT_FSIZE, (0, 0)),
    ):
        # Not every system has every limit.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, limit)
    return arguments[2:]


def require_xml_depth_at_most(pieces: Iterator[bytes], max_depth: int = MAX_DEPTH) -> None:
    """Raise ValueError where XML elements are nested deeper than `max_depth`; what is not XML passes."""
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > max_depth:
            raise ValueError(f"elements are nested deeper than {max_depth}")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        for piece in pieces:
            parser.Parse(piece)
    except expat.ExpatError:
        return


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise MemoryError where the cause of the error is that memory ran out, and not the file."""
    out_of_memory = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]
    if isinstance(error, ParseError) and error.code == out_of_memory:
        raise MemoryError from error
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        raise MemoryError from error


def renew_cpu_limit(cpu_seconds: int) -> None:
    """Let this process, which does one piece of work after another, use that much again from now on."""
    import resource

    spent = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(spent.ru_utime + spent.ru_stime) + cpu_seconds + 1
    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))


def read_lines(process: subprocess.Popen[bytes], limits: ProcessLimits) -> Generator[bytes, None, None]:
    """What the process writes, up to an empty line. Raises LimitExceeded."""
    assert process.stdout is not None
    pipe, waiting = process.stdout.fileno(), bytearray()
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(limits.silence_seconds * 1_000):
            raise LimitExceeded(f"nothing was read for {limits.silence_seconds:g} seconds")
        piece = os.read(pipe, _PIECE)
        if not piece:
            raise LimitExceeded(f"the process ended with {process.wait()}")
        waiting += piece
        *complete, rest = waiting.split(b"\n")
        for line in complete:
            if not line:
                return
            yield bytes(line)
        if len(rest) > limits.line:
            raise LimitExceeded(f"a line is longer than {limits.line} bytes")
        waiting = bytearray(rest)

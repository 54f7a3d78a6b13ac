"""Parses what sources answer, one document after another, in a process of its own with limits.

`python -m mailer.stories.sources.web_source_parser_process MEMORY CPU` reads requests from standard input:
a line of JSON with the parser's name, its context and the length of the document, then the document. It
answers each with a line of JSON and an empty line. It loads neither the configuration nor the database.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mailer.stories.sources.reader_interface import SourceError
from subscribers.limited_process import limit_this_process, renew_cpu_limit

Parser = Callable[..., dict[str, Any]]
# Parser → module and function. A module is loaded when it is first needed.
PARSERS = {
    "feed": ("mailer.stories.sources.feed", "parse"),
    "wordpress": ("mailer.stories.sources.wordpress", "parse"),
    "drupal": ("mailer.stories.sources.drupal", "parse"),
    "sitemap": ("mailer.stories.sources.sitemap", "parse"),
    "article": ("mailer.stories.sources.article", "parse"),
    "page": ("mailer.stories.sources.discovery", "parse"),
    "suggestions": ("mailer.stories.draft_fields_from_source_entry", "answer_suggestion_request"),
}


def parser_named(name: str) -> Parser:
    """The function that parses a document. Raises KeyError."""
    module, function = PARSERS[name]
    found: Parser = getattr(import_module(module), function)
    return found


def parse_or_error(name: str, body: bytes, context: dict[str, str]) -> dict[str, Any]:
    """The parser's result; or {"error": text for staff}, "" where the parser failed."""
    try:
        return parser_named(name)(body, **context)
    except SourceError as error:
        return {"error": str(error)}
    except MemoryError:
        raise
    # A document is hostile input: no error of a parser goes further.
    except Exception:  # noqa: BLE001
        return {"error": ""}


def _main() -> None:
    memory, cpu_seconds = sys.argv[1:3]
    limit_this_process([memory, cpu_seconds], renewable=True)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        request = json.loads(line)
        body = requests.read(request["length"])
        renew_cpu_limit(int(cpu_seconds))
        found = parse_or_error(request["parser"], body, request["context"])
        # As json.loads reads it: a feed may have half of a surrogate pair.
        answers.write(json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n")
        answers.flush()


if __name__ == "__main__":
    _main()

"""Reads the JSON of content management systems without trusting its shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mailer.stories.sources.reader_interface import SourceError
from subscribers.translate_stored_texts import stored


def load_json(body: bytes, url: str) -> Any:
    """The document. Raises SourceError where the answer is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(stored("%(url)s does not answer with JSON.", url=url)) from error


def value_at(value: Any, *path: str | int) -> Any:
    """What is found along this path of keys and places; None where there is nothing."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """The text or number there, as a text; "" for anything else."""
    found = value_at(value, *path)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def objects_at(value: Any, *path: str | int) -> list[Mapping[str, Any]]:
    """The objects of the list there."""
    found = value_at(value, *path)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

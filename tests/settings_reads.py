"""Which values of the configuration a function reads, for tests/recorded.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings

from mailer.config import Config

# By section and name; the section of the configuration's own values is "".
Reads = dict[tuple[str, str], Any]
# Folders and ports of one test, which are in no row.
_OF_ONE_TEST = frozenset(("storage", "smtp", "demo"))

_noting: list[Reads] = []


@contextmanager
def noting_reads() -> Iterator[Reads]:
    """What is read meanwhile, also by functions that note their own reads within."""
    reads: Reads = {}
    with pytest.MonkeyPatch.context() as patch:
        if not _noting:
            for section in (Config, *(type(one) for one in _sections(settings.CONFIG).values())):
                patch.setattr(section, "__getattribute__", _noted, raising=False)
        _noting.append(reads)
        try:
            yield reads
        finally:
            _noting.pop()


def are_as_read(reads: Reads) -> bool:
    """Whether a function that read these would read the same now."""
    config = settings.CONFIG
    return all(
        _kept(section, name, getattr(getattr(config, section) if section else config, name)) == value
        for (section, name), value in reads.items()
    )


def note(reads: Reads) -> None:
    """What is not read now, but would be without a recording."""
    for one in _noting:
        one.update(reads)


def _sections(config: Config) -> dict[str, Any]:
    found = {one.name: object.__getattribute__(config, one.name) for one in dataclasses.fields(config)}
    return {name: value for name, value in found.items() if dataclasses.is_dataclass(value)}


def _noted(self: Any, name: str) -> Any:
    value = object.__getattribute__(self, name)
    fields = type(self).__dataclass_fields__
    config = settings.CONFIG
    if name not in fields or dataclasses.is_dataclass(value):
        return value
    if self is config:
        note({("", name): value})
        return value
    section = next((own for own, one in _sections(config).items() if one is self), "")
    if section and section not in _OF_ONE_TEST and (section, name) != ("service", "url"):
        note({(section, name): _kept(section, name, value)})
    return value


def _kept(section: str, name: str, value: Any) -> Any:
    """What matters of a value: before anything is sent, whether there is an ESP, and not which one."""
    return bool(value) if (section, name) == ("service", "name") else value

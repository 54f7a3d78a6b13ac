"""Template parts as the sandbox compiles them, in memory: most parts of a newsletter are the shipped ones."""

from __future__ import annotations

from types import CodeType

from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache

# Parts of some themes and newsletters; each takes some ten kilobytes.
_LIMIT = 256


class CompiledParts(BytecodeCache):
    """For environments that compile the same source to the same code."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        # A part with marks contains its place among the others.
        place = getattr(environment, "marked", {}).get(name)
        return super().get_bucket(environment, name if place is None else f"{name} {place}", filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._codes) >= _LIMIT:
            self._codes.clear()
        if bucket.code:
            self._codes[bucket.key, bucket.checksum] = bucket.code

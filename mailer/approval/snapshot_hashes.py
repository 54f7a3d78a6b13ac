"""What a snapshot's hash is computed over, in the one form that is hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def sha256_hex(text: str) -> str:
    """Hex SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def manifest_json(manifest: dict[str, Any]) -> str:
    """A manifest as canonical JSON, in which "<" stands before the ids of authors and nowhere else.

    The triggers search the text for these ids: no name, reason or rule in it may look like one.
    """
    others = canonical_json({**manifest, "authors": ""}).replace("<", "\\u003c")
    return others.replace('"authors":""', f'"authors":"{manifest["authors"]}"', 1)


def variant_digest(subject: str, preheader: str, html: str, text: str) -> str:
    """Hex SHA-256 of everything that a reader of a variant sees."""
    return sha256_hex(canonical_json([subject, preheader, html, text]))


def encode_author_ids(users: Iterable[int]) -> str:
    """Primary keys of authors as the manifest holds them, "<3><17>", so that a trigger can search for one."""
    return "".join(f"<{number}>" for number in sorted(users))

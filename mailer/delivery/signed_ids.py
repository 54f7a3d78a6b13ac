"""Ids in mail: the tokens of Message-IDs and envelope senders, made in batches and found in any text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from subscribers import tokens
from subscribers.tokens import MailPurpose

# What a token looks like, in lower case.
TOKEN_RE = tokens.MAIL_TOKEN
# It begins with its digit for speed: whole messages are searched.
_TOKEN = re.compile(r"[0-9](?<![0-9a-z].)[0-9a-f]{48}(?![0-9a-z])")


def delivery_tokens(delivery_ids: Iterable[int]) -> list[str]:
    """The token of each delivery, which stands in its envelope sender, its Message-ID and X-Delivery."""
    return tokens.encrypt_ids_for_mail("delivery", delivery_ids)


def token(purpose: MailPurpose, number: int) -> str:
    """One token of 49 characters, of lower case. Raises OverflowError unless the number fits into 64 bits."""
    return tokens.encrypt_ids_for_mail(purpose, [number])[0]


def read(purpose: MailPurpose, token: str) -> int | None:
    """The number in a token, or None when it was not made here for this purpose."""
    try:
        return tokens.decrypt_id(purpose, token)
    except tokens.InvalidToken:
        return None


def find_tokens(text: str) -> Iterator[str]:
    """Everything in a text of lower case that looks like a token and is no part of a longer word."""
    return (found[0] for found in _TOKEN.finditer(text))

"""Removes secret links and one-time codes from a stored message, once it was sent or given up.

A link in a transactional email confirms a sign-up, resets a password or opens personal data, for every
person who has it. The stored message keeps its recipient, its subject and all other text, which staff need.
A message that holds a code says so in the header `Sensitivity: Private` (RFC 2156 §5.3.4).
"""

from __future__ import annotations

import email
import email.policy
import re

# In place of the secret part of a link.
REMOVED = "removed"
_URL = re.compile(r"https?://[^\s<>\"']+")
# The parts of a URL, of which each may be a secret.
_PART = re.compile(r"[^/?&=#:;,]+")
_MIN_SECRET = 20
_FIELDS_WITH_LINKS = ("List-Unsubscribe",)
# Digits of a code, in a message that says that it is private.
_CODE = re.compile(r"\d{6,}")
_RANDOM_RUN = re.compile(rf"[A-Za-z0-9]{{{_MIN_SECRET},}}")


def without_secrets(message: bytes) -> bytes:
    """The message with the secret parts of links, and codes, replaced; CRLF line ends, as they were."""
    try:
        return _rewritten(message)
    except Exception:  # noqa: BLE001  (a message that cannot be parsed may not keep its links)
        header, end, _ = message.partition(b"\r\n\r\n")
        return header + end


def _rewritten(message: bytes) -> bytes:
    parsed = email.message_from_bytes(message, policy=email.policy.SMTP)
    private = str(parsed["Sensitivity"] or "").strip().lower() == "private"
    changed = False
    for name in _FIELDS_WITH_LINKS:
        for text in parsed.get_all(name, []):
            if (redacted := _without_secret_links(str(text))) != str(text):
                parsed.replace_header(name, redacted)
                changed = True
    for part in parsed.walk():
        if part.get_content_maintype() != "text":
            continue
        text = part.get_content()
        redacted = _without_secret_links(text)
        if private:
            redacted = _CODE.sub(REMOVED, redacted)
        if redacted != text:
            part.set_content(redacted, subtype=part.get_content_subtype(), cte="quoted-printable")
            changed = True
    return parsed.as_bytes() if changed else message


def _without_secret_links(text: str) -> str:
    return _URL.sub(lambda url: _PART.sub(_without_secret, url[0]), text)


def _without_secret(part: re.Match[str]) -> str:
    return REMOVED if _is_secret(part[0]) else part[0]


def _is_secret(part: str) -> bool:
    """Whether it looks random: slugs and host names have no capitals, and no long run without a hyphen."""
    if len(part) < _MIN_SECRET:
        return False
    return _RANDOM_RUN.search(part) is not None or part != part.lower()

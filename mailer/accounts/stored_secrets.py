"""Encryption of what must be stored and read again: secrets of second factors and webhooks, answers kept.

With Fernet, under the keys `stored_secrets` of the keys file: the first encrypts, all of them decrypt.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(content: bytes) -> bytes:
    """The content, encrypted and authenticated."""
    return _cipher().encrypt(content)


def decrypt(encrypted: bytes) -> bytes:
    """The inverse of `encrypt`. Raises cryptography.fernet.InvalidToken."""
    return _cipher().decrypt(encrypted)


def _cipher() -> MultiFernet:
    keys = (hashlib.sha256(secret.encode()) for secret in settings.STORED_SECRET_KEYS)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key.digest())) for key in keys])

"""Which passwords are too weak."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from mailer.accounts import api_keys

_LEET = str.maketrans("0134578@$!", "oleastbasi")
# What people put around a word to satisfy a rule: digits, years and punctuation.
_DECORATION = re.compile(r"^[\W\d_]+|[\W\d_]+$")
# So few different characters are a pattern, not a password.
_MIN_DISTINCT = 5
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "йцукенгшщзхъ")


class LeakedPasswordValidator(CommonPasswordValidator):
    """Refuses leaked passwords, and those that are one decorated, repeated, or a row of the keyboard."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError with the code password_too_common."""
        for form in _plain_forms(password):
            if form in self.passwords:
                raise ValidationError(self.get_error_message(), code="password_too_common")
        if len(set(password.lower())) < _MIN_DISTINCT or _is_row(password.lower()):
            raise ValidationError(self.get_error_message(), code="password_too_common")

    def password_changed(self, password: str, user: User) -> None:
        """Django calls it after every change of a password: who knew the old one may have made API keys."""
        api_keys.revoke_all(user, gettext("a change of the password"), timezone.now())

    def get_error_message(self) -> str:
        return gettext(
            "This password is easy to guess: it is on a list of leaked passwords, or close to one."
        )

    def get_help_text(self) -> str:
        return gettext(
            "Your password must not be on lists of leaked passwords, even with digits or "
            "signs before or after it."
        )


class OfficeNameValidator:
    """Refuses passwords that are little more than the office's name or its address."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError with the code password_too_similar."""
        site = settings.CONFIG.site
        rest = re.sub(r"[\W_]", "", password.lower())
        for word in re.findall(r"\w{4,}", f"{site.name} {site.url}".lower()):
            rest = rest.replace(word, "")
        if len(rest) < _MIN_DISTINCT:
            raise ValidationError(self.get_help_text(), code="password_too_similar")

    def get_help_text(self) -> str:
        return gettext("Your password must not consist of the office’s name or web address.")


def _plain_forms(password: str) -> set[str]:
    """The password in lower case, without decoration, with digits read as letters, and its repeated part."""
    lower = password.lower().strip()
    bare = _DECORATION.sub("", lower)
    forms = {lower, bare, lower.translate(_LEET), _DECORATION.sub("", lower.translate(_LEET))}
    repeated = re.fullmatch(r"(.+?)\1+", lower)
    if repeated:
        forms.add(repeated[1])
    # A short rest is a syllable of a longer password rather than the password itself.
    return {form for form in forms if (len(form) >= 4 and len(password) - len(form) < 8) or form == lower}


def _is_row(password: str) -> bool:
    """Whether the password consists of keys that lie beside each other, forwards or backwards."""
    rows = [row * 3 for row in _KEYBOARD]
    return any(password in row or password in row[::-1] for row in rows)

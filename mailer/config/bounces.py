"""Where mail comes back to, and by which ways it is taken in."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Where the token stands in an address; it has at most 37 characters for a bounce, 48 for a wish to leave.
TOKEN = "{token}"  # noqa: S105  (a place in a text)
_BEFORE_TOKEN = re.compile(r"(?:[a-z0-9!#$%&'*+/=?^_`|~.-]*[!#$%&'*+/=?^_`|~-])?")
# Characters before the token, so that no local part is longer than the 64 of RFC 5321 §4.5.3.1.1.
_LONGEST = 16


@dataclass(frozen=True)
class Bounces:
    # Domain of the envelope sender; what is written to it comes back by one of the ways below.
    domain: str = ""
    # What stands before the @, with {token} at its end: of the envelope sender, and of the address that a
    # reader writes to in order to leave. Without plus addressing "b-{token}", or "{token}" alone.
    address: str = "b+{token}"
    leave_address: str = "u+{token}"
    # Maildir in which returned mail lands; relative to the configuration file. Empty: none is read.
    maildir: str = ""
    # Rules of the office's own for judging bounces, tried before the built-in ones; a TOML file. Empty: none.
    rules: str = ""

    def check(self) -> None:
        """Raises ValueError, in words, for what cannot be used."""
        for key in ("address", "leave_address"):
            _check_form(key, getattr(self, key))


def _check_form(key: str, form: str) -> None:
    before, found, after = form.partition(TOKEN)
    if not found or after or len(before) > _LONGEST or not _BEFORE_TOKEN.fullmatch(before):
        raise ValueError(
            f'{key} is {form!r}; write it as "b+{TOKEN}": at most {_LONGEST} plain characters of lower case, '
            f"the last of them a sign such as + or -, and then {TOKEN}. Or {TOKEN} alone."
        )

"""Where mail comes back to, and by which ways it is taken in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Where the token stands in an address; it has 49 characters.
TOKEN = "{token}"  # noqa: S105  (a place in a text)
_BEFORE_TOKEN = re.compile(r"(?:[a-z0-9!#$%&'*+/=?^_`|~.-]*[!#$%&'*+/=?^_`|~-])?")
# Characters before the token, so that no local part is longer than the 64 of RFC 5321 §4.5.3.1.1.
_LONGEST = 15

Security = Literal["none", "starttls", "tls"]


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
    # A mailbox that is read by IMAP; empty: none.
    imap_host: str = ""
    # 0: the usual one, 993 with tls and 143 without.
    imap_port: int = 0
    imap_security: Security = "tls"
    imap_username: str = ""
    imap_password: str = ""
    # File with the access token of XOAUTH2 in place of a password, read anew at each sign-in.
    imap_token_path: str = ""
    imap_folder: str = "INBOX"
    # What happens to a message once it is stored: marked as read, moved to imap_done_folder, or deleted.
    imap_done: Literal["mark", "move", "delete"] = "mark"
    imap_done_folder: str = "Taken in"
    # A mailbox that is read by POP3, and emptied; empty: none.
    pop3_host: str = ""
    # 0: the usual one, 995 with tls and 110 without.
    pop3_port: int = 0
    pop3_security: Security = "tls"
    pop3_username: str = ""
    pop3_password: str = ""
    # Where the mail server hands returned mail to us by LMTP; port 0: nowhere.
    lmtp_host: str = "127.0.0.1"
    lmtp_port: int = 0
    # Rules of the office's own for judging bounces, tried before the built-in ones; a TOML file. Empty: none.
    rules: str = ""
    # Days that returned mail and services' events are kept word for word; what was concluded stays.
    keep_days: int = 90

    @property
    def comes_back(self) -> bool:
        """Whether anything is read by us; the mail server may also run `mailer bounces receive`."""
        return bool(self.maildir or self.imap_host or self.pop3_host or self.lmtp_port)

    def check(self) -> None:
        """Raises ValueError, in words, for what cannot be used."""
        for key in ("address", "leave_address"):
            _check_form(key, getattr(self, key))
        for key in ("imap_port", "pop3_port", "lmtp_port"):
            if getattr(self, key) > 65_535:
                raise ValueError(f"{key} is {getattr(self, key)}; a port is between 1 and 65535.")
        if self.imap_done == "move" and self.imap_done_folder == self.imap_folder:
            raise ValueError("imap_done_folder is the folder that is read; name another.")


def _check_form(key: str, form: str) -> None:
    before, found, after = form.partition(TOKEN)
    if not found or after or len(before) > _LONGEST or not _BEFORE_TOKEN.fullmatch(before):
        raise ValueError(
            f'{key} is {form!r}; write it as "b+{TOKEN}": at most {_LONGEST} plain characters of lower case, '
            f"the last of them a sign such as + or -, and then {TOKEN}. Or {TOKEN} alone."
        )

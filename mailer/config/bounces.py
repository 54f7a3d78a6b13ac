"""The envelope sender's domain, and the sources that bounces and replies are read from."""

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
    # Domain of the envelope sender; mail to it must arrive at one of the sources below.
    domain: str = ""
    # Local parts of the envelope sender and of the List-Unsubscribe address, with {token} at the end. Without
    # plus addressing "b-{token}", or "{token}" alone.
    address: str = "b+{token}"
    unsubscribe_address: str = "u+{token}"
    # Maildir with returned mail; relative to the configuration file. Empty: none.
    maildir: str = ""
    # IMAP mailbox; empty: none.
    imap_host: str = ""
    # 0: the default, 993 with tls and 143 without.
    imap_port: int = 0
    imap_security: Security = "tls"
    imap_username: str = ""
    imap_password: str = ""
    # File with the access token of XOAUTH2 in place of a password, read at each sign-in.
    imap_token_path: str = ""
    imap_folder: str = "INBOX"
    # What happens to a stored message: marked as read, moved to imap_move_to, or deleted.
    imap_after: Literal["mark", "move", "delete"] = "mark"
    imap_move_to: str = "Processed"
    # POP3 mailbox, whose messages are deleted once stored; empty: none.
    pop3_host: str = ""
    # 0: the default, 995 with tls and 110 without.
    pop3_port: int = 0
    pop3_security: Security = "tls"
    pop3_username: str = ""
    pop3_password: str = ""
    # Address of our LMTP server for the mail server; port 0: off.
    lmtp_host: str = "127.0.0.1"
    lmtp_port: int = 0
    # TOML file with the office's own bounce rules, applied before the built-in ones. Empty: none.
    rules: str = ""
    # Days that returned mail and webhook events are kept verbatim; the resulting decisions are kept longer.
    keep_days: int = 90

    @property
    def has_inbound(self) -> bool:
        """Whether a source is configured; without one, the mail server may run `mailer bounces receive`."""
        return bool(self.maildir or self.imap_host or self.pop3_host or self.lmtp_port)

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        for key in ("address", "unsubscribe_address"):
            _check_form(key, getattr(self, key))
        for key in ("imap_port", "pop3_port", "lmtp_port"):
            if getattr(self, key) > 65_535:
                raise ValueError(f"{key} is {getattr(self, key)}; a port is between 1 and 65535.")
        if self.imap_after == "move" and self.imap_move_to == self.imap_folder:
            raise ValueError("imap_move_to is the folder that is read; choose another.")


def _check_form(key: str, form: str) -> None:
    before, found, after = form.partition(TOKEN)
    if not found or after or len(before) > _LONGEST or not _BEFORE_TOKEN.fullmatch(before):
        raise ValueError(
            f'{key} is {form!r}; write it as "b+{TOKEN}": at most {_LONGEST} plain characters of lower case, '
            f"the last of them a separator such as + or -, and then {TOKEN}. Or {TOKEN} alone."
        )

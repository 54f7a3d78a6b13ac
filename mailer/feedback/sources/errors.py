"""What IMAP and POP3 share on the way to a server: trust, how long it is waited for, and words for staff."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from mailer.config.bounces import Security
from mailer.delivery.smtp import tls
from mailer.feedback.sources.mailbox import MailboxError

# Seconds for connecting and for each answer.
PATIENCE = 20.0


@contextmanager
def speaking(server: str, *failures: type[Exception]) -> Iterator[None]:
    """What fails on the line is the mailbox's trouble; `failures` are the protocol's own.

    `server` names it as in "The IMAP server mail.example.org:993".
    """
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailboxError(
            f"{server} cannot be trusted: its certificate {tls.explain_certificate_error(error)}."
        ) from error
    except ssl.SSLError as error:
        raise MailboxError(
            f"{server} speaks no TLS that we know ({error.reason}); is security = starttls meant?"
        ) from error
    except TimeoutError as error:
        raise MailboxError(f"{server} gave no answer within {PATIENCE:g} seconds.") from error
    except OSError as error:
        raise MailboxError(f"{server} cannot be reached: {error.strerror or error}.") from error
    except failures as error:
        raise MailboxError(f"{server} answered: {_said(error)}") from error


def refuse_clear(server: str, host: str, security: Security, key: str) -> None:
    """A password must not leave this machine in clear. Raises MailboxError, which names the key."""
    if security == "none" and not tls.is_loopback(host):
        raise MailboxError(
            f"{server} would get our password in clear, for everybody on the way: "
            f"set [bounces] {key} to tls or starttls."
        )


def _said(error: Exception) -> str:
    """The server's words; its library quotes some of them as Python does."""
    words = error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return " ".join(text.split())[:300] or type(error).__name__

"""What the sources of returned mail share: the mailbox interface, its errors, and connecting to a server."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.conf import settings

from mailer.config.sections import Security
from mailer.delivery.smtp import session_setup
from mailer.feedback.models import ReturnedMessage
from mailer.stories.models import StoryMail
from subscribers.translate_stored_texts import stored

# Whether work in progress must end.
Stop = Callable[[], bool]

# Octets of a message that are fetched and stored: the reasons of a bounce come first.
MAX_OCTETS = 2 * 1024 * 1024
# Where stories come by email, with pictures and Word documents.
_MAX_STORY_OCTETS = 40 * 1024 * 1024
# Seconds for connecting, and for each reply of a mail server.
TIMEOUT_SECONDS = 20.0


def max_message_octets() -> int:
    """Octets of any message that are fetched."""
    return _MAX_STORY_OCTETS if settings.CONFIG.stories.address else MAX_OCTETS


@dataclass(frozen=True)
class Ingested:
    """What became of a message that was handed over."""

    message: ReturnedMessage | StoryMail
    # False when the same message had been stored before: then nothing was done.
    new: bool


class Ingest(Protocol):
    """Stores a message and acts on it, in one transaction; raises django.db.Error when that failed."""

    def __call__(self, raw: bytes, now: datetime, envelope_to: str | None = None) -> Ingested: ...


class MailboxError(Exception):
    """The mailbox cannot be read now; the message tells staff which one, why, and what to do."""


class MessageUnavailable(Exception):  # noqa: N818  (a state of one message; MailboxError is the error)
    """This one message can be neither read nor acknowledged now; it remains, and the others are read."""


class MailServer(NamedTuple):
    """A server that mail is fetched from, and the user that we sign in as."""

    # "IMAP" or "POP3".
    protocol: str
    host: str
    port: int
    user: str

    @property
    def url(self) -> str:
        """Identifies the mailbox: another server or user makes another one."""
        return f"{self.protocol.lower()}://{self.user}@{self.host}:{self.port}"

    def __str__(self) -> str:
        """As messages name it: "The mail server mail.example.org:993 (IMAP)"."""
        return stored(
            "The mail server %(host)s:%(port)s (%(protocol)s)",
            protocol=self.protocol,
            host=self.host,
            port=self.port,
        )


class Mailbox(Protocol):
    """An open mailbox. A message remains in it until it is acknowledged.

    Every method may raise MailboxError. After a crash, or with two workers, a message may be listed again.
    """

    def list_new(self) -> list[str]:
        """Names of the messages that were not acknowledged, the oldest first; they are valid in later
        sessions.
        """

    def fetch(self, name: str) -> bytes | None:
        """The first `max_message_octets` of a message; None when there is none. Raises MessageUnavailable."""

    def acknowledge(self, name: str) -> None:
        """Mark, move or delete a message that was stored. Raises MessageUnavailable."""

    def wait_for_more(self, stop: Stop) -> bool:
        """Wait in this session for new messages and return True; False where polling later is better."""


@contextmanager
def translate_errors(server: str, *protocol_errors: type[Exception]) -> Iterator[None]:
    """Raise MailboxError for errors of the connection and for `protocol_errors`.

    `server` names the server as the beginning of a sentence: "The mail server mail.example.org:993 (IMAP)".
    """
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailboxError(
            stored(
                "%(server)s cannot be trusted: its certificate %(error)s.",
                server=server,
                error=session_setup.explain_certificate_error(error),
            )
        ) from error
    except ssl.SSLError as error:
        raise MailboxError(
            stored(
                "%(server)s does not offer TLS in a form that this system supports "
                "(%(reason)s). Perhaps its security setting in the configuration must be "
                "starttls.",
                server=server,
                reason=error.reason,
            )
        ) from error
    except TimeoutError as error:
        raise MailboxError(
            stored(
                "%(server)s did not reply within %(timeout_seconds)s seconds.",
                server=server,
                timeout_seconds=f"{TIMEOUT_SECONDS:g}",
            )
        ) from error
    except OSError as error:
        raise MailboxError(
            stored("%(server)s cannot be reached: %(value)s.", server=server, value=error.strerror or error)
        ) from error
    except protocol_errors as error:
        raise MailboxError(
            stored(
                "%(server)s replied: %(value)s",
                server=server,
                value=server_text(error) or type(error).__name__,
            )
        ) from error


def require_tls(server: str, host: str, security: Security, config_key: str) -> None:
    """Refuse to send a password without encryption to another machine. Raises MailboxError, which names the
    key.
    """
    if security == "none" and not session_setup.is_loopback(host):
        raise MailboxError(
            stored(
                "%(server)s would receive our password without encryption: set [bounces] %(key)s to tls "
                "or starttls.",
                server=server,
                key=config_key,
            )
        )


def server_text(error: BaseException) -> str:
    """The server's text in an error of a protocol library, on one line, at most 300 characters."""
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join(text.split())[:300]


log = logging.getLogger(__name__)

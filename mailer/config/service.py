"""The transactional service that mail leaves by, and what proves that its posts are its own."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Literal

# What a service cannot do without, where that is not its key alone.
_NEEDED = {"amazon_ses": ("region",), "mailgun": ("key", "domain"), "mailjet": ("key", "secret")}
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Service:
    """A transactional API in place of [smtp]; empty: mail goes by SMTP."""

    name: Literal["", "amazon_ses", "mailgun", "postmark", "brevo", "resend", "mailjet", "sparkpost"] = ""
    key: str = ""
    # Amazon's secret key, Mailjet's secret.
    secret: str = ""
    # Mailgun's sender domain.
    domain: str = ""
    # Amazon's region.
    region: str = ""
    # Postmark's message stream (empty: "broadcast"), Amazon's configuration set (empty: none).
    stream: str = ""
    # Where its API is, when not at the usual address: the European one, say.
    url: str = ""
    # Calls at a time.
    connections: int = 5
    # Proves that what is posted to /hooks/ comes from the service: Mailgun's signing key, Resend's signing
    # secret, for the others (but Amazon) a password of our own. Empty: nothing is heard.
    webhook_secret: str = ""
    # Amazon's topics that are heard, by their ARN.
    webhook_topics: tuple[str, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether its posts are taken in."""
        return bool(self.webhook_topics if self.name == "amazon_ses" else self.webhook_secret)

    def check(self) -> None:
        """Raises ValueError, in words."""
        for key in _NEEDED.get(self.name, ("key",)) if self.name else ():
            if not getattr(self, key):
                raise ValueError(f"{self.name} needs `{key}`.")
        for topic in self.webhook_topics:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"webhook_topics: {topic!r} is no topic; it is written arn:aws:sns:REGION:ACCOUNT:NAME."
                )
        if self.webhook_secret:
            self._check_secret()

    def _check_secret(self) -> None:
        if self.name != "resend":
            if len(self.webhook_secret) < _SHORTEST_SECRET:
                raise ValueError(f"webhook_secret is shorter than {_SHORTEST_SECRET} characters.")
            return
        try:
            key = base64.b64decode(self.webhook_secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not key or not self.webhook_secret.startswith("whsec_"):
            raise ValueError("webhook_secret is not Resend's signing secret, which begins with whsec_.")

"""The email service provider (ESP) that sends mail, and the secrets that authenticate its webhooks."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Literal

# Required keys, where that is not the API key alone.
_NEEDED = {"amazon_ses": ("region",), "mailgun": ("key", "domain"), "mailjet": ("key", "secret")}
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Service:
    """An ESP's API in place of [smtp]; empty: mail is sent by SMTP."""

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
    # Base URL of the API where it is not the default, such as a European one.
    url: str = ""
    # Concurrent API calls.
    connections: int = 5
    # Authenticates webhooks: Mailgun's signing key, Resend's signing secret, for the others (except Amazon) a
    # password of your own. Empty: webhooks are not accepted.
    webhook_secret: str = ""
    # ARNs of the Amazon SNS topics that are accepted.
    webhook_topics: tuple[str, ...] = ()

    @property
    def accepts_webhooks(self) -> bool:
        """Whether webhooks are accepted."""
        return bool(self.webhook_topics if self.name == "amazon_ses" else self.webhook_secret)

    def check(self) -> None:
        """Raises ValueError."""
        for key in _NEEDED.get(self.name, ("key",)) if self.name else ():
            if not getattr(self, key):
                raise ValueError(f"{self.name} needs `{key}`.")
        for topic in self.webhook_topics:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"webhook_topics: {topic!r} is not a topic; write arn:aws:sns:REGION:ACCOUNT:NAME."
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

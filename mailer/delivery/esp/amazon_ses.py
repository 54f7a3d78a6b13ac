"""Amazon SES: one call per reader, with the sealed message itself (SendEmail of the API's second version)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anymail.backends.amazon_ses import AmazonSESBasePayload, AmazonSESV2SendEmailPayload, EmailBackend
from anymail.exceptions import AnymailError
from botocore import exceptions as boto
from django.core.mail import EmailMessage

from mailer.config import Service
from mailer.delivery.esp import http
from mailer.delivery.esp.base import Answer, Item, returned_mail_is_read
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.errors import (
    Busy,
    CallError,
    Fault,
    Lost,
    NotSent,
    Unclear,
    accepted,
    discreet,
    refused,
)
from mailer.delivery.esp.message import token
from mailer.delivery.smtp.base import Envelope

_BUSY = ("TooManyRequestsException", "LimitExceededException", "ServiceUnavailable", "SlowDown")
_NOT_SENT = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
_NO_KEY = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.NoRegionError)
# "Invalid email address", "Missing final '@domain'", "Local address contains control or whitespace".
_ABOUT_READER = re.compile(r"(?!.*\b(?:from|sender|feedback))(?=.*(?:address|domain))", re.IGNORECASE)


class _Payload(AmazonSESV2SendEmailPayload):  # type: ignore[misc]
    """Carries the message as we made it, where anymail would make one of its own."""

    def init_payload(self) -> None:
        AmazonSESBasePayload.init_payload(self)
        self.all_recipients: list[Any] = []

    def generate_raw_message(self) -> bytes:
        return bytes(self.message.raw)


class _Backend(EmailBackend):  # type: ignore[misc]
    def build_message_payload(self, message: EmailMessage, defaults: dict[str, Any]) -> _Payload:
        return _Payload(message, defaults, self)


class AmazonLine:
    """A way to Amazon SES; its items are envelopes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._title = CAPABILITIES["amazon_ses"].title
        client: dict[str, Any] = {
            "region_name": service.region,
            # A second attempt of its own could send twice.
            "config": {
                "connect_timeout": http.CONNECT,
                "read_timeout": http.READ,
                "retries": {"total_max_attempts": 1},
                "proxies": {},
            },
        }
        if service.url:
            client["endpoint_url"] = service.url
        if service.key:
            client |= {"aws_access_key_id": service.key, "aws_secret_access_key": service.secret}
        self._backend = _Backend(client_params=client, configuration_set_name=service.stream or None)

    def send(self, items: Sequence[Item]) -> list[Answer]:
        (item,) = items
        message = self._message(item)
        try:
            self._backend.open()
            payload = self._backend.build_message_payload(message, {})
            taken = self._backend.post_to_esp(payload, message)["MessageId"]
        except AnymailError as error:
            return [self._answer(error.__cause__)]
        except boto.BotoCoreError as error:
            raise Fault(f"{self._title} cannot be called: {self._discreet(str(error))}") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Lost(f"{self._title} answered something that it does not document.") from error
        return [accepted(f"queued {taken}")]

    def check(self) -> None:
        try:
            self._backend.open()
            account = self._backend.client.get_account()
        except (boto.BotoCoreError, boto.ClientError) as error:
            answer = self._answer(error)
            raise answer if isinstance(answer, CallError) else Fault(answer.reply) from error
        if not account.get("ProductionAccessEnabled", True):
            raise Fault(
                f"{self._title}: this account is in the sandbox, and may write to verified addresses only."
            )
        if not account.get("SendingEnabled", True):
            raise Fault(f"{self._title}: sending is switched off for this account.")

    def close(self) -> None:
        self._backend.close()

    def _message(self, item: Item) -> EmailMessage:
        envelope: Envelope = item.letter
        message: Any = EmailMessage("", "", "sender@localhost", [envelope.recipient])
        message.raw = b"".join(envelope.pieces) or envelope.message
        message.esp_extra = {"EmailTags": [{"Name": "delivery", "Value": token(item.claimed.id)}]}
        if returned_mail_is_read():
            message.envelope_sender = envelope.sender
        return message  # type: ignore[no-any-return]

    def _answer(self, error: BaseException | None) -> Answer:
        """What boto3's error says. Raises CallError where it is about the call and not about this reader."""
        if isinstance(error, boto.ClientError):
            return self._refusal(error)
        if isinstance(error, _NO_KEY):
            raise Fault(f"{self._title} cannot be called: {self._discreet(str(error))}") from error
        if isinstance(error, _NOT_SENT) or "CERTIFICATE_VERIFY" in str(error):
            raise NotSent(f"{self._title}: cannot be reached ({type(error).__name__}).") from error
        if isinstance(error, boto.ParamValidationError):
            raise Unclear(f"the message cannot be put for {self._title}") from error
        raise Lost(f"{self._title}: no answer came ({type(error).__name__}).") from error

    def _refusal(self, error: Any) -> Answer:
        code = error.response["Error"].get("Code", "")
        status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
        words = self._discreet(f"{code}: {error.response['Error'].get('Message', '')}")
        said = f"{self._title} answered {words}"
        if status == 429 or "Throttl" in code or code in _BUSY:
            raise Busy(said) from error
        if status in (502, 504):
            raise Lost(said) from error
        if status >= 500:
            raise Busy(said) from error
        if code == "MessageRejected":
            raise Fault(said, sender=True) from error
        if code == "BadRequestException" and _ABOUT_READER.match(words):
            return refused(words)
        if code in ("BadRequestException", "ValidationException"):
            raise Unclear(said) from error
        raise Fault(said) from error

    def _discreet(self, words: str) -> str:
        return discreet(words, (self._service.key, self._service.secret))

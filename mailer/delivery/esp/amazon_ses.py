"""Amazon SES: one call per recipient with the raw message (SendEmail of the API's version 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from anymail.backends.amazon_ses import AmazonSESBasePayload, AmazonSESV2SendEmailPayload, EmailBackend
from anymail.exceptions import AnymailError
from botocore import exceptions as boto
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.session import Session, get_session
from django.core.mail import EmailMessage

from mailer.config import Service
from mailer.delivery.esp.call_outcomes import (
    AccountError,
    Ambiguous,
    CallError,
    NoResponse,
    NotConnected,
    Throttled,
    accepted_outcome,
    redact_addresses_and_secrets,
    refused_outcome,
)
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.client_base import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    Item,
    Result,
    receives_own_bounces,
)
from mailer.delivery.esp.limited_response import LimitedResponse
from mailer.delivery.esp.message_parts_encoder import delivery_token
from mailer.delivery.smtp.envelope_and_commands import Envelope

_THROTTLED = ("TooManyRequestsException", "LimitExceededException", "ServiceUnavailable", "SlowDown")
_NOT_CONNECTED = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.NoRegionError)
# "Invalid email address", "Missing final '@domain'", "Local address contains control or whitespace".
_ABOUT_RECIPIENT = re.compile(r"(?!.*\b(?:from|sender|feedback))(?=.*(?:address|domain))", re.IGNORECASE)


class _Payload(AmazonSESV2SendEmailPayload):  # type: ignore[misc]
    """Transmits our own message where anymail would build one."""

    def init_payload(self) -> None:
        AmazonSESBasePayload.init_payload(self)
        self.all_recipients: list[Any] = []

    def generate_raw_message(self) -> bytes:
        return bytes(self.message.raw)


class _Backend(EmailBackend):  # type: ignore[misc]
    def build_message_payload(self, message: EmailMessage, defaults: dict[str, Any]) -> _Payload:
        return _Payload(message, defaults, self)


class _PlainConnection(AWSHTTPConnection):  # type: ignore[misc]
    response_class = LimitedResponse


class _TlsConnection(AWSHTTPSConnection):  # type: ignore[misc]
    response_class = LimitedResponse


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _PlainConnection


class _TlsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection


@cache
def _descriptions() -> Any:
    """Of Amazon's services, which take longer to read than everything else that a client needs."""
    return get_session().get_component("data_loader")


def _session() -> Session:
    """A session for one thread; the descriptions are the same for all, and do not change."""
    session = get_session()
    session.register_component("data_loader", _descriptions())
    return session


class AmazonSesClient:
    """A client of Amazon SES; its items' messages are envelopes."""

    def __init__(self, service: Service, read_timeout: float = READ_TIMEOUT) -> None:
        """`read_timeout`: seconds to wait for a response."""
        self._service = service
        self._title = CAPABILITIES["amazon_ses"].title
        client: dict[str, Any] = {
            "region_name": service.region,
            # A retry by boto3 could send a message twice.
            "config": {
                "connect_timeout": CONNECT_TIMEOUT,
                "read_timeout": read_timeout,
                "retries": {"total_max_attempts": 1},
                "proxies": {},
            },
        }
        if service.url:
            client["endpoint_url"] = service.url
        if service.key:
            client |= {"aws_access_key_id": service.key, "aws_secret_access_key": service.secret}
        self._backend = _Backend(
            session_params={"botocore_session": _session()},
            client_params=client,
            configuration_set_name=service.stream or None,
        )

    def prepare(self, items: Sequence[Item]) -> Callable[[], list[Result]]:
        # boto3 encodes and calls in one step.
        return partial(self._send, *items)

    def _send(self, item: Item) -> list[Result]:
        email = self._email(item)
        try:
            self._open()
            payload = self._backend.build_message_payload(email, {})
            message_id = self._backend.post_to_esp(payload, email)["MessageId"]
        except AnymailError as error:
            return [self._result(error.__cause__)]
        except boto.BotoCoreError as error:
            raise AccountError(f"{self._title} cannot be called: {self._redact(str(error))}") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise NoResponse(f"{self._title} sent a response that it does not document.") from error
        return [accepted_outcome(f"queued {message_id}")]

    def check(self) -> None:
        try:
            self._open()
            account = self._backend.client.get_account()
        except (boto.BotoCoreError, boto.ClientError) as error:
            result = self._result(error)
            raise result if isinstance(result, CallError) else AccountError(result.reply) from error
        if not account.get("ProductionAccessEnabled", True):
            raise AccountError(
                f"{self._title}: this account is in the sandbox and can send to verified addresses only."
            )
        if not account.get("SendingEnabled", True):
            raise AccountError(f"{self._title}: sending is disabled for this account.")

    def close(self) -> None:
        self._backend.close()

    def _open(self) -> None:
        if self._backend.open():
            # botocore offers no other way.
            manager = self._backend.client._endpoint.http_session._manager
            manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def _email(self, item: Item) -> EmailMessage:
        envelope: Envelope = item.message
        email: Any = EmailMessage("", "", "sender@localhost", [envelope.recipient])
        email.raw = b"".join(envelope.pieces) or envelope.message
        email.esp_extra = {"EmailTags": [{"Name": "delivery", "Value": delivery_token(item.claimed.id)}]}
        if receives_own_bounces():
            email.envelope_sender = envelope.sender
        return email  # type: ignore[no-any-return]

    def _result(self, error: BaseException | None) -> Result:
        """What boto3's error means. Raises CallError if it is about the call and not about the recipient."""
        if isinstance(error, boto.ClientError):
            return self._rejection(error)
        if isinstance(error, _NO_CREDENTIALS):
            raise AccountError(f"{self._title} cannot be called: {self._redact(str(error))}") from error
        if isinstance(error, _NOT_CONNECTED) or "CERTIFICATE_VERIFY" in str(error):
            raise NotConnected(f"{self._title}: cannot be reached ({type(error).__name__}).") from error
        if isinstance(error, boto.ParamValidationError):
            raise Ambiguous(f"the message cannot be encoded for {self._title}") from error
        raise NoResponse(f"{self._title}: no answer came ({type(error).__name__}).") from error

    def _rejection(self, error: Any) -> Result:
        code = error.response["Error"].get("Code", "")
        status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
        text = self._redact(f"{code}: {error.response['Error'].get('Message', '')}")
        message = f"{self._title} answered {text}"
        if status == 429 or "Throttl" in code or code in _THROTTLED:
            raise Throttled(message) from error
        if status in (502, 504):
            raise NoResponse(message) from error
        if status >= 500:
            raise Throttled(message) from error
        if code == "MessageRejected":
            raise AccountError(message, sender=True) from error
        if code == "BadRequestException" and _ABOUT_RECIPIENT.match(text):
            return refused_outcome(text)
        if code in ("BadRequestException", "ValidationException"):
            raise Ambiguous(message) from error
        raise AccountError(message) from error

    def _redact(self, text: str) -> str:
        return redact_addresses_and_secrets(text, (self._service.key, self._service.secret))

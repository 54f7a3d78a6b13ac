"""The client of the ESP that is configured."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from mailer.config import Service
from mailer.delivery.esp.batch_clients import MailjetClient, MailtrapClient, PostmarkClient
from mailer.delivery.esp.call_outcomes import CallError
from mailer.delivery.esp.client_base import READ_TIMEOUT, Client
from mailer.delivery.esp.single_message_clients import (
    BrevoClient,
    MailerSendClient,
    MailgunClient,
    MandrillClient,
    PostalClient,
    ResendClient,
    SendGridClient,
    SparkPostClient,
    UnisenderGoClient,
)

_CLIENTS: dict[str, Callable[[Service, float], Client]] = {
    client.name: client
    for client in (
        BrevoClient,
        MailerSendClient,
        MailgunClient,
        MailjetClient,
        MailtrapClient,
        MandrillClient,
        PostalClient,
        PostmarkClient,
        ResendClient,
        SendGridClient,
        SparkPostClient,
        UnisenderGoClient,
    )
}


def create_client(service: Service, read_timeout: float = READ_TIMEOUT) -> Client:
    """A client for the ESP that the configuration names, for one thread. `read_timeout`: seconds."""
    if service.name == "amazon_ses":
        # Optional dependency: boto3 is installed for this ESP only.
        from mailer.delivery.esp.amazon_ses import AmazonSesClient

        return AmazonSesClient(service, read_timeout)
    return _CLIENTS[service.name](service, read_timeout)


def check_credentials() -> str | None:
    """Verify the configured credentials by a call that sends nothing; the error message, or None."""
    connection = create_client(settings.CONFIG.service)
    try:
        connection.check()
    except CallError as error:
        return str(error)
    finally:
        connection.close()
    return None

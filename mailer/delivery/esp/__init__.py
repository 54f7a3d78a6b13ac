"""Transactional services in place of a relay: each takes our letters by its API."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from mailer.config import Service
from mailer.delivery.engine.composing import Composer
from mailer.delivery.esp.base import Line
from mailer.delivery.esp.brevo import BrevoLine
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.errors import CallError
from mailer.delivery.esp.mailgun import MailgunLine
from mailer.delivery.esp.mailjet import MailjetLine
from mailer.delivery.esp.message import Writer
from mailer.delivery.esp.pool import ServiceSender
from mailer.delivery.esp.postmark import PostmarkLine
from mailer.delivery.esp.resend import ResendLine
from mailer.delivery.esp.sparkpost import SparkPostLine
from mailer.delivery.ledger.journal import Journal

_LINES: dict[str, Callable[[Service], Line]] = {
    line.name: line for line in (BrevoLine, MailgunLine, MailjetLine, PostmarkLine, ResendLine, SparkPostLine)
}


def line(service: Service) -> Line:
    """A way to the service that the configuration names; for one thread."""
    if service.name == "amazon_ses":
        # Needs boto3, which is installed for this service alone.
        from mailer.delivery.esp.amazon_ses import AmazonLine

        return AmazonLine(service)
    return _LINES[service.name](service)


def writer() -> Composer | Writer:
    """What makes the messages that the configured service is given."""
    name = settings.CONFIG.service.name
    if name == "amazon_ses":
        # Amazon changes Message-ID and Date, which would break a signature of ours; it has its own.
        return Composer(signs=False)
    return Writer(CAPABILITIES[name].guard)


def opened(journal: Journal) -> ServiceSender:
    """The threads that call the configured service."""
    service = settings.CONFIG.service
    return ServiceSender(CAPABILITIES[service.name], lambda: line(service), journal, service.connections)


def check() -> str | None:
    """Prove the configured credentials by a call that sends nothing; what is wrong, in words, or None."""
    way = line(settings.CONFIG.service)
    try:
        way.check()
    except CallError as error:
        return str(error)
    finally:
        way.close()
    return None

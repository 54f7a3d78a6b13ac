"""Transactional services in place of a relay: each takes our letters by its API."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from mailer.config import Service
from mailer.delivery.composing import Composer
from mailer.delivery.journal import Journal
from mailer.delivery.services.answers import CallError
from mailer.delivery.services.brevo import BrevoLine
from mailer.delivery.services.capabilities import CAPABILITIES
from mailer.delivery.services.letters import Writer
from mailer.delivery.services.mailgun import MailgunLine
from mailer.delivery.services.mailjet import MailjetLine
from mailer.delivery.services.postmark import PostmarkLine
from mailer.delivery.services.resend import ResendLine
from mailer.delivery.services.sender import ServiceSender
from mailer.delivery.services.service import Line
from mailer.delivery.services.sparkpost import SparkPostLine

_LINES: dict[str, Callable[[Service], Line]] = {
    line.name: line for line in (BrevoLine, MailgunLine, MailjetLine, PostmarkLine, ResendLine, SparkPostLine)
}


def line(service: Service) -> Line:
    """A way to the service that the configuration names; for one thread."""
    if service.name == "amazon_ses":
        # Needs boto3, which is installed for this service alone.
        from mailer.delivery.services.amazon_ses import AmazonLine

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

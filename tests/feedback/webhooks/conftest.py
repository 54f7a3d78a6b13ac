from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from mailer.delivery.esp.message_parts_encoder import delivery_token
from mailer.delivery.models import Delivery
from mailer.feedback.webhooks import sns
from mailer.feedback.webhooks.esp_parsers import PARSERS, AmazonSesParser
from tests import cast as everyone
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.feedback.webhooks.documented import SERVICES, AmazonSes, Message
from tests.recorded import recorded
from tests.reports import cast


@pytest.fixture(params=sorted(SERVICES))
def esp(request, configure, monkeypatch):  # noqa: F811
    """Each service in turn, configured."""
    return serve(SERVICES[request.param](), configure, monkeypatch)


@pytest.fixture(params=sorted(name for name, one in SERVICES.items() if hasattr(one, "unsubscribed")))
def esp_with_unsubscribes(request, configure, monkeypatch):  # noqa: F811
    """Each service that reports unsubscribes."""
    return serve(SERVICES[request.param](), configure, monkeypatch)


@pytest.fixture(params=sorted(name for name, one in SERVICES.items() if hasattr(one, "complained")))
def esp_with_complaints(request, configure, monkeypatch):  # noqa: F811
    """Each service that reports complaints."""
    return serve(SERVICES[request.param](), configure, monkeypatch)


@pytest.fixture(params=sorted(name for name, one in SERVICES.items() if hasattr(one, "together")))
def esp_with_batches(request, configure, monkeypatch):  # noqa: F811
    """Each service that reports many events in a request."""
    return serve(SERVICES[request.param](), configure, monkeypatch)


@pytest.fixture
def postmark(configure, monkeypatch):  # noqa: F811
    return serve(SERVICES["postmark"](), configure, monkeypatch)


@pytest.fixture
def amazon(configure, monkeypatch):  # noqa: F811
    return serve(AmazonSes(), configure, monkeypatch)


def serve(service, configure, monkeypatch):  # noqa: F811
    configure(service={"name": service.name, **service.config})
    if isinstance(service, AmazonSes):
        monkeypatch.setattr(sns, "CERTIFICATES", sns.CertificateCache(service.amazon.fetch))
        monkeypatch.setitem(PARSERS, "amazon_ses", AmazonSesParser(service.amazon.fetch))
    return service


@pytest.fixture
def post():
    """Posts a request to a service's webhook, from outside and without cookies."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=True)

    def send(service, request, path=""):
        return client.post(
            path or f"/hooks/{service.name}/",
            data=request.body,
            content_type=request.content_type,
            headers=request.headers,
        )

    return send


@pytest.fixture
def aigerim():
    return everyone.reader("aigerim")


@pytest.fixture
def delivery(aigerim):
    """Her delivery of an edition, which a service accepted."""
    return _accepted(aigerim)


@recorded
def _accepted(reader):
    edition = cast.edition()
    edition.newsletter.lists.set([reader.subscriptions.get().mailing_list])
    edition.newsletter.save()
    mailing = cast.mailing(cast.snapshot(edition), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=reader.pk, state="accepted", accepted_at=cast.NOW
    )


@pytest.fixture
def message(delivery, aigerim):
    """Her message, as the service knows it."""
    return Message(delivery_token(delivery.pk), aigerim.email, timezone.now() - timedelta(minutes=5))

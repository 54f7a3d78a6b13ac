"""Fixtures: two lists, a newsletter, and a factory of subscribers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail

from mailer.editions.models import Newsletter
from subscribers.models import MailingList, Subscriber, Subscription
from tests import cast

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)

Join = Callable[..., Subscriber]


@pytest.fixture
def monthly(db: None) -> MailingList:
    return MailingList.objects.create(slug="monthly", name="Silk Road Monthly")


@pytest.fixture
def events(db: None) -> MailingList:
    return MailingList.objects.create(slug="events", name="Events")


@pytest.fixture
def newsletter(monthly: MailingList) -> Newsletter:
    return cast.newsletter(slug="silk-road", countries=("KZ", "UZ"), languages=("en", "ru"))


@pytest.fixture
def join(monthly: MailingList) -> Join:
    """Creates a subscriber on lists (default: the monthly one, confirmed)."""

    def make(local: str, *lists: MailingList, state: str = "confirmed", **choices: object) -> Subscriber:
        person = Subscriber.objects.create(email=f"{local}@example.org", **choices)
        for one in lists or (monthly,):
            Subscription.objects.create(
                subscriber=person,
                mailing_list=one,
                state=state,
                confirmed_at=NOW if state == "confirmed" else None,
                ended_at=NOW if state == "unsubscribed" else None,
            )
        return person

    return make


@pytest.fixture
def sent_emails(settings: Any) -> list[mail.EmailMessage]:
    """The transactional emails that were sent, kept in memory."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox = []
    return mail.outbox

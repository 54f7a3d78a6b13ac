"""Returned messages are deleted after a time, and what was concluded from them is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery import message_identifiers
from mailer.delivery.models import Delivery
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers import suppression
from tests import cast as everyone
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.feedback.parsing.test_parse import sample
from tests.reports import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW


@pytest.fixture
def raw() -> bytes:
    """A bounce of a reader's copy."""
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=1)
    reader = everyone.reader("aigerim")
    copy = Delivery.objects.create(mailing=mailing, subscriber=reader.pk, state="accepted", accepted_at=NOW)
    return f"Delivered-To: {message_identifiers.envelope_sender(copy.pk)}\n".encode() + sample(
        "postfix-unknown.eml"
    )


def test_returned_mail_is_deleted_after_keep_days_and_decisions_stay(raw: bytes, configure) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    configure(bounces={"keep_days": 30})
    ingest_returned_mail.ingest_message(raw, NOW)
    assert ingest_returned_mail.delete_old(NOW + timedelta(days=30)) == 0
    assert ingest_returned_mail.delete_old(NOW + timedelta(days=31)) == 1
    assert not ReturnedMessage.objects.exists()
    event = FeedbackEvent.objects.get()
    assert event.message is None and "User unknown" in event.diagnostic
    assert suppression.is_suppressed("aigerim@example.net")


def test_a_deleted_message_that_arrives_again_counts_once(raw: bytes) -> None:
    ingest_returned_mail.ingest_message(raw, NOW)
    ingest_returned_mail.delete_old(NOW + timedelta(days=100))
    ingest_returned_mail.ingest_message(raw, NOW + timedelta(days=100))
    assert FeedbackEvent.objects.count() == 1


def test_old_messages_are_deleted_in_batches() -> None:
    for number in range(5):
        ingest_returned_mail.ingest_message(b"Subject: %d\n\nhello\n" % number, NOW)
    assert ingest_returned_mail.delete_old(NOW + timedelta(days=100), batch_size=2) == 5

"""What is left of a reader who is erased: numbers, and no words of theirs or about them."""

from __future__ import annotations

import pytest

from mailer.feedback import ingest
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.signals import on_erase
from subscribers.privacy.erasure import erase
from tests.feedback.cast import NOW, reader, returned

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def letter(sender: str, subject: str) -> ReturnedMessage:
    raw = f"From: {sender}\nTo: b@bounces.example.org\nSubject: {subject}\n\nHello\n".encode()
    return ingest.ingest_message(raw, NOW).message


def test_erasure_deletes_their_messages_and_servers_replies() -> None:
    on_erase.connect()
    gone, stays = reader("aigerim@example.net"), reader("olga@example.net")
    returned(gone)
    returned(stays)
    letter("Aigerim <Aigerim@Example.net>", "On holiday until Monday")
    # Sorted by a colleague, who said whom it is about.
    about = letter("postmaster@provider.example", "No such person")
    ReturnedMessage.objects.filter(pk=about.pk).update(subscriber=gone.pk)
    kept = letter("Olga <olga@example.net>", "Thank you")
    # Whose address only ends like it.
    longer = letter("Kaigerim <kaigerim@example.net>", "Thank you too")
    assert erase("aigerim@example.net", NOW)
    assert set(ReturnedMessage.objects.values_list("pk", flat=True)) == {kept.pk, longer.pk}
    words = dict(FeedbackEvent.objects.values_list("subscriber", "diagnostic"))
    assert words[gone.pk] == "" and words[stays.pk]

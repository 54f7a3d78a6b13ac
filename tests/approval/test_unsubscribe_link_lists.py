"""The lists that the unsubscribe link of a newsletter ends, also after staff replaced them."""

from __future__ import annotations

import pytest
from django.test import Client

from mailer.editions.models import Newsletter
from subscribers import tokens
from subscribers.models import MailingList, Subscriber, Subscription
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def on_list(slug: str, reader: Subscriber) -> MailingList:
    made = MailingList.objects.create(slug=slug, name=slug)
    Subscription.objects.create(subscriber=reader, mailing_list=made, state="confirmed")
    return made


def states_after_unsubscribing(reader: Subscriber, newsletter: Newsletter) -> dict[str, str]:
    token = tokens.make_token("unsubscribe", reader.pk, newsletter.pk)
    Client().post(f"/unsubscribe/{token}/", {"List-Unsubscribe": "One-Click"})
    return dict(reader.subscriptions.values_list("mailing_list__slug", "state"))


@pytest.mark.parametrize("mailed", [True, False])
def test_a_list_that_staff_replaced_since_the_message_was_sent_is_ended_too(mailed: bool) -> None:
    reader = Subscriber.objects.create(email="aigul@example.net")
    former, current, other = (on_list(slug, reader) for slug in ("former", "current", "other"))
    frozen = cast.snapshot(cast.edition(), lists=(former.pk,))
    if mailed:
        cast.mailing(frozen, "done")
        cast.set_state(frozen, "invalidated")
    newsletter = frozen.edition.newsletter
    newsletter.lists.set([current])
    assert states_after_unsubscribing(reader, newsletter) == {
        former.slug: "unsubscribed",
        current.slug: "unsubscribed",
        other.slug: "confirmed",
    }


def test_a_list_that_another_newsletter_took_over_is_ended_by_the_links_of_that_one() -> None:
    reader = Subscriber.objects.create(email="aigul@example.net")
    former = on_list("former", reader)
    frozen = cast.snapshot(cast.edition(), lists=(former.pk,))
    newsletter = frozen.edition.newsletter
    heir = Newsletter.objects.get(pk=newsletter.pk)
    heir.pk, heir.slug = None, "heir"
    heir.save()
    heir.lists.set([former])
    assert states_after_unsubscribing(reader, newsletter) == {"former": "confirmed"}
    assert states_after_unsubscribing(reader, heir) == {"former": "unsubscribed"}

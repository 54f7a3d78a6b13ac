"""The lists that the unsubscribe link of a newsletter ends, also after staff replaced them."""

from __future__ import annotations

import pytest
from django.test import Client

from mailer.delivery.message_identifiers import UnsubscribeAddress
from mailer.editions.models import Newsletter
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage
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


@pytest.mark.parametrize("way", ["page", "one click", "mail"])
def test_the_link_of_a_newsletter_that_is_gone_ends_all_lists_and_offers_none_again(way: str) -> None:
    reader = Subscriber.objects.create(email="aigul@example.net")
    for slug in ("monthly", "events"):
        on_list(slug, reader)
    Subscription.objects.filter(mailing_list__slug="events").update(confirmed_at=cast.NOW)
    gone = 999
    link = f"/unsubscribe/{tokens.make_token('unsubscribe', reader.pk, gone)}/"
    if way == "page":
        page = Client().get(link).content.decode()
        assert "This stops everything" in page and 'value="One-Click"' in page
    if way == "mail":
        asked = ParsedReturnedMessage("unsubscribe", unsubscribe_address=UnsubscribeAddress(reader.pk, gone))
        apply_one(asked, EventSource("mail 1", cast.NOW), cast.NOW)
    else:
        Client().post(link, {"List-Unsubscribe": "One-Click"})
    states = set(reader.subscriptions.values_list("state", flat=True))
    assert states == {"unsubscribed"}
    assert "Subscribe again" not in Client().get(link).content.decode()
    Client().post(link, {"back": "1"})
    assert set(reader.subscriptions.values_list("state", flat=True)) == states

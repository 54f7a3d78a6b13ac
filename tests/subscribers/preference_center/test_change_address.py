"""Changing an address: confirmed at the new one, announced at the old one, and rejected from there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from subscribers import merge, tokens
from subscribers.consent import Channel, Evidence
from subscribers.models import FormerAddress, MailingList, Subscriber, Suppression
from subscribers.preference_center import change_address
from subscribers.privacy.erasure import erase
from subscribers.subscribe import subscribe
from subscribers.suppression import is_suppressed, suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_preferences import lists_of, page_of

pytestmark = pytest.mark.both_databases

WORD = Evidence(Channel.EMAIL_LINK)


def ask(client: Client, person: Subscriber, new: str = "new@example.org") -> str:
    answer = client.post(page_of(person), {"move": "1", "new_email": new})
    return str(answer.content.decode())


def link(letter: mail.EmailMessage) -> str:
    return re.search(r"http://localhost:8000(/address/\S+)", letter.body)[1]  # type: ignore[index]


def address(person: Subscriber) -> str:
    person.refresh_from_db()
    return person.email


def test_the_address_changes_after_confirmation_and_all_else_stays(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="ru", countries=("KZ",))
    assert "письмо" in ask(client, person, " New@Example.ORG ")
    to_new, to_old = sent_emails
    assert (to_new.to, to_old.to) == (["new@example.org"], ["olga@example.org"])
    assert to_new.subject == "Подтвердите новый адрес" and "n…@example.org" in to_old.body
    # Neither letter tells the other's address, and opening a link changes nothing.
    assert "olga" not in to_new.body and "new@" not in to_old.body
    html = client.get(link(to_new)).content.decode()
    assert "o…@example.org" in html and "Silk Road Monthly" in html
    client.head(link(to_new))
    assert address(person) == "olga@example.org"
    assert "Ваш адрес изменён" in client.post(link(to_new)).content.decode()
    assert address(person) == "new@example.org"
    assert (person.countries, lists_of(person)) == (("KZ",), {"monthly"})
    (row,) = person.consents.all()
    assert (row.event, row.channel, row.source) == (
        "address_changed",
        "email_link",
        "from o…@example.org to n…@example.org",
    )
    assert row.text is not None and row.text.text.startswith("Нажмите кнопку")
    # Good for once.
    assert client.post(link(to_new)).status_code == 404


def test_the_page_does_not_reveal_whether_the_new_address_is_known_or_suppressed(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    join("known")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", timezone.now())
    pages = set()
    for who, new in (("aida", "fresh"), ("bek", "known"), ("dana", "stopped")):
        html = ask(client, join(f"same-{who}"), f"{new}@example.org")
        pages.add(re.sub(r'[\w-]{33}|value="[^"]*"', "", html))
    assert len(pages) == 1
    assert [one.to[0] for one in sent_emails if "address/not-me" not in one.body] == [
        "fresh@example.org",
        "known@example.org",
    ]


def test_an_address_suppressed_after_the_request_cannot_be_confirmed(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    suppress("new@example.org", Suppression.Reason.HARD_BOUNCE, "550", timezone.now())
    assert (
        client.get(link(sent_emails[0])).status_code == client.post(link(sent_emails[0])).status_code == 404
    )
    assert address(person) == "olga@example.org" and is_suppressed("new@example.org")


@pytest.mark.parametrize("reason", [Suppression.Reason.COMPLAINT, Suppression.Reason.MANUAL])
def test_a_complaint_or_manual_suppression_blocks_an_address_change(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], reason: str
) -> None:
    early, late = join("early"), join("late")
    ask(client, early)
    suppress(early, reason, "", timezone.now())
    assert client.post(link(sent_emails[0])).status_code == 404
    suppress(late, reason, "", timezone.now())
    assert "Write to us, and we do it" in ask(client, late, "other@example.net")
    assert len(sent_emails) == 2 and (address(early), address(late)) == (
        "early@example.org",
        "late@example.org",
    )


def test_a_bounced_address_can_be_replaced(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    suppress(person, Suppression.Reason.HARD_BOUNCE, "550", timezone.now())
    ask(client, person)
    # Nobody would read a notice at the dead one.
    (letter,) = sent_emails
    client.post(link(letter))
    assert address(person) == "new@example.org" and not is_suppressed(person)


def test_a_rejection_before_confirmation_cancels_the_change_and_blocks_others(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    to_new, to_old = sent_emails
    client.get(link(to_old))
    assert client.get(link(to_new)).status_code == 200
    assert "come as before" in client.post(link(to_old)).content.decode()
    assert client.post(link(to_new)).status_code == 404
    ask(client, person, "again@example.net")
    assert len(sent_emails) == 2 and address(person) == "olga@example.org"


def test_a_rejection_after_confirmation_restores_the_address(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    first, notice = sent_emails
    client.post(link(first))
    person.refresh_from_db()
    ask(client, person, "third@example.net")
    client.post(link(sent_emails[2]))
    assert address(person) == "third@example.net"
    client.post(link(notice))
    client.post(link(notice))
    assert address(person) == "olga@example.org"
    assert [row.source for row in person.consents.order_by("pk")][
        -1
    ] == "rejected: the old address is restored"
    # The old one is no former address any more.
    assert merge.AddressHistory([person]).address_at(person, timezone.now()) == bytes(person.address_hash)


def test_links_expire_and_only_the_latest_request_counts(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    asked = timezone.now() - timedelta(days=3, minutes=2)
    change_address.request(person, "new@example.org", WORD, asked)
    assert client.post(link(sent_emails[0])).status_code == 404
    ask(client, person, "second@example.net")
    ask(client, person, "third@example.net")
    assert client.post(link(sent_emails[2])).status_code == 404
    assert client.post(link(sent_emails[4])).status_code == 200
    assert address(person) == "third@example.net"
    for forged in (tokens.make("preferences", person.pk, 0), tokens.make("reject_change", 1, 0), "x"):
        assert client.post(f"/address/{forged}/").status_code == 404


def test_a_subscriber_may_request_three_changes_a_day(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    for _ in range(3):
        assert "on its way" in ask(client, person)
    assert "too often today" in ask(client, person)
    assert len(sent_emails) == 6


@pytest.mark.parametrize(
    ("new", "words"), [("nonsense", "such as name@example.org"), ("OLGA@example.org", "have already")]
)
def test_an_invalid_address_is_an_error_of_its_field(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], new: str, words: str
) -> None:
    html = ask(client, join("olga"), new)
    said = re.search(r'id="id_new_email_error">([^<]+)<', html)
    assert said and words in said[1] and not sent_emails


def test_a_former_address_needs_confirmation_on_a_single_opt_in_list(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], monthly: MailingList
) -> None:
    MailingList.objects.update(opt_in=MailingList.OptIn.SINGLE)
    person = join("olga")
    ask(client, person)
    client.post(link(sent_emails[0]))
    subscribe.request("olga@example.org", [monthly.pk], "en", (), Evidence(Channel.FORM), timezone.now())
    assert lists_of(Subscriber.objects.get(email="olga@example.org")) == set()
    assert sent_emails[-1].subject == "Confirm your subscription"


# Where the new address is a reader's already


def test_a_change_to_a_known_address_merges_both_with_the_lists_shown(
    client: Client,
    join: Join,
    sent_emails: list[mail.EmailMessage],
    monthly: MailingList,
    events: MailingList,
) -> None:
    inner = MailingList.objects.create(slug="inner", name="Inner circle")
    person = join("olga", monthly, language="ru", countries=("KZ",))
    other = join("new", events, inner, language="en")
    # She left the inner circle under her old address, and the monthly under the new one.
    join_and_leave(person, inner)
    join_and_leave(other, monthly)
    ask(client, person)
    html = client.get(link(sent_emails[0])).content.decode()
    assert "Silk Road Monthly" in html and "Events" in html and "Inner circle" not in html
    client.post(link(sent_emails[0]))
    assert address(person) == "new@example.org"
    assert (person.language, person.countries, lists_of(person)) == ("ru", ("KZ",), {"monthly", "events"})
    assert not Subscriber.objects.filter(pk=other.pk).exists()
    # Links in mail to the other still find her, in particular the way out.
    client.post(page_of(other), {"leave_all": "1"})
    assert lists_of(person) == set()


def join_and_leave(person: Subscriber, one: MailingList) -> None:
    person.subscriptions.create(mailing_list=one, state="unsubscribed", ended_at=timezone.now())


def test_erasure_suppresses_former_addresses_too(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    join("new")
    ask(client, person)
    client.post(link(sent_emails[0]))
    assert erase("olga@example.org", timezone.now())
    assert not Subscriber.objects.exists() and not FormerAddress.objects.exists()
    assert all(is_suppressed(f"{one}") for one in ("olga@example.org", "new@example.org"))
    assert not Suppression.objects.exclude(email="").exists()

"""Changing an address: confirmed at the new one and at the old one, and rejected from there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from subscribers import former_addresses_and_merged_ids, tokens
from subscribers.consent import Channel, Evidence
from subscribers.models import FormerAddress, MailingList, Subscriber, Suppression
from subscribers.preference_center import change_address
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.subscribe import subscribe
from subscribers.suppression import is_suppressed, lift, suppress
from tests.subscribers.conftest import Join
from tests.subscribers.preference_center.test_preferences import lists_of, page_of

WORD = Evidence(Channel.EMAIL_LINK)


def ask(client: Client, person: Subscriber, new: str = "new@example.org") -> str:
    answer = client.post(page_of(person), {"move": "1", "new_email": new})
    return str(answer.content.decode())


def links(letter: mail.EmailMessage) -> list[str]:
    return re.findall(r"http://localhost:8000(/address/\S+)", str(letter.body))


def link(letter: mail.EmailMessage) -> str:
    """The link that confirms."""
    return links(letter)[0]


def not_me(letter: mail.EmailMessage) -> str:
    """The link that rejects."""
    (found,) = [one for one in links(letter) if "/not-me/" in one]
    return found


def change(client: Client, letters: list[mail.EmailMessage]) -> None:
    """Press the buttons in the two latest letters."""
    for letter in letters[-2:]:
        assert client.post(link(letter)).status_code == 200


def address(person: Subscriber) -> str:
    person.refresh_from_db()
    return person.email


@pytest.mark.both_databases
def test_the_address_changes_after_both_clicks_and_all_else_stays(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", language="ru", countries=("KZ",))
    assert "два письма" in ask(client, person, " New@Example.ORG ")
    to_new, to_old = sent_emails
    assert (to_new.to, to_old.to) == (["new@example.org"], ["olga@example.org"])
    assert to_new.subject == "Подтвердите новый адрес" and "n…@example.org" in to_old.body
    # Neither letter tells the other's address, and opening a link changes nothing.
    assert "olga" not in to_new.body and "new@" not in to_old.body
    html = client.get(link(to_new)).content.decode()
    assert "o…@example.org" in html and "Silk Road Monthly" in html
    client.head(link(to_new))
    html = client.get(link(to_old)).content.decode()
    assert "o…@example.org" in html and "n…@example.org" in html
    assert "нынешний адрес" in client.post(link(to_new)).content.decode()
    assert address(person) == "olga@example.org"
    assert "Ваш адрес изменён" in client.post(link(to_old)).content.decode()
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
    assert client.post(link(to_new)).status_code == client.post(link(to_old)).status_code == 404


@pytest.mark.parametrize("old_first", [True, False])
def test_one_click_changes_nothing_and_the_page_says_what_is_waited_for(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], old_first: bool
) -> None:
    person = join("olga")
    ask(client, person)
    to_new, to_old = sent_emails
    first, second = (to_old, to_new) if old_first else (to_new, to_old)
    missing = "email to the new address" if old_first else "email to the present address"
    for _ in range(2):
        assert missing in client.post(link(first)).content.decode()
    assert missing in client.get(link(first)).content.decode()
    assert missing in client.get(page_of(person)).content.decode()
    assert address(person) == "olga@example.org"
    client.post(link(second))
    assert address(person) == "new@example.org"
    assert "waits for" not in client.get(page_of(person)).content.decode()


def test_who_has_only_a_forwarded_newsletter_cannot_change_the_address(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga", name="Olga Petrova")
    ask(client, person, "thief@example.net")
    (to_thief,) = [one for one in sent_emails if one.to == ["thief@example.net"]]
    for method in (client.get, client.post, client.get):
        html = method(link(to_thief)).content.decode()
        assert "Petrova" not in html and "olga@" not in html and "/preferences/" not in html
    assert address(person) == "olga@example.org" and person.data_by_link
    client.post(page_of(person), {"own": "1"})
    assert sent_emails[-1].to == ["olga@example.org"]


def test_the_page_does_not_reveal_whether_the_new_address_is_known_or_suppressed(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    join("known")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", timezone.now())
    pages = set()
    for who, new in (("aida", "fresh"), ("bek", "known"), ("dana", "stopped")):
        html = ask(client, join(f"same-{who}"), f"{new}@example.org")
        pages.add(re.sub(r'[\w-]{33}|value="[^"]*"|\w…@', "", html))
    assert len(pages) == 1
    assert [one.to[0] for one in sent_emails if "address/not-me" not in str(one.body)] == [
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
    assert "Write to us, and we will do it" in ask(client, late, "other@example.net")
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
    # But nobody there said that they are the person whose data it is.
    html = client.post(page_of(person), {"own": "1"}).content.decode()
    assert len(sent_emails) == 1 and "cannot be opened with a link" in html


def test_an_address_that_bounces_no_more_is_asked_too(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    found = suppress(person, Suppression.Reason.HARD_BOUNCE, "550", timezone.now())
    ask(client, person)
    lift(found, "lola", timezone.now())
    assert client.post(link(sent_emails[0])).status_code == 404
    ask(client, person)
    change(client, sent_emails)
    assert address(person) == "new@example.org" and person.data_by_link


@pytest.mark.both_databases
def test_a_rejection_before_confirmation_cancels_the_change_and_blocks_others(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    to_new, to_old = sent_emails
    client.get(not_me(to_old))
    assert client.post(link(to_new)).status_code == 200
    assert "go on as before" in client.post(not_me(to_old)).content.decode()
    assert client.post(link(to_new)).status_code == client.post(link(to_old)).status_code == 404
    ask(client, person, "again@example.net")
    assert len(sent_emails) == 2 and address(person) == "olga@example.org"


@pytest.mark.both_databases
def test_a_rejection_after_confirmation_restores_the_address(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    notice = sent_emails[1]
    change(client, sent_emails)
    person.refresh_from_db()
    ask(client, person, "third@example.net")
    change(client, sent_emails)
    assert address(person) == "third@example.net"
    client.post(not_me(notice))
    client.post(not_me(notice))
    assert address(person) == "olga@example.org"
    assert [row.source for row in person.consents.order_by("pk")][
        -1
    ] == "rejected: the old address is restored"
    # The old one is no former address any more.
    assert former_addresses_and_merged_ids.AddressHistory([person]).address_at(
        person, timezone.now()
    ) == bytes(person.address_hash)


@pytest.mark.both_databases
def test_links_expire_and_only_the_latest_request_counts(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    asked = timezone.now() - timedelta(days=3, minutes=2)
    change_address.request(person, "new@example.org", WORD, asked)
    assert [client.post(link(one)).status_code for one in sent_emails] == [404, 404]
    assert "waits for" not in client.get(page_of(person)).content.decode()
    ask(client, person, "second@example.net")
    # What was confirmed for another address is not confirmed for this one.
    assert client.post(link(sent_emails[3])).status_code == 200
    ask(client, person, "third@example.net")
    assert [client.post(link(one)).status_code for one in sent_emails[2:4]] == [404, 404]
    client.post(link(sent_emails[4]))
    assert address(person) == "olga@example.org"
    client.post(link(sent_emails[5]))
    assert address(person) == "third@example.net"
    for forged in (
        tokens.make_token("preferences", person.pk, 0),
        tokens.make_token("reject_change", 1, 0),
        "x",
    ):
        assert client.post(f"/address/{forged}/").status_code == 404


def test_the_link_that_rejects_works_for_thirty_days_after_the_change(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    change(client, sent_emails)
    token = not_me(sent_emails[1]).split("/")[3]
    made = person.address_changes.get().changed_at
    assert made is not None
    change_address.read_rejection(token, made + timedelta(days=30))
    with pytest.raises(tokens.LinkExpired):
        change_address.read_rejection(token, made + timedelta(days=30, minutes=1))


def test_a_confirmation_of_a_sign_up_at_the_old_address_confirms_nothing_at_the_new_one(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    person = join("olga")
    subscribe.request_signup(person.email, [events.pk], "en", (), Evidence(Channel.FORM), timezone.now())
    token = re.search(r"/confirm/\S+", str(sent_emails[-1].body))
    assert token
    ask(client, person)
    change(client, sent_emails)
    assert client.post(token[0]).status_code == 404
    assert lists_of(person) == {"monthly"}


def test_a_rejected_address_that_signed_up_again_is_merged(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    person = join("olga")
    ask(client, person)
    notice = sent_emails[1]
    change(client, sent_emails)
    join("olga", events)
    client.post(not_me(notice))
    assert address(person) == "olga@example.org" and lists_of(person) == {"monthly", "events"}


@pytest.mark.both_databases
def test_a_subscriber_may_request_three_changes_a_day(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    for _ in range(3):
        assert "on their way" in ask(client, person)
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


def test_nobody_can_find_the_address_by_trying(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    for guess in ("oksana", "olena", "oleg"):
        ask(client, person, f"{guess}@example.org")
    html = ask(client, person, "olga@example.org")
    assert "too often today" in html and "have already" not in html


def test_a_former_address_needs_confirmation_on_a_single_opt_in_list(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], monthly: MailingList
) -> None:
    MailingList.objects.update(opt_in=MailingList.OptIn.SINGLE)
    person = join("olga")
    ask(client, person)
    change(client, sent_emails)
    subscribe.request_signup(
        "olga@example.org", [monthly.pk], "en", (), Evidence(Channel.FORM), timezone.now()
    )
    assert lists_of(Subscriber.objects.get(email="olga@example.org")) == set()
    assert sent_emails[-1].subject == "Confirm your subscription"


# Where the new address is a reader's already


@pytest.mark.both_databases
def test_a_change_to_a_known_address_hands_over_the_lists_shown_and_mixes_no_data(
    client: Client,
    join: Join,
    sent_emails: list[mail.EmailMessage],
    monthly: MailingList,
    events: MailingList,
) -> None:
    inner = MailingList.objects.create(slug="inner", name="Inner circle")
    person = join("olga", monthly, language="ru", countries=("KZ",), name="Olga")
    other = join("new", events, language="en")
    # She left the inner circle under her old address, and the monthly under the new one.
    join_and_leave(person, inner)
    join_and_leave(other, monthly)
    ask(client, person)
    html = client.get(link(sent_emails[0])).content.decode()
    assert "Silk Road Monthly" in html and "Events" in html and "Inner circle" not in html
    # Who reads the old address does not see what the new one gets.
    assert "Events" not in client.get(link(sent_emails[1])).content.decode()
    notice = sent_emails[1]
    change(client, sent_emails)
    assert (lists_of(person), lists_of(other)) == (set(), {"monthly", "events"})
    other.refresh_from_db()
    assert (address(person), other.language, other.name) == ("olga@example.org", "en", "")
    assert list(other.consents.values_list("event", "source")) == [
        ("subscribed", "from o…@example.org to n…@example.org")
    ]
    # Each address gets only its own data.
    for one in (person, other):
        client.post(page_of(one), {"own": "1"})
    assert [one.to for one in sent_emails[2:]] == [["olga@example.org"], ["new@example.org"]]
    client.post(not_me(notice))
    assert (lists_of(person), lists_of(other)) == ({"monthly"}, {"monthly", "events"})
    assert "Напишите нам, и мы это сделаем" in ask(client, person)


def test_a_sign_up_that_nobody_confirmed_does_not_keep_the_record_from_moving(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    person = join("olga", language="ru", countries=("KZ",))
    other = join("new", events, state="pending")
    ask(client, person)
    change(client, sent_emails)
    assert (address(person), person.countries, lists_of(person)) == ("new@example.org", ("KZ",), {"monthly"})
    assert not Subscriber.objects.filter(pk=other.pk).exists()


def test_a_bounced_address_hands_its_lists_over_and_no_data(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage], events: MailingList
) -> None:
    person, other = join("olga"), join("new", events)
    suppress(person, Suppression.Reason.HARD_BOUNCE, "550", timezone.now())
    ask(client, person)
    client.post(link(sent_emails[0]))
    other.refresh_from_db()
    assert lists_of(other) == {"monthly", "events"} and other.data_by_link
    assert Subscriber.objects.filter(pk=person.pk).exists() and lists_of(person) == set()


@pytest.mark.both_databases
def test_what_the_new_address_unsubscribed_from_after_its_click_stays_so(
    client: Client,
    join: Join,
    sent_emails: list[mail.EmailMessage],
    monthly: MailingList,
    events: MailingList,
) -> None:
    person, other = join("olga", monthly, events), join("new", monthly, events)
    ask(client, person)
    to_new, to_old = sent_emails
    client.post(link(to_new))
    client.post(page_of(other), {"language": "en", "lists": [events.pk]})
    client.post(link(to_old))
    assert (lists_of(person), lists_of(other)) == (set(), {"events"})


def join_and_leave(person: Subscriber, one: MailingList) -> None:
    person.subscriptions.create(mailing_list=one, state="unsubscribed", ended_at=timezone.now())


def test_erasure_suppresses_former_addresses_too(
    client: Client, join: Join, sent_emails: list[mail.EmailMessage]
) -> None:
    person = join("olga")
    ask(client, person)
    change(client, sent_emails)
    assert erase_and_suppress("olga@example.org", timezone.now())
    assert not Subscriber.objects.exists() and not FormerAddress.objects.exists()
    assert all(is_suppressed(f"{one}") for one in ("olga@example.org", "new@example.org"))
    assert not Suppression.objects.exclude(email="").exists()

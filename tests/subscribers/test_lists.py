"""Lists: opt-in, welcome emails and growth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from mailer.approval import list_sender_and_welcome_approval
from mailer.approval.list_sender_and_welcome_approval import ListEmails
from subscribers import consent, list_growth, suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import ListGrowth, MailingList, Subscriber, Subscription, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.subscribe import subscribe
from tests import cast
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

FORM = Evidence(Channel.FORM)


@pytest.fixture
def open_list(monthly: MailingList) -> MailingList:
    monthly.opt_in = "single"
    monthly.save()
    return monthly


def emails(mailing_list: MailingList, texts: dict[str, str], name: str = "", address: str = "") -> None:
    """The list's welcome texts and sender, approved by a second person."""
    people = cast.staff()
    change = list_sender_and_welcome_approval.propose(
        mailing_list, ListEmails(name, address, texts), people.writer, NOW
    )
    list_sender_and_welcome_approval.approve_list_change(change, people.admin, NOW)
    mail.outbox.clear()
    mailing_list.refresh_from_db()


def ask(email: str, *lists: MailingList, language: str = "en") -> Subscriber:
    subscribe.request_signup(email, [one.pk for one in lists], language, (), FORM, NOW)
    return Subscriber.objects.get(email=email)


def states(person: Subscriber) -> dict[str, str]:
    return {row.mailing_list.slug: row.state for row in person.subscriptions.select_related("mailing_list")}


def test_a_single_opt_in_list_confirms_at_once_and_sends_an_email(open_list: MailingList) -> None:
    person = ask("aigul@example.org", open_list)
    assert states(person) == {"monthly": "confirmed"}
    assert person.consents.filter(event=consent.Event.SUBSCRIBED, channel=Channel.FORM).count() == 1
    assert len(mail.outbox) == 1 and "/preferences/" in mail.outbox[0].body


def test_of_two_lists_only_the_double_opt_in_list_is_pending(
    open_list: MailingList, events: MailingList
) -> None:
    person = ask("aigul@example.org", open_list, events)
    assert states(person) == {"monthly": "confirmed", "events": "pending"}
    assert "/confirm/" in mail.outbox[0].body


def test_after_unsubscribing_a_single_opt_in_list_asks_for_confirmation(
    open_list: MailingList, events: MailingList, join: Join
) -> None:
    person = join("aigul", events)
    unsubscribe.unsubscribe(person.pk, [events.pk], None, Evidence(Channel.ONE_CLICK), NOW)
    assert states(ask(person.email, open_list)) == {"monthly": "pending", "events": "unsubscribed"}


def test_after_erasure_a_single_opt_in_list_asks_for_confirmation(open_list: MailingList) -> None:
    emails(open_list, {"en": "Welcome!"})
    erase_and_suppress(ask("aigul@example.org", open_list).email, NOW)
    mail.outbox.clear()
    person = ask("aigul@example.org", open_list)
    assert states(person) == {"monthly": "pending"}
    assert [("/confirm/" in one.body, "Welcome!" in one.body) for one in mail.outbox] == [(True, False)]
    subscribe.confirm_signup(person, Evidence(Channel.EMAIL_LINK), NOW)
    assert states(person) == {"monthly": "confirmed"} and not suppression.is_suppressed(person)


def test_a_suppressed_address_gets_no_welcome_email(monthly: MailingList) -> None:
    emails(monthly, {"en": "Welcome!"})
    person = ask("aigul@example.org", monthly)
    suppression.suppress(person, Suppression.Reason.MANUAL, "", NOW)
    subscribe.confirm_signup(person, Evidence(Channel.EMAIL_LINK), NOW)
    assert len(mail.outbox) == 1


def test_a_line_break_in_a_lists_name_adds_no_header(monthly: MailingList) -> None:
    monthly.name = "Road\nBcc: everybody@example.org"
    monthly.save()
    emails(monthly, {"en": "Welcome!"})
    subscribe.confirm_signup(ask("aigul@example.org", monthly), Evidence(Channel.EMAIL_LINK), NOW)
    assert mail.outbox[1].subject == "Road Bcc: everybody@example.org"


def test_a_welcome_email_has_the_subscribers_language_and_the_lists_sender(monthly: MailingList) -> None:
    emails(monthly, {"ru": "Добро пожаловать!", "en": "Welcome!"}, "Silk Road", "road@example.org")
    person = ask("aigul@example.org", monthly, language="ru")
    assert mail.outbox[0].from_email == "Silk Road <road@example.org>"
    subscribe.confirm_signup(person, Evidence(Channel.EMAIL_LINK), NOW)
    letter = mail.outbox[1]
    assert "Добро пожаловать!" in letter.body and "/preferences/" in letter.body
    assert (letter.subject, letter.from_email) == ("Silk Road Monthly", "Silk Road <road@example.org>")
    subscribe.confirm_signup(person, Evidence(Channel.EMAIL_LINK), NOW)
    assert len(mail.outbox) == 2


def test_list_growth_adds_up_by_month(monthly: MailingList, join: Join) -> None:
    for number, (joined, left) in enumerate([(400, None), (70, None), (40, None), (40, 5), (5, None)]):
        person = join(f"reader-{number}")
        row = Subscription.objects.filter(subscriber=person)
        row.update(confirmed_at=NOW - timedelta(days=joined))
        if left:
            row.update(state="unsubscribed", ended_at=NOW - timedelta(days=left))
    join("waits", state="pending")
    found = list_growth.count_monthly_growth(monthly, NOW)
    assert [one["month"] for one in found][-3:] == ["2026-01", "2026-02", "2026-03"] and len(found) == 12
    assert [(one["joined"], one["left"], one["people"]) for one in found][-4:] == [
        (1, 0, 2),
        (2, 0, 4),
        (1, 1, 4),
        (0, 0, 4),
    ]


def test_list_growth_counts_by_months_of_the_sites_time_zone(
    monthly: MailingList, join: Join, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Almaty"
    # There the first of April, and the first of the twelve months.
    now, first = datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2025, 4, 30, 22, tzinfo=UTC)
    for number, at in enumerate((now, first, first - timedelta(hours=4))):
        person = join(f"reader-{number}")
        Subscription.objects.filter(subscriber=person).update(confirmed_at=at)
    found = list_growth.count_monthly_growth(monthly, now)
    assert [(one["month"], one["joined"], one["people"]) for one in found if one["joined"]] == [
        ("2025-05", 1, 2),
        ("2026-04", 1, 3),
    ]


def test_list_growth_counts_an_unsubscribe_although_a_new_sign_up_waits(
    monthly: MailingList, join: Join
) -> None:
    row = Subscription.objects.filter(subscriber=join("olga"))
    row.update(confirmed_at=NOW - timedelta(days=40), ended_at=NOW - timedelta(days=5), state="pending")
    found = list_growth.count_monthly_growth(monthly, NOW)
    assert [(one["joined"], one["left"], one["people"]) for one in found][-3:] == [
        (1, 0, 1),
        (0, 1, 0),
        (0, 0, 0),
    ]


def test_list_growth_is_refreshed_every_six_hours(monthly: MailingList) -> None:
    assert list_growth.update_due_growth(NOW) == 1
    assert list_growth.update_due_growth(NOW + timedelta(hours=5)) == 0
    assert list_growth.update_due_growth(NOW + timedelta(hours=7)) == 1
    assert ListGrowth.objects.count() == 1

"""“Why was this address stopped?”: the story in plain words, and one step that takes it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.delivery import verp
from mailer.feedback.models import Outage, Verdict
from mailer.feedback.sources import ingest
from subscribers.models import Subscriber, Subscription, Suppression
from subscribers.suppression import suppression
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.feedback import cast as past
from tests.feedback.parsing.test_parse import sample


@pytest.fixture
def bounced(desk: Desk) -> Verdict:
    """The reader's copy of the edition came back by mail."""
    now = timezone.now()
    past.copy(desk.reader, now - timedelta(days=40))
    copies = cast.sending(desk).deliveries.filter(state="accepted")
    copies.update(accepted_at=now - timedelta(hours=2))
    sent = copies.get()
    raw = f"Delivered-To: {verp.address(sent.pk)}\n".encode() + sample("postfix-unknown.eml")
    ingest.receive(raw, now)
    return past.verdict(desk.reader)


def page_of(verdict: Verdict) -> str:
    return reverse("desk_verdict", args=[verdict.pk])


def text(desk: Desk, url: str, user: str = "admin") -> str:
    return " ".join(as_user(getattr(desk, user)).get(url).content.decode().split())


def decide(desk: Desk, verdict: Verdict, deed: str, user: str = "admin"):
    return as_user(getattr(desk, user)).post(page_of(verdict), {"deed": deed}, follow=True)


def test_the_page_tells_what_happened_by_which_rule_and_shows_the_returned_message(
    desk: Desk, bounced: Verdict
) -> None:
    told = text(desk, page_of(bounced))
    for part in (
        *("Why was this address stopped?", desk.reader.email, "says that the address does not exist"),
        *("The last copy before arrived", "A copy came back: the address does not exist", "Code 5.1.1"),
        *("a mark that only we can make", "Mail to this address was stopped", "Mail this address again"),
        *("What came back, word for word", "The server said:"),
    ):
        assert part in told, part


def test_it_is_reached_from_the_person_the_list_the_message_and_the_report(
    desk: Desk, bounced: Verdict
) -> None:
    event = bounced.events.get()
    pages = (
        reverse("desk_subscribers:edit", args=[desk.reader.pk]),
        reverse("desk_suppressions:index"),
        reverse("desk_verdicts:index"),
        reverse("desk_message", args=[event.message_id]),
        reverse("desk_edition:unreached", args=[desk.edition.pk]),
    )
    assert [page for page in pages if page_of(bounced) not in text(desk, page)] == []


def test_one_press_mails_the_address_again_and_one_more_undoes_that(desk: Desk, bounced: Verdict) -> None:
    page = decide(desk, bounced, "again").content.decode()
    assert "never held against it any more" in page and "Undo: stop it again" in page
    assert not suppression.is_suppressed(desk.reader)
    assert "The address is stopped again." in decide(desk, bounced, "restore").content.decode()
    assert suppression.is_suppressed(desk.reader)
    deeds = ModelLogEntry.objects.filter(user=desk.admin).values_list("action", flat=True)
    assert list(deeds.order_by("pk")) == ["desk.mail_again", "desk.stop_again"]
    assert desk.reader.email not in str(ModelLogEntry.objects.values_list("label", flat=True))


def test_looking_changes_nothing_and_who_may_only_look_finds_no_button(desk: Desk, bounced: Verdict) -> None:
    told = text(desk, page_of(bounced), "approver")
    assert "Mail this address again" not in told and desk.reader.email in told
    decide(desk, bounced, "again", "approver")
    assert as_user(desk.writer).get(page_of(bounced)).status_code in (302, 403)
    assert suppression.is_suppressed(desk.reader)


def test_two_who_decide_at_once_are_told_so(desk: Desk, bounced: Verdict) -> None:
    decide(desk, bounced, "again")
    assert "somebody else has decided meanwhile" in decide(desk, bounced, "again").content.decode()


def test_a_complaint_opens_the_way_back_and_the_reader_walks_it(desk: Desk) -> None:
    past.complain(past.copy(desk.reader, timezone.now() - timedelta(days=1)), timezone.now())
    verdict = past.verdict(desk.reader)
    told = text(desk, page_of(verdict))
    assert "marked a mail as unwanted" in told and "Let this reader come back" in told
    assert "It was taken off: monthly" in told
    told = " ".join(decide(desk, verdict, "again").content.decode().split())
    assert "they sign up on the public page and confirm" in told
    assert suppression.is_suppressed(desk.reader)
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"


def test_a_complaint_that_nothing_proves_is_decided_by_a_person(desk: Desk) -> None:
    past.complain(desk.reader, timezone.now())
    verdict = past.verdict(desk.reader)
    assert "Automatic decisions (1)" in text(desk, reverse("wagtailadmin_home"))
    told = text(desk, page_of(verdict))
    assert "Should this address be stopped?" in told and "anybody could have written it" in told
    decide(desk, verdict, "stop")
    assert suppression.is_suppressed(desk.reader)


def test_a_reader_who_is_asked_is_told_of_as_such_and_an_admin_need_not_wait(desk: Desk) -> None:
    Subscriber.objects.filter(pk=desk.reader.pk).update(created_at=past.ago(days=900))
    desk.reader.refresh_from_db()
    past.arrived(desk.reader)
    for days in (40, 30, 20, 10, 0):
        past.returned(desk.reader, "soft", past.ago(days=days))
    verdict = past.verdict(desk.reader)
    told = text(desk, page_of(verdict))
    assert "Does this address still work?" in told
    assert told.count("A copy came back: the mailbox is full") == 5
    assert "One small mail asked whether anything arrives" in told
    decide(desk, verdict, "again")
    assert past.verdict(desk.reader).state == "reversed"


def test_what_a_person_stopped_is_lifted_as_before_and_what_a_verdict_stopped_by_its_own_page(
    desk: Desk, bounced: Verdict
) -> None:
    other = suppression.suppress(
        "other@example.net", Suppression.Reason.MANUAL, "on the phone", timezone.now()
    )
    browser = as_user(desk.admin)
    assert browser.get(reverse("desk_suppressions:lift", args=[other.pk])).status_code == 200
    answer = browser.get(reverse("desk_suppressions:lift", args=[bounced.suppression_id]))
    assert answer["Location"] == page_of(bounced)


def test_an_erased_reader_is_a_number(desk: Desk, bounced: Verdict) -> None:
    email = desk.reader.email
    desk.reader.delete()
    Suppression.objects.update(email="")
    told = text(desk, page_of(bounced))
    assert f"Reader {bounced.subscriber}" in told
    assert email not in text(desk, reverse("desk_verdicts:index"))


@pytest.fixture
def outage(desk: Desk) -> Outage:
    now = timezone.now()
    people = [past.reader(f"reader{number}@ministry.example") for number in range(4)]
    for person in people:
        past.arrived(person, 1)
        past.returned(person, "hard", now)
    return Outage.objects.get(state="open")


@pytest.mark.parametrize(
    "deed, stopped, words", [("keep", 0, "4 addresses kept"), ("stop", 4, "4 addresses stopped")]
)
def test_a_domain_is_decided_about_at_once(
    desk: Desk, outage: Outage, deed: str, stopped: int, words: str
) -> None:
    page = reverse("desk_outage", args=[outage.pk])
    told = text(desk, page)
    for part in ("4 of 4 readers", "reader3@ministry.example", "the words of a server"):
        assert part in told, part
    assert page in text(desk, reverse("desk_verdicts:index"))
    assert page in text(desk, reverse("wagtailadmin_home"))
    assert "Decide about all readers at ministry.example" in text(desk, page_of(Verdict.objects.first()))
    answer = as_user(desk.admin).post(page, {"deed": deed}, follow=True).content.decode()
    assert words in answer
    assert Suppression.objects.filter(lifted_at=None).count() == stopped
    again = as_user(desk.admin).post(page, {"deed": deed}, follow=True).content.decode()
    assert "decided about this domain already" in again


def test_only_admins_decide_about_a_domain(desk: Desk, outage: Outage) -> None:
    page = reverse("desk_outage", args=[outage.pk])
    assert "Keep these addresses" not in text(desk, page, "approver")
    as_user(desk.approver).post(page, {"deed": "stop"})
    outage.refresh_from_db()
    assert outage.state == "open"


def test_the_list_is_filtered_by_state_and_rule(desk: Desk, bounced: Verdict, outage: Outage) -> None:
    listed = text(desk, f"{reverse('desk_verdicts:index')}?state=standing")
    assert desk.reader.email in listed and "reader3@ministry.example" not in listed
    assert desk.reader.email not in text(desk, f"{reverse('desk_verdicts:index')}?rule=complaint")


def test_the_list_asks_the_same_questions_however_long_it_is(
    desk: Desk, bounced: Verdict, django_assert_max_num_queries
) -> None:
    browser = as_user(desk.admin)
    browser.get(reverse("desk_verdicts:index"))
    for number in range(20):
        past.returned(past.reader(f"r{number}@example{number}.net"), "hard", timezone.now())
    with django_assert_max_num_queries(40):
        browser.get(reverse("desk_verdicts:index"))

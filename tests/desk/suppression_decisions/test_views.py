"""Suppression decisions: their timeline, reverting and confirming them, and bounce waves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.delivery import message_identifiers
from mailer.desk.suppression_decisions import labels_and_timeline
from mailer.feedback import ingest_returned_mail
from mailer.feedback.decisions.rejections_and_stop_rule_counts import process_rejections
from mailer.feedback.models import BounceWave, SuppressionDecision
from subscribers import suppression
from subscribers.models import Subscriber, Subscription, Suppression
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.feedback import cast as past
from tests.feedback.parsing.test_parse import sample


@pytest.fixture
def bounced(desk: Desk) -> SuppressionDecision:
    """The suppression after a hard bounce of the edition's email."""
    now = timezone.now()
    past.accepted_delivery(desk.reader, now - timedelta(days=40))
    copies = cast.sending(desk).deliveries.filter(state="accepted")
    copies.update(accepted_at=now - timedelta(hours=2))
    sent = copies.get()
    raw = f"Delivered-To: {message_identifiers.envelope_sender(sent.pk)}\n".encode() + sample(
        "postfix-unknown.eml"
    )
    ingest_returned_mail.ingest_message(raw, now)
    return past.latest_decision(desk.reader)


def page_of(verdict: SuppressionDecision) -> str:
    return reverse("desk_suppression_decision", args=[verdict.pk])


def shown(desk: Desk, url: str, user: str = "admin") -> Page:
    return Page(as_user(getattr(desk, user)).get(url))


def decide(desk: Desk, verdict: SuppressionDecision, action: str, user: str = "admin") -> Page:
    return Page(as_user(getattr(desk, user)).post(page_of(verdict), {"action": action}, follow=True))


def test_the_page_shows_timeline_rule_and_returned_message(desk: Desk, bounced: SuppressionDecision) -> None:
    page = shown(desk, page_of(bounced))
    entries = page.response.context["timeline"]
    assert [entry.tone for entry in entries] == ["done", "problem", "problem"]
    assert "550" in entries[1].response and entries[1].message == bounced.events.get().message_id
    assert any("5.1.1" in detail for detail in entries[1].details)
    assert page.response.context["rule"] == labels_and_timeline.RULES["hard_bounce"]
    ((_, text),) = page.response.context["returned_messages"]
    assert "User unknown" in text and desk.reader.email in page.text
    assert ("action", "revert") in page.controls


def test_subscriber_lists_message_and_report_link_to_the_decision(
    desk: Desk, bounced: SuppressionDecision
) -> None:
    event = bounced.events.get()
    pages = (
        reverse("desk_subscribers:edit", args=[desk.reader.pk]),
        reverse("desk_suppressions:index"),
        reverse("desk_suppression_decisions:index"),
        reverse("desk_reply", args=[event.message_id]),
        reverse("desk_edition:not_delivered", args=[desk.edition.pk]),
    )
    assert [page for page in pages if page_of(bounced) not in shown(desk, page).links] == []


def test_a_decision_is_reverted_and_restored(desk: Desk, bounced: SuppressionDecision) -> None:
    page = decide(desk, bounced, "revert")
    assert page.messages == ["success"] and ("action", "restore") in page.controls
    assert not suppression.is_suppressed(desk.reader)
    assert decide(desk, bounced, "restore").messages == ["success"]
    assert suppression.is_suppressed(desk.reader)
    about = ModelLogEntry.objects.filter(user=desk.admin, action__startswith="desk.decision_")
    actions = about.values_list("action", flat=True)
    assert list(actions.order_by("pk")) == ["desk.decision_revert", "desk.decision_restore"]
    assert desk.reader.email not in str(ModelLogEntry.objects.values_list("label", flat=True))


def test_viewing_changes_nothing_and_viewers_have_no_buttons(
    desk: Desk, bounced: SuppressionDecision
) -> None:
    page = shown(desk, page_of(bounced), "approver")
    assert "action" not in page.names and desk.reader.email in page.text
    as_user(desk.approver).post(page_of(bounced), {"action": "revert"})
    assert as_user(desk.writer).get(page_of(bounced)).status_code in (302, 403)
    assert suppression.is_suppressed(desk.reader)


def test_the_second_of_two_users_who_decide_gets_an_error(desk: Desk, bounced: SuppressionDecision) -> None:
    decide(desk, bounced, "revert")
    assert decide(desk, bounced, "revert").messages == ["error"]


def test_after_a_complaint_an_admin_allows_to_resubscribe(desk: Desk) -> None:
    past.complain(past.accepted_delivery(desk.reader, timezone.now() - timedelta(days=1)), timezone.now())
    verdict = past.latest_decision(desk.reader)
    page = shown(desk, page_of(verdict))
    assert page.response.context["effect"] == labels_and_timeline.COMPLAINT_EFFECT
    assert [one.slug for one in page.response.context["lists"]] == ["monthly"]
    page = decide(desk, verdict, "revert")
    assert page.response.context["effect"] == labels_and_timeline.MAY_RESUBSCRIBE
    assert suppression.is_suppressed(desk.reader)
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"


def test_a_complaint_that_could_be_forged_needs_a_review(desk: Desk) -> None:
    past.complain(desk.reader, timezone.now())
    verdict = past.latest_decision(desk.reader)
    assert "Suppression decisions (1)" in shown(desk, reverse("wagtailadmin_home")).html
    page = shown(desk, page_of(verdict))
    assert verdict.state == "held" and {("action", "revert"), ("action", "confirm")} <= page.controls
    decide(desk, verdict, "confirm")
    assert suppression.is_suppressed(desk.reader)


def test_a_test_email_is_in_the_timeline_and_an_admin_need_not_wait_for_it(desk: Desk) -> None:
    Subscriber.objects.filter(pk=desk.reader.pk).update(created_at=past.ago(days=900))
    desk.reader.refresh_from_db()
    past.arrived(desk.reader)
    for days in (40, 30, 20, 10, 0):
        past.returned(desk.reader, "soft", past.ago(days=days))
    verdict = past.latest_decision(desk.reader)
    tones = [entry.tone for entry in shown(desk, page_of(verdict)).response.context["timeline"]]
    assert verdict.state == "probing" and tones == ["done", *["problem"] * 5, "busy"]
    decide(desk, verdict, "revert")
    assert past.latest_decision(desk.reader).state == "reverted"


def test_a_suppression_by_staff_is_removed_on_its_page_and_others_on_the_decision(
    desk: Desk, bounced: SuppressionDecision
) -> None:
    other = suppression.suppress(
        "other@example.net", Suppression.Reason.MANUAL, "on the phone", timezone.now()
    )
    browser = as_user(desk.admin)
    assert browser.get(reverse("desk_suppressions:remove", args=[other.pk])).status_code == 200
    answer = browser.get(reverse("desk_suppressions:remove", args=[bounced.suppression_id]))
    assert answer["Location"] == page_of(bounced)


def test_an_erased_subscriber_is_shown_by_number(desk: Desk, bounced: SuppressionDecision) -> None:
    email = desk.reader.email
    assert email in shown(desk, reverse("desk_suppression_decisions:index")).text
    desk.reader.delete()
    Suppression.objects.update(email="")
    assert f"Subscriber number {bounced.subscriber}" in shown(desk, page_of(bounced)).text
    assert email not in shown(desk, reverse("desk_suppression_decisions:index")).text


@pytest.fixture
def outage(desk: Desk) -> BounceWave:
    now = timezone.now()
    people = [past.reader(f"reader{number}@ministry.example") for number in range(4)]
    for person in people:
        past.arrived(person, 1)
        past.returned(person, "hard", now)
    return BounceWave.objects.get(state="open")


@pytest.mark.parametrize(("action", "suppressed"), [("keep", 0), ("suppress", 4)])
def test_one_decision_covers_all_addresses_of_a_domain(
    desk: Desk, outage: BounceWave, action: str, suppressed: int
) -> None:
    address = reverse("desk_bounce_wave", args=[outage.pk])
    page = shown(desk, address)
    assert page.response.context["total"] == page.response.context["open_count"] == 4
    assert "reader3@ministry.example" in page.text and "the reply of a server" in page.text
    for linking in (
        reverse("desk_suppression_decisions:index"),
        reverse("wagtailadmin_home"),
        page_of(outage.decisions.earliest("pk")),
    ):
        assert address in shown(desk, linking).links
    browser = as_user(desk.admin)
    assert Page(browser.post(address, {"action": action}, follow=True)).messages == ["success"]
    assert Suppression.objects.filter(lifted_at=None).count() == suppressed
    assert Page(browser.post(address, {"action": action}, follow=True)).messages == ["error"]


def test_one_decision_covers_all_addresses_with_the_same_new_reply(desk: Desk) -> None:
    for number in range(6):
        person = past.reader(f"reader{number}@town{number}.example")
        past.accepted_delivery(
            person,
            None,
            state="refused",
            reason="refused",
            reply=f"550 5.1.1 no user {number} in the register",
        )
    process_rejections(timezone.now())
    wave = BounceWave.objects.get(state="open")
    address = reverse("desk_bounce_wave", args=[wave.pk])
    page = shown(desk, address)
    assert page.response.context["total"] == page.response.context["open_count"] == 6
    assert ("town5.example", 1) in page.response.context["providers"]
    assert "no user in the register" in page.text
    for linking in (reverse("desk_suppression_decisions:index"), page_of(wave.decisions.earliest("pk"))):
        assert address in shown(desk, linking).links
    as_user(desk.admin).post(address, {"action": "suppress"})
    assert Suppression.objects.filter(lifted_at=None).count() == 6


def test_only_admins_decide_about_a_domain(desk: Desk, outage: BounceWave) -> None:
    page = reverse("desk_bounce_wave", args=[outage.pk])
    assert "action" in shown(desk, page).names and "action" not in shown(desk, page, "approver").names
    as_user(desk.approver).post(page, {"action": "suppress"})
    outage.refresh_from_db()
    assert outage.state == "open"


def test_the_list_is_filtered_by_state_and_rule(
    desk: Desk, bounced: SuppressionDecision, outage: BounceWave
) -> None:
    table = reverse("desk_suppression_decisions:index")
    listed = shown(desk, f"{table}?state=applied").text
    assert desk.reader.email in listed and "reader3@ministry.example" not in listed
    assert desk.reader.email not in shown(desk, f"{table}?rule=complaint").text


def test_the_number_of_queries_does_not_grow_with_the_list(desk: Desk, bounced: SuppressionDecision) -> None:
    browser, table = as_user(desk.admin), reverse("desk_suppression_decisions:index")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get(table)
        return len(captured)

    for number in range(2):
        past.returned(past.reader(f"r{number}@example{number}.net"), "hard", timezone.now())
    # The first request fills caches.
    browser.get(table)
    few = queries()
    for number in range(2, 20):
        past.returned(past.reader(f"r{number}@example{number}.net"), "hard", timezone.now())
    assert queries() <= few

"""Decisions about single subscribers: what suppresses an address, its evidence, and how it is reverted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.feedback import subscriber_signal_receivers
from mailer.feedback.decisions import suppression_decision_states
from mailer.feedback.decisions.suppression_decision_states import DecisionError
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from subscribers import suppression
from subscribers.consent import Channel, Evidence
from subscribers.imports import job_lifecycle
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.subscribe import subscribe
from tests.feedback import cast
from tests.feedback.cast import NOW, ago, latest_decision, stopped

pytestmark = pytest.mark.django_db


@pytest.fixture
def aigerim() -> Subscriber:
    return cast.reader()


def test_a_decision_keeps_its_evidence(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = latest_decision(aigerim)
    assert (found.state, found.rule, found.applied_at) == ("applied", "hard_bounce", NOW)
    assert found.suppression == suppression.active_suppression(aigerim)
    (event,) = found.events.all()
    assert (event.reason, event.rule, event.status) == ("unknown_user", "rule of hard", "5.1.1")
    for part in ("does not exist", "the reply of a server", "5.1.1", "rule of hard", "2022-03-01", "mail "):
        assert part in found.suppression.evidence


def test_every_counted_soft_bounce_is_kept(aigerim: Subscriber) -> None:
    for days in (40, 30, 20, 10, 0):
        cast.returned(aigerim, "soft", ago(days=days))
    assert latest_decision(aigerim).events.count() == 5
    assert (
        latest_decision(aigerim).reason
        == "5 emails to this address bounced over 40 days, and none was delivered in between."
    )
    assert stopped(aigerim)


def test_a_block_is_stored_without_a_decision(aigerim: Subscriber) -> None:
    for days in range(30):
        cast.returned(aigerim, "block", ago(days=days))
    assert FeedbackEvent.objects.filter(bounce_class="block").count() == 30
    assert not SuppressionDecision.objects.exists()


def test_revert_lifts_the_suppression_and_old_evidence_never_counts_again(
    aigerim: Subscriber,
) -> None:
    sent = cast.returned(aigerim)
    suppression_decision_states.revert(latest_decision(aigerim), "lola", NOW)
    assert not stopped(aigerim)
    assert (latest_decision(aigerim).state, latest_decision(aigerim).closed_by) == ("reverted", "lola")
    assert Suppression.objects.get().lifted_by == "lola"
    later = NOW + timedelta(days=2)
    # The same copy is reported again, in other words, and so is one that had left by then.
    cast.bounce(sent, "hard", later)
    cast.bounce(cast.accepted_delivery(aigerim, ago(hours=2)), "hard", later)
    assert not stopped(aigerim)
    cast.returned(aigerim, "hard", NOW + timedelta(days=30))
    assert stopped(aigerim)


def test_revert_and_reapply_can_alternate(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = latest_decision(aigerim)
    for _ in range(2):
        suppression_decision_states.revert(found, "lola", NOW)
        assert not stopped(aigerim)
        suppression_decision_states.reapply(found, "lola", NOW)
        assert stopped(aigerim)
    found.refresh_from_db()
    assert (found.state, found.closed_at, found.suppression.lifted_at) == ("applied", None, None)


def test_transitions_from_another_state_are_rejected(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = latest_decision(aigerim)
    with pytest.raises(DecisionError, match="had not been removed"):
        suppression_decision_states.reapply(found, "lola", NOW)
    suppression_decision_states.revert(found, "lola", NOW)
    with pytest.raises(DecisionError, match="was already made"):
        suppression_decision_states.revert(found, "timur", NOW)
    cast.returned(aigerim, "hard", NOW + timedelta(days=30))
    with pytest.raises(DecisionError, match="newer decision"):
        suppression_decision_states.reapply(found, "lola", NOW)
    aigerim.delete()
    with pytest.raises(DecisionError, match="erased"):
        suppression_decision_states.reapply(found, "lola", NOW)


def test_a_manual_suppression_is_kept(aigerim: Subscriber) -> None:
    suppression.suppress(aigerim, Suppression.Reason.MANUAL, "asked on the phone", NOW)
    cast.returned(aigerim)
    assert not SuppressionDecision.objects.exists()
    cast.complain(cast.accepted_delivery(aigerim, ago(hours=1)))
    assert latest_decision(aigerim).rule == "complaint"


def test_a_new_address_starts_without_history(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    aigerim.email = "aigerim@new.example.net"
    aigerim.save()
    assert not stopped(aigerim)
    cast.returned(aigerim, "soft", NOW + timedelta(days=30))
    assert not stopped(aigerim)
    cast.returned(aigerim, "hard", NOW + timedelta(days=60))
    assert stopped(aigerim)


def test_a_complaint_unsubscribes_and_records_the_lists(aigerim: Subscriber) -> None:
    subscriber_signal_receivers.connect_signals()
    sent = cast.accepted_delivery(aigerim, ago(hours=1))
    cast.complain(sent)
    assert Subscription.objects.get().state == "unsubscribed"
    assert latest_decision(aigerim).unsubscribed_lists == [MailingList.objects.get().pk]
    assert FeedbackEvent.objects.get(kind="unsubscribe").newsletter == sent.mailing.edition.newsletter_id


def test_a_complaint_upgrades_a_weaker_decision(aigerim: Subscriber) -> None:
    sent = cast.returned(aigerim)
    cast.complain(sent)
    assert (latest_decision(aigerim).rule, SuppressionDecision.objects.count()) == ("complaint", 1)
    assert suppression.active_suppression(aigerim).reason == "complaint"


def test_a_complaint_needs_an_admin_and_a_new_sign_up(aigerim: Subscriber) -> None:
    monthly = MailingList.objects.get()
    cast.complain(cast.accepted_delivery(aigerim, ago(hours=1)))

    def sign_up_and_confirm() -> None:
        subscribe.request_signup(aigerim.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
        subscribe.confirm_signup(aigerim, Evidence(Channel.EMAIL_LINK), NOW)

    sign_up_and_confirm()
    assert stopped(aigerim)
    suppression_decision_states.revert(latest_decision(aigerim), "lola", NOW)
    assert stopped(aigerim) and Subscription.objects.get().state == "unsubscribed"
    sign_up_and_confirm()
    assert not stopped(aigerim) and Subscription.objects.get().state == "confirmed"
    assert Suppression.objects.get().lifted_by == "the subscriber's own sign-up"
    with pytest.raises(DecisionError, match="signed up again"):
        suppression_decision_states.reapply(latest_decision(aigerim), "lola", NOW)


@pytest.mark.parametrize("rule", ["complaint", "hard_bounce"])
def test_a_decision_about_an_erased_subscriber_hides_nothing_of_who_signs_up_again(
    aigerim: Subscriber, rule: str
) -> None:
    def happens(person: Subscriber, at: datetime) -> None:
        if rule == "complaint":
            cast.complain(cast.accepted_delivery(person, at - timedelta(hours=1)), at)
        else:
            cast.returned(person, "hard", at)

    monthly, back, later = MailingList.objects.get(), NOW + timedelta(days=100), NOW + timedelta(days=130)
    happens(aigerim, NOW)
    erase_and_suppress(aigerim.email, NOW + timedelta(days=1))
    subscribe.request_signup(aigerim.email, [monthly.pk], "en", (), Evidence(Channel.FORM), back)
    again = Subscriber.objects.get()
    subscribe.confirm_signup(again, Evidence(Channel.EMAIL_LINK), back)
    assert not stopped(again)
    happens(again, later)
    assert stopped(again)
    before, after = SuppressionDecision.objects.order_by("pk")
    assert (before.state, before.closed_at, before.closed_by) == (
        "reverted",
        back,
        "the subscriber's own sign-up",
    )
    assert (after.state, after.rule, after.subscriber) == ("applied", rule, again.pk)


def test_no_import_lifts_a_complaint(aigerim: Subscriber) -> None:
    import io

    cast.complain(cast.accepted_delivery(aigerim, ago(hours=1)))
    suppression_decision_states.revert(latest_decision(aigerim), "lola", NOW)
    file = io.BytesIO(f"email\n{aigerim.email}\n".encode())
    run = job_lifecycle.create(
        "people.csv", job_lifecycle.ImportOptions(MailingList.objects.get(), "a paper form"), NOW
    )
    job_lifecycle.read_file(run, file, lambda: NOW)
    job_lifecycle.start_apply(run, "lola", NOW)
    assert job_lifecycle.RUNNER.run(run, lambda: NOW, lambda: False)
    assert run.result["suppressed"] == 1 and stopped(aigerim)


def test_reopening_a_complaint_can_be_undone(aigerim: Subscriber) -> None:
    cast.complain(cast.accepted_delivery(aigerim, ago(hours=1)))
    suppression_decision_states.revert(latest_decision(aigerim), "lola", NOW)
    suppression_decision_states.reapply(latest_decision(aigerim), "lola", NOW)
    assert not suppression.may_sign_up(aigerim.email)
    assert (latest_decision(aigerim).state, Suppression.objects.count()) == ("applied", 1)


def test_an_unauthenticated_complaint_is_held(aigerim: Subscriber) -> None:
    cast.complain(aigerim)
    assert (latest_decision(aigerim).state, stopped(aigerim)) == ("held", False)
    suppression_decision_states.apply_waiting([latest_decision(aigerim)], NOW)
    assert stopped(aigerim)
    assert suppression.active_suppression(aigerim).reason == "complaint"


def test_a_reverted_complaint_is_not_applied_again(aigerim: Subscriber) -> None:
    cast.complain(aigerim)
    suppression_decision_states.revert(latest_decision(aigerim), "lola", NOW)
    assert not stopped(aigerim)
    cast.complain(aigerim, NOW + timedelta(days=1))
    assert latest_decision(aigerim).state == "held"


def test_evidence_is_limited_in_length(aigerim: Subscriber) -> None:
    for days in range(40, -1, -1):
        cast.returned(aigerim, "unknown", ago(days=days))
    assert len(Suppression.objects.get().evidence) <= 4000


@settings(max_examples=10)
@given(data=st.data())
def test_order_and_repetition_of_events_make_no_difference(aigerim: Subscriber, data: st.DataObject) -> None:
    """Twelve weekly copies, some of which come back, in one order and another, some of them twice."""
    fates = data.draw(st.lists(st.sampled_from(["soft", "soft", "block", "unknown", "hard"]), max_size=12))
    ends = []
    for _ in range(2):
        # Of one run nothing is left for the next: not even that the domain is watched for an outage.
        with transaction.atomic():
            copies = [
                (cast.accepted_delivery(aigerim, ago(days=7 * n)), fate) for n, fate in enumerate(fates)
            ]
            places = range(len(copies))
            order = data.draw(st.permutations(places))
            order += data.draw(st.lists(st.sampled_from(places))) if copies else []
            for place in order:
                sent, fate = copies[place]
                cast.bounce(sent, fate, NOW)
            ends.append((stopped(aigerim), SuppressionDecision.objects.filter(state="applied").count()))
            transaction.set_rollback(True)
    assert ends[0] == ends[1]

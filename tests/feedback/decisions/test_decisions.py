"""Verdicts on single readers: what stops an address, what is kept of it, and how it is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.feedback.decisions import decisions
from mailer.feedback.decisions.decisions import VerdictError
from mailer.feedback.models import FeedbackEvent, Verdict
from mailer.feedback.signals import on_unsubscribe
from subscribers import suppression
from subscribers.consent import Channel, Evidence
from subscribers.imports import jobs
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.subscribe import subscribe
from tests.feedback import cast
from tests.feedback.cast import NOW, ago, stopped, verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def aigerim() -> Subscriber:
    return cast.reader()


def test_a_verdict_keeps_all_that_it_rests_on(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = verdict(aigerim)
    assert (found.state, found.rule, found.stood_at) == ("standing", "hard_bounce", NOW)
    assert found.suppression == suppression.active_suppression(aigerim)
    (event,) = found.events.all()
    assert (event.reason, event.rule, event.status) == ("unknown_user", "rule of hard", "5.1.1")
    for part in ("does not exist", "the words of a server", "5.1.1", "rule of hard", "2022-03-01", "mail "):
        assert part in found.suppression.evidence


def test_all_soft_bounces_that_counted_are_kept(aigerim: Subscriber) -> None:
    for days in (40, 30, 20, 10, 0):
        cast.returned(aigerim, "soft", ago(days=days))
    assert verdict(aigerim).events.count() == 5
    assert verdict(aigerim).because == "5 copies came back over 40 days, and none arrived in between."
    assert stopped(aigerim)


def test_a_block_is_kept_and_has_no_verdict(aigerim: Subscriber) -> None:
    for days in range(30):
        cast.returned(aigerim, "block", ago(days=days))
    assert FeedbackEvent.objects.filter(bounce_class="block").count() == 30
    assert not Verdict.objects.exists()


def test_taking_back_mails_the_address_again_and_the_same_evidence_never_stops_it(
    aigerim: Subscriber,
) -> None:
    sent = cast.returned(aigerim)
    decisions.reverse(verdict(aigerim), "lola", NOW)
    assert not stopped(aigerim)
    assert (verdict(aigerim).state, verdict(aigerim).decided_by) == ("reversed", "lola")
    assert Suppression.objects.get().lifted_by == "lola"
    later = NOW + timedelta(days=2)
    # The same copy is reported again, in other words, and so is one that had left by then.
    cast.bounce(sent, "hard", later)
    cast.bounce(cast.copy(aigerim, ago(hours=2)), "hard", later)
    assert not stopped(aigerim)
    cast.returned(aigerim, "hard", NOW + timedelta(days=30))
    assert stopped(aigerim)


def test_taking_back_can_be_undone_and_done_again(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = verdict(aigerim)
    for _ in range(2):
        decisions.reverse(found, "lola", NOW)
        assert not stopped(aigerim)
        decisions.restore(found, "lola", NOW)
        assert stopped(aigerim)
    found.refresh_from_db()
    assert (found.state, found.decided_at, found.suppression.lifted_at) == ("standing", None, None)


def test_what_was_decided_already_is_not_decided_again(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    found = verdict(aigerim)
    with pytest.raises(VerdictError, match="was not taken back"):
        decisions.restore(found, "lola", NOW)
    decisions.reverse(found, "lola", NOW)
    with pytest.raises(VerdictError, match="decided about this address already"):
        decisions.reverse(found, "timur", NOW)
    cast.returned(aigerim, "hard", NOW + timedelta(days=30))
    with pytest.raises(VerdictError, match="newer verdict"):
        decisions.restore(found, "lola", NOW)
    aigerim.delete()
    with pytest.raises(VerdictError, match="erased"):
        decisions.restore(found, "lola", NOW)


def test_whom_a_person_stopped_stays_stopped_by_that_person(aigerim: Subscriber) -> None:
    suppression.suppress(aigerim, Suppression.Reason.MANUAL, "asked on the phone", NOW)
    cast.returned(aigerim)
    assert not Verdict.objects.exists()
    cast.complain(cast.copy(aigerim, ago(hours=1)))
    assert verdict(aigerim).rule == "complaint"


def test_a_new_address_starts_without_the_past_of_the_old(aigerim: Subscriber) -> None:
    cast.returned(aigerim)
    aigerim.email = "aigerim@new.example.net"
    aigerim.save()
    assert not stopped(aigerim)
    cast.returned(aigerim, "soft", NOW + timedelta(days=30))
    assert not stopped(aigerim)
    cast.returned(aigerim, "hard", NOW + timedelta(days=60))
    assert stopped(aigerim)


def test_a_complaint_ends_every_subscription_and_names_the_lists(aigerim: Subscriber) -> None:
    on_unsubscribe.connect()
    sent = cast.copy(aigerim, ago(hours=1))
    cast.complain(sent)
    assert Subscription.objects.get().state == "unsubscribed"
    assert verdict(aigerim).ended_lists == [MailingList.objects.get().pk]
    assert FeedbackEvent.objects.get(kind="unsubscribe").newsletter == sent.mailing.edition.newsletter_id


def test_a_complaint_replaces_a_weaker_verdict(aigerim: Subscriber) -> None:
    sent = cast.returned(aigerim)
    cast.complain(sent)
    assert (verdict(aigerim).rule, Verdict.objects.count()) == ("complaint", 1)
    assert suppression.active_suppression(aigerim).reason == "complaint"


def test_a_complaint_is_lifted_by_an_admin_and_the_readers_own_sign_up_together(aigerim: Subscriber) -> None:
    monthly = MailingList.objects.get()
    cast.complain(cast.copy(aigerim, ago(hours=1)))

    def sign_up_and_confirm() -> None:
        subscribe.request(aigerim.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
        subscribe.confirm(aigerim, Evidence(Channel.EMAIL_LINK), NOW)

    sign_up_and_confirm()
    assert stopped(aigerim)
    decisions.reverse(verdict(aigerim), "lola", NOW)
    assert stopped(aigerim) and Subscription.objects.get().state == "unsubscribed"
    sign_up_and_confirm()
    assert not stopped(aigerim) and Subscription.objects.get().state == "confirmed"
    assert Suppression.objects.get().lifted_by == "the reader's own sign-up"
    with pytest.raises(VerdictError, match="signed up again"):
        decisions.restore(verdict(aigerim), "lola", NOW)


def test_no_import_lifts_a_complaint_also_when_an_admin_has_reopened_it(aigerim: Subscriber) -> None:
    import io

    cast.complain(cast.copy(aigerim, ago(hours=1)))
    decisions.reverse(verdict(aigerim), "lola", NOW)
    file = io.BytesIO(f"email\n{aigerim.email}\n".encode())
    run = jobs.begin("people.csv", jobs.Wish(MailingList.objects.get(), "a paper form"), NOW)
    jobs.read(run, file, lambda: NOW)
    jobs.start_applying(run, "lola", NOW)
    assert jobs.work(run, lambda: NOW, lambda: False)
    assert run.done["suppressed"] == 1 and stopped(aigerim)


def test_reopening_a_complaint_can_be_undone(aigerim: Subscriber) -> None:
    cast.complain(cast.copy(aigerim, ago(hours=1)))
    decisions.reverse(verdict(aigerim), "lola", NOW)
    decisions.restore(verdict(aigerim), "lola", NOW)
    assert not suppression.may_sign_up(aigerim.email)
    assert (verdict(aigerim).state, Suppression.objects.count()) == ("standing", 1)


def test_a_complaint_that_nothing_proves_waits_for_a_person_and_stops_nobody(aigerim: Subscriber) -> None:
    cast.complain(aigerim)
    assert (verdict(aigerim).state, stopped(aigerim)) == ("held", False)
    decisions.confirm([verdict(aigerim)], NOW)
    assert stopped(aigerim)
    assert suppression.active_suppression(aigerim).reason == "complaint"


def test_whoever_is_told_to_keep_is_kept(aigerim: Subscriber) -> None:
    cast.complain(aigerim)
    decisions.reverse(verdict(aigerim), "lola", NOW)
    assert not stopped(aigerim)
    cast.complain(aigerim, NOW + timedelta(days=1))
    assert verdict(aigerim).state == "held"


def test_the_words_of_a_suppression_stay_short_however_much_came_back(aigerim: Subscriber) -> None:
    for days in range(40, -1, -1):
        cast.returned(aigerim, "unknown", ago(days=days))
    assert len(Suppression.objects.get().evidence) <= 4000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_in_whatever_order_and_however_often_things_arrive_the_end_is_the_same(
    aigerim: Subscriber, data: st.DataObject
) -> None:
    """Twelve weekly copies, some of which come back, in one order and another, some of them twice."""
    fates = data.draw(st.lists(st.sampled_from(["soft", "soft", "block", "unknown", "hard"]), max_size=12))
    ends = []
    for _ in range(2):
        # Of one run nothing is left for the next: not even that the domain is watched for an outage.
        with transaction.atomic():
            copies = [(cast.copy(aigerim, ago(days=7 * n)), fate) for n, fate in enumerate(fates)]
            places = range(len(copies))
            order = data.draw(st.permutations(places))
            order += data.draw(st.lists(st.sampled_from(places))) if copies else []
            for place in order:
                sent, fate = copies[place]
                cast.bounce(sent, fate, NOW)
            ends.append((stopped(aigerim), Verdict.objects.filter(state="standing").count()))
            transaction.set_rollback(True)
    assert ends[0] == ends[1]

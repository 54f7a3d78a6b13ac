from __future__ import annotations

import email
import email.policy
import time
from contextlib import nullcontext

import pytest
from django.conf import settings

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.delivery import message_identifiers
from mailer.delivery.engine import configured_transport, send_loop
from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Alert, Delivery, Mailing
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.rollout import mailing_control
from subscribers.models import Subscriber, Subscription, Suppression
from subscribers.suppression import suppress
from tests import cast
from tests.delivery.cast import Clock, balances, readers, reasons, released, send, states
from tests.delivery.deadlines import claimed_by_another_after_a_step
from tests.delivery.relay import DROP, Relay, Script

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_planned_subscriber_gets_one_message(relay):
    readers(40)
    mailing = released()
    summary = send()
    assert summary.accepted == 40 and summary.finished == [mailing.pk] and summary.error == ""
    assert relay.recipients() == sorted(f"reader-{n}@example.net" for n in range(40))
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.DONE and mailing.finished_at is not None
    assert states(mailing) == {"accepted": 40}
    assert relay.connections <= 3
    assert balances(mailing)
    assert list(recover_and_finish.journal_folder().iterdir()) == []


def test_a_message_names_its_delivery_in_envelope_sender_and_message_id(relay):
    reader = cast.reader("aida", ("KZ",), "kk")
    mailing = released()
    send()
    delivery = Delivery.objects.get(mailing=mailing)
    (taken,) = relay.taken
    mail = email.message_from_bytes(taken.message, policy=email.policy.default)
    assert message_identifiers.read_envelope_sender(taken.sender) == delivery.pk
    assert message_identifiers.read_message_id(mail["Message-ID"]) == delivery.pk
    assert mail["To"] == reader.email and not mail.defects
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "queued as 1" in delivery.reply and delivery.attempts == 1


@pytest.mark.parametrize(
    ("bounces", "offered"),
    [
        ({"domain": "bounces.example.org"}, True),
        ({"domain": "", "maildir": "box"}, True),
        ({"domain": ""}, False),
    ],
)
def test_unsubscription_by_email_is_offered_only_where_such_mail_can_reach_this_system(
    relay, configure, bounces, offered
):
    configure(bounces=bounces)
    readers(1)
    released()
    send()
    (taken,) = relay.taken
    mail = email.message_from_bytes(taken.message, policy=email.policy.default)
    assert mail["List-Unsubscribe"].startswith("<http://localhost:8000/unsubscribe/")
    assert ("<mailto:u+" in mail["List-Unsubscribe"]) == offered


def test_unsubscribed_suppressed_and_erased_subscribers_get_nothing(relay):
    readers(4)
    mailing = released()
    people = list(Subscriber.objects.order_by("pk"))
    Subscription.objects.filter(subscriber=people[0]).update(state="unsubscribed")
    suppress(people[1], Suppression.Reason.COMPLAINT, "", cast.NOW)
    people[2].delete()
    send()
    assert relay.recipients() == ["reader-3@example.net"]
    assert reasons(mailing) == {
        "reader-0": "unsubscribed",
        "reader-1": "suppressed",
        "erased": "erased",
        "reader-3": "accepted",
    }
    assert balances(mailing)


def test_an_address_changed_since_planning_is_used(relay):
    reader = cast.reader("old")
    released()
    reader.email = "new@example.net"
    reader.save()
    send()
    assert relay.recipients() == ["new@example.net"]


@pytest.mark.parametrize(
    ("reply", "state", "mailing_state"),
    [("550 5.1.1 no such user", "refused", "done"), ("451 4.7.1 later", "deferred", "sending")],
)
def test_addresses_that_are_not_accepted_do_not_stop_the_others(relay, reply, state, mailing_state):
    relay.script.rcpt = lambda to: reply if to.startswith("reader-1") else None
    readers(50)
    mailing = released()
    send()
    assert states(mailing) == {"accepted": 39, state: 11}
    assert Delivery.objects.filter(state=state).first().reply.startswith(f"{reply} (")
    mailing.refresh_from_db()
    assert mailing.state == mailing_state


def test_a_deferred_delivery_is_tried_again_with_the_same_identifiers(relay):
    seen = []
    relay.script.dot = lambda to: "451 4.7.1 later" if to.startswith("reader-1@") and not seen else None
    readers(3)
    mailing = released()
    clock = Clock()
    send(clock)
    assert states(mailing) == {"accepted": 2, "deferred": 1}
    assert balances(mailing)
    seen.append(True)
    clock.move(minutes=4)
    assert send(clock).attempted == 0
    clock.move(minutes=2)
    assert send(clock).finished == [mailing.pk]
    first, second = (t for t in relay.taken if t.recipient.startswith("reader-1@"))
    assert (first.message_id, first.sender) == (second.message_id, second.sender)
    assert Delivery.objects.get(pk=message_identifiers.read_envelope_sender(first.sender)).attempts == 2


def test_a_delivery_deferred_past_the_expiry_is_refused(relay):
    relay.script.rcpt = lambda to: "451 4.7.1 later"
    readers(1)
    mailing = released()
    clock = Clock()
    send(clock)
    clock.move(hours=72)
    assert send(clock).finished == [mailing.pk]
    assert reasons(mailing) == {"reader-0": "expired"}


def test_an_unreachable_relay_changes_no_delivery(configure, relay):
    readers(3)
    mailing = released()
    configure(smtp={"port": 1})
    clock = Clock()
    summary = send(clock)
    assert "cannot be reached" in summary.error
    assert states(mailing) == {"planned": 3}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    configure(smtp={"port": relay.port})
    # It is not tried again at once.
    assert send(clock).accepted == 0
    clock.move(minutes=2)
    assert send(clock).accepted == 3


@pytest.mark.parametrize("fault", ["greeting", "mail"])
def test_a_rejection_of_our_server_pauses_the_mailing_and_changes_no_delivery(relay, fault):
    no = "550 5.7.1 we do not like you"
    setattr(relay.script, fault, no if fault == "greeting" else lambda sender: no)
    readers(30)
    mailing = released()
    summary = send()
    mailing.refresh_from_db()
    assert "do not like you" in summary.error and "do not like you" in mailing.reason
    assert mailing.state == Mailing.State.PAUSED
    assert states(mailing) == {"planned": 30} and relay.taken == []
    relay.script.greeting, relay.script.mail = "220 hi", lambda sender: None
    mailing_control.resume(mailing, None, cast.NOW)
    assert send().accepted == 30


def test_rejected_commands_pause_the_mailing_and_refuse_no_one(relay):
    relay.script.rcpt = lambda to: "555 5.5.4 we do not like this option"
    readers(40)
    mailing = released()
    send()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED and "do not like this option" in mailing.reason
    assert not Delivery.objects.filter(state="refused").exists()
    assert Alert.objects.filter(message__contains="do not like this option").exists()


@pytest.mark.parametrize("stage", ["rcpt", "mail", "greeting"])
def test_the_reply_that_stopped_a_mailing_is_shown_without_addresses(relay, stage):
    reply = "554 5.7.1 <reader-3@example.net>: blocked for poor reputation"
    setattr(relay.script, stage, reply if stage == "greeting" else lambda to: reply)
    readers(40)
    mailing = released()
    send()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    for text in (mailing.reason, *Alert.objects.values_list("message", flat=True)):
        assert "reader-" not in text and "blocked for poor reputation" in text


def test_dsn_that_is_offered_and_rejected_is_not_used_by_the_next_session(configure, relay):
    relay.script.offers += ("DSN",)
    relay.script.rcpt = lambda to: "555 5.5.4 unsupported" if "NOTIFY=" in relay.commands[-1] else None
    configure(smtp={"port": relay.port, "connections": 1, "messages_per_connection": 5})
    readers(12)
    mailing = released()
    send()
    assert states(mailing) == {"accepted": 12} and relay.connections == 3
    assert sum("NOTIFY=" in line for line in relay.commands) == 1


def test_a_delivery_in_doubt_is_sent_again_once(relay):
    drops = []

    def drop(to):
        if to.startswith("reader-1@") and len(drops) < 1:
            drops.append(to)
            return DROP
        return None

    relay.script.dot = drop
    readers(4)
    mailing = released()
    assert send().in_doubt == 1
    assert states(mailing) == {"accepted": 3, "in_doubt": 1} and balances(mailing)
    assert send().finished == [mailing.pk]
    copies = [t for t in relay.taken if t.recipient.startswith("reader-1@")]
    assert len(copies) == 2 and len({t.message_id for t in copies}) == 1


def test_a_delivery_in_doubt_twice_stays_in_doubt(relay):
    relay.script.dot = lambda to: DROP
    readers(1)
    mailing = released()
    for _ in range(4):
        send()
    assert len(relay.taken) == 2
    assert states(mailing) == {"in_doubt": 1}
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.DONE and balances(mailing)


def test_with_in_doubt_leave_nothing_is_sent_twice(configure, relay):
    configure(sending={"in_doubt": "leave"})
    relay.script.dot = lambda to: DROP if to.startswith("reader-1@") else None
    readers(3)
    mailing = released()
    send()
    send()
    assert len([t for t in relay.taken if t.recipient.startswith("reader-1@")]) == 1
    assert states(mailing) == {"accepted": 2, "in_doubt": 1}


def test_a_server_without_pipelining_and_with_few_messages_a_session_gets_all(relay):
    relay.script.offers, relay.script.per_connection = (), 3
    readers(20)
    mailing = released()
    while not send().finished:
        pass
    assert len(relay.taken) == 20 and states(mailing) == {"accepted": 20}


def test_a_stop_ends_the_call_and_loses_no_delivery(relay):
    relay.script.latency = 0.05
    readers(200)
    mailing = released()
    # Asked between two rounds of the send loop.
    send_loop.send_due(Clock(), lambda: len(relay.taken) > 5)
    found = states(mailing)
    assert 5 < found["accepted"] == len(relay.taken) < 200
    # On a slow machine the provider may seem slow, and some deliveries are deferred for that.
    assert found["accepted"] + found.get("planned", 0) + found.get("deferred", 0) == 200
    assert balances(mailing) and list(recover_and_finish.journal_folder().iterdir()) == []
    relay.script.latency = 0
    clock = Clock()
    clock.move(minutes=2)
    send(clock)
    assert states(mailing) == {"accepted": 200}


def test_pausing_stops_a_mailing_that_is_being_sent(relay):
    relay.script.latency = 0.05
    readers(300)
    mailing = released()

    def look():
        """Called by the engine between two rounds, in its own thread."""
        if len(relay.taken) > 5 and mailing.state == Mailing.State.SENDING:
            mailing_control.pause(mailing, None, cast.NOW)
        return False

    mailing.refresh_from_db()
    send_loop.send_due(Clock(), look)
    found = states(mailing)
    # On a busy machine their provider may seem slow, and some wait for that.
    unsent = found.get("planned", 0) + found.get("deferred", 0)
    assert 0 < found["accepted"] < 300 and found["accepted"] + unsent == 300
    mailing.refresh_from_db()
    mailing_control.cancel(mailing, None, cast.NOW)
    assert states(mailing) == {"accepted": len(relay.taken), "excluded": 300 - len(relay.taken)}


def test_a_worker_sends_nothing_that_another_holds_since_the_clock_was_set_forward(configure, relay):
    configure(smtp={"port": relay.port, "connections": 1})
    relay.script.latency = 0.05
    readers(30)
    mailing = released()
    clock, others = Clock(), []

    def look():
        if len(relay.taken) > 5 and not others:
            others.extend(claimed_by_another_after_a_step(clock, mailing))
        return False

    send_loop.send_due(clock, look)
    sent = relay.recipients()
    assert others and not {one.email for one in others}.intersection(sent)
    assert len(sent) == len(set(sent)) == 30 - len(others)
    assert states(mailing) == {"accepted": len(sent), "claimed": len(others)}


def test_content_without_approval_is_not_sent(relay):
    readers(2)
    mailing = released()
    Snapshot.objects.filter(pk=mailing.snapshot_id).update(state="broken")
    send()
    mailing.refresh_from_db()
    assert relay.taken == [] and mailing.state == Mailing.State.PAUSED
    assert Alert.objects.get().kind == "not_approved"


def test_a_changed_variant_is_not_sent(relay):
    readers(2)
    mailing = released()
    used = SnapshotVariant.objects.get(pk=Delivery.objects.first().variant_id)
    _tamper(used)
    send()
    mailing.refresh_from_db()
    assert relay.taken == [] and mailing.state == Mailing.State.PAUSED
    assert Alert.objects.get().kind == "not_approved"
    assert states(mailing) == {"planned": 2}


def _tamper(variant):
    """Replace the row behind the triggers' back: they refuse a change, not a new row."""
    rows = list(Delivery.objects.filter(variant=variant).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=rows).update(variant=None)
    pk = variant.pk
    SnapshotVariant.objects.filter(pk=pk)._raw_delete("default")
    variant.html = variant.html.replace("Headline", "Other words")
    variant.save(force_insert=True)
    Delivery.objects.filter(pk__in=rows).update(variant_id=pk)


def test_the_rate_per_second_is_kept(configure, relay):
    configure(sending={"rate_per_second": 20})
    readers(10)
    released()
    started = time.monotonic()
    send()
    assert len(relay.taken) == 10 and time.monotonic() - started >= 9 / 20


def test_a_relay_that_grants_fewer_connections_still_gets_all(configure):
    with Relay(Script(latency=0.002)) as server:
        greet = server.script

        class Choosy(str):
            def replace(self, *_):
                return "421 4.7.0 too many" if server.open_now > 2 else "220 hi"

            def startswith(self, what):
                return server.open_now <= 2

        greet.greeting = Choosy("220 hi")
        configure(smtp={"port": server.port, "connections": 6})
        readers(60)
        mailing = released()
        send()
        assert states(mailing) == {"accepted": 60}


class _Sleeper:
    """A transport with which the machine sleeps: it returns the first jobs untried when the lease is over."""

    def __init__(self, clock):
        self.clock = clock
        self.held = {}
        self.collected = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, jobs):
        for job in jobs:
            assert job.claimed.id not in self.held, "two jobs for one delivery"
            self.held[job.claimed.id] = job

    def collect(self, seconds):
        self.collected += 1
        if self.collected == 1:
            self.clock.move(minutes=settings.CONFIG.sending.lease_minutes + 1)
            # Another worker does so meanwhile.
            recover_and_finish.recover(self.clock())
            return []
        kind = ReplyClass.NOT_TRIED if self.collected == 2 else ReplyClass.ACCEPTED
        found = [(job.claimed, Outcome(kind, "250 2.0.0 queued")) for job in self.held.values()]
        self.held.clear()
        return found

    def take_errors(self):
        return []

    def drop_mailing(self, mailing):
        pass

    def stop(self, grace):
        pass


def test_a_delivery_is_claimed_again_only_once_its_job_is_back(monkeypatch, relay):
    readers(3)
    mailing = released()
    clock = Clock()
    transport = _Sleeper(clock)
    monkeypatch.setattr(configured_transport, "open_transport", lambda *_: nullcontext(transport))
    summary = send(clock)
    assert summary.accepted == 3 and states(mailing) == {"accepted": 3}

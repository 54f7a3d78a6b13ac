from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mailer.delivery.ledger import claim_and_record, recover_and_finish
from mailer.delivery.ledger.attempt_journal import (
    FoundJournal,
    Journal,
    LoggedReply,
    consume_recoverable_journals,
)
from mailer.delivery.ledger.attempt_types_and_retry_schedule import result_of
from mailer.delivery.models import Claim, Delivery, Mailing
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.rollout import mailing_control
from subscribers.models import Subscriber, Subscription
from tests.delivery.cast import NOW, Clock, balances, readers, released, states
from tests.environment import examples

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
LEASE = timedelta(minutes=20)
TRIED = [one for one in ReplyClass if one not in (ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW)]


def take(mailing, owner, limit=100, now=NOW):
    return claim_and_record.claim_or_exclude_due_deliveries(mailing, owner, now + LEASE, limit, now)


def settle(claimed, reply_class, owner, now=NOW, code=250):
    outcome = Outcome(reply_class, f"{code} reply", code)
    claim_and_record.record([result_of(one.id, one.attempt, outcome, now, None) for one in claimed], owner)


def test_two_owners_never_claim_the_same_delivery():
    readers(10)
    mailing = released()
    first, second = take(mailing, "a", 6), take(mailing, "b", 6)
    assert len(first) == 6 and len(second) == 4
    assert not {one.id for one in first} & {one.id for one in second}


def test_a_result_from_another_owner_changes_nothing():
    readers(1)
    mailing = released()
    claimed = take(mailing, "a")
    settle(claimed, ReplyClass.ACCEPTED, "b")
    assert states(mailing) == {"claimed": 1}
    settle(claimed, ReplyClass.ACCEPTED, "a")
    settle(claimed, ReplyClass.REFUSED, "a", code=550)
    assert states(mailing) == {"accepted": 1}


def test_after_an_expired_lease_a_late_result_still_settles_the_delivery(configure):
    configure(sending={"in_doubt": "leave"})
    readers(2)
    mailing = released()
    claimed = take(mailing, "a")
    recover_and_finish.recover(NOW + LEASE + timedelta(seconds=1))
    assert states(mailing) == {"in_doubt": 2}
    settle(claimed[:1], ReplyClass.ACCEPTED, "a")
    assert states(mailing) == {"in_doubt": 1, "accepted": 1}


def query_plans(action: Callable[[], object]) -> list[str]:
    """How SQLite executes each statement about deliveries. PostgreSQL decides by what the tables hold."""
    statements = {}

    def note(execute, sql, params, many, context):
        if "mailer_delivery" in sql:
            statements.setdefault(sql, params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        action()
    plans = []
    for sql, params in statements.items():
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + sql, params)
            plans.append(" / ".join(row[3] for row in cursor.fetchall()))
    return plans


@pytest.mark.sqlite
def test_claiming_uses_the_partial_indexes():
    readers(3)
    mailing = released()
    plans = query_plans(
        lambda: (take(mailing, "a"), claim_and_record.has_due_delivery(mailing, NOW)),
    )
    used = set()
    for plan in plans:
        found = {name for name in ("delivery_planned", "delivery_deferred") if f"INDEX {name}" in plan}
        assert found, plan
        assert "SCAN mailer_delivery" not in plan and "SCAN d" not in plan, plan
        used |= found
    assert used == {"delivery_planned", "delivery_deferred"}
    assert any("u USING COVERING INDEX subscription_audience" in plan for plan in plans)


@pytest.mark.sqlite
def test_whether_a_mailing_is_finished_is_known_without_reading_its_deliveries():
    """It is asked after every round of sending, also while some deliveries of a million wait for a retry."""
    readers(3)
    released()
    (plan,) = query_plans(lambda: recover_and_finish.finish_mailings(NOW))
    assert "delivery_claimed" in plan and "sqlite_autoindex_mailer_delivery" not in plan, plan


def test_recovery_uses_the_journal_of_a_dead_process(configure):
    readers(4)
    mailing = released()
    journal = Journal.open(recover_and_finish.journal_folder())
    answered, refused, doubtful, untried = take(mailing, journal.owner)
    journal.log_attempt(answered.id, 1)
    journal.log_reply(answered.id, 1, 250, "250 2.0.0 queued\nas 7")
    journal.log_attempt(refused.id, 1)
    journal.log_reply(refused.id, 1, 550, "550 5.1.1 no")
    journal.log_attempt(doubtful.id, 1)
    assert recover_and_finish.recover(NOW) == 0, "its writer is alive"
    journal.close()
    assert recover_and_finish.recover(NOW) == 4
    found = dict(Delivery.objects.values_list("pk", "state"))
    assert [found[one.id] for one in (answered, refused, doubtful, untried)] == [
        "accepted",
        "refused",
        "in_doubt",
        "planned",
    ]
    assert Delivery.objects.get(pk=answered.id).reply == "250 2.0.0 queued as 7"
    assert Delivery.objects.get(pk=untried.id).attempts == 0
    assert list(recover_and_finish.journal_folder().iterdir()) == []


def stopped_for_longer_than_its_lease(mailing):
    """Four deliveries of a process that still exists: answered, without a reply, refused, and untried."""
    journal = Journal.open(recover_and_finish.journal_folder())
    answered, doubtful, refused, untried = take(mailing, journal.owner, 4)
    for one in (answered, doubtful, refused):
        journal.log_attempt(one.id, 1)
    journal.log_reply(answered.id, 1, 250, "250 2.0.0 queued")
    journal.log_reply(refused.id, 1, 550, "550 5.1.1 no")
    return journal, (answered, doubtful, refused, untried)


def test_an_expired_lease_is_settled_by_a_journal_of_this_machine_although_its_process_exists(configure):
    readers(5)
    mailing = released()
    journal, claimed = stopped_for_longer_than_its_lease(mailing)
    later = NOW + LEASE + timedelta(seconds=1)
    # A claim that is renewed meanwhile is left alone.
    assert len(take(mailing, journal.owner, now=later)) == 1
    assert recover_and_finish.recover(later) == 4
    found = {row.pk: row for row in Delivery.objects.all()}
    expected = ["accepted", "in_doubt", "refused", "planned"]
    assert [found[one.id].state for one in claimed] == expected
    assert found[claimed[-1].id].attempts == found[claimed[-1].id].doubts == 0
    assert claim_and_record.delete_settled_claims_any_left(journal.owner) and states(mailing)["claimed"] == 1
    # What it reports when it goes on changes nothing more.
    (again,) = take(mailing, "b", now=later)
    assert again.id == claimed[-1].id
    settle(claimed[:1], ReplyClass.ACCEPTED, journal.owner)
    claim_and_record.release([claimed[-1].id], journal.owner, later)
    assert states(mailing) == {"accepted": 1, "in_doubt": 1, "refused": 1, "claimed": 2}
    journal.close()


def test_what_another_machine_knows_of_an_expired_lease_settles_it_when_it_comes_back(configure, tmp_path):
    configure(sending={"in_doubt": "leave"})
    readers(4)
    mailing = released()
    journal, claimed = stopped_for_longer_than_its_lease(mailing)
    folder = tmp_path / "data"
    elsewhere = folder.rename(tmp_path / "another machine")
    recover_and_finish.recover(NOW + LEASE + timedelta(seconds=1))
    assert states(mailing) == {"in_doubt": 4}
    # One that it had not begun is due again, and was never in doubt.
    claim_and_record.release([claimed[-1].id], journal.owner, NOW)
    row = Delivery.objects.get(pk=claimed[-1].id)
    assert (row.state, row.attempts, row.doubts) == ("deferred", 0, 0)
    # The rest is settled from its journal when it dies.
    elsewhere.rename(folder)
    journal.close()
    recover_and_finish.recover(NOW + LEASE + timedelta(seconds=2))
    assert states(mailing) == {"accepted": 1, "in_doubt": 1, "refused": 1, "deferred": 1}


def test_nothing_is_released_into_a_mailing_that_is_done(configure):
    configure(sending={"in_doubt": "leave"})
    readers(1)
    mailing = released()
    claimed = take(mailing, "a")
    recover_and_finish.recover(NOW + LEASE + timedelta(seconds=1))
    assert recover_and_finish.finish_mailings(NOW) == [mailing.pk]
    claim_and_record.release([claimed[0].id], "a", NOW)
    assert states(mailing) == {"in_doubt": 1}


def test_a_doubt_counts_once_although_lease_and_owner_report_it():
    readers(1)
    mailing = released()
    claimed = take(mailing, "a")
    recover_and_finish.recover(NOW + LEASE + timedelta(seconds=1))
    settle(claimed, ReplyClass.IN_DOUBT, "a")
    assert Delivery.objects.get().doubts == 1


def test_a_claim_goes_on_behind_those_of_other_workers():
    readers(9)
    mailing = released()
    first, second, third = take(mailing, "a", 2), take(mailing, "b", 2), take(mailing, "a", 2)
    settle(second, ReplyClass.ACCEPTED, "b")
    claim_and_record.release([first[0].id], "a", NOW)
    claimed = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "b", NOW + LEASE, 3, NOW, resume_after=second[-1].id
    )
    assert [one.id for one in claimed] == [third[-1].id + 1, third[-1].id + 2, third[-1].id + 3]
    (last,) = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "b", NOW + LEASE, 3, NOW, resume_after=claimed[-1].id
    )
    assert last.id == first[0].id


def test_after_a_reboot_every_claimed_delivery_is_in_doubt(configure):
    readers(3)
    mailing = released()
    journal = Journal.open(recover_and_finish.journal_folder(), boot_id="another boot")
    take(mailing, journal.owner)
    journal.close()
    recover_and_finish.recover(NOW)
    assert states(mailing) == {"in_doubt": 3}


def test_an_unfinished_line_is_ignored(tmp_path):
    journal = Journal.open(tmp_path)
    journal.log_attempt(7, 1)
    journal.close()
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b"8 1")
    (found,) = consume_recoverable_journals(tmp_path)
    assert found.attempts == {(7, 1): None} and found.complete


def test_deliveries_released_into_a_cancelled_mailing_are_excluded(configure):
    readers(2)
    mailing = released()
    journal = Journal.open(recover_and_finish.journal_folder())
    take(mailing, journal.owner)
    mailing_control.cancel(mailing, None, NOW)
    journal.close()
    recover_and_finish.recover(NOW)
    recover_and_finish.exclude_cancelled()
    assert states(mailing) == {"excluded": 2} and balances(mailing)


class Machine(RuleBasedStateMachine):
    """After any sequence of events, the totals count every delivery exactly once."""

    def __init__(self):
        super().__init__()
        Mailing.objects.all().update(state="sending", finished_at=None, reason="")
        Claim.objects.all().delete()
        Delivery.objects.all().update(
            state="planned", claimed_by="", attempts=0, doubts=0, due_at=None, reason="", reply=""
        )
        Subscription.objects.update(state="confirmed")
        self.mailing = Mailing.objects.select_related("snapshot").get()
        self.clock = Clock()
        self.held = {"a": [], "b": []}
        # Claimed with a lease that ended, while the owner was stopped.
        self.late = {"a": [], "b": []}

    owners = st.sampled_from("ab")

    @rule(owner=owners, limit=st.integers(1, 8))
    def claim(self, owner, limit):
        claimed = take(self.mailing, owner, limit, self.clock())
        assert not {c.id for c in claimed} & {
            c.id for held in self.held.values() for c, until in held if until
        }
        self.held[owner] += [(one, self.clock() + LEASE) for one in claimed]
        # The send loop makes no second job for a delivery of which it holds one.
        again = {one.id for one in claimed}
        self.late[owner] = [one for one in self.late[owner] if one.id not in again]

    @rule(owner=owners, reply_class=st.sampled_from(TRIED))
    def result(self, owner, reply_class):
        if self.held[owner]:
            one, _ = self.held[owner].pop()
            settle([one], reply_class, owner, self.clock())

    @rule(owner=owners, number=st.integers(1, 4))
    def accept(self, owner, number):
        held = self.held[owner]
        claim_and_record.record_accepted(
            {"250 queued": [held.pop(0)[0].id for _ in held[:number]]}, owner, self.clock()
        )

    @rule(owner=owners, places=st.sets(st.integers(0, 11)))
    def release(self, owner, places):
        given = {one.id for place, (one, _) in enumerate(self.held[owner]) if place in places}
        claim_and_record.release(given, owner, self.clock())
        self.held[owner] = [(one, until) for one, until in self.held[owner] if one.id not in given]

    @rule(owner=owners, begun=st.integers(0, 3), answered=st.integers(0, 2), whole=st.booleans())
    def die(self, owner, begun, answered, whole):
        """The owner is killed after so many final dots and so many replies to them."""
        attempts = {(one.id, one.attempt): None for one, _ in self.held[owner][:begun]}
        spoken = dict.fromkeys(list(attempts)[:answered], LoggedReply(250, "250 queued"))
        recover_and_finish._replay(FoundJournal(owner, whole, {**attempts, **spoken}), self.clock())
        accepted = Delivery.objects.filter(state="accepted").values_list("pk", flat=True)
        assert {delivery for delivery, _ in spoken} <= set(accepted)
        self.held[owner].clear()
        assert not claim_and_record.delete_settled_claims_any_left(owner)

    @rule(owner=owners)
    def put_off(self, owner):
        if self.held[owner]:
            one, _ = self.held[owner].pop()
            claim_and_record.defer([(one.id, self.clock() + timedelta(minutes=10))], owner, "pace")

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes):
        self.clock.move(minutes=minutes)
        recover_and_finish.recover(self.clock())
        recover_and_finish.settle_or_resend_in_doubt(self.clock())
        for owner, held in self.held.items():
            self.late[owner] += [one for one, until in held if until < self.clock()]
            held[:] = [(one, until) for one, until in held if until >= self.clock()]

    @rule(owner=owners, tried=st.booleans(), number=st.integers(1, 4))
    def wake_up(self, owner, tried, number):
        """The owner of expired leases reports what it knows of them, and sends nothing."""
        found, self.late[owner] = self.late[owner][:number], self.late[owner][number:]
        before = {(row.pk, row.claimed_by, row.attempts) for row in Delivery.objects.filter(state="in_doubt")}
        if tried:
            settle(found, ReplyClass.IN_DOUBT, owner, self.clock())
            return
        claim_and_record.release([one.id for one in found], owner, self.clock())
        for one in found:
            if (one.id, owner, one.attempt) in before:
                row = Delivery.objects.get(pk=one.id)
                assert (row.state, row.attempts) == ("deferred", one.attempt - 1)

    @rule(number=st.integers(0, 11), state=st.sampled_from(["unsubscribed", "confirmed"]))
    def unsubscribe_or_resubscribe(self, number, state):
        Subscription.objects.filter(subscriber__email=f"reader-{number}@example.net").update(state=state)

    @rule()
    def pause(self):
        if self.mailing.state == "sending":
            mailing_control.pause(self.mailing, None, self.clock())

    @rule()
    def resume(self):
        if self.mailing.state == "paused":
            mailing_control.resume(self.mailing, None, self.clock())

    @invariant()
    def balanced(self):
        assert balances(self.mailing)
        assert sum(states(self.mailing).values()) == 12
        assert states(self.mailing).get("claimed", 0) == sum(map(len, self.held.values()))

    @invariant()
    def no_other_owner_has_a_claimed_delivery(self):
        claims = sorted(Claim.objects.values_list("first", "last", "owner"))
        assert all(one[1] < following[0] for one, following in itertools.pairwise(claims))
        for owner, held in self.held.items():
            for one, _ in held:
                row = Delivery.objects.get(pk=one.id)
                within = [claim for claim in claims if claim[0] <= row.pk <= claim[1]]
                assert row.claimed_by == owner or (row.state, within[0][2]) == ("planned", owner)


def test_the_totals_balance_after_any_sequence_of_events(configure):
    readers(12)
    released()
    assert Subscriber.objects.count() == 12
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=examples(10),
            stateful_step_count=25,
            database=None,
            suppress_health_check=checks,
        ),
    )


def test_a_deferred_delivery_is_due_at_its_time_and_no_attempt_is_counted():
    readers(3)
    mailing = released()
    claimed = take(mailing, "a")
    claim_and_record.defer(
        [(one.id, NOW + timedelta(minutes=n)) for n, one in enumerate(claimed, 1)], "a", "pace"
    )
    assert states(mailing) == {"deferred": 3} and not take(mailing, "a")
    (first,) = take(mailing, "a", now=NOW + timedelta(minutes=1))
    assert (first.id, first.attempt) == (claimed[0].id, 1)
    claim_and_record.defer([(claimed[1].id, NOW)], "b")
    assert states(mailing) == {"claimed": 1, "deferred": 2} and balances(mailing)


def test_a_rollout_gives_no_delivery_beyond_its_step():
    readers(5)
    mailing = released()
    numbers = sorted(Delivery.objects.values_list("pk", flat=True))
    mailing.released_up_to = numbers[1]
    assert [one.id for one in take(mailing, "a")] == numbers[:2]
    assert not claim_and_record.has_due_delivery(mailing, NOW)
    mailing.released_up_to = None
    assert [one.id for one in take(mailing, "a")] == numbers[2:]


def test_a_released_delivery_is_claimed_although_later_ones_were_claimed_before():
    readers(4)
    mailing = released()
    first, second = take(mailing, "a", 2), take(mailing, "a", 1)
    claim_and_record.release([one.id for one in first], "a", NOW)
    claimed = claim_and_record.claim_or_exclude_due_deliveries(
        mailing, "a", NOW + LEASE, 10, NOW, resume_after=second[-1].id
    )
    assert {one.id for one in first} < {one.id for one in claimed}
    assert len(claimed) == 3


def test_a_batch_is_accepted_with_its_replies_and_only_by_its_owner():
    readers(3)
    mailing = released()
    ids = [one.id for one in take(mailing, "a", 3)]
    claim_and_record.record_accepted({"250 queued": ids[:2]}, "b", NOW)
    assert states(mailing) == {"claimed": 3}
    claim_and_record.record_accepted({"250 queued": ids[:2], "250 another": ids[2:]}, "a", NOW)
    kept = Delivery.objects.order_by("pk").values_list("state", "reply", "accepted_at", "claimed_by")
    assert list(kept) == [("accepted", "250 queued", NOW, "")] * 2 + [("accepted", "250 another", NOW, "")]


def test_scattered_releases_are_due_at_once_and_keep_claims_few():
    readers(60)
    mailing = released()
    claimed = take(mailing, "a", 50)
    claim_and_record.release([one.id for one in claimed[:50:2]], "a", NOW)
    assert states(mailing) == {"planned": 10, "claimed": 25, "deferred": 25} and Claim.objects.count() == 1
    assert {one.id for one in take(mailing, "b")} == {
        one.id for one in (*claimed[:50:2], *Delivery.objects.order_by("pk")[50:])
    }
    assert Delivery.objects.get(pk=claimed[0].id).attempts == 1


def test_deliveries_under_way_when_a_mailing_is_cancelled_get_their_results():
    readers(5)
    mailing = released()
    sent, given_back, refused = take(mailing, "a", 3)
    mailing_control.cancel(mailing, None, NOW)
    assert states(mailing) == {"claimed": 3, "excluded": 2}
    claim_and_record.record_accepted({"250 queued": [sent.id]}, "a", NOW)
    settle([refused], ReplyClass.REFUSED, "a", code=550)
    claim_and_record.release([given_back.id], "a", NOW)
    recover_and_finish.exclude_cancelled()
    assert states(mailing) == {"accepted": 1, "refused": 1, "excluded": 3} and balances(mailing)


def test_deliveries_under_way_when_a_mailing_expires_are_not_excluded():
    readers(3)
    mailing = released()
    (sent,) = take(mailing, "a", 1)
    Mailing.objects.update(expires_at=NOW)
    later = mailing.snapshot.window_until + timedelta(minutes=1)
    recover_and_finish.refuse_or_exclude_expired_deliveries(later)
    assert states(mailing) == {"claimed": 1, "excluded": 2}
    claim_and_record.record_accepted({"250 queued": [sent.id]}, "a", later)
    assert states(mailing) == {"accepted": 1, "excluded": 2}


def test_different_replies_are_kept_with_each_delivery():
    readers(3)
    mailing = released()
    claimed = take(mailing, "a")
    claim_and_record.record_accepted({f"250 queued as {one.id}": [one.id] for one in claimed}, "a", NOW)
    kept = Delivery.objects.order_by("pk").values_list("state", "reply", "attempts", "accepted_at")
    assert list(kept) == [("accepted", f"250 queued as {one.id}", 1, NOW) for one in claimed]

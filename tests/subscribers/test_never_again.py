"""In any order of events, no unsubscribed or erased subscriber is mailed before resubscribing."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mailer.approval.models import Snapshot
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout.plan_deliveries import plan_then_start_or_hold
from mailer.editions.models import Edition, Newsletter
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.parsing.classify_bounce_reasons import Classification
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage, Recipient
from subscribers import merge as merging
from subscribers import suppression, tokens
from subscribers import unsubscribe as unsubscribing
from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.bulk.models import BulkJob
from subscribers.consent import Channel, Evidence
from subscribers.imports import job_lifecycle
from subscribers.models import (
    AddressChange,
    ImportJob,
    MailingList,
    RateLimitCounter,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.preference_center import change_address, preferences
from subscribers.privacy import erase_and_notify, retention
from subscribers.resumable_jobs import WrongState
from subscribers.segments.mailing_audience_query import REACHABLE, AudienceQuery, with_reachability
from subscribers.subscribe import subscribe
from tests import cast
from tests.delivery.cast import NOW, approved_snapshot
from tests.environment import examples

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ADDRESSES = [f"{name}@example.net" for name in ("aida", "bek", "dana")]
LISTS = ("monthly", "events")
whose = st.sampled_from(ADDRESSES)
which = st.sampled_from(LISTS)


class SubscriberMachine(RuleBasedStateMachine):
    """Three mailboxes and two lists. What each has refused is tracked beside the database."""

    def __init__(self) -> None:
        super().__init__()
        self._before = transaction.savepoint()
        self.now = NOW
        self.lists = {one.slug: one.pk for one in MailingList.objects.filter(slug__in=LISTS)}
        self.newsletter = Newsletter.objects.get()
        # Lists that an address unsubscribed from, all of them after a complaint, and has not requested again.
        self.unsubscribed_from: dict[str, set[str]] = {address: set() for address in ADDRESSES}
        # Addresses that get nothing: erased or replaced; complained.
        self.excluded: set[str] = set()
        # Addresses of people merged into another, until somebody new signs up with one.
        self.merged: set[str] = set()
        self.complained: set[str] = set()
        # Ids of requests to change an address.
        self.requested: list[int] = []
        # By request: what the old and the new address had unsubscribed from when the new one confirmed.
        self.when_shown: dict[int, tuple[set[str], set[str]]] = {}
        for address in ADDRESSES:
            self.sign_up(address, set(LISTS))
            self.confirm(address)
        mail.outbox = []

    def teardown(self) -> None:
        transaction.savepoint_rollback(self._before)

    def subscriber_of(self, address: str) -> Subscriber | None:
        return Subscriber.objects.filter(email=address).first()

    def confirmed_in(self, rows: Iterable[object]) -> set[str]:
        """Slugs of the lists of the confirmed subscriptions among these rows."""
        on = {
            row.mailing_list_id for row in rows if isinstance(row, Subscription) and row.state == "confirmed"
        }
        return {slug for slug, pk in self.lists.items() if pk in on}

    def mark_resubscribed(self, address: str, lists: set[str]) -> None:
        """The subscriber requested these lists themselves."""
        self.unsubscribed_from[address] -= lists
        if lists:
            self.excluded.discard(address)

    # Acts of subscribers

    @rule(address=whose, lists=st.sets(which, min_size=1))
    def sign_up(self, address: str, lists: set[str]) -> None:
        self.merged.discard(address)
        # Rate limits are tested elsewhere.
        RateLimitCounter.objects.all().delete()
        list_ids = [self.lists[one] for one in lists]
        subscribe.request_signup(address, list_ids, "en", (), Evidence(Channel.FORM), self.now, answered=True)

    @rule(address=whose)
    def confirm(self, address: str) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            link = subscribe.confirm_token(subscriber, self.now)
            found = subscribe.read_token(link, self.now)
            pending = {one.slug for one in subscribe.pending_lists(found)}
            subscribe.confirm_signup(found, Evidence(Channel.EMAIL_LINK), self.now)
            self.mark_resubscribed(address, pending)

    @rule(address=whose)
    def unsubscribe(self, address: str) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            scope = unsubscribing.newsletter_list_ids(self.newsletter.pk)
            ended = unsubscribing.unsubscribe(
                subscriber.pk, scope, self.newsletter.pk, Evidence(Channel.ONE_CLICK), self.now
            )
            self.unsubscribed_from[address] |= {slug for slug, pk in self.lists.items() if pk in ended}

    @rule(address=whose)
    def resubscribe_by_button(self, address: str) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            scope = unsubscribing.newsletter_list_ids(self.newsletter.pk)
            resubscribed = subscribe.resubscribable_lists(subscriber, scope)
            evidence = Evidence(Channel.PREFERENCES)
            subscribe.resubscribe_where_allowed(subscriber, scope, self.newsletter.pk, evidence, self.now)
            self.mark_resubscribed(address, {slug for slug, pk in self.lists.items() if pk in resubscribed})

    @rule(address=whose, lists=st.sets(which), days=st.sampled_from([None, 3, 40]))
    def save_preferences(self, address: str, lists: set[str], days: int | None) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            chosen = tuple(sorted(self.lists[one] for one in lists))
            until = None if days is None else (self.now + timedelta(days=days)).date()
            wanted = preferences.Preferences("en", (), chosen, until, tracking=False)
            had = {
                slug
                for slug, number in self.lists.items()
                if number in unsubscribing.confirmed_list_ids(subscriber.pk)
            }
            preferences.save(subscriber, wanted, None, Evidence(Channel.PREFERENCES), self.now)
            self.unsubscribed_from[address] |= had - lists
            self.mark_resubscribed(address, lists)

    @rule(old=whose, new=whose)
    def request_address_change(self, old: str, new: str) -> None:
        subscriber = self.subscriber_of(old)
        if subscriber is not None and old != new:
            RateLimitCounter.objects.all().delete()
            change_address.request(subscriber, new, Evidence(Channel.PREFERENCES), self.now)
            self.requested += subscriber.address_changes.values_list("pk", flat=True).order_by("-pk")[:1]

    @rule(number=st.integers(0, 1), at_old=st.booleans())
    def confirm_address_change(self, number: int, at_old: bool) -> None:
        for change in AddressChange.objects.order_by("-pk")[number : number + 1]:
            purpose: tokens.PagePurpose = "agree_change" if at_old else "change_address"
            press = (
                change_address.confirm_from_old_address if at_old else change_address.confirm_from_new_address
            )
            try:
                link = tokens.make_dated(purpose, change.pk, change.requested_at)
                change = press(link, Evidence(Channel.EMAIL_LINK), self.now)
            except tokens.LinkExpired:
                return
            of_old, of_new = (self.unsubscribed_from[one] for one in (change.old_email, change.new_email))
            if not at_old:
                self.when_shown.setdefault(change.pk, (set(of_old), set(of_new)))
            if change.changed_at is None:
                return
            shown_to_old, shown_to_new = self.when_shown[change.pk]
            since = (of_old - shown_to_old) | (of_new - shown_to_new)
            named = {slug for slug, pk in self.lists.items() if pk in change.lists} - since
            old, new = change.old_email, change.new_email
            if change.new_is_known:
                self.mark_resubscribed(new, named - of_old)
                self.unsubscribed_from[old] = set(LISTS)
                return
            self.unsubscribed_from[new] = (of_new | of_old) - named
            self.excluded.discard(new)
            self.excluded.add(old)

    @rule(number=st.integers(0, 1))
    def reject_address_change(self, number: int) -> None:
        for pk in self.requested[::-1][number : number + 1]:
            try:
                rejection = change_address.read_rejection(
                    tokens.make_dated("reject_change", pk, self.now), self.now
                )
            except tokens.LinkExpired:
                return
            present = rejection.subscriber.email
            rows = rejection.erasure.rows if rejection.erasure else rejection.subscriber.subscriptions.all()
            subscribed = self.confirmed_in(rows)
            change_address.reject_and_restore_old_address(rejection, Evidence(Channel.EMAIL_LINK), self.now)
            subscriber = Subscriber.objects.get(pk=rejection.subscriber.pk)
            address = subscriber.email
            # Those that a change to a known address had ended, for the reader at the old one.
            restored = self.confirmed_in(subscriber.subscriptions.all()) - subscribed
            if address != present:
                self.unsubscribed_from[address] |= self.unsubscribed_from[present]
                self.excluded.discard(address)
                self.excluded.add(present)
            self.unsubscribed_from[address] -= restored

    @rule(address=whose)
    def erase(self, address: str) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            erase_and_notify.erase_and_notify(subscriber, self.now)
            self.excluded.add(address)

    # Acts of others

    @rule(addresses=st.sets(whose, min_size=1), to=which)
    def import_file(self, addresses: set[str], to: str) -> None:
        wish = job_lifecycle.ImportOptions(MailingList.objects.get(slug=to), "paper", "lola")
        run = job_lifecycle.create("people.csv", wish, self.now)
        text = "email\n" + "\n".join(sorted(addresses)) + "\n"
        job_lifecycle.read_file(run, io.BytesIO(text.encode()), lambda: self.now)
        job_lifecycle.start_apply(run, "lola", self.now)
        job_lifecycle.RUNNER.run(run, lambda: self.now, lambda: False)

    @rule(
        addresses=st.sets(whose, min_size=1), to=which, action=st.sampled_from(["add", "remove", "suppress"])
    )
    def run_bulk_action(self, addresses: set[str], to: str, action: str) -> None:
        people = Subscriber.objects.filter(email__in=addresses).values_list("pk", flat=True)
        if people:
            target = None if action == "suppress" else self.lists[to]
            bulk.create(
                bulk.BulkRequest(action, tuple(people), target=target, reason="paper"), "lola", self.now
            )
            bulk.run_due_batches(self.now, lambda: False)

    @rule(number=st.integers(0, 1))
    def undo_bulk_action(self, number: int) -> None:
        for run in BulkJob.objects.filter(state="done")[number : number + 1]:
            with contextlib.suppress(WrongState):
                bulk.RUNNER.start_undo(run, "lola", self.now)
                bulk.run_due_batches(self.now, lambda: False)

    @rule(number=st.integers(0, 1))
    def undo_an_import(self, number: int) -> None:
        for run in ImportJob.objects.filter(state="applied").order_by("-pk")[number : number + 1]:
            with contextlib.suppress(WrongState):
                job_lifecycle.start_undo(run, "lola", self.now)
                job_lifecycle.RUNNER.run(run, lambda: self.now, lambda: False)

    @rule(address=whose)
    def remove_and_restore(self, address: str) -> None:
        subscriber = self.subscriber_of(address)
        if subscriber is not None:
            unsubscribing.unsubscribe_all(subscriber.pk, None, Evidence(Channel.DESK), self.now)
            unsubscribing.restore(subscriber.pk, self.now, Evidence(Channel.DESK), self.now)

    @rule(kept=whose, gone=whose)
    def merge(self, kept: str, gone: str) -> None:
        one, other = self.subscriber_of(kept), self.subscriber_of(gone)
        if one is not None and other is not None and one != other:
            merging.merge(one, other, self.now)
            self.unsubscribed_from[kept] |= self.unsubscribed_from[gone]
            self.merged.add(gone)
            if gone in self.complained:
                self.complained.add(kept)

    @rule(address=whose, kind=st.sampled_from(["bounce", "complaint"]))
    def receive_feedback(self, address: str, kind: str) -> None:
        known = self.subscriber_of(address) is not None
        told = Recipient(address, classification=Classification("unknown_user", "hard", "5.1.1", "r"))
        reading = ParsedReturnedMessage(kind, (told,), identity="service")  # type: ignore[arg-type]
        apply_one(reading, EventSource(f"{kind} {self.now.timestamp()}", self.now), self.now)
        if known and kind == "complaint":
            self.complained.add(address)
            self.unsubscribed_from[address] |= set(LISTS)

    @rule(address=whose, also_reopen=st.booleans())
    def lift_suppression(self, address: str, also_reopen: bool) -> None:
        found = suppression.active_suppression(address)
        if found is None or found.reason == Suppression.Reason.ERASED:
            return
        if also_reopen:
            suppression.allow_lift_by_signup(found, "lola", self.now)
        else:
            suppression.lift(found, "lola", self.now)
        self.complained.discard(address)

    @rule(days=st.sampled_from([1, 8, 70]))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)
        retention.apply_retention(self.now)

    # What must hold

    @rule()
    def plan_a_mailing(self) -> None:
        before = transaction.savepoint()
        snapshot = Snapshot.objects.get()
        mailing = plan_then_start_or_hold(
            Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition), self.now
        )
        planned = Delivery.objects.filter(mailing=mailing, state=Delivery.State.PLANNED)
        self.check_may_be_mailed(Subscriber.objects.filter(pk__in=planned.values("subscriber")))
        transaction.savepoint_rollback(before)

    @invariant()
    def no_excluded_subscriber_is_reachable(self) -> None:
        self.now += timedelta(minutes=5)
        everybody = with_reachability(AudienceQuery(tuple(self.lists.values())), self.now)
        self.check_may_be_mailed(everybody.filter(reachability=REACHABLE))

    def check_may_be_mailed(self, people: QuerySet[Subscriber]) -> None:
        for subscriber in people.prefetch_related("subscriptions__mailing_list"):
            address = subscriber.email
            on = {row.mailing_list.slug for row in subscriber.subscriptions.all() if row.state == "confirmed"}
            assert on, f"{address} is on no list"
            assert not on & self.unsubscribed_from[address], f"{address} unsubscribed"
            assert address not in self.excluded | self.merged, f"{address} is excluded"
            assert address not in self.complained, f"{address} complained"
            assert subscriber.paused_until is None or subscriber.paused_until <= self.now, f"{address} paused"


def on_both_lists(by: User) -> Edition:
    edition = cast.short(by)
    for slug in LISTS:
        edition.newsletter.lists.add(MailingList.objects.get_or_create(slug=slug, defaults={"name": slug})[0])
    # Single opt-in, unless the subscriber ever unsubscribed.
    MailingList.objects.filter(slug="events").update(opt_in="single")
    return edition


def test_no_unsubscribed_or_erased_subscriber_is_mailed_without_resubscribing() -> None:
    approved_snapshot(edition_by=on_both_lists)
    run_state_machine_as_test(
        SubscriberMachine,
        settings=settings(
            max_examples=examples(16),
            stateful_step_count=16,
            suppress_health_check=list(HealthCheck),
        ),
    )

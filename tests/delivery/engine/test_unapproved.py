"""Only approved content is sent, whatever was written into the database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.approval import snapshot_hashes, snapshot_state_changes
from mailer.approval import submit as submitting
from mailer.approval.models import SnapshotVariant
from mailer.delivery import message_builder
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings, mailing_control
from mailer.desk.editions.variant_previews import variant_choices
from mailer.editions.audience import Audience
from mailer.editions.models import Newsletter
from mailer.rendering.data_types import from_json
from tests import cast
from tests.delivery.cast import NOW, approved_snapshot, balances, readers, released, send, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(relay, configure):
    configure(smtp={"connections": 1})
    return relay


def test_a_variant_added_to_the_database_after_approval_is_not_sent(relay):
    readers(2)
    mailing = released()
    words = {"subject": "Forged", "preheader": "", "html": "<p>Forged</p>", "text": "Forged"}
    forged = SnapshotVariant.objects.create(
        snapshot=mailing.snapshot,
        key="0" * 16,
        language="en",
        sha256=snapshot_hashes.variant_digest(**words),
        **words,
    )
    Delivery.objects.update(variant=forged)
    assert send().accepted == 0 and relay.taken == []
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED and "not what was approved" in mailing.reason
    assert states(mailing) == {"planned": 2} and balances(mailing)


def test_a_variant_rendered_later_from_the_approved_content_is_sent(relay, monkeypatch):
    monkeypatch.setattr(submitting, "VARIANT_LIMIT", 1)
    cast.reader("kazakh", ("KZ",))
    snapshot = approved_snapshot()
    assert snapshot.variants.count() == 1
    cast.reader("tajik", ("TJ",), "ru")
    advance_mailings.create_and_start_or_hold_due_mailings(NOW + timedelta(minutes=1))
    assert snapshot.variants.count() == 2
    assert send().accepted == 2


def test_a_subscriber_without_an_offered_language_gets_an_approved_variant():
    cast.reader("german", ("TJ",), "de")
    staff = cast.staff()
    edition = cast.december(staff.writer)
    # What texts fall back to need not be a language that the newsletter is offered in.
    Newsletter.objects.update(languages=("kk", "ru"), fallbacks=("en",))
    snapshot = submitting.submit(edition, staff.writer, NOW)
    sealed = set(snapshot.variants.values_list("pk", flat=True))
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff.approver, None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    delivery = Delivery.objects.get()
    assert delivery.variant_id in sealed and delivery.variant.language == "kk"
    (key,) = variant_choices(
        from_json(snapshot.content), Audience.from_dict(snapshot.audience, NOW).combinations()
    )
    assert key == delivery.variant.key


def test_a_snapshot_in_the_form_of_a_later_release_stops_no_other_mailing(relay, monkeypatch):
    readers(2)
    snapshot = approved_snapshot()
    to = "team@office.example.org"
    dry_run = mailing_control.create_dry_run_mailing(snapshot, to, None, None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    load = message_builder.load_context

    def load_known(snapshot, dry_run=False):
        if not dry_run:
            # As `Masthead(**…)` does for a field that it does not know.
            raise TypeError("unexpected keyword argument")
        return load(snapshot, dry_run=dry_run)

    monkeypatch.setattr(message_builder, "load_context", load_known)
    assert send().accepted == 2
    assert {taken.recipient for taken in relay.taken} == {to}
    mailing = Mailing.objects.real().get()
    assert mailing.state == Mailing.State.PAUSED and "unexpected keyword" in mailing.reason
    assert states(mailing) == {"planned": 2} and balances(mailing)
    dry_run.refresh_from_db()
    assert dry_run.state == Mailing.State.DONE

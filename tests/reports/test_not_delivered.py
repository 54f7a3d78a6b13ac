"""Who did not get it, and why: everybody once, in plain words, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection

from mailer.desk.reports.not_delivered import recipient_rows
from mailer.feedback.models import FeedbackEvent
from mailer.reports import not_delivered as reports
from mailer.reports.collect_stats import collect as count_of
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.reports.spreadsheet_export import write_csv
from mailer.reports.stats import mailing_totals
from subscribers.models import Subscriber
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_the_list_has_address_reason_and_server_reply() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    cast.deliver(mailing, "accepted", 2)
    (back,) = cast.deliver(mailing, "accepted", bounced_at=cast.NOW)
    (gone,) = cast.deliver(mailing, "refused", reason="unknown_user", reply="550 5.1.1 no such user")
    reader = Subscriber.objects.create(email="aigul@example.net")
    (out,) = cast.deliver(mailing, "excluded", reason="suppressed")
    out.subscriber = reader.pk + 10_000
    reader.pk = out.subscriber
    out.save()
    reader.email = "still.here@example.net"
    reader.save(force_insert=True)
    tried_next = cast.NOW + timedelta(minutes=20)
    (later,) = cast.deliver(mailing, "deferred", reply="450 try later", due_at=tried_next, attempts=1)
    found = {one.subscriber: one for one in reports.not_delivered(mailing)}
    assert set(found) == {back.subscriber, gone.subscriber, out.subscriber, later.subscriber}
    assert found[back.subscriber].reason == "bounced"
    assert found[gone.subscriber].reply == "550 5.1.1 no such user"
    assert found[gone.subscriber].reason == "unknown_user"
    assert found[gone.subscriber].email is None
    assert found[out.subscriber].email == "still.here@example.net"
    assert found[later.subscriber].due_at == tried_next


def test_a_complaint_after_a_bounce_replaces_neither_its_reason_nor_its_reply() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    (back,) = cast.deliver(mailing, "accepted", bounced_at=cast.NOW, complained_at=cast.NOW + cast.DAY)
    for kind, reason, reply, at in (
        ("bounce", "mailbox_full", "552 full", cast.NOW),
        ("complaint", "abuse", "", cast.NOW + cast.DAY),
    ):
        FeedbackEvent.objects.create(delivery=back, kind=kind, reason=reason, diagnostic=reply, at=at)
    assert [one.reply for one in reports.not_delivered(mailing)] == ["552 full"]
    (row,) = recipient_rows(reports.NotDeliveredList(mailing)[0:1])
    assert (row["reason"], row["response"]) == (reason_label("mailbox_full"), "552 full")


def test_each_reason_lists_the_recipients_of_its_count() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    cast.deliver(mailing, "accepted", 3)
    cast.deliver(mailing, "accepted", 2, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 2, reason="refused")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    first, last, _ = (one.pk for one in cast.deliver(mailing, "planned", 3))
    mailing.claims.create(owner="a", first=first, last=last, lease_until=cast.NOW)
    cast.deliver(mailing, "deferred", 1, due_at=cast.NOW)
    cast.deliver(mailing, "deferred", 1, due_at=cast.NOW, attempts=1)
    totals = mailing_totals(mailing)
    assert (totals.planned, totals.claimed) == (1, 2)
    assert [one.state for one in reports.not_delivered(mailing, "claimed")] == ["claimed", "claimed"]
    everybody = reports.NotDeliveredList(mailing)
    assert len(everybody) == totals.audience - totals.accepted + totals.bounced == 13
    for why, count in count_of(mailing, cast.NOW).not_delivered.items():
        listed = [one.subscriber for one in reports.not_delivered(mailing, why)]
        paged = reports.NotDeliveredList(mailing, why)[0:50]
        assert len(reports.NotDeliveredList(mailing, why)) == len(listed) == count
        assert sorted(one.subscriber for one in paged) == listed
        assert {one.outcome_reason for one in paged} == {why}


def test_the_pages_of_the_list_have_everybody_once() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    cast.deliver(mailing, "accepted", 4, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 3, reason="refused")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    everybody = reports.NotDeliveredList(mailing)
    pages = [[one.pk for one in everybody[start : start + 3]] for start in range(0, 12, 3)]
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert len({pk for page in pages for pk in page}) == 11


def test_a_list_of_several_chunks_is_complete_and_in_order() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    cast.deliver(mailing, "refused", 10)
    found = [one.subscriber for one in reports.not_delivered(mailing, chunk_size=3)]
    assert found == sorted(set(found)) and len(found) == 10


def test_the_export_has_no_formula_and_no_erased_address() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    cast.deliver(mailing, "refused", reply="=HYPERLINK(1)", reason="refused")
    into = io.StringIO()
    assert write_csv(reports.not_delivered_sheet(reports.not_delivered(mailing)), into) == 1
    heading, row = csv.reader(io.StringIO(into.getvalue()))
    assert dict(zip(heading, row, strict=True))["server reply"] == "'=HYPERLINK(1)"
    assert dict(zip(heading, row, strict=True))["address"] == ""


def test_an_empty_export_is_its_heading() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    into = io.StringIO()
    assert write_csv(reports.not_delivered_sheet(reports.not_delivered(mailing)), into) == 0
    assert into.getvalue().startswith("subscriber,address,state")


def test_the_recipients_of_a_reason_are_found_by_the_index() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()))
    if connection.vendor == "sqlite":
        for reason in ("", "suppressed", "deferred", "planned", "waiting"):
            (_bounced, others) = reports.NotDeliveredList(mailing, reason)._parts
            assert "delivery_not_accepted" in others.explain(), reason

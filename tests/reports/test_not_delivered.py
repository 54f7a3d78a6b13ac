"""Who did not get it, and why: everybody once, in plain words, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from mailer.reports import not_delivered as reports
from mailer.reports.collect import count as count_of
from mailer.reports.export import write_csv
from mailer.reports.totals import account
from subscribers.models import Subscriber
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_who_did_not_get_the_mail_is_listed_with_address_reason_and_the_servers_words() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
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
    found = {one.subscriber: one for one in reports.unreached(mailing)}
    assert set(found) == {back.subscriber, gone.subscriber, out.subscriber, later.subscriber}
    assert found[back.subscriber].words == "accepted first, and came back later"
    assert found[gone.subscriber].reply == "550 5.1.1 no such user"
    assert found[gone.subscriber].words == "the address does not exist"
    assert found[gone.subscriber].email is None
    assert found[out.subscriber].email == "still.here@example.net"
    assert found[later.subscriber].due_at == tried_next


def test_the_list_can_be_leafed_through_by_why_and_holds_the_same_readers() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    cast.deliver(mailing, "accepted", 3)
    cast.deliver(mailing, "accepted", 2, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 2, reason="refused")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    first, last, _ = (one.pk for one in cast.deliver(mailing, "planned", 3))
    mailing.claims.create(owner="a", first=first, last=last, lease_until=cast.NOW)
    cast.deliver(mailing, "deferred", 1, due_at=cast.NOW)
    cast.deliver(mailing, "deferred", 1, due_at=cast.NOW, attempts=1)
    told = account(mailing)
    assert (told.planned, told.claimed) == (1, 2)
    assert [one.state for one in reports.unreached(mailing, "claimed")] == ["claimed", "claimed"]
    everybody = reports.Missed(mailing)
    assert len(everybody) == told.audience - told.accepted + told.bounced == 13
    for why, count in count_of(mailing, cast.NOW).unreached.items():
        listed = [one.subscriber for one in reports.unreached(mailing, why)]
        leafed = reports.Missed(mailing, why)[0:50]
        assert len(reports.Missed(mailing, why)) == len(listed) == count
        assert sorted(one.subscriber for one in leafed) == listed
        assert {one.why for one in leafed} == {why}


def test_leafing_through_the_list_page_by_page_meets_everybody_once() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    cast.deliver(mailing, "accepted", 4, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 3, reason="refused")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    everybody = reports.Missed(mailing)
    pages = [[one.pk for one in everybody[start : start + 3]] for start in range(0, 12, 3)]
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert len({pk for page in pages for pk in page}) == 11


def test_the_list_is_longer_than_what_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_CHUNK", 3)
    mailing = cast.mailing(cast.copy(cast.edition()))
    cast.deliver(mailing, "refused", 10)
    found = [one.subscriber for one in reports.unreached(mailing)]
    assert found == sorted(set(found)) and len(found) == 10


def test_the_table_holds_no_formula_and_no_address_of_the_erased() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    cast.deliver(mailing, "refused", reply="=HYPERLINK(1)", reason="refused")
    into = io.StringIO()
    assert write_csv(reports.sheet(reports.unreached(mailing)), into) == 1
    heading, row = csv.reader(io.StringIO(into.getvalue()))
    assert dict(zip(heading, row, strict=True))["the server said"] == "'=HYPERLINK(1)"
    assert dict(zip(heading, row, strict=True))["address"] == ""


def test_the_table_of_nobody_is_its_heading() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()))
    into = io.StringIO()
    assert write_csv(reports.sheet(reports.unreached(mailing)), into) == 0
    assert into.getvalue().startswith("reader,address,state")

"""The report: figures that balance, reasons in words, and a hand on the tap for those who may."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.delivery.models import Delivery
from mailer.desk.accounts.groups import ensure_groups
from mailer.feedback.models import FeedbackEvent
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def report(desk: Desk) -> str:
    return reverse("desk_edition:report", args=[desk.edition.pk])


def unreached(desk: Desk, **query: str) -> str:
    page = reverse("desk_edition:unreached", args=[desk.edition.pk])
    return f"{page}?{urlencode(query)}"


def control(desk: Desk) -> str:
    return reverse("desk_edition:control", args=[desk.edition.pk])


def test_the_lines_of_the_account_add_up(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.writer).get(report(desk))
    assert sum(count for _, count, _ in page.context["terms"]) == page.context["account"].audience == 4
    assert "the lines add up" in page.content.decode()


def test_who_did_not_get_it_is_listed_with_the_reason_and_the_servers_words(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.admin).get(unreached(desk)).content.decode()
    for words in ("Never confirmed the subscription", "550 5.1.1 No such user", "Refused"):
        assert words in page


def test_a_bounce_is_shown_with_its_evidence_beside_the_person(desk: Desk) -> None:
    mailing = cast.sending(desk)
    delivery = Delivery.objects.get(mailing=mailing, state="accepted")
    delivery.bounced_at = timezone.now()
    delivery.save()
    FeedbackEvent.objects.create(
        kind="bounce", bounce_class="hard", reason="unknown_user", status="5.1.1", delivery=delivery
    )
    page = as_user(desk.admin).get(unreached(desk)).content.decode()
    for words in ("aigul@example.net", "Came back", "The address does not exist", "5.1.1"):
        assert words in page


def test_an_erased_reader_stays_in_the_list_as_a_number(desk: Desk) -> None:
    mailing = cast.sending(desk)
    number = Delivery.objects.get(mailing=mailing, state="refused").subscriber
    assert f"Reader {number}" in as_user(desk.admin).get(unreached(desk)).content.decode()


def test_pausing_resuming_and_cancelling_move_the_mailing_and_nothing_else_does(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.approver)
    for deed, state in (
        ("pause", "paused"),
        ("resume", "sending"),
        ("nonsense", "sending"),
        ("cancel", "cancelled"),
    ):
        browser.post(control(desk), {"deed": deed})
        mailing.refresh_from_db()
        assert mailing.state == state
    page = browser.get(report(desk))
    assert page.context["account"].excluded == {"cancelled": 1, "unconfirmed": 1}
    assert page.context["account"].balances


def test_a_writer_may_watch_and_not_touch(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.writer)
    assert 'value="pause"' not in browser.get(report(desk)).content.decode()
    browser.post(control(desk), {"deed": "pause"})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_a_held_mailing_says_why_and_goes_on_when_somebody_lets_it(desk: Desk) -> None:
    mailing = cast.sending(desk, "held")
    mailing.reason = "Twice as many readers as the approver saw."
    mailing.save()
    browser = as_user(desk.approver)
    assert "Twice as many readers" in browser.get(report(desk)).content.decode()
    browser.post(control(desk), {"deed": "confirm"})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_the_groups_can_be_made_again_and_keep_what_people_added(desk: Desk) -> None:
    groups = ensure_groups()
    before = {name: group.permissions.count() for name, group in groups.items()}
    again = {name: group.permissions.count() for name, group in ensure_groups().items()}
    assert before == again
    assert not groups["Approvers"].permissions.filter(codename__startswith="change_").exists()

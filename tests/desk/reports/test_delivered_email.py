"""An edition as a subscriber got it: the approved bytes, for users who may see addresses, and recorded."""

from __future__ import annotations

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.tracking.models import TrackingEvent
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def find(desk: Desk) -> str:
    return reverse("desk_edition:find_delivered", args=[desk.edition.pk])


def show(desk: Desk) -> str:
    return reverse("desk_edition:delivered_email", args=[desk.edition.pk, desk.reader.pk])


@pytest.fixture
def mailing(desk: Desk) -> Mailing:
    """Aigul got the variant in Kazakh, for Kazakhstan."""
    made = cast.sending(desk)
    variant = made.snapshot.variants.filter(language="kk").order_by("pk").first()
    Delivery.objects.filter(mailing=made, subscriber=desk.reader.pk).update(variant=variant, countries="KZ")
    return made


@pytest.mark.both_databases
def test_a_reader_is_found_by_address_without_putting_it_into_the_url(desk: Desk, mailing: Mailing) -> None:
    browser = as_user(desk.admin)
    for typed in (" Aigul@Example.net", str(desk.reader.pk)):
        assert browser.post(find(desk), {"reader": typed})["Location"] == show(desk)
    for typed in ("nobody@example.net", "9" * 15, "?"):
        page = Page(browser.post(find(desk), {"reader": typed}))
        assert page.messages == ["error"] and ("reader", typed) in page.controls


def test_the_stored_variant_is_shown_with_the_readers_values_and_is_recorded(
    desk: Desk, mailing: Mailing
) -> None:
    variant = Delivery.objects.get(mailing=mailing, subscriber=desk.reader.pk).variant
    assert variant is not None
    browser = as_user(desk.admin)
    context = browser.get(show(desk)).context
    email = context["email"]
    assert (email.subject, email.language) == (variant.subject, "kk")
    assert "%%" not in email.html and "Қазақстан" in email.text and "/click/" not in email.html
    assert not TrackingEvent.objects.exists()
    (entry,) = ModelLogEntry.objects.filter(action="desk.view_delivered_email")
    assert (entry.user, entry.data) == (desk.admin, {"subscriber": str(desk.reader.pk)})
    assert browser.get(show(desk), {"as": "text"}).context["view_as"] == "text"


def test_it_stays_when_the_edition_changes_afterwards(desk: Desk, mailing: Mailing) -> None:
    browser = as_user(desk.admin)
    before = browser.get(show(desk)).context["email"]
    desk.edition.texts.update(subject="Another subject")
    desk.edition.newsletter.name = "Another name"
    desk.edition.newsletter.save()
    assert browser.get(show(desk)).context["email"] == before


def test_bytes_that_were_not_approved_are_not_shown(desk: Desk, mailing: Mailing) -> None:
    delivery = Delivery.objects.get(mailing=mailing, subscriber=desk.reader.pk)
    wrong = SnapshotVariant.objects.create(
        snapshot=mailing.snapshot, key="x", language="kk", subject="Forged", html="<p>x</p>", text="x"
    )
    Delivery.objects.filter(pk=delivery.pk).update(variant=wrong)
    context = as_user(desk.admin).get(show(desk)).context
    assert context["email"] is None and context["changed"]


def test_who_was_excluded_got_nothing_and_who_is_erased_is_a_number(desk: Desk, mailing: Mailing) -> None:
    browser = as_user(desk.admin)
    gone = Delivery.objects.get(mailing=mailing, state="excluded").subscriber
    page = browser.get(reverse("desk_edition:delivered_email", args=[desk.edition.pk, gone]))
    assert page.context["email"] is None and page.context["row"]["subscriber"] is None
    unknown = reverse("desk_edition:delivered_email", args=[desk.edition.pk, 987_654])
    assert browser.get(unknown).status_code == 404


def test_who_may_not_see_addresses_sees_no_readers_email(desk: Desk, mailing: Mailing) -> None:
    browser = as_user(desk.writer)
    assert browser.get(show(desk)).status_code in (302, 403)
    assert browser.post(find(desk), {"reader": "aigul@example.net"}).status_code in (302, 403)
    assert not ModelLogEntry.objects.filter(action="desk.view_delivered_email").exists()


def test_before_sending_there_is_no_reader(desk: Desk) -> None:
    browser = as_user(desk.admin)
    assert browser.get(find(desk)).context["mailing"] is None
    assert browser.get(show(desk)).status_code == 404


def test_the_list_of_those_not_reached_leads_to_what_they_would_have_got(
    desk: Desk, mailing: Mailing
) -> None:
    Delivery.objects.filter(mailing=mailing, subscriber=desk.reader.pk).update(state="refused")
    not_delivered = reverse("desk_edition:not_delivered", args=[desk.edition.pk])
    assert show(desk) in Page(as_user(desk.admin).get(not_delivered)).links
    assert show(desk) not in Page(as_user(desk.writer).get(not_delivered)).links

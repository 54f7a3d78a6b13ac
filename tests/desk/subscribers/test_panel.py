"""One person at the desk: what staff note, erasing, and one person twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from subscribers import duplicates, list_growth
from subscribers.addresses import address_hash
from subscribers.models import FormerAddress, MailingList, Subscriber, Suppression
from subscribers.segments import attributes
from subscribers.segments.models import CustomField
from subscribers.suppression import suppression
from tests import cast as everyone
from tests.desk.cast import Desk, as_user


def form(person: Subscriber, **changes: str) -> dict[str, str]:
    return {"email": person.email, "name": person.name, "language": person.language, **changes}


def test_tags_and_fields_are_noted_in_the_form_and_refused_in_words(desk: Desk) -> None:
    visits = CustomField.objects.create(name="Visits", kind="number")
    colour = CustomField.objects.create(name="Colour", kind="choice", choices="red\ngreen")
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    notes = {"tags": "donor, press,", f"note-{visits.pk}": "2,5", f"note-{colour.pk}": "red"}
    browser.post(address, form(desk.reader, **notes))
    assert attributes.known(desk.reader) == {"Visits": 2.5, "Colour": "red"}
    page = browser.get(address).content.decode()
    assert 'value="donor, press"' in page and 'value="2.5"' in page
    page = browser.post(
        address, form(desk.reader, **{**notes, f"note-{visits.pk}": "often"})
    ).content.decode()
    assert "is no number" in page
    browser.post(address, form(desk.reader, tags="press", **{f"note-{colour.pk}": ""}))
    assert attributes.known(desk.reader) == {}
    assert [one.tag.name for one in desk.reader.taggings.all()] == ["press"]


def test_another_address_is_not_the_way_around_a_complaint(desk: Desk) -> None:
    suppression.suppress(desk.reader, Suppression.Reason.COMPLAINT, "", timezone.now())
    address, before = reverse("desk_subscribers:edit", args=[desk.reader.pk]), desk.reader.email
    page = as_user(desk.admin).post(address, form(desk.reader, email="new@example.org")).content.decode()
    desk.reader.refresh_from_db()
    assert desk.reader.email == before and "Lift the suppression first" in page
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul N"))
    desk.reader.refresh_from_db()
    assert desk.reader.name == "Aigul N"


def test_whose_address_staff_corrected_is_known_by_the_one_before_too(desk: Desk) -> None:
    address, before = reverse("desk_subscribers:edit", args=[desk.reader.pk]), desk.reader.email
    browser = as_user(desk.admin)
    browser.post(address, form(desk.reader, email="new@example.org"))
    former = FormerAddress.objects.get()
    assert (former.subscriber, bytes(former.address_hash)) == (desk.reader, address_hash(before))
    browser.post(address, form(desk.reader, email=before))
    desk.reader.refresh_from_db()
    assert desk.reader.email == before
    assert bytes(FormerAddress.objects.get().address_hash) == address_hash("new@example.org")


def test_a_number_is_as_exact_after_somebody_saved_the_page(desk: Desk) -> None:
    gift = CustomField.objects.create(name="Gift", kind="number")
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    for written in ("1234567", "12345.67", "0.1"):
        browser.post(address, form(desk.reader, tags="", **{f"note-{gift.pk}": written}))
        assert f'value="{written}"' in browser.get(address).content.decode()
        assert attributes.known(desk.reader) == {"Gift": float(written)}


def test_a_nul_in_a_note_breaks_no_database(desk: Desk) -> None:
    colour = CustomField.objects.create(name="Colour")
    attributes.set_value(desk.reader, colour, "red\0")
    attributes.set_tags(desk.reader, ["press\0office"])
    assert attributes.known(desk.reader) == {"Colour": "red"}
    assert [one.tag.name for one in desk.reader.taggings.all()] == ["press office"]


def test_a_form_without_the_part_about_notes_forgets_none(desk: Desk) -> None:
    attributes.set_tags(desk.reader, ["donor"])
    address = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul"))
    assert desk.reader.taggings.count() == 1


def test_another_address_given_by_staff_is_told_in_the_ledger_and_no_file_brings_the_old_one_back(
    desk: Desk,
) -> None:
    old = bytes(desk.reader.address_hash)
    address = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    as_user(desk.admin).post(address, form(desk.reader, email="Aigul.N@example.net"))
    desk.reader.refresh_from_db()
    assert desk.reader.email == "aigul.n@example.net"
    row = desk.reader.consents.get()
    assert (row.act, row.how, row.vouched_by) == ("moved", "desk", desk.admin.get_username())
    assert row.source == "from a…@example.net to a…@example.net"
    whole = '<span class="address">a…@example.net</span>'
    assert f"from {whole} to {whole}" in as_user(desk.admin).get(address).content.decode()
    assert [bytes(one.address_hash) for one in desk.reader.former_addresses.all()] == [old]
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul"))
    assert desk.reader.consents.count() == 1


def test_a_pause_is_told_as_long_as_it_lasts(desk: Desk) -> None:
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    now = timezone.now()
    for until, told in ((now + timedelta(days=2), True), (now - timedelta(days=2), False)):
        Subscriber.objects.filter(pk=desk.reader.pk).update(paused_until=until)
        assert ("asked to get nothing before" in browser.get(address).content.decode()) == told


def test_erasing_asks_for_the_address_once_more_and_leaves_it_nowhere(desk: Desk) -> None:
    browser = as_user(desk.admin)
    browser.post(reverse("desk_subscribers:edit", args=[desk.reader.pk]), form(desk.reader, name="Aigul N"))
    assert ModelLogEntry.objects.filter(label__contains="aigul").exists()
    address = reverse("desk_erase", args=[desk.reader.pk])
    assert browser.get(reverse("desk_subscribers:delete", args=[desk.reader.pk]))["Location"] == address
    assert "nobody was erased" in browser.post(address, {"address": "other@example.net"}).content.decode()
    assert Subscriber.objects.filter(pk=desk.reader.pk).exists()
    browser.post(address, {"address": "AIGUL@example.net"})
    assert not Subscriber.objects.filter(pk=desk.reader.pk).exists()
    assert suppression.is_suppressed("aigul@example.net")
    entries = list(ModelLogEntry.objects.values_list("label", "data"))
    assert entries and "aigul" not in str(entries)


def test_one_person_twice_is_found_compared_and_made_one_with_the_stricter_word(desk: Desk) -> None:
    twin = everyone.reader("ai.gul", (), "ru")
    stranger = everyone.reader("aibek", (), "ru")
    suppression.suppress(twin, Suppression.Reason.COMPLAINT, "", everyone.NOW)
    browser, address = as_user(desk.admin), reverse("desk_merge", args=[desk.reader.pk])
    page = browser.get(address).content.decode()
    assert "ai.gul@example.net" in page and stranger.email not in page
    page = browser.get(address, {"other": twin.email}).content.decode()
    assert "marked as unwanted" in page and "cannot be undone" in page
    browser.post(address, {"other": twin.email})
    assert Subscriber.objects.filter(pk=twin.pk).exists()
    browser.post(address, {"other": twin.email, "sure": "yes"})
    assert not Subscriber.objects.filter(pk=twin.pk).exists()
    assert suppression.is_suppressed(desk.reader)
    page = browser.get(reverse("desk_subscribers:edit", args=[desk.reader.pk])).content.decode()
    assert "Made one person of two" in page


@pytest.mark.parametrize(
    ("email", "name", "because"),
    [
        ("a.i.gul+news@example.net", "", "the same mailbox, written otherwise"),
        ("aigul@example.org", "", "the same name before the @"),
        ("other@example.org", "aigul  nurlanova", "the same name"),
        ("aigulim@example.net", "", None),
    ],
)
def test_who_might_be_the_same_is_told_with_the_reason(
    desk: Desk, email: str, name: str, because: str | None
) -> None:
    desk.reader.name = "Aigul Nurlanova"
    desk.reader.save()
    Subscriber.objects.create(email=email, name=name)
    assert [one.because for one in duplicates.to(desk.reader)] == ([because] if because else [])


def test_a_list_says_how_people_join_it_what_it_says_to_them_and_how_it_grew(desk: Desk) -> None:
    chosen = MailingList.objects.get(slug="monthly")
    list_growth.count_due(everyone.NOW)
    address, browser = reverse("desk_lists:edit", args=[chosen.pk]), as_user(desk.admin)
    page = browser.get(address).content.decode()
    assert "Confirmed at its end" in page and "<svg" in page
    fields = {"name": "Monthly", "slug": "monthly", "public": "on", "opt_in": "double"}
    page = browser.post(address, {**fields, "sender_name": "Road"}).content.decode()
    assert "A sender has an address too." in page
    browser.post(address, {**fields, "welcome_en": " Hello! ", "welcome_ru": ""})
    chosen.refresh_from_db()
    assert chosen.welcome == {"en": "Hello!"}


def test_an_approver_neither_erases_nor_merges(desk: Desk) -> None:
    browser = as_user(desk.approver)
    for page in ("desk_erase", "desk_merge"):
        browser.post(reverse(page, args=[desk.reader.pk]), {"address": desk.reader.email, "sure": "yes"})
    assert Subscriber.objects.filter(pk=desk.reader.pk).exists()

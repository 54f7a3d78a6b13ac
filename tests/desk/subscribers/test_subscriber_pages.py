"""The page of one subscriber: tags and custom fields, address changes, erasing and merging."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.approval.models import ListChange
from mailer.delivery.models import Delivery
from mailer.desk.subscribers.subscriber_pages import subscriber_history
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from subscribers import list_growth
from subscribers import suppression as suppress
from subscribers.addresses import address_hash
from subscribers.models import FormerAddress, MailingList, Subscriber, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.search import possible_duplicates
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import CustomField
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def form(person: Subscriber, **changes: object) -> dict[str, object]:
    saved = {"email": person.email, "name": person.name, "language": person.language}
    return {**saved, "countries": [*person.countries], **changes}


def test_tags_and_custom_fields_are_saved_and_invalid_values_refused(desk: Desk) -> None:
    visits = CustomField.objects.create(name="Visits", kind="number")
    colour = CustomField.objects.create(name="Colour", kind="choice", choices="red\ngreen")
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    values = {"tags": "donor, press,", f"field-{visits.pk}": "2,5", f"field-{colour.pk}": "red"}
    browser.post(address, form(desk.reader, **values))
    assert subscriber_tags_and_fields.custom_field_values(desk.reader) == {"Visits": 2.5, "Colour": "red"}
    assert {("tags", "donor, press"), (f"field-{visits.pk}", "2.5")} <= Page(browser.get(address)).controls
    invalid = {**values, f"field-{visits.pk}": "often"}
    assert browser.post(address, form(desk.reader, **invalid)).context["form"].non_field_errors()
    browser.post(address, form(desk.reader, tags="press", **{f"field-{colour.pk}": ""}))
    assert subscriber_tags_and_fields.custom_field_values(desk.reader) == {}
    assert [one.tag.name for one in desk.reader.taggings.all()] == ["press"]


def test_whoever_adds_a_subscriber_is_led_to_their_lists(desk: Desk) -> None:
    browser = as_user(desk.admin)
    new = {"email": "new@example.org", "name": "", "language": "en"}
    added = browser.post(reverse("desk_subscribers:add"), new)
    subscriber = Subscriber.objects.get(email="new@example.org")
    edit = reverse("desk_subscribers:edit", args=[subscriber.pk])
    assert added.url.partition("#")[0] == edit
    shown = Page(browser.get(edit))
    assert "desk-subscriber-unlisted" in shown.ids and reverse("desk_bulk_action") in shown.links
    chosen = browser.get(reverse("desk_bulk_action"), {"ids": subscriber.pk, "action": "add"}).context["form"]
    assert chosen["action"].initial == "add"
    listed = Page(browser.get(reverse("desk_subscribers:edit", args=[desk.reader.pk])))
    assert "desk-subscriber-unlisted" not in listed.ids


def test_the_history_says_since_when_a_subscription_ended_and_why_an_email_was_not_sent(desk: Desk) -> None:
    now = timezone.now()
    subscription = desk.reader.subscriptions.get()
    for state, source, shown in (
        ("confirmed", "import: a sheet", (now - timedelta(days=8), "import: a sheet")),
        ("unsubscribed", "form", (now - timedelta(days=2), "sign-up form")),
        ("pending", "preferences", (now - timedelta(days=9), "preference center")),
    ):
        subscription.state, subscription.source = state, source
        subscription.created_at, subscription.confirmed_at, subscription.ended_at = (
            now - timedelta(days=days) for days in (9, 8, 2)
        )
        subscription.save()
        assert [row[1:] for row in subscriber_history(desk.reader)["subscriptions"]] == [shown]
    mailing = cast.sending(desk)
    Delivery.objects.filter(mailing=mailing, subscriber=desk.reader.pk).update(
        state="excluded", reason="unconfirmed"
    )
    [(_, reason)] = subscriber_history(desk.reader)["deliveries"]
    assert reason == reason_label("unconfirmed")
    address = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    assert reason in as_user(desk.admin).get(address).content.decode()


def test_a_change_of_address_does_not_bypass_a_suppression(desk: Desk) -> None:
    suppress.suppress(desk.reader, Suppression.Reason.COMPLAINT, "", timezone.now())
    address, before = reverse("desk_subscribers:edit", args=[desk.reader.pk]), desk.reader.email
    answer = as_user(desk.admin).post(address, form(desk.reader, email="new@example.org"))
    desk.reader.refresh_from_db()
    assert desk.reader.email == before and "email" in answer.context["form"].errors
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul N"))
    desk.reader.refresh_from_db()
    assert desk.reader.name == "Aigul N"


def test_an_erased_address_is_not_stored_again(desk: Desk) -> None:
    erased, browser = everyone.reader("gone").email, as_user(desk.admin)
    erase_and_suppress(erased, everyone.NOW)
    for url in (reverse("desk_subscribers:add"), reverse("desk_subscribers:edit", args=[desk.reader.pk])):
        page = browser.post(url, form(desk.reader, email=erased.upper()))
        assert page.context["form"].has_error("email", "erased")
    assert not Subscriber.objects.filter(email=erased).exists()


def test_the_former_address_of_a_corrected_one_is_kept(desk: Desk) -> None:
    address, before = reverse("desk_subscribers:edit", args=[desk.reader.pk]), desk.reader.email
    browser = as_user(desk.admin)
    browser.post(address, form(desk.reader, email="new@example.org"))
    former = FormerAddress.objects.get()
    assert (former.subscriber, bytes(former.address_hash)) == (desk.reader, address_hash(before))
    browser.post(address, form(desk.reader, email=before))
    desk.reader.refresh_from_db()
    assert desk.reader.email == before
    assert bytes(FormerAddress.objects.get().address_hash) == address_hash("new@example.org")


def test_saving_the_form_keeps_the_precision_of_numbers(desk: Desk) -> None:
    gift = CustomField.objects.create(name="Gift", kind="number")
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    for written in ("1234567", "12345.67", "0.1"):
        browser.post(address, form(desk.reader, tags="", **{f"field-{gift.pk}": written}))
        assert (f"field-{gift.pk}", written) in Page(browser.get(address)).controls
        assert subscriber_tags_and_fields.custom_field_values(desk.reader) == {"Gift": float(written)}


def test_nul_characters_in_tags_and_fields_are_removed(desk: Desk) -> None:
    colour = CustomField.objects.create(name="Colour")
    subscriber_tags_and_fields.set_value(desk.reader, colour, "red\0")
    subscriber_tags_and_fields.set_tags(desk.reader, ["press\0office"])
    assert subscriber_tags_and_fields.custom_field_values(desk.reader) == {"Colour": "red"}
    assert [one.tag.name for one in desk.reader.taggings.all()] == ["press office"]


def test_a_form_without_tags_and_fields_keeps_them(desk: Desk) -> None:
    subscriber_tags_and_fields.set_tags(desk.reader, ["donor"])
    address = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul"))
    assert desk.reader.taggings.count() == 1


def test_an_address_change_by_staff_is_recorded_and_imports_do_not_add_the_old_address(
    desk: Desk,
) -> None:
    old = bytes(desk.reader.address_hash)
    address = reverse("desk_subscribers:edit", args=[desk.reader.pk])
    as_user(desk.admin).post(address, form(desk.reader, email="Aigul.N@example.net"))
    desk.reader.refresh_from_db()
    assert desk.reader.email == "aigul.n@example.net"
    row = desk.reader.consents.get()
    assert (row.event, row.channel, row.attested_by) == ("address_changed", "desk", desk.admin.get_username())
    assert row.source == "from a…@example.net to a…@example.net"
    whole = '<span class="address">a…@example.net</span>'
    assert f"from {whole} to {whole}" in as_user(desk.admin).get(address).content.decode()
    assert [bytes(one.address_hash) for one in desk.reader.former_addresses.all()] == [old]
    as_user(desk.admin).post(address, form(desk.reader, name="Aigul"))
    assert desk.reader.consents.count() == 1


def test_preferences_that_staff_change_are_recorded(desk: Desk) -> None:
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    browser.post(address, form(desk.reader, name="Aigul"))
    assert not desk.reader.consents.exists()
    browser.post(address, form(desk.reader, language="ru", countries=["UZ"]))
    row = desk.reader.consents.get()
    assert (row.event, row.channel, row.source) == ("preferences", "desk", "ru: UZ")
    assert row.attested_by == desk.admin.get_username()


def test_a_pause_is_shown_until_it_ends(desk: Desk) -> None:
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    now = timezone.now()
    for until, paused in ((now + timedelta(days=2), True), (now - timedelta(days=2), False)):
        Subscriber.objects.filter(pk=desk.reader.pk).update(paused_until=until)
        assert ("desk-subscriber-paused" in Page(browser.get(address)).ids) == paused


def test_staff_see_that_the_present_address_was_not_confirmed_by_the_former_one(desk: Desk) -> None:
    address, browser = reverse("desk_subscribers:edit", args=[desk.reader.pk]), as_user(desk.admin)
    for by_link in (True, False):
        Subscriber.objects.filter(pk=desk.reader.pk).update(data_by_link=by_link)
        assert ("desk-subscriber-unproven" in Page(browser.get(address)).ids) != by_link


def test_erasing_needs_the_address_retyped_and_removes_it_from_the_audit_log(desk: Desk) -> None:
    browser = as_user(desk.admin)
    browser.post(reverse("desk_subscribers:edit", args=[desk.reader.pk]), form(desk.reader, name="Aigul N"))
    assert ModelLogEntry.objects.filter(label__contains="aigul").exists()
    address = reverse("desk_erase", args=[desk.reader.pk])
    assert browser.get(reverse("desk_subscribers:delete", args=[desk.reader.pk]))["Location"] == address
    assert browser.post(address, {"address": "other@example.net"}).context["error"]
    assert Subscriber.objects.filter(pk=desk.reader.pk).exists()
    browser.post(address, {"address": "AIGUL@example.net"})
    assert not Subscriber.objects.filter(pk=desk.reader.pk).exists()
    assert suppress.is_suppressed("aigul@example.net")
    entries = list(ModelLogEntry.objects.values_list("label", "data"))
    assert entries and "aigul" not in str(entries)


def test_duplicates_are_found_compared_and_merged_and_a_suppression_is_kept(desk: Desk) -> None:
    twin = everyone.reader("ai.gul", (), "ru")
    stranger = everyone.reader("aibek", (), "ru")
    suppress.suppress(twin, Suppression.Reason.COMPLAINT, "", everyone.NOW)
    browser, address = as_user(desk.admin), reverse("desk_merge", args=[desk.reader.pk])
    page = Page(browser.get(address))
    assert "ai.gul@example.net" in page.text and stranger.email not in page.text
    page = Page(browser.get(address, {"other": twin.email}))
    reasons = [suppression and suppression.reason for _, _, suppression in page.response.context["compared"]]
    assert reasons == [None, "complaint"] and ("confirm", "yes") in page.controls
    browser.post(address, {"other": twin.email})
    assert Subscriber.objects.filter(pk=twin.pk).exists()
    browser.post(address, {"other": twin.email, "confirm": "yes"})
    assert not Subscriber.objects.filter(pk=twin.pk).exists()
    assert suppress.is_suppressed(desk.reader)
    entry = ModelLogEntry.objects.get(action="desk.merge")
    assert entry.data["subscriber"] == twin.pk and str(twin.pk) in str(entry.message)
    page = Page(browser.get(reverse("desk_subscribers:edit", args=[desk.reader.pk])))
    assert str(entry.message) in page.text


@pytest.mark.parametrize(
    ("email", "name", "because"),
    [
        ("a.i.gul+news@example.net", "", "the same mailbox, with the address written differently"),
        ("aigul@example.org", "", "the same text before the @"),
        ("other@example.org", "aigul  nurlanova", "the same name"),
        ("aigulim@example.net", "", None),
    ],
)
def test_possible_duplicates_are_shown_with_the_reason(
    desk: Desk, email: str, name: str, because: str | None
) -> None:
    desk.reader.name = "Aigul Nurlanova"
    desk.reader.save()
    Subscriber.objects.create(email=email, name=name)
    assert [one.reason for one in possible_duplicates.possible_duplicates(desk.reader)] == (
        [because] if because else []
    )


def test_a_list_has_sign_up_settings_a_welcome_text_and_growth_figures(desk: Desk) -> None:
    chosen = MailingList.objects.get(slug="monthly")
    list_growth.update_due_growth(everyone.NOW)
    address, browser = reverse("desk_lists:edit", args=[chosen.pk]), as_user(desk.admin)
    assert "<svg" in Page(browser.get(address)).html
    fields = {"name": "Monthly", "slug": "monthly", "public": "on", "opt_in": "double"}
    answer = browser.post(address, {**fields, "sender_name": "Road"})
    assert "sender_email" in answer.context["form"].errors
    browser.post(address, {**fields, "welcome_en": " Hello! ", "welcome_ru": ""})
    as_user(desk.approver).post(
        reverse("desk_list_change", args=[ListChange.objects.get().pk]), {"action": "approve"}
    )
    chosen.refresh_from_db()
    assert chosen.welcome_texts == {"en": "Hello!"}


def test_an_approver_neither_erases_nor_merges(desk: Desk) -> None:
    browser = as_user(desk.approver)
    for page in ("desk_erase", "desk_merge"):
        browser.post(reverse(page, args=[desk.reader.pk]), {"address": desk.reader.email, "sure": "yes"})
    assert Subscriber.objects.filter(pk=desk.reader.pk).exists()

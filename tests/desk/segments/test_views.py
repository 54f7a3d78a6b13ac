"""A segment put together at the desk without scripts, counted before it is kept, and used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.desk.segments import views
from mailer.desk.subscribers import list_health
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.reconfirmation import reconfirmation
from subscribers.reconfirmation.models import Asking
from subscribers.segments import attributes, estimate
from subscribers.segments.models import CustomField, SavedSegment
from subscribers.segments.rules import Group, Test, as_json
from subscribers.segments.store import save
from tests import cast as everyone
from tests.desk.cast import Desk, as_user


def post(desk: Desk, address: str, press: str, **fields: Any) -> Any:
    return as_user(desk.admin).post(address, {"press": press, **fields})


NEW = "/desk/segments/new/"


def test_a_segment_is_put_together_step_by_step_counted_and_kept(desk: Desk) -> None:
    everyone.reader("olga", (), "ru")
    at = {"name": "Russian", "join": "all", "groups": "1", "0-join": "all", "0-tests": "0"}
    page = post(desk, NEW, "add:0", **at, **{"0-new": "language|one_of|"}).content.decode()
    assert "Language: is" in page and not SavedSegment.objects.exists()
    at |= {"0-tests": "1", "0-0-test": "language|one_of|", "0-0-values": ["ru"]}
    page = post(desk, NEW, "count", **at).content.decode()
    assert "1 person fits" in page and "olga@example.net" in page and "aigul" not in page
    answer = post(desk, NEW, "save", **at)
    made = SavedSegment.objects.get()
    assert answer["Location"] == reverse("desk_segments:edit", args=[made.pk])
    kept = {"version": 1, "all": [{"all": [{"about": "language", "is": "one_of", "values": ["ru"]}]}]}
    assert (made.name, made.rule, made.changed_by) == ("Russian", kept, "lola")
    page = as_user(desk.approver).get(answer["Location"]).content.decode()
    assert "1 person fits" in page and 'value="save"' not in page


def test_the_buttons_of_the_form_add_and_remove_and_keep_the_rest(desk: Desk) -> None:
    two = {"name": "x", "join": "any", "groups": "2", "0-join": "none", "0-tests": "2", "1-tests": "0"}
    two |= {"0-0-test": "joined|within|", "0-0-values": "30", "0-1-test": "bounced|never|"}
    page = post(desk, NEW, "remove:0-1", **two).content.decode()
    assert 'name="0-0-values"' in page and 'value="30"' in page and 'name="0-1-test"' not in page
    page = post(desk, NEW, "remove_group:1", **two).content.decode()
    assert 'name="groups" value="1"' in page
    page = post(desk, NEW, "add_group", **two).content.decode()
    assert 'name="groups" value="3"' in page


@pytest.mark.parametrize("press", ["add:²", "remove:0-²", "remove_group:" + "9" * 5_000, "remove_group:7"])
def test_a_press_on_what_is_not_there_changes_nothing(desk: Desk, press: str) -> None:
    at = {"name": "x", "join": "all", "groups": "1", "0-join": "all", "0-tests": "1"}
    page = post(desk, NEW, press, **at, **{"0-0-test": "bounced|never|"}).content.decode()
    assert 'name="groups" value="1"' in page and 'name="0-0-test"' in page


@pytest.mark.parametrize(
    "fields",
    [
        {"0-0-test": "language|one_of|"},
        {"0-0-test": "joined|since|", "0-0-values": "yesterday"},
        {"0-0-test": "nothing|is|", "0-0-values": "x"},
        {"0-0-test": "field|is|77", "0-0-values": "x"},
        {"0-0-test": ""},
        {"written": "[" * 100_000},
        {"written": '{"version": 1, "all": [{"about": "tag", "is": "has", "values": [1e30]}]}'},
        {"written": f'{{"version": 1, "all": [{{"about": "tag", "is": "has", "values": [{10**30}]}}]}}'},
    ],
)
def test_what_cannot_be_asked_is_said_and_not_kept(desk: Desk, fields: dict[str, str]) -> None:
    at = {"name": "x", "join": "all", "groups": "1", "0-join": "all", "0-tests": "1", **fields}
    answer = post(desk, NEW, "save", **at)
    assert answer.status_code == 200 and 'role="alert"' in answer.content.decode()
    assert not SavedSegment.objects.exists()


def test_every_relation_that_is_offered_can_be_shown(desk: Desk) -> None:
    for kind in CustomField.Kind.values:
        CustomField.objects.create(name=f"A {kind}", kind=kind, choices="red\ngreen")
    attributes.tag_named("donor")
    page = as_user(desk.admin).get(NEW).content.decode()
    options = [part.split('"')[0] for part in page.split('<option value="')[1:] if "|" in part.split('"')[0]]
    assert len(options) > 30
    for option in options:
        at = {"name": "x", "join": "all", "groups": "1", "0-join": "all", "0-tests": "0", "0-new": option}
        page = post(desk, NEW, "add:0", **at).content.decode()
        assert f'value="{option}"' in page and 'id="test-0-0"' in page


def test_a_rule_with_groups_within_groups_is_kept_as_it_is(desk: Desk) -> None:
    deep = Group("all", (Group("any", (Group("none", (Test("bounced", "ever"),)),)),))
    segment = save(SavedSegment(), "Deep", deep, "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    page = as_user(desk.admin).get(address).content.decode()
    assert 'name="written"' in page
    post(desk, address, "save", name="Deep", written=json.dumps(as_json(Group("none", (deep,)))))
    segment.refresh_from_db()
    assert segment.rule == as_json(Group("none", (deep,)))
    assert "no JSON" in post(desk, address, "save", name="Deep", written="{").content.decode()


def test_the_health_of_the_lists_is_counted_and_leads_to_a_segment_and_its_people(desk: Desk) -> None:
    waiting = everyone.reader("waits", (), "ru", state="pending")
    Subscription.objects.filter(subscriber=waiting).update(created_at=everyone.NOW)
    browser = as_user(desk.admin)
    page = browser.get(reverse("desk_hygiene")).content.decode()
    assert "Never confirmed" in page and "Never said so themselves" in page
    suggested = list_health.worries()[0].as_segment
    page = browser.get(suggested).content.decode()
    assert "1 person fits" in page and "waits@example.net" in page and not SavedSegment.objects.exists()
    segment = save(SavedSegment(), "Waiting", list_health.worries()[0].rule, "lola", everyone.NOW)
    page = browser.get(reverse("desk_subscribers:index"), {"segment": segment.pk}).content.decode()
    assert "waits@example.net" in page and "aigul" not in page


def test_the_people_of_a_segment_are_asked_whether_they_still_want_it(desk: Desk) -> None:
    segment = save(SavedSegment(), "All", Group("all"), "lola", everyone.NOW)
    browser, address = as_user(desk.admin), reverse("desk_ask", args=[segment.pk])
    assert "Ask them" in browser.get(address).content.decode()
    chosen = MailingList.objects.get(slug="monthly")
    page = browser.post(address, {"mailing_list": chosen.pk, "days": 3}).content.decode()
    assert not Asking.objects.exists() and "7" in page
    answer = browser.post(address, {"mailing_list": chosen.pk, "days": 30})
    reconfirmation.work(timezone.now())
    page = browser.get(answer["Location"]).content.decode()
    assert "<b>1</b> was asked" in page and "off the list" not in page
    Asking.objects.update(until=everyone.NOW.date())
    assert "Take 1 off the list" in browser.get(answer["Location"]).content.decode()
    browser.post(answer["Location"], {"deed": "decide"})
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"
    assert "Decided" in browser.get(reverse("desk_askings")).content.decode()
    assert as_user(desk.approver).get(address).status_code in (302, 403)


def test_a_segment_in_use_is_not_deleted(desk: Desk) -> None:
    segment = save(SavedSegment(), "Used", Group("all"), "lola", everyone.NOW)
    desk.edition.segment = segment
    desk.edition.save()
    address = reverse("desk_segments:edit", args=[segment.pk])
    post(desk, address, "delete")
    assert SavedSegment.objects.exists()
    desk.edition.segment = None
    desk.edition.save()
    post(desk, address, "delete")
    assert not SavedSegment.objects.exists()


def test_the_log_knows_of_no_deletion_that_an_edition_forbade_at_the_last_moment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = save(SavedSegment(), "Used", Group("all"), "lola", everyone.NOW)
    desk.edition.segment = segment
    desk.edition.save()
    monkeypatch.setattr(views, "uses_of", lambda segment: [])
    post(desk, reverse("desk_segments:edit", args=[segment.pk]), "delete")
    assert SavedSegment.objects.exists()
    assert not ModelLogEntry.objects.filter(action="wagtail.delete").exists()


def test_a_writer_changes_no_segment(desk: Desk) -> None:
    segment = save(SavedSegment(), "Mine", Group("all"), "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    answer = as_user(desk.writer).post(address, {"press": "delete"})
    assert answer.status_code in (302, 403) and SavedSegment.objects.exists()


def test_who_may_change_segments_and_delete_none_is_offered_no_deletion_and_has_none(desk: Desk) -> None:
    segment = save(SavedSegment(), "Mine", Group("all"), "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    admins, may_delete = desk.admin.groups.get(), Permission.objects.get(codename="delete_savedsegment")
    admins.permissions.remove(may_delete)
    page = as_user(desk.admin).get(address).content.decode()
    assert 'value="save"' in page and 'value="delete"' not in page
    post(desk, address, "delete")
    assert SavedSegment.objects.exists()
    admins.permissions.add(may_delete)
    assert 'value="delete"' in as_user(desk.admin).get(address).content.decode()


def look_at_every_fourth(monkeypatch: pytest.MonkeyPatch) -> None:
    last = Subscriber.objects.latest("pk").pk
    monkeypatch.setattr(estimate, "LOOKED_AT", last // 4)


def test_with_many_people_the_number_is_told_from_a_part_of_them_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [
        Subscriber(email=f"r{number}@example.org", address_hash=number.to_bytes(16), language="ru")
        for number in range(800)
    ]
    Subscriber.objects.bulk_create(people)
    look_at_every_fourth(monkeypatch)
    chosen = MailingList.objects.first()
    Subscription.objects.bulk_create(
        Subscription(subscriber=one, mailing_list=chosen, state="confirmed")
        for number, one in enumerate(people)
        if number % 4
    )
    everybody = Group("all", (Test("language", "one_of", ("ru",)),))
    told = estimate.estimate(everybody, everyone.NOW)
    assert not told.exact and 700 <= told.people <= 900
    counted = estimate.estimate(everybody, everyone.NOW, exactly=True)
    assert (counted.exact, counted.people, counted.readers) == (True, 800, 600)
    few = Group("all", (*everybody.parts, Test("list", "not_on", (chosen.pk if chosen else 0,))))
    counted = estimate.estimate(few, everyone.NOW)
    assert (counted.exact, counted.people) == (True, 200)


@pytest.mark.parametrize("first", [0, 1])
def test_a_part_of_the_people_stands_for_all_also_where_every_second_one_is_alike(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    people = [
        Subscriber(
            email=f"r{number}@example.org",
            address_hash=number.to_bytes(16),
            language="ru" if number % 2 == first else "kk",
        )
        for number in range(1_600)
    ]
    Subscriber.objects.bulk_create(people)
    look_at_every_fourth(monkeypatch)
    told = estimate.estimate(Group("all", (Test("language", "one_of", ("ru",)),)), everyone.NOW)
    assert not told.exact and 650 <= told.people <= 950

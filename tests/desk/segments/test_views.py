"""Segments: editing a rule without JavaScript, counting, saving and using it; groups; reconfirmation."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.desk.segments import views
from mailer.reports import segment_count_job
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.reconfirmation import campaigns
from subscribers.reconfirmation.models import ReconfirmationCampaign
from subscribers.segments import estimates, subscriber_tags_and_fields
from subscribers.segments.models import CustomField, RuleCount, Segment
from subscribers.segments.rule_format import Condition, Group, to_json
from subscribers.segments.segments import save
from tests import cast as everyone
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def post(desk: Desk, address: str, action: str, **fields: Any) -> Any:
    return as_user(desk.admin).post(address, {"action": action, **fields})


NEW = "/desk/segments/new/"


def test_a_rule_is_edited_step_by_step_counted_and_saved(desk: Desk) -> None:
    everyone.reader("olga", (), "ru")
    at = {"name": "Russian", "join": "all", "groups": "1", "0-join": "all", "0-conditions": "0"}
    page = Page(post(desk, NEW, "add:0", **at, **{"0-new": "language|one_of|"}))
    assert ("0-0-condition", "language|one_of|") in page.controls and not Segment.objects.exists()
    at |= {"0-conditions": "1", "0-0-condition": "language|one_of|", "0-0-values": ["ru"]}
    answer = post(desk, NEW, "count", **at)
    assert answer.context["estimate"].matching == 1
    assert "olga@example.net" in Page(answer).text and "aigul" not in Page(answer).text
    answer = post(desk, NEW, "save", **at)
    made = Segment.objects.get()
    assert answer["Location"] == reverse("desk_segments:edit", args=[made.pk])
    kept = {
        "version": 1,
        "all": [{"all": [{"attribute": "language", "operator": "one_of", "values": ["ru"]}]}],
    }
    assert (made.name, made.rule, made.changed_by) == ("Russian", kept, "lola")
    page = Page(as_user(desk.approver).get(answer["Location"]))
    assert page.response.context["estimate"].matching == 1 and ("action", "save") not in page.controls


def test_buttons_add_and_remove_conditions_and_keep_the_rest(desk: Desk) -> None:
    two = {
        "name": "x",
        "join": "any",
        "groups": "2",
        "0-join": "none",
        "0-conditions": "2",
        "1-conditions": "0",
    }
    two |= {"0-0-condition": "known_since|within|", "0-0-values": "30", "0-1-condition": "bounced|never|"}
    page = Page(post(desk, NEW, "remove:0-1", **two))
    assert ("0-0-values", "30") in page.controls and "0-1-condition" not in page.names
    assert ("groups", "1") in Page(post(desk, NEW, "remove_group:1", **two)).controls
    assert ("groups", "3") in Page(post(desk, NEW, "add_group", **two)).controls


@pytest.mark.parametrize("action", ["add:²", "remove:0-²", "remove_group:" + "9" * 5_000, "remove_group:7"])
def test_an_action_on_a_missing_condition_changes_nothing(desk: Desk, action: str) -> None:
    at = {"name": "x", "join": "all", "groups": "1", "0-join": "all", "0-conditions": "1"}
    page = Page(post(desk, NEW, action, **at, **{"0-0-condition": "bounced|never|"}))
    assert ("groups", "1") in page.controls and "0-0-condition" in page.names


HAS_TAG = {"attribute": "tag", "operator": "has"}


@pytest.mark.parametrize(
    "fields",
    [
        {"0-0-condition": "language|one_of|"},
        {"0-0-condition": "known_since|since|", "0-0-values": "yesterday"},
        {"0-0-condition": "nothing|is|", "0-0-values": "x"},
        {"0-0-condition": "field|is|77", "0-0-values": "x"},
        {"0-0-condition": ""},
        {"rule_json": "[" * 100_000},
        {"rule_json": json.dumps({"version": 1, "all": [{**HAS_TAG, "values": [1e30]}]})},
        {"rule_json": json.dumps({"version": 1, "all": [{**HAS_TAG, "values": [10**30]}]})},
    ],
)
def test_an_invalid_rule_shows_an_error_and_is_not_saved(desk: Desk, fields: dict[str, str]) -> None:
    at = {"name": "x", "join": "all", "groups": "1", "0-join": "all", "0-conditions": "1", **fields}
    answer = post(desk, NEW, "save", **at)
    assert answer.status_code == 200 and answer.context["error"]
    assert not Segment.objects.exists()


def test_every_available_condition_can_be_shown(desk: Desk) -> None:
    for kind in CustomField.Kind.values:
        CustomField.objects.create(name=f"A {kind}", kind=kind, choices="red\ngreen")
    subscriber_tags_and_fields.get_or_create_tag("donor")
    page = as_user(desk.admin).get(NEW).content.decode()
    options = [part.split('"')[0] for part in page.split('<option value="')[1:] if "|" in part.split('"')[0]]
    assert len(options) > 30
    for option in options:
        at = {
            "name": "x",
            "join": "all",
            "groups": "1",
            "0-join": "all",
            "0-conditions": "0",
            "0-new": option,
        }
        page = post(desk, NEW, "add:0", **at).content.decode()
        assert f'value="{option}"' in page and 'id="condition-0-0"' in page


def test_a_rule_with_nested_groups_is_edited_as_json(desk: Desk) -> None:
    deep = Group("all", (Group("any", (Group("none", (Condition("bounced", "ever"),)),)),))
    segment = save(Segment(), "Deep", deep, "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    assert "rule_json" in Page(as_user(desk.admin).get(address)).names
    post(desk, address, "save", name="Deep", rule_json=json.dumps(to_json(Group("none", (deep,)))))
    segment.refresh_from_db()
    assert segment.rule == to_json(Group("none", (deep,)))
    assert post(desk, address, "save", name="Deep", rule_json="{").context["error"]


def test_groups_of_subscribers_to_review_are_counted_and_suggest_segments(desk: Desk) -> None:
    waiting = everyone.reader("waits", (), "ru", state="pending")
    Subscription.objects.filter(subscriber=waiting).update(created_at=everyone.NOW)
    browser = as_user(desk.admin)
    groups = browser.get(reverse("desk_list_health")).context["groups"]
    assert len(groups) == 4 and groups[0].estimate.matching == 1
    page = Page(browser.get(groups[0].segment_url))
    assert page.response.context["estimate"].matching == 1 and "waits@example.net" in page.text
    assert not Segment.objects.exists()
    segment = save(Segment(), "Waiting", groups[0].rule, "lola", everyone.NOW)
    page = browser.get(reverse("desk_subscribers:index"), {"segment": segment.pk}).content.decode()
    assert "waits@example.net" in page and "aigul" not in page


def test_the_subscribers_of_a_segment_are_asked_to_reconfirm(desk: Desk) -> None:
    segment = save(Segment(), "All", Group("all"), "lola", everyone.NOW)
    browser, address = as_user(desk.admin), reverse("desk_reconfirm", args=[segment.pk])
    assert {"mailing_list", "days"} <= Page(browser.get(address)).names
    chosen = MailingList.objects.get(slug="monthly")
    invalid = browser.post(address, {"mailing_list": chosen.pk, "days": 3})
    assert set(invalid.context["form"].errors) == {"days"} and not ReconfirmationCampaign.objects.exists()
    form = invalid.context["form_nonce"]
    answer = browser.post(address, {"mailing_list": chosen.pk, "days": 30, "form": form})
    # Pressed twice.
    browser.post(address, {"mailing_list": chosen.pk, "days": 30, "form": form})
    assert ReconfirmationCampaign.objects.count() == 1
    campaigns.run_due_batches(timezone.now())
    page = Page(browser.get(answer["Location"]))
    assert page.response.context["asked"] == 1 and ("action", "finish") not in page.controls
    ReconfirmationCampaign.objects.update(deadline=everyone.NOW.date())
    assert ("action", "finish") in Page(browser.get(answer["Location"])).controls
    browser.post(answer["Location"], {"action": "finish"})
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"
    assert answer["Location"] in Page(browser.get(reverse("desk_reconfirmations"))).links
    assert as_user(desk.approver).get(address).status_code in (302, 403)


def test_two_people_change_a_segment_and_the_second_sees_the_first_rule(desk: Desk) -> None:
    segment = save(Segment(), "All", Group("all"), "lola", everyone.NOW)
    browser, page = as_user(desk.admin), reverse("desk_segments:edit", args=[segment.pk])
    seen = browser.get(page).context["seen"]
    theirs = Group("all", (Group("all", (Condition("language", "one_of", ("ru",)),)),))
    save(segment, "Readers of Russian", theirs, "dana", timezone.now())
    mine = {"action": "save", "name": "Mine", "rule_json": json.dumps(to_json(Group("all")))}
    answer = browser.post(page, {**mine, "seen": seen})
    segment.refresh_from_db()
    assert segment.name == "Readers of Russian" and "dana" in answer.context["error"]
    browser.post(page, {**mine, "seen": answer.context["seen"]})
    segment.refresh_from_db()
    assert segment.name == "Mine"


def test_a_new_segment_is_made_once_however_often_the_button_is_pressed(desk: Desk) -> None:
    browser, page = as_user(desk.admin), reverse("desk_segments:add")
    form = browser.get(page).context["form_nonce"]
    for _ in range(2):
        browser.post(
            page,
            {"action": "save", "name": "New", "form": form, "rule_json": json.dumps(to_json(Group("all")))},
        )
    assert Segment.objects.filter(name="New").count() == 1


def test_a_segment_in_use_is_not_deleted(desk: Desk) -> None:
    segment = save(Segment(), "Used", Group("all"), "lola", everyone.NOW)
    desk.edition.segment = segment
    desk.edition.save()
    address = reverse("desk_segments:edit", args=[segment.pk])
    post(desk, address, "delete")
    assert Segment.objects.exists()
    desk.edition.segment = None
    desk.edition.save()
    post(desk, address, "delete")
    assert not Segment.objects.exists()


@pytest.mark.parametrize("name", ["segment", "excluded"])
def test_a_segment_that_only_a_draft_of_an_edition_uses_is_kept(desk: Desk, name: str) -> None:
    segment = save(Segment(), "Used", Group("all"), "lola", everyone.NOW)
    draft = desk.edition.get_latest_revision_as_object()
    setattr(draft, name, segment)
    draft.save_revision(user=desk.writer)
    address = reverse("desk_segments:edit", args=[segment.pk])
    assert [one.pk for one in as_user(desk.admin).get(address).context["used_by"]] == [desk.edition.pk]
    post(desk, address, "delete")
    assert Segment.objects.exists()


def test_a_refused_deletion_is_not_in_the_audit_log(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = save(Segment(), "Used", Group("all"), "lola", everyone.NOW)
    desk.edition.segment = segment
    desk.edition.save()
    monkeypatch.setattr(views, "usages", lambda segment: [])
    post(desk, reverse("desk_segments:edit", args=[segment.pk]), "delete")
    assert Segment.objects.exists()
    assert not ModelLogEntry.objects.filter(action="wagtail.delete").exists()


def test_a_writer_changes_no_segment(desk: Desk) -> None:
    segment = save(Segment(), "Mine", Group("all"), "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    answer = as_user(desk.writer).post(address, {"action": "delete"})
    assert answer.status_code in (302, 403) and Segment.objects.exists()


def test_deleting_a_segment_needs_its_own_permission(desk: Desk) -> None:
    segment = save(Segment(), "Mine", Group("all"), "lola", everyone.NOW)
    address = reverse("desk_segments:edit", args=[segment.pk])
    admins, may_delete = desk.admin.groups.get(), Permission.objects.get(codename="delete_segment")
    admins.permissions.remove(may_delete)
    controls = Page(as_user(desk.admin).get(address)).controls
    assert ("action", "save") in controls and ("action", "delete") not in controls
    post(desk, address, "delete")
    assert Segment.objects.exists()
    admins.permissions.add(may_delete)
    assert ("action", "delete") in Page(as_user(desk.admin).get(address)).controls


def estimate_from_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    last = Subscriber.objects.latest("pk").pk
    monkeypatch.setattr(estimates, "SAMPLE_SIZE", last // 4)
    monkeypatch.setattr(estimates, "COUNTED_LIVE", 100)


def many_subscribers(monkeypatch: pytest.MonkeyPatch) -> tuple[Group, Group, Group]:
    """800, of whom 600 are on a list; the rules of all, of the other 200, and of none."""
    people = [
        Subscriber(email=f"r{number}@example.org", address_hash=number.to_bytes(16), language="ru")
        for number in range(800)
    ]
    Subscriber.objects.bulk_create(people)
    estimate_from_a_quarter(monkeypatch)
    chosen = MailingList.objects.earliest("pk")
    Subscription.objects.bulk_create(
        Subscription(subscriber=one, mailing_list=chosen, state="confirmed")
        for number, one in enumerate(people)
        if number % 4
    )
    everybody = Group("all", (Condition("language", "one_of", ("ru",)),))
    few = Group("all", (*everybody.parts, Condition("list", "not_on", (chosen.pk,))))
    return everybody, few, Group("all", (Condition("language", "one_of", ("tg",)),))


def test_many_subscribers_are_estimated_from_a_sample(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody, few, nobody = many_subscribers(monkeypatch)
    estimated = estimates.estimate(everybody, everyone.NOW)
    assert not estimated.exact and 700 <= estimated.matching <= 900
    assert 450 <= estimated.reachable <= 750
    counted = estimates.estimate(everybody, everyone.NOW, exact=True)
    assert (counted.exact, counted.matching, counted.reachable) == (True, 800, 600)
    estimated = estimates.estimate(few, everyone.NOW)
    assert not estimated.exact and 100 <= estimated.matching <= 300 and not estimated.reachable
    estimated = estimates.estimate(nobody, everyone.NOW)
    assert not estimated.exact and estimated.upper_bound and 0 < estimated.matching < 20
    health = Page(as_user(desk.admin).get(reverse("desk_list_health")))
    assert not any(group.estimate.exact for group in health.response.context["groups"])


def test_pages_show_the_count_of_the_worker_and_when_it_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _everybody, few, _nobody = many_subscribers(monkeypatch)
    now = timezone.now()
    monkeypatch.setattr(estimates, "_RANGE", 300)
    segment = Segment()
    save(segment, "Few", few, "lola", now)
    assert segment_count_job.refresh_counts(lambda: now, lambda: False) == 5
    segment_page = reverse("desk_segments:edit", args=[segment.pk])
    found = as_user(desk.admin).get(segment_page).context["estimate"]
    newest = list(Subscriber.objects.filter(subscriptions=None, language="ru").order_by("-pk")[:8])
    assert (found.matching, found.reachable, found.exact) == (200, 0, True)
    assert (found.counted_at, list(found.sample)) == (now, newest)
    for group in as_user(desk.admin).get(reverse("desk_list_health")).context["groups"]:
        assert group.estimate.counted_at == now
    # What a page shows is not counted again by looking at it, and the worker rests in between.
    Subscriber.objects.filter(pk=newest[0].pk).delete()
    later = now + timedelta(minutes=1)
    assert segment_count_job.refresh_counts(lambda: later, lambda: False) == 0
    assert estimates.estimate(few, later).matching == 200
    assert as_user(desk.admin).get(segment_page).context["estimate"].sample[0] == newest[1]
    assert estimates.estimate(few, later, exact=True).matching == 199
    # It rests for a hundred times as long as all of them took.
    RuleCount.objects.update(seconds=5)
    later = now + timedelta(minutes=40)
    assert segment_count_job.refresh_counts(lambda: later, lambda: False) == 0
    later = now + timedelta(minutes=42)
    assert segment_count_job.refresh_counts(lambda: later, lambda: False) == 5
    assert estimates.estimate(few, later).matching == 199


@pytest.mark.parametrize("first", [0, 1])
def test_the_sample_is_representative_for_alternating_values(
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
    estimate_from_a_quarter(monkeypatch)
    estimated = estimates.estimate(Group("all", (Condition("language", "one_of", ("ru",)),)), everyone.NOW)
    assert not estimated.exact and 650 <= estimated.matching <= 950

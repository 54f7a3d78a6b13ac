"""Reconfirmation campaigns: an email, a button, and staff who decide about those who do not answer."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from subscribers import consent, iso_codes, suppression, unsubscribe
from subscribers.bulk import apply_and_undo_bulk_actions
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.preference_center import preferences
from subscribers.reconfirmation import campaigns
from subscribers.reconfirmation.models import ReconfirmationCampaign
from subscribers.resumable_jobs import LEASE, WrongState
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import Segment, Tag
from subscribers.segments.rule_format import Condition, Group
from subscribers.segments.segments import save
from subscribers.subscribe import subscribe
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

OVER = NOW + timedelta(days=31)


@pytest.fixture
def campaign(monthly: MailingList) -> ReconfirmationCampaign:
    """To everyone on the monthly list, for thirty days."""
    return campaigns.start_campaign(everybody(), monthly, 30, "lola", NOW)


def everybody() -> Segment:
    return save(Segment(), "Everybody", Group("all"), "lola", NOW)


def asked() -> list[str]:
    return [email.to[0].partition("@")[0] for email in mail.outbox]


def link(letter: int = 0) -> str:
    found = re.search(r"/stay/[^/]+/", str(mail.outbox[letter].body))
    assert found is not None
    return found[0]


def decided(campaign: ReconfirmationCampaign) -> None:
    campaigns.finish_and_remove_unanswered(campaign, "dana", OVER)
    apply_and_undo_bulk_actions.run_due_batches(OVER, lambda: False)


def state(person: Subscriber) -> str:
    return person.subscriptions.get().state


def test_only_reachable_subscribers_are_asked_and_each_once(
    campaign: ReconfirmationCampaign, join: Join, events: MailingList
) -> None:
    runner = campaigns.CampaignRunner(batch_size=2)
    for name in ("aigul", "bolat", "dana"):
        join(name)
    join("waits", state="pending")
    join("left", state="unsubscribed")
    join("elsewhere", events)
    suppression.suppress(join("stopped"), Suppression.Reason.HARD_BOUNCE, "", NOW)
    counts = []
    for _ in range(3):
        runner.run_due(lambda: NOW, lambda: False, rounds=1)
        counts.append(len(mail.outbox))
    assert counts == [2, 3, 3]
    assert asked() == ["aigul", "bolat", "dana"]
    again = campaigns.start_campaign(Segment.objects.get(), campaign.mailing_list, 30, "lola", NOW)
    campaigns.run_due_batches(NOW + timedelta(days=89))
    assert len(mail.outbox) == 3 and again.requests.count() == 0


def test_a_paused_subscriber_is_not_asked(campaign: ReconfirmationCampaign, join: Join) -> None:
    join("aigul", paused_until=NOW + timedelta(days=5))
    join("bolat", paused_until=NOW - timedelta(days=5))
    campaigns.run_due_batches(NOW)
    assert asked() == ["bolat"]


def test_a_campaign_whose_emails_fail_names_the_error_and_stops_no_other(
    campaign: ReconfirmationCampaign, events: MailingList, join: Join
) -> None:
    join("aigul")
    join("bolat", events)

    class Failing(campaigns.CampaignRunner):
        def send(self, campaign: ReconfirmationCampaign, person: Subscriber) -> None:
            if person.email.startswith("aigul"):
                raise ZeroDivisionError
            super().send(campaign, person)

    campaigns.start_campaign(Segment.objects.get(), events, 30, "lola", NOW)
    assert Failing().run_due(lambda: NOW, lambda: False, rounds=1) == 1
    campaign.refresh_from_db()
    assert asked() == ["bolat"] and "ZeroDivisionError" in campaign.error
    campaigns.run_due_batches(NOW + LEASE + timedelta(seconds=1))
    campaign.refresh_from_db()
    assert asked() == ["bolat", "aigul"] and not campaign.error


def test_no_one_is_asked_when_the_tag_of_the_excluded_was_deleted(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    join("aigul")
    rule = Group(
        "all", (Condition("tag", "not_has", (subscriber_tags_and_fields.get_or_create_tag("donor").pk,)),)
    )
    first = campaigns.start_campaign(save(Segment(), "Others", rule, "lola", NOW), monthly, 30, "lola", NOW)
    Tag.objects.all().delete()
    campaigns.run_due_batches(NOW)
    first.refresh_from_db()
    assert asked() == [] and first.state == ReconfirmationCampaign.State.WAITING


def test_the_email_is_in_the_subscribers_language_and_only_the_button_confirms(
    campaign: ReconfirmationCampaign, join: Join
) -> None:
    person = join("olga", language="ru")
    campaigns.run_due_batches(NOW)
    assert mail.outbox[0].subject.startswith("Вы всё ещё хотите")
    page = Client().get(link()).content.decode()
    assert "Нажмите кнопку" in page and campaign.requests.get().confirmed_at is None
    assert "olga@example.org" not in page and "olga@example.org" not in link()
    page = Client().post(link()).content.decode()
    assert campaign.requests.get().confirmed_at is not None
    record = person.consents.get()
    assert (record.event, record.channel) == ("confirmed", Channel.EMAIL_LINK)
    assert record.text is not None and record.text.text.startswith("Нажмите кнопку")
    Client().post(link())
    assert person.consents.count() == 1


def test_the_email_can_be_unsubscribed_from_with_one_click_and_only_that_list_ends(
    campaign: ReconfirmationCampaign, join: Join, events: MailingList
) -> None:
    person = join("olga")
    person.subscriptions.create(mailing_list=events, state="confirmed", created_at=NOW, confirmed_at=NOW)
    campaigns.run_due_batches(NOW)
    headers = mail.outbox[0].extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<https?://[^/]+(/unsubscribe/list/[^/>]+/)>", headers["List-Unsubscribe"])
    assert found is not None

    def states() -> dict[str, str]:
        return dict(person.subscriptions.values_list("mailing_list__slug", "state"))

    strict = Client(enforce_csrf_checks=True)
    page = strict.get(found[1]).content.decode()
    assert 'name="List-Unsubscribe"' in page and set(states().values()) == {"confirmed"}
    assert strict.post(found[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert states() == {campaign.mailing_list.slug: "unsubscribed", events.slug: "confirmed"}
    assert person.consents.get().channel == Channel.ONE_CLICK
    strict.post(found[1], {"back": "1"})
    assert set(states().values()) == {"confirmed"}


def test_the_page_after_the_button_names_a_pause_that_began_since(
    campaign: ReconfirmationCampaign, join: Join
) -> None:
    join("olga", language="kk")
    campaigns.run_due_batches(NOW)
    until = timezone.now() + timedelta(days=40)
    Subscriber.objects.update(paused_until=until)
    day = iso_codes.long_date(timezone.localdate(until), "kk")
    assert day in Client().post(link()).content.decode()


@pytest.mark.parametrize("language", ["en", "ru", "kk", "ky", "uz", "tg", "tk"])
def test_the_email_writes_the_last_day_as_the_subscribers_language_does(
    campaign: ReconfirmationCampaign, join: Join, language: str
) -> None:
    join("olga", language=language)
    campaigns.run_due_batches(NOW)
    assert iso_codes.long_date(campaign.deadline, language) in mail.outbox[0].body


def test_who_does_not_answer_is_removed_by_staff_only_and_a_late_yes_counts(
    campaign: ReconfirmationCampaign, join: Join
) -> None:
    stays, silent = join("stays"), join("silent")
    campaigns.run_due_batches(NOW)
    Client().post(link(0))
    with pytest.raises(WrongState, match="until"):
        campaigns.finish_and_remove_unanswered(campaign, "dana", NOW + timedelta(days=30))
    assert state(silent) == "confirmed"
    decided(campaign)
    assert (state(stays), state(silent)) == ("confirmed", "unsubscribed")
    with pytest.raises(WrongState):
        campaigns.finish_and_remove_unanswered(campaign, "dana", OVER)
    late = link(1)
    Client().post(late)
    assert state(silent) == "confirmed"


@pytest.mark.parametrize("by", ["sign-up", "button", "preferences"])
def test_who_left_and_came_back_since_the_question_is_not_removed(
    campaign: ReconfirmationCampaign, join: Join, by: str
) -> None:
    back, silent, lists = join("back"), join("silent"), [campaign.mailing_list_id]
    campaigns.run_due_batches(NOW)
    left, returned = NOW + timedelta(days=2), NOW + timedelta(days=20)
    unsubscribe.unsubscribe(back.pk, lists, None, Evidence(Channel.ONE_CLICK), left)
    if by == "sign-up":
        subscribe.request_signup(back.email, lists, "en", (), Evidence(Channel.FORM), returned)
        subscribe.confirm_signup(back, Evidence(Channel.EMAIL_LINK), returned)
    elif by == "button":
        subscribe.resubscribe_where_allowed(back, lists, None, Evidence(Channel.PREFERENCES), returned)
    else:
        wanted = preferences.Preferences("en", (), tuple(lists), None, tracking=False)
        preferences.save(back, wanted, None, Evidence(Channel.PREFERENCES), returned)
    decided(campaign)
    assert (state(back), state(silent)) == ("confirmed", "unsubscribed")


def test_undoing_the_removal_resubscribes_no_one_who_unsubscribed_since(
    campaign: ReconfirmationCampaign, join: Join
) -> None:
    person, other = join("silent"), join("other")
    campaigns.run_due_batches(NOW)
    job = campaigns.finish_and_remove_unanswered(campaign, "dana", OVER)
    apply_and_undo_bulk_actions.run_due_batches(OVER, lambda: False)
    unsubscribe.unsubscribe(
        person.pk, [campaign.mailing_list_id], None, Evidence(Channel.ONE_CLICK), OVER + timedelta(1)
    )
    job.refresh_from_db()
    apply_and_undo_bulk_actions.RUNNER.start_undo(job, "dana", OVER + timedelta(2))
    apply_and_undo_bulk_actions.run_due_batches(OVER + timedelta(2), lambda: False)
    assert (state(person), state(other)) == ("unsubscribed", "confirmed")


def test_a_cancelled_campaign_asks_and_removes_no_one(campaign: ReconfirmationCampaign, join: Join) -> None:
    join("aigul")
    campaigns.cancel(campaign, "dana", NOW)
    assert campaigns.run_due_batches(NOW) == 0 and not mail.outbox
    with pytest.raises(WrongState, match="cancelled"):
        campaigns.finish_and_remove_unanswered(campaign, "dana", OVER)


def test_a_rule_that_is_changed_later_does_not_change_the_campaign(
    campaign: ReconfirmationCampaign, join: Join
) -> None:
    join("aigul")
    nobody = Group("all", (Condition("language", "one_of", ("tk",)),))
    save(Segment.objects.get(), "Everybody", nobody, "lola", NOW)
    campaigns.run_due_batches(NOW)
    assert asked() == ["aigul"]


@pytest.mark.parametrize("days", [0, 6, 91])
def test_too_few_or_too_many_days_are_refused(monthly: MailingList, days: int) -> None:
    with pytest.raises(ValueError, match="7 to 90"):
        campaigns.start_campaign(everybody(), monthly, days, "lola", NOW)


def test_a_yes_is_recorded_though_another_list_was_confirmed_since(
    campaign: ReconfirmationCampaign, join: Join, events: MailingList
) -> None:
    person = join("aigul")
    consent.record(Event.CONFIRMED, [person.pk], [events.pk], Evidence(Channel.EMAIL_LINK), NOW)
    for _ in range(2):
        campaigns.confirm_or_resubscribe(campaign, person, Evidence(Channel.EMAIL_LINK), NOW)
    assert list(person.consents.values_list("mailing_list", flat=True)) == [
        events.pk,
        campaign.mailing_list_id,
    ]

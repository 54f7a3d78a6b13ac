"""Asking whether people still want it: a letter, a button, and a person who decides what silence means."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from subscribers import suppression, unsubscribe
from subscribers.bulk import jobs
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, Subscriber, Suppression
from subscribers.reconfirmation import reconfirmation
from subscribers.reconfirmation.models import Asking
from subscribers.reconfirmation.reconfirmation import NotNow
from subscribers.segments import attributes
from subscribers.segments.models import SavedSegment, Tag
from subscribers.segments.rules import Group, Test
from subscribers.segments.store import save
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

OVER = NOW + timedelta(days=31)


@pytest.fixture
def question(monthly: MailingList) -> Asking:
    """To everybody on the monthly list, for thirty days."""
    return reconfirmation.begin(everybody(), monthly, 30, "lola", NOW)


def everybody() -> SavedSegment:
    return save(SavedSegment(), "Everybody", Group("all"), "lola", NOW)


def asked() -> list[str]:
    return [letter.to[0].partition("@")[0] for letter in mail.outbox]


def link(letter: int = 0) -> str:
    found = re.search(r"/stay/[^/]+/", str(mail.outbox[letter].body))
    assert found is not None
    return found[0]


def decided(question: Asking) -> None:
    reconfirmation.decide(question, "dana", OVER)
    jobs.work(OVER, lambda: False)


def state(person: Subscriber) -> str:
    return person.subscriptions.get().state


def test_only_readers_whom_mail_may_reach_are_asked_and_each_once(
    question: Asking, join: Join, events: MailingList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconfirmation, "_AT_A_TIME", 2)
    for name in ("aigul", "bolat", "dana"):
        join(name)
    join("waits", state="pending")
    join("left", state="unsubscribed")
    join("elsewhere", events)
    suppression.suppress(join("stopped"), Suppression.Reason.HARD_BOUNCE, "", NOW)
    assert [reconfirmation.work(NOW) for _ in range(3)] == [2, 1, 0]
    assert asked() == ["aigul", "bolat", "dana"]
    again = reconfirmation.begin(SavedSegment.objects.get(), question.mailing_list, 30, "lola", NOW)
    reconfirmation.work(NOW + timedelta(days=89))
    assert len(mail.outbox) == 3 and again.people.count() == 0


def test_whoever_paused_is_left_in_peace(question: Asking, join: Join) -> None:
    join("aigul", paused_until=NOW + timedelta(days=5))
    join("bolat", paused_until=NOW - timedelta(days=5))
    reconfirmation.work(NOW)
    assert asked() == ["bolat"]


def test_a_question_whose_letters_fail_holds_up_no_other_and_is_asked_later(
    question: Asking, events: MailingList, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    join("aigul")
    join("bolat", events)
    # The latest question comes first.
    reconfirmation.begin(SavedSegment.objects.get(), events, 30, "lola", NOW)
    ask = reconfirmation.emails.send_reconfirmation
    with monkeypatch.context() as broken:
        broken.setattr(
            reconfirmation.emails,
            "send_reconfirmation",
            lambda person, *about: 1 // 0 if person.email.startswith("bolat") else ask(person, *about),
        )
        assert reconfirmation.work(NOW) == 1
    assert asked() == ["aigul"]
    reconfirmation.work(NOW)
    assert asked() == ["aigul", "bolat"]


def test_nobody_is_asked_when_the_tag_of_those_who_are_not_meant_is_gone(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    join("aigul")
    rule = Group("all", (Test("tag", "not_has", (attributes.tag_named("donor").pk,)),))
    first = reconfirmation.begin(save(SavedSegment(), "Others", rule, "lola", NOW), monthly, 30, "lola", NOW)
    Tag.objects.all().delete()
    reconfirmation.work(NOW)
    first.refresh_from_db()
    assert asked() == [] and first.state == Asking.State.WAITING


def test_the_letter_speaks_the_readers_language_and_looking_at_its_page_says_nothing(
    question: Asking, join: Join
) -> None:
    person = join("olga", language="ru")
    reconfirmation.work(NOW)
    assert mail.outbox[0].subject.startswith("Вы всё ещё хотите")
    page = Client().get(link()).content.decode()
    assert "Нажмите кнопку" in page and question.people.get().stays_at is None
    assert "olga@example.org" not in page and "olga@example.org" not in link()
    page = Client().post(link()).content.decode()
    assert question.people.get().stays_at is not None
    record = person.consents.get()
    assert (record.event, record.channel) == ("confirmed", Channel.EMAIL_LINK)
    assert record.text is not None and record.text.text.startswith("Нажмите кнопку")
    Client().post(link())
    assert person.consents.count() == 1


def test_silence_takes_nobody_off_before_a_person_decides_and_can_be_undone(
    question: Asking, join: Join
) -> None:
    stays, silent = join("stays"), join("silent")
    reconfirmation.work(NOW)
    Client().post(link(0))
    with pytest.raises(NotNow, match="until"):
        reconfirmation.decide(question, "dana", NOW + timedelta(days=30))
    assert state(silent) == "confirmed"
    decided(question)
    assert (state(stays), state(silent)) == ("confirmed", "unsubscribed")
    with pytest.raises(NotNow):
        reconfirmation.decide(question, "dana", OVER)
    late = link(1)
    Client().post(late)
    assert state(silent) == "confirmed"


def test_whoever_left_meanwhile_is_not_brought_back_by_undoing_the_decision(
    question: Asking, join: Join
) -> None:
    person, other = join("silent"), join("other")
    reconfirmation.work(NOW)
    run = reconfirmation.decide(question, "dana", OVER)
    jobs.work(OVER, lambda: False)
    unsubscribe.unsubscribe(
        person.pk, [question.mailing_list_id], None, Evidence(Channel.ONE_CLICK), OVER + timedelta(1)
    )
    run.refresh_from_db()
    jobs.undo(run, "dana", OVER + timedelta(2))
    jobs.work(OVER + timedelta(2), lambda: False)
    assert (state(person), state(other)) == ("unsubscribed", "confirmed")


def test_a_question_that_is_stopped_asks_and_decides_nothing_more(question: Asking, join: Join) -> None:
    join("aigul")
    reconfirmation.stop(question, "dana", NOW)
    assert reconfirmation.work(NOW) == 0 and not mail.outbox
    with pytest.raises(NotNow, match="stopped"):
        reconfirmation.decide(question, "dana", OVER)


def test_a_rule_changed_later_changes_nothing_about_a_question_that_was_begun(
    question: Asking, join: Join
) -> None:
    join("aigul")
    nobody = Group("all", (Test("language", "one_of", ("tk",)),))
    save(SavedSegment.objects.get(), "Everybody", nobody, "lola", NOW)
    reconfirmation.work(NOW)
    assert asked() == ["aigul"]


@pytest.mark.parametrize("days", [0, 6, 91])
def test_too_few_or_too_many_days_are_refused(monthly: MailingList, days: int) -> None:
    with pytest.raises(ValueError, match="7 to 90"):
        reconfirmation.begin(everybody(), monthly, days, "lola", NOW)

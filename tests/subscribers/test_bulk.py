"""Changing many people at once, and undoing it: nobody is brought back, and what changed since stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers import suppression, unsubscribe
from subscribers.bulk import jobs
from subscribers.bulk.jobs import NotNow, Wish
from subscribers.bulk.models import BulkChange, BulkRun
from subscribers.consent import Channel, Evidence
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from subscribers.search import search
from subscribers.search.search import Query
from subscribers.segments import attributes
from subscribers.subscribe import subscribe
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

LATER = NOW + timedelta(hours=1)


def done(wish: Wish) -> BulkRun:
    run = jobs.begin(wish, "lola", NOW)
    jobs.work(NOW, lambda: False)
    run.refresh_from_db()
    assert run.state == BulkRun.State.DONE
    return run


def undone(run: BulkRun) -> BulkRun:
    jobs.undo(run, "dana", LATER)
    jobs.work(LATER, lambda: False)
    run.refresh_from_db()
    assert run.state == BulkRun.State.UNDONE
    return run


def on(mailing_list: MailingList) -> dict[str, str]:
    rows = Subscription.objects.filter(mailing_list=mailing_list).select_related("subscriber")
    return {row.subscriber.email.partition("@")[0]: row.state for row in rows}


def test_whoever_left_waits_or_is_suppressed_is_put_on_no_list(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    join("fresh")
    join("waits", monthly)
    join("waits-there", events, state="pending")
    join("left", events, state="unsubscribed")
    suppression.suppress(join("stopped"), Suppression.Reason.HARD_BOUNCE, "", NOW)
    wish = Wish("add", target=events.pk, target_name="Events", words="asked for it at the fair")
    run = done(wish)
    assert on(events) == {
        "fresh": "confirmed",
        "waits": "confirmed",
        "waits-there": "pending",
        "left": "unsubscribed",
    }
    assert (run.changed, run.left) == (2, 3)
    word = ConsentRecord.objects.filter(event="added").first()
    assert word is not None and (word.attested_by, word.source) == ("lola", "asked for it at the fair")


def test_whoever_left_one_list_is_put_on_no_other(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    gone = join("gone", monthly)
    unsubscribe.unsubscribe(gone.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), NOW)
    run = done(Wish("add", target=events.pk, words="asked for it at the fair"))
    assert on(events) == {} and (run.changed, run.left) == (0, 1)


def test_whoever_left_and_was_only_typed_in_again_is_not_brought_nearer_by_undoing(
    join: Join, monthly: MailingList
) -> None:
    person = join("gone")
    unsubscribe.unsubscribe(
        person.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), NOW - timedelta(days=1)
    )
    subscribe.request(person.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
    undone(done(Wish("remove", ids=(person.pk,), target=monthly.pk)))
    # An import confirms who waits and never left.
    assert on(monthly) == {"gone": "unsubscribed"}
    subscribe.request(person.email, [monthly.pk], "en", (), Evidence(Channel.FORM), NOW)
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.DESK), LATER)
    unsubscribe.restore(person.pk, LATER, Evidence(Channel.DESK), LATER)
    assert on(monthly) == {"gone": "unsubscribed"}


def test_undoing_gives_back_what_nobody_changed_since(
    join: Join, monthly: MailingList, events: MailingList
) -> None:
    stays, leaves, waits = join("stays"), join("leaves"), join("waits", state="pending")
    added = done(Wish("add", target=events.pk, words="asked"))
    unsubscribe.unsubscribe(leaves.pk, [events.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    undone(added)
    assert on(events) == {"leaves": "unsubscribed"}
    assert (added.undone, added.kept) == (2, 1)
    removed = done(Wish("remove", ids=(stays.pk, leaves.pk, waits.pk), target=monthly.pk))
    assert set(on(monthly).values()) == {"unsubscribed"}
    # The reader's own word, after somebody else had taken them off.
    unsubscribe.unsubscribe(leaves.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    undone(removed)
    assert on(monthly) == {"stays": "confirmed", "leaves": "unsubscribed", "waits": "pending"}


def test_tags_come_and_go_and_come_back(join: Join) -> None:
    had, fresh = join("had"), join("fresh")
    attributes.set_tags(had, ["donor"])
    tag = attributes.tag_named("donor")
    tagged = done(Wish("tag", target=tag.pk))
    assert (tagged.changed, tagged.left) == (1, 1)
    undone(tagged)
    assert [one.subscriber for one in tag.taggings.all()] == [had]
    untagged = done(Wish("untag", target=tag.pk))
    assert not tag.taggings.exists()
    attributes.set_tags(fresh, ["donor"])
    undone(untagged)
    assert {one.subscriber for one in tag.taggings.all()} == {had, fresh}


def test_a_tag_or_list_that_is_gone_stops_no_later_change(join: Join, events: MailingList) -> None:
    person = join("had")
    attributes.set_tags(person, ["donor"])
    untagged = done(Wish("untag", target=attributes.tag_named("donor").pk))
    added = jobs.begin(Wish("add", target=events.pk, words="asked"), "lola", NOW)
    attributes.tag_named("donor").delete()
    events.delete()
    undone(untagged)
    assert (untagged.undone, untagged.kept) == (0, 1)
    added.refresh_from_db()
    assert (added.state, added.changed, added.left) == (BulkRun.State.DONE, 0, 1)


def test_a_complaint_since_stays_when_a_suppression_is_undone(join: Join) -> None:
    people = [join("a"), join("b")]
    run = done(Wish("suppress", words="the office closed"))
    assert all(suppression.is_suppressed(one) for one in people)
    suppression.suppress(people[1], Suppression.Reason.COMPLAINT, "", LATER)
    undone(run)
    assert [suppression.is_suppressed(one) for one in people] == [False, True]


def test_a_run_goes_on_where_it_was_interrupted_and_does_each_person_once(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_STRETCH", 2)
    for number in range(5):
        join(f"reader-{number}")
    tag = attributes.tag_named("donor")
    run = jobs.begin(Wish("tag", asked=Query("reader"), target=tag.pk), "lola", NOW)
    jobs.step(run.pk, NOW)
    assert tag.taggings.count() == 2
    join("reader-late")
    jobs.work(NOW, lambda: False)
    jobs.step(run.pk, NOW)
    run.refresh_from_db()
    assert (run.changed, tag.taggings.count(), run.state) == (5, 5, "done")
    undone(run)
    assert not tag.taggings.exists()


def test_a_change_that_fails_says_why_and_those_behind_it_go_on(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_STRETCH", 1)
    people, first, second = [join("a"), join("b")], attributes.tag_named("one"), attributes.tag_named("two")
    fails = jobs.begin(Wish("tag", target=first.pk), "lola", NOW)
    jobs.step(fails.pk, NOW)
    with monkeypatch.context() as broken:
        done_well = jobs.actions.do
        broken.setattr(
            jobs.actions, "do", lambda run, some: 1 // 0 if run.pk == fails.pk else done_well(run, some)
        )
        done(Wish("tag", target=second.pk))
    fails.refresh_from_db()
    assert "division" in fails.error and not fails.at_work
    assert (first.taggings.count(), second.taggings.count()) == (1, 2)
    jobs.work(NOW, lambda: False)
    assert first.taggings.count() == 1
    jobs.go_on(fails)
    jobs.work(NOW, lambda: False)
    fails.refresh_from_db()
    assert (fails.state, fails.changed, first.taggings.count()) == ("done", 2, len(people))


def test_what_a_change_had_done_before_it_failed_can_be_undone(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_STRETCH", 1)
    join("a"), join("b")
    tag = attributes.tag_named("one")
    fails = jobs.begin(Wish("tag", target=tag.pk), "lola", NOW)
    jobs.step(fails.pk, NOW)
    with pytest.raises(NotNow):
        jobs.undo(fails, "dana", LATER)
    BulkRun.objects.update(error="ValueError: no")
    undone(fails)
    assert not tag.taggings.exists() and not fails.error


def test_a_change_that_met_somebody_elses_is_tried_again_by_the_next_look(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    join("a")
    tag = attributes.tag_named("one")
    meets = jobs.begin(Wish("tag", target=tag.pk), "lola", NOW)

    def collide(run: BulkRun, some: object) -> None:
        raise IntegrityError

    with monkeypatch.context() as broken:
        broken.setattr(jobs.actions, "do", collide)
        assert jobs.work(NOW, lambda: False) == 0
    jobs.work(NOW, lambda: False)
    meets.refresh_from_db()
    assert (meets.state, meets.error, tag.taggings.count()) == ("done", "", 1)


def test_after_thirty_days_it_is_not_undone_and_nothing_is_kept_for_it(join: Join) -> None:
    join("a")
    run = done(Wish("tag", target=attributes.tag_named("x").pk))
    late = NOW + jobs.UNDO_FOR + timedelta(seconds=1)
    with pytest.raises(NotNow, match="30 days"):
        jobs.undo(run, "lola", late)
    jobs.forget(late)
    assert not BulkChange.objects.exists()


def test_a_change_without_reason_or_target_is_refused_in_words(db: None) -> None:
    for wish, words in (
        (Wish("add", target=1), "consent"),
        (Wish("tag"), "Choose"),
        (Wish("suppress"), "why"),
    ):
        with pytest.raises(ValueError, match=words):
            jobs.begin(wish, "lola", NOW)


STEPS = st.lists(
    st.sampled_from(["add", "remove", "suppress", "undo", "leave", "bounce", "complain"]), max_size=9
)


@settings(max_examples=40)
@given(steps=STEPS)
def test_nothing_that_staff_do_to_many_brings_back_whoever_left(
    join: Join, monthly: MailingList, steps: list[str]
) -> None:
    Subscriber.objects.all().delete()
    Suppression.objects.all().delete()
    BulkRun.objects.all().delete()
    person = join("aigul")
    left = complained = False
    for place, step in enumerate(steps):
        now = NOW + timedelta(minutes=place)
        if step == "leave":
            unsubscribe.unsubscribe(person.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), now)
            left = True
        elif step in ("bounce", "complain"):
            reason = "hard_bounce" if step == "bounce" else "complaint"
            suppression.suppress(person, reason, "", now)
            complained = complained or step == "complain"
        elif step == "undo":
            last = BulkRun.objects.filter(state="done").first()
            if last is not None:
                jobs.undo(last, "dana", now)
        else:
            jobs.begin(Wish(step, target=monthly.pk, words="because"), "lola", now)
        jobs.work(now, lambda: False)
        reached = on(monthly)["aigul"] == "confirmed" and not suppression.is_suppressed(person)
        assert not (reached and (left or complained)), steps[: place + 1]


def test_whom_it_is_about_is_kept_as_it_was_asked(join: Join) -> None:
    join("aigul", language="kk")
    asked = Query("aig", state=search.STATES[1], language="kk")
    run = jobs.begin(Wish("tag", asked=asked, target=attributes.tag_named("x").pk), "lola", NOW)
    assert jobs.people_of(run).count() == 1
    assert jobs.people_of(replace_asked(run)).count() == 0


def replace_asked(run: BulkRun) -> BulkRun:
    run.who = {**run.who, "language": replace(Query(), language="ru").language}
    return run

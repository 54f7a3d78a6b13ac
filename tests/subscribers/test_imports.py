from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.reports.export import write_csv
from mailer.reports.subscriber_sheets import rejected_rows_sheet, subscribers_sheet
from subscribers import consent, unsubscribe
from subscribers.addresses import address_hash
from subscribers.consent import Channel, Event, Evidence
from subscribers.imports import diff, jobs
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow, ImportRun
from subscribers.imports.records import BrokenFile, Figures
from subscribers.merge import add_alias
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from subscribers.parse_countries import read_countries
from subscribers.privacy.erasure import erase
from subscribers.segments import attributes
from subscribers.segments.models import CustomField, Tag
from subscribers.suppression import suppress, suppress_manually
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

PARTS = ("added", "updated", "unchanged", "revived", "suppressed", "refused", "duplicates")
LATER = NOW + timedelta(days=3)


def read(text: str | bytes, mailing_list: MailingList, **options: Any) -> ImportRun:
    """A file that was read and compared, and waits."""
    wish = jobs.Wish(mailing_list, "paper form of 2025", "lola", **options)
    run = jobs.begin("people.csv", wish, NOW)
    jobs.read(run, io.BytesIO(text.encode() if isinstance(text, str) else text), lambda: NOW)
    return run


def apply(run: ImportRun) -> Figures:
    jobs.start_applying(run, "lola", NOW)
    assert jobs.work(run, lambda: NOW, lambda: False)
    figures = Figures(**run.done)
    assert sum(getattr(figures, part) for part in PARTS) == figures.read
    return figures


def take(text: str | bytes, mailing_list: MailingList, **options: Any) -> Figures:
    """A file that was read and applied; what was foreseen is what happened."""
    run = read(text, mailing_list, **options)
    figures = apply(run)
    assert figures.as_dict() == run.foreseen
    return figures


def apply_anyway(run: ImportRun) -> int:
    jobs.start_applying(run, "lola", NOW)
    jobs.work_due(lambda: NOW, lambda: False)
    return Subscriber.objects.count()


def undo(run: ImportRun, when: Any = LATER) -> dict[str, int]:
    jobs.start_undoing(run, "lola", when)
    assert jobs.work(run, lambda: when, lambda: False)
    return run.undone


def reasons(run: ImportRun) -> list[tuple[int, str]]:
    return list(ImportRefusal.objects.filter(run=run).order_by("line").values_list("line", "kind"))


def everything() -> list[Any]:
    """All that is known of everybody, as the database has it."""
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (Subscriber, Subscription, Suppression, ConsentRecord)
    ]


def test_new_people_come_confirmed_with_their_choices_and_their_source(monthly: MailingList) -> None:
    figures = take("email,name,language,countries\nOlga@Example.ORG,Olga,RU,KZ|UZ\n", monthly)
    assert (figures.read, figures.added) == (1, 1)
    person = Subscriber.objects.get()
    assert (person.email, person.language, person.countries) == ("olga@example.org", "ru", ("KZ", "UZ"))
    subscription = person.subscriptions.get()
    assert (subscription.state, subscription.source) == ("confirmed", "import: paper form of 2025")
    assert subscription.confirmed_at == NOW
    said = person.consents.get()
    assert (said.event, said.channel, said.source) == ("imported", "import", "paper form of 2025")
    assert (said.attested_by, said.mailing_list, said.at) == ("lola", monthly, NOW)


def test_every_row_is_counted_once(monthly: MailingList, join: Join) -> None:
    join("same")
    join("changed")
    join("waiting", state="pending")
    join("gone", state="unsubscribed")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", NOW)
    run = read(
        "name,email\n,same@example.org\nNew name,changed@example.org\n,waiting@example.org\n"
        ",gone@example.org\n,stopped@example.org\n,new@example.org\n,NEW@example.org\n,nonsense\n\n",
        monthly,
    )
    assert apply(run).as_dict() == {
        "read": 8,
        "added": 1,
        "updated": 2,
        "unchanged": 2,
        "revived": 0,
        "suppressed": 1,
        "refused": 1,
        "duplicates": 1,
        "unsubscribed": 1,
        "known": 0,
        "confirmed": 1,
        "gone": 0,
        "stopped": 0,
        "flagged": {},
    }
    assert reasons(run) == [(5, "left"), (6, "suppressed"), (8, "duplicate"), (9, "refused")]
    assert not Subscriber.objects.filter(email="stopped@example.org").exists()
    assert not ImportRow.objects.exists()


@pytest.mark.parametrize("state", ["unsubscribed", "pending"])
def test_a_file_brings_nobody_back_who_left(monthly: MailingList, join: Join, state: str) -> None:
    person = join("gone", state="unsubscribed")
    # Somebody typed the address into the sign-up form since; the person did not confirm.
    person.subscriptions.update(state=state)
    take("email,name\ngone@example.org,Changed\n", monthly)
    person.refresh_from_db()
    assert person.subscriptions.get().state == state
    assert person.name == ""


def test_whoever_left_one_list_is_put_on_no_other_by_a_file(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    person = join("gone", state="unsubscribed")
    assert take("email\ngone@example.org\n", events).unsubscribed == 1
    assert person.subscriptions.count() == 1


GONE = (
    "email,status\nleft@example.org,unsubscribed\ncleaned@example.org,cleaned\nspam@example.org,complained\n"
    "waits@example.org,pending\nstopped@example.org,unsubscribed\nleft@example.org,unsubscribed\nnew@example.org,\n"
)


def test_whom_a_file_calls_gone_is_stopped_where_a_person_wants_that_and_freed_by_undoing(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    join("left", events)
    suppress("stopped@example.org", "hard_bounce", "550", NOW)
    run = read(GONE, monthly)
    assert (run.foreseen["refused"], run.foreseen["gone"], run.foreseen["stopped"]) == (6, 5, 0)
    jobs.start_applying(run, "lola", NOW, stop_gone=True)
    assert jobs.work(run, lambda: NOW, lambda: False)
    assert (run.done["added"], run.done["gone"], run.done["stopped"]) == (1, 5, 3)
    stopped = Suppression.objects.filter(lifted_at=None, reason="manual")
    assert set(stopped.values_list("email", flat=True)) == {
        f"{one}@example.org" for one in ("left", "cleaned", "spam")
    }
    assert "lola" in stopped[0].evidence
    # What they said, or a person decided, since then stays.
    suppress("spam@example.org", "complaint", "ARF", LATER)
    suppress_manually("cleaned@example.org", "They wrote to us.", LATER)
    assert undo(run)["freed"] == 1
    assert set(Suppression.objects.filter(lifted_at=None).values_list("email", "reason")) == {
        ("cleaned@example.org", "manual"),
        ("spam@example.org", "complaint"),
        ("stopped@example.org", "hard_bounce"),
    }


def test_undoing_one_of_two_imports_that_stopped_the_same_people_frees_only_its_own(
    monthly: MailingList,
) -> None:
    first, second = read(GONE, monthly), read("email,status\nspam@example.org,complained\n", monthly)
    for run in (first, second):
        jobs.start_applying(run, "lola", NOW, stop_gone=True)
        assert jobs.work(run, lambda: NOW, lambda: False)
    assert second.done["stopped"] == 0
    assert undo(first)["freed"] == 3
    assert Suppression.objects.get(lifted_at=None).email == "spam@example.org"


def test_whom_a_file_calls_gone_is_else_left_as_they_are(monthly: MailingList) -> None:
    figures = take(GONE, monthly)
    assert (figures.gone, figures.stopped) == (5, 0) and not Suppression.objects.exists()


def test_whoever_was_erased_stays_erased(monthly: MailingList, join: Join) -> None:
    join("gone")
    erase("gone@example.org", NOW)
    assert take("email\ngone@example.org\n", monthly).suppressed == 1
    assert not Subscriber.objects.exists()


def test_a_file_does_not_bring_back_the_address_that_a_reader_had_before(
    monthly: MailingList, join: Join
) -> None:
    person = join("new", state="unsubscribed")
    add_alias(person, address_hash("old@example.org"), NOW)
    figures = take("email\nold@example.org\n", monthly)
    assert (figures.unchanged, figures.added) == (1, 0)
    assert [one.email for one in Subscriber.objects.all()] == ["new@example.org"]


def test_whoever_leaves_between_the_look_and_the_word_stays_away(monthly: MailingList, join: Join) -> None:
    person = join("olga", state="pending")
    run = read("email,name\nolga@example.org,Olga\n", monthly)
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.EMAIL_LINK), NOW)
    figures = apply(run)
    assert (run.foreseen["updated"], figures.updated, figures.unsubscribed) == (1, 0, 1)


def test_an_empty_cell_says_nothing_about_somebody_known(monthly: MailingList, join: Join) -> None:
    person = join("olga", language="ru", countries=("KZ",), name="Olga")
    figures = take("email;name;language;countries\nolga@example.org;;;\n", monthly)
    person.refresh_from_db()
    assert (figures.unchanged, person.name, person.language, person.countries) == (1, "Olga", "ru", ("KZ",))


def test_somebody_known_joins_another_list(monthly: MailingList, events: MailingList, join: Join) -> None:
    person = join("olga", countries=("KZ",))
    figures = take("email\tcountries\nolga@example.org\tUZ\n", events)
    person.refresh_from_db()
    assert (figures.added, figures.known, person.countries) == (1, 1, ("UZ",))
    assert person.subscriptions.count() == 2


def test_what_readers_chose_themselves_no_file_overrides(monthly: MailingList, join: Join) -> None:
    person = join("olga", countries=("KZ",), language="kk")
    consent.record(Event.PREFERENCES, [person.pk], [None], Evidence(Channel.PREFERENCES), NOW)
    take("email,name,language,countries\nolga@example.org,Olga,ru,UZ\n", monthly)
    person.refresh_from_db()
    assert (person.name, person.language, person.countries) == ("Olga", "kk", ("KZ",))


def test_reading_and_comparing_change_nothing(monthly: MailingList, join: Join) -> None:
    join("olga")
    before = everything()
    run = read("email,name\nolga@example.org,Olga\nnew@example.org,New\nnew@example.org,Again\n", monthly)
    assert everything() == before
    assert run.samples == {"changes": [2], "new": [3], "flagged": []}


def test_names_keep_every_letter_that_they_have(monthly: MailingList) -> None:
    name = "O\\N \\. \\t {Ольга} 'x' \u00a0 %s"
    take(f'email,name,tags\na@example.org,{name},"a\\b"\n', monthly)
    person = Subscriber.objects.get()
    assert (person.name, person.taggings.get().tag.name) == (name, "a\\b")


def test_doubtful_addresses_can_be_left_out(monthly: MailingList) -> None:
    run = read("email\na@gmial.com\ninfo@example.org\nb@gmail.com\n", monthly)
    assert run.foreseen["flagged"] == {"typo": 1, "role": 1} and run.samples["flagged"] == [2, 3]
    jobs.start_applying(run, "lola", NOW, ["typo"])
    jobs.work_due(lambda: NOW, lambda: False)
    run.refresh_from_db()
    assert (run.done["read"], run.done["added"], run.done["refused"]) == (3, 2, 1)
    assert run.done["flagged"] == {"role": 1}
    assert not Subscriber.objects.filter(email="a@gmial.com").exists()


def test_tags_and_fields_of_the_office_are_noted_and_taken_back(monthly: MailingList, join: Join) -> None:
    size = CustomField.objects.create(name="Shoe size", kind="number")
    since = CustomField.objects.create(name="Member since", kind="date")
    known = join("known")
    attributes.set_tags(known, ["press"])
    attributes.set_value(known, size, "38")
    file = (
        "email,TAGS,Shoe size,member_since\n"
        'known@example.org,"""vip"",""Press""",39,\nnew@example.org,vip,,2021-03-04\nbad@example.org,,big,\n'
    )
    run = read(file, monthly)
    assert (run.foreseen["updated"], run.foreseen["added"], run.foreseen["refused"]) == (1, 1, 1)
    assert Tag.objects.count() == 1
    apply(run)
    new = Subscriber.objects.get(email="new@example.org")
    assert list(known.taggings.order_by("pk").values_list("tag__name", flat=True)) == ["press", "vip"]
    assert (known.values.get().number, new.values.get().field) == (39, since)
    again = read(file, monthly)
    assert (again.foreseen["updated"], again.foreseen["unchanged"]) == (0, 2)
    jobs.discard(again, "lola", NOW)
    assert undo(run) == {"removed": 1, "restored": 1, "kept": 0}
    assert (known.taggings.get().tag.name, known.values.get().number) == ("press", 38)


def test_a_note_that_was_changed_since_is_not_taken_back(monthly: MailingList, join: Join) -> None:
    city = CustomField.objects.create(name="City")
    known = join("known")
    run = read("email,city\nknown@example.org,Osh\n", monthly)
    apply(run)
    attributes.set_value(known, city, "Naryn")
    undo(run)
    assert known.values.get().text == "Naryn"


def test_the_same_file_again_changes_nothing(monthly: MailingList, join: Join) -> None:
    join("left", state="unsubscribed")
    file = "email,name,countries\na@example.org,Ann,KZ\nb@example.org,,\nleft@example.org,,\n"
    take(file, monthly)
    before = everything()
    assert take(file, monthly).unchanged == 3
    assert everything() == before


def test_without_a_source_nothing_is_imported(monthly: MailingList) -> None:
    with pytest.raises(ValueError, match="consent"):
        jobs.begin("people.csv", jobs.Wish(monthly, "  "), NOW)


def test_an_import_goes_on_where_it_was_interrupted(monthly: MailingList, monkeypatch: Any) -> None:
    monkeypatch.setattr(diff, "STRETCH", 10)
    run = read("email\n" + "".join(f"p{number}@example.org\n" for number in range(35)), monthly)
    jobs.start_applying(run, "lola", NOW)
    looks = iter([False, False, True])
    assert not jobs.work(run, lambda: NOW, lambda: next(looks))
    assert Subscriber.objects.count() == 19
    assert jobs.work(run, lambda: NOW, lambda: False)
    assert run.done["added"] == Subscriber.objects.count() == Subscription.objects.count() == 35


def test_two_workers_apply_an_import_once(monthly: MailingList, monkeypatch: Any) -> None:
    monkeypatch.setattr(diff, "STRETCH", 10)
    run = read("email\n" + "".join(f"p{number}@example.org\n" for number in range(35)), monthly)
    jobs.start_applying(run, "lola", NOW)
    later = NOW + jobs.LEASE * 2

    def other(step: str, done: int, total: int) -> None:
        if done == 20:
            assert jobs.work(ImportRun.objects.get(), lambda: later, lambda: False)

    assert jobs.work(run, lambda: NOW, lambda: False, other)
    assert (run.state, run.done["added"], Subscriber.objects.count()) == ("applied", 35, 35)


def test_while_somebody_is_at_work_nobody_else_begins(monthly: MailingList) -> None:
    run = read("email\na@example.org\n", monthly)
    jobs.start_applying(run, "lola", NOW)
    ImportRun.objects.update(worker="another", lease_until=NOW + jobs.LEASE)
    assert not jobs.work(run, lambda: NOW, lambda: False)
    assert not Subscriber.objects.exists()


def test_undoing_removes_who_was_added_and_restores_what_was_changed(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    changed = join("changed", name="Before", countries=("KZ",))
    joined = join("joined", events)
    waiting = join("waiting", state="pending")
    run = read(
        "email,name,countries\nnew@example.org,New,\nchanged@example.org,After,UZ\n"
        "joined@example.org,,\nwaiting@example.org,,\n",
        monthly,
    )
    apply(run)
    assert undo(run) == {"removed": 3, "restored": 1, "kept": 0}
    changed.refresh_from_db()
    assert (changed.name, changed.countries) == ("Before", ("KZ",))
    assert not Subscriber.objects.filter(email="new@example.org").exists()
    assert list(joined.subscriptions.values_list("mailing_list", flat=True)) == [events.pk]
    assert waiting.subscriptions.get().state == "pending"
    last = joined.consents.latest("pk")
    assert (last.event, last.channel, last.attested_by) == ("removed", "import", "lola")


def test_undoing_keeps_what_people_said_themselves_since(monthly: MailingList, events: MailingList) -> None:
    run = read("email,name\nleft@example.org,\nchose@example.org,\nelse@example.org,\n", monthly)
    apply(run)
    left, chose, other = Subscriber.objects.order_by("pk")
    unsubscribe.unsubscribe(left.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    consent.record(Event.PREFERENCES, [chose.pk], [None], Evidence(Channel.PREFERENCES), LATER)
    Subscription.objects.create(subscriber=other, mailing_list=events, state="confirmed")
    assert undo(run) == {"removed": 1, "restored": 0, "kept": 2}
    assert left.subscriptions.get().state == "unsubscribed"
    assert chose.subscriptions.get().state == "confirmed"
    assert other.subscriptions.get().mailing_list == events
    # And a second file still does not bring back who left.
    assert take("email\nleft@example.org\n", monthly).unsubscribed == 1


def test_a_value_that_was_changed_since_is_not_restored(monthly: MailingList, join: Join) -> None:
    person = join("olga", name="Before", countries=("KZ",))
    run = read("email,name,countries\nolga@example.org,File,UZ\n", monthly)
    apply(run)
    Subscriber.objects.update(name="By hand")
    undo(run)
    person.refresh_from_db()
    assert (person.name, person.countries) == ("By hand", ("KZ",))


def test_undoing_ends_after_thirty_days(monthly: MailingList) -> None:
    run = read("email\na@example.org\n", monthly)
    apply(run)
    with pytest.raises(jobs.NotNow, match="30 days"):
        jobs.start_undoing(run, "lola", NOW + timedelta(days=31))
    assert Subscriber.objects.count() == 1


def test_what_was_discarded_or_undone_cannot_be_applied(monthly: MailingList) -> None:
    run = read("email\na@example.org\n", monthly)
    jobs.discard(run, "lola", NOW)
    assert not ImportRow.objects.exists()
    with pytest.raises(jobs.NotNow):
        jobs.start_applying(run, "lola", NOW)
    with pytest.raises(jobs.NotNow):
        jobs.start_undoing(run, "lola", NOW)


def test_whoever_was_not_taken_stands_in_a_file_that_imports_again(monthly: MailingList, join: Join) -> None:
    join("gone", state="unsubscribed")
    run = read(
        "Name,Email\n=cmd(),nonsense\nAnn,a@example.org\nAgain,A@example.org\nGone,gone@example.org\n",
        monthly,
    )
    apply(run)
    text = io.StringIO()
    assert write_csv(rejected_rows_sheet(run), text) == 3
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert rows[0] == ["line", "not taken", "reason", "Name", "Email"]
    assert rows[1][0] == "2" and rows[1][3:] == ["'=cmd()", "nonsense"] and "no @" in rows[1][2]
    assert rows[2][0] == "4" and "line 3" in rows[2][2]
    assert rows[3][0] == "5" and rows[3][3:] == ["", "gone@example.org"]
    mended = text.getvalue().replace("nonsense", "mended@example.org")
    assert take(mended, monthly).added == 1
    assert Subscriber.objects.get(email="mended@example.org").name == "=cmd()"


def test_what_a_file_said_is_forgotten_when_it_is_of_no_more_use(monthly: MailingList) -> None:
    waiting = read("email\nwaiting@example.org\n", monthly)
    applied = read("email\na@example.org\nnonsense\n", monthly)
    apply(applied)
    jobs.forget(NOW + timedelta(days=6))
    assert ImportRow.objects.exists()
    jobs.forget(NOW + timedelta(days=8))
    waiting.refresh_from_db()
    assert waiting.state == "discarded" and not ImportRow.objects.exists()
    assert ImportChange.objects.exists() and ImportRefusal.objects.exists()
    jobs.forget(NOW + timedelta(days=31))
    assert not ImportChange.objects.exists() and not ImportRefusal.objects.exists()
    assert Subscriber.objects.count() == 1


def test_what_became_of_a_field_since_the_file_was_read_holds_nothing_up(monthly: MailingList) -> None:
    colour = CustomField.objects.create(name="Colour", kind="choice", choices="red\ngreen")
    age, gone = (CustomField.objects.create(name=name) for name in ("Age", "Gone"))
    run = read("email,Colour,Age,Gone\na@example.org,red,many,x\n", monthly)
    colour.choices, age.kind = "green", "number"
    colour.save()
    age.save()
    gone.delete()
    apply(run)
    person = Subscriber.objects.get()
    assert attributes.known(person) == {"Colour": "red"}
    undo(run)
    assert not Subscriber.objects.exists()


def test_erasing_takes_a_person_out_of_files_that_wait_and_of_refused_rows(monthly: MailingList) -> None:
    run = read("email,name\na@example.org,Ann\nA@example.org,Again\nb@example.org,\n", monthly)
    Subscriber.objects.create(email="a@example.org")
    erase("a@example.org", NOW)
    assert ImportRow.objects.get().email == "b@example.org"
    assert not ImportRefusal.objects.exists()
    assert apply_anyway(run) == 1
    erase("b@example.org", NOW)
    assert not ImportChange.objects.exists()


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("", ()),
        ("kz", ("KZ",)),
        ("UZ;KZ|UZ", ("KZ", "UZ")),
        ("Kazakhstan; Uzbekistan", ("KZ", "UZ")),
        ("Казахстан, Кыргызстан", ("KG", "KZ")),
        ("Киргизия|туркменистан", ("KG", "TM")),
        ("O‘zbekiston", ("UZ",)),
    ],
)
def test_countries_are_read_as_people_write_them(cell: str, codes: tuple[str, ...]) -> None:
    assert read_countries(cell) == codes


emails = st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "gone@example.org"])
cells = st.text(max_size=30) | st.sampled_from(["KZ|UZ", "=1+1", "'=1", '"', "ru", "nonsense"]) | emails


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(emails | cells, cells, cells, cells), max_size=12),
    separator=st.sampled_from(",;\t|"),
    states=st.lists(st.sampled_from(["confirmed", "pending", "unsubscribed"]), max_size=3),
    stopped=st.booleans(),
)
def test_whatever_a_file_holds_the_sums_add_up_and_nobody_is_revived(
    monthly: MailingList,
    join: Join,
    rows: list[tuple[str, ...]],
    separator: str,
    states: list[str],
    stopped: bool,
) -> None:
    Subscriber.objects.all().delete()
    Suppression.objects.all().delete()
    for local, state in zip(("gone", "a", "b"), states, strict=False):
        join(local, state=state)
    if stopped:
        suppress("b@example.org", Suppression.Reason.HARD_BOUNCE, "", NOW)
    left = set(Subscription.objects.filter(state="unsubscribed").values_list("subscriber", flat=True))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["email", "name", "language", "countries"])
    writer.writerows(rows)
    try:
        run = read(text.getvalue().encode("utf-8", "surrogatepass"), monthly)
    except BrokenFile as error:
        assert str(error).endswith(".")
        assert "\0" in text.getvalue() or "Line" in str(error)
        return
    figures = apply(run)
    assert run.foreseen == figures.as_dict()
    assert figures.read == sum(any(cell.strip() for cell in row) for row in rows)
    assert figures.revived == 0
    confirmed = Subscription.objects.filter(state="confirmed")
    assert not confirmed.filter(subscriber__in=left).exists()
    assert not stopped or not ImportChange.objects.filter(
        run=run, subscriber__in=Subscriber.objects.filter(email="b@example.org").values("pk")
    )
    assert ImportRefusal.objects.filter(run=run).count() == (
        figures.refused + figures.duplicates + figures.suppressed + figures.unsubscribed
    )


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@settings(max_examples=25)
@given(name=names | st.just("'=1"), local=st.sampled_from(["+tag", "-x", "=a", "plain"]))
def test_what_is_exported_imports_again_and_no_cell_is_a_formula(
    monthly: MailingList, name: str, local: str
) -> None:
    Subscriber.objects.all().delete()
    person = Subscriber.objects.create(
        email=f"{local}@example.org", name=name.strip(), countries=("KZ", "UZ")
    )
    Subscription.objects.create(subscriber=person, mailing_list=monthly, state="confirmed", source="@form")
    text = io.StringIO()
    assert write_csv(subscribers_sheet(monthly), text) == 1
    for row in csv.reader(io.StringIO(text.getvalue())):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    Subscriber.objects.update(name="", countries=())
    take(text.getvalue(), monthly)
    again = Subscriber.objects.get()
    assert (again.email, again.name, again.countries) == (person.email, person.name, person.countries)


def test_a_list_that_was_empty_is_not_looked_through_for_each_row(
    monthly: MailingList, events: MailingList
) -> None:
    emails = [f"r{number}@example.org" for number in range(2_000)]
    people = Subscriber.objects.bulk_create(
        Subscriber(email=email, address_hash=address_hash(email)) for email in emails
    )
    Subscription.objects.bulk_create(
        Subscription(subscriber=one, mailing_list=events, state="confirmed", created_at=NOW) for one in people
    )
    run = read("email\n" + "\n".join(emails) + "\n", monthly)
    asked = []

    def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        asked.append((sql, values))
        return execute(sql, values, many, context)

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        constraints = connection.introspection.get_constraints(cursor, "subscribers_subscription")
    with connection.execute_wrapper(note), diff.judged(run, 0, 5_000) as cursor:
        judging = next(one for one in asked if "INTO import_judged" in one[0])
        cursor.execute(f"{connection.ops.explain_query_prefix()} {judging[0]}", judging[1])
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    by_list = [name for name, about in constraints.items() if about["columns"] == ["mailing_list_id"]]
    assert by_list and not [name for name in by_list if name in plan]

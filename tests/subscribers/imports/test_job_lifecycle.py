"""An import from the file to the list and back: what it counts, changes, leaves alone and undoes."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.translation import override
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mailer.desk.imports.labels_and_totals import warnings_by_kind
from mailer.reports.spreadsheet_export import rejected_rows_sheet, subscribers_sheet, write_csv
from subscribers import consent, unsubscribe
from subscribers.addresses import address_hash
from subscribers.consent import Channel, Event, Evidence
from subscribers.former_addresses_and_merged_ids import record_former_address
from subscribers.imports import diff, job_lifecycle, uploads_and_staging
from subscribers.imports.models import ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.imports.row_types import ImportStats, UnreadableFile
from subscribers.imports.status_cells import Status, explicit_status_or_subscribed
from subscribers.merge import merge
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.resumable_jobs import LEASE, WrongState
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import CustomField, Tag
from subscribers.suppression import suppress, suppress_manually
from tests.environment import examples
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

PARTS = ("added", "updated", "unchanged", "revived", "suppressed", "refused", "duplicates")
LATER = NOW + timedelta(days=3)


def read_file(text: str | bytes, mailing_list: MailingList, **options: Any) -> ImportJob:
    """A file that was read and compared, and waits to be applied."""
    request = job_lifecycle.ImportOptions(mailing_list, "paper form of 2025", "lola", **options)
    job = job_lifecycle.create("people.csv", request, NOW)
    job_lifecycle.read_file(job, io.BytesIO(text.encode() if isinstance(text, str) else text), lambda: NOW)
    return job


def apply_job(job: ImportJob) -> ImportStats:
    job_lifecycle.start_apply(job, "lola", NOW)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    stats = ImportStats(**job.result)
    assert sum(getattr(stats, part) for part in PARTS) == stats.read
    return stats


def import_file(text: str | bytes, mailing_list: MailingList, **options: Any) -> ImportStats:
    """A file that was read and applied; the dry run said what happened."""
    job = read_file(text, mailing_list, **options)
    stats = apply_job(job)
    assert stats.as_dict() == job.expected
    return stats


def apply_anyway(job: ImportJob) -> int:
    job_lifecycle.start_apply(job, "lola", NOW)
    job_lifecycle.RUNNER.run_due(lambda: NOW, lambda: False)
    return Subscriber.objects.count()


def undo_job(job: ImportJob, when: Any = LATER) -> dict[str, int]:
    job_lifecycle.start_undo(job, "lola", when)
    assert job_lifecycle.RUNNER.run(job, lambda: when, lambda: False)
    return job.undo_result


def reasons(job: ImportJob) -> list[tuple[int, str]]:
    return list(RejectedRow.objects.filter(job=job).order_by("line").values_list("line", "kind"))


def everything() -> list[Any]:
    """Every row about subscribers and their consent."""
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (Subscriber, Subscription, Suppression, ConsentRecord)
    ]


def test_new_subscribers_are_confirmed_with_their_choices_and_the_consent(monthly: MailingList) -> None:
    stats = import_file("email,name,language,countries\nOlga@Example.ORG,Olga,RU,KZ|UZ\n", monthly)
    assert (stats.read, stats.added) == (1, 1)
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
    job = read_file(
        "name,email\n,same@example.org\nNew name,changed@example.org\n,waiting@example.org\n"
        ",gone@example.org\n,stopped@example.org\n,new@example.org\n,NEW@example.org\n,nonsense\n\n",
        monthly,
    )
    assert apply_job(job).as_dict() == {
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
        "do_not_mail": 0,
        "newly_suppressed": 0,
        "warnings": {},
    }
    assert reasons(job) == [(5, "unsubscribed"), (6, "suppressed"), (8, "duplicate"), (9, "invalid")]
    assert not Subscriber.objects.filter(email="stopped@example.org").exists()
    assert not ImportRow.objects.exists()


@pytest.mark.parametrize("state", ["unsubscribed", "pending"])
def test_an_unsubscribed_subscriber_is_not_resubscribed(monthly: MailingList, join: Join, state: str) -> None:
    person = join("gone", state="unsubscribed")
    # Someone signed up with the address since; the subscriber did not confirm.
    person.subscriptions.update(state=state)
    import_file("email,name\ngone@example.org,Changed\n", monthly)
    person.refresh_from_db()
    assert person.subscriptions.get().state == state
    assert person.name == ""


def test_a_subscriber_who_left_one_list_is_added_to_no_other(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    person = join("gone", state="unsubscribed")
    assert import_file("email\ngone@example.org\n", events).unsubscribed == 1
    assert person.subscriptions.count() == 1


@pytest.mark.parametrize("state", ["pending", "confirmed"])
def test_a_new_sign_up_at_an_address_that_was_merged_is_put_on_no_further_list(
    monthly: MailingList, events: MailingList, join: Join, state: str
) -> None:
    merge(join("kept"), join("gone", state="unsubscribed"), NOW)
    again = join("gone", events, state=state)
    assert import_file("email\ngone@example.org\n", monthly).unsubscribed == 1
    assert list(again.subscriptions.values_list("mailing_list", "state")) == [(events.pk, state)]


GONE = (
    "email,status\nleft@example.org,unsubscribed\ncleaned@example.org,cleaned\nspam@example.org,complained\n"
    "waits@example.org,pending\nstopped@example.org,unsubscribed\nleft@example.org,unsubscribed\nnew@example.org,\n"
)


def test_do_not_mail_addresses_are_suppressed_on_request_and_unsuppressed_by_undoing(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    join("left", events)
    suppress("stopped@example.org", "hard_bounce", "550", NOW)
    job = read_file(GONE, monthly)
    assert (job.expected["refused"], job.expected["do_not_mail"], job.expected["newly_suppressed"]) == (
        6,
        5,
        0,
    )
    job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    assert (job.result["added"], job.result["do_not_mail"], job.result["newly_suppressed"]) == (1, 5, 3)
    stopped = Suppression.objects.filter(lifted_at=None).exclude(email="stopped@example.org")
    assert set(stopped.values_list("email", "reason")) == {
        ("left@example.org", "unsubscribed"),
        ("cleaned@example.org", "hard_bounce"),
        ("spam@example.org", "complaint"),
    }
    assert "lola" in stopped[0].evidence
    # What subscribers did, or staff decided, since then stays.
    suppress("spam@example.org", "complaint", "ARF", LATER)
    suppress_manually("cleaned@example.org", "They wrote to us.", LATER)
    assert undo_job(job)["unsuppressed"] == 1
    assert set(Suppression.objects.filter(lifted_at=None).values_list("email", "reason")) == {
        ("cleaned@example.org", "manual"),
        ("spam@example.org", "complaint"),
        ("stopped@example.org", "hard_bounce"),
    }


def test_a_do_not_mail_address_is_suppressed_however_long_its_row_is(
    monthly: MailingList, join: Join
) -> None:
    join("left")
    job = read_file(f"note,status,email\n{'x' * 5_000},unsubscribed,left@example.org\n", monthly)
    job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    assert job.result["newly_suppressed"] == 1
    assert Suppression.objects.get().email == "left@example.org"
    assert [row[3:] for row in uploads_and_staging.rejected_rows(job)] == [["", "", "left@example.org"]]


def test_every_address_of_a_cell_that_the_file_marks_is_suppressed(monthly: MailingList, join: Join) -> None:
    join("left")
    job = read_file(
        "email;status\nnew@example.org;\nboth@example.org;\n"
        "left@example.org, Ann <new@example.org>;unsubscribed\n"
        "both@example.org / other@example.org;subscribed\nnobody;unsubscribed\n",
        monthly,
    )
    assert (job.expected["added"], job.expected["refused"], job.expected["do_not_mail"]) == (1, 4, 1)
    assert [row.email for row in ImportRow.objects.all()] == ["both@example.org"]
    job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    suppressed = set(Suppression.objects.values_list("email", "reason"))
    assert suppressed == {(f"{one}@example.org", "unsubscribed") for one in ("left", "new")}


def test_undoing_keeps_a_suppression_that_another_import_requires(
    monthly: MailingList,
) -> None:
    first, second = (
        read_file(GONE, monthly),
        read_file("email,status\nspam@example.org,complained\n", monthly),
    )
    for job in (first, second):
        job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
        assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    assert second.result["newly_suppressed"] == 0
    assert undo_job(first)["unsuppressed"] == 3
    assert Suppression.objects.get(lifted_at=None).email == "spam@example.org"
    assert undo_job(second)["unsuppressed"] == 1


def test_do_not_mail_addresses_are_not_suppressed_without_request(monthly: MailingList) -> None:
    stats = import_file(GONE, monthly)
    assert (stats.do_not_mail, stats.newly_suppressed) == (5, 0) and not Suppression.objects.exists()


def test_an_erased_subscriber_stays_erased(monthly: MailingList, join: Join) -> None:
    join("gone")
    erase_and_suppress("gone@example.org", NOW)
    assert import_file("email\ngone@example.org\n", monthly).suppressed == 1
    assert not Subscriber.objects.exists()


def test_a_former_address_is_not_added(monthly: MailingList, join: Join) -> None:
    person = join("new", state="unsubscribed")
    record_former_address(person, address_hash("old@example.org"), NOW)
    stats = import_file("email\nold@example.org\n", monthly)
    assert (stats.unchanged, stats.added) == (1, 0)
    assert [one.email for one in Subscriber.objects.all()] == ["new@example.org"]


def test_a_subscriber_who_unsubscribes_after_the_dry_run_is_not_added(
    monthly: MailingList, join: Join
) -> None:
    person = join("olga", state="pending")
    job = read_file("email,name\nolga@example.org,Olga\n", monthly)
    unsubscribe.unsubscribe_all(person.pk, None, Evidence(Channel.EMAIL_LINK), NOW)
    stats = apply_job(job)
    assert (job.expected["updated"], stats.updated, stats.unsubscribed) == (1, 0, 1)


def test_an_empty_cell_changes_nothing(monthly: MailingList, join: Join) -> None:
    person = join("olga", language="ru", countries=("KZ",), name="Olga")
    stats = import_file("email;name;language;countries\nolga@example.org;;;\n", monthly)
    person.refresh_from_db()
    assert (stats.unchanged, person.name, person.language, person.countries) == (1, "Olga", "ru", ("KZ",))


def test_a_known_subscriber_joins_another_list(monthly: MailingList, events: MailingList, join: Join) -> None:
    person = join("olga", countries=("KZ",))
    stats = import_file("email\tcountries\nolga@example.org\tUZ\n", events)
    person.refresh_from_db()
    assert (stats.added, stats.known, person.countries) == (1, 1, ("UZ",))
    assert person.subscriptions.count() == 2


def test_a_file_does_not_override_what_subscribers_chose_themselves(monthly: MailingList, join: Join) -> None:
    person = join("olga", countries=("KZ",), language="kk")
    consent.record(Event.PREFERENCES, [person.pk], [None], Evidence(Channel.PREFERENCES), NOW)
    import_file("email,name,language,countries\nolga@example.org,Olga,ru,UZ\n", monthly)
    person.refresh_from_db()
    assert (person.name, person.language, person.countries) == ("Olga", "kk", ("KZ",))


def test_the_dry_run_changes_nothing(monthly: MailingList, join: Join) -> None:
    join("olga")
    before = everything()
    job = read_file(
        "email,name\nolga@example.org,Olga\nnew@example.org,New\nnew@example.org,Again\n", monthly
    )
    assert everything() == before
    assert job.samples == {"changes": [2], "new": [3], "warnings": []}


def test_names_keep_every_character(monthly: MailingList) -> None:
    name = "O\\N \\. \\t {Ольга} 'x' \u00a0 %s"
    import_file(f'email,name,tags\na@example.org,{name},"a\\b"\n', monthly)
    person = Subscriber.objects.get()
    assert (person.name, person.taggings.get().tag.name) == (name, "a\\b")


def test_rows_with_a_warning_can_be_rejected(monthly: MailingList) -> None:
    people = ("Aida,a@gmial.com", "Office,info@example.org", "Bek,b@gmail.com")
    job = read_file("\n".join(["name,email", *people]), monthly)
    assert job.expected["warnings"] == {"typo": 1, "role": 1} and job.samples["warnings"] == [2, 3]
    job_lifecycle.start_apply(job, "lola", NOW, ["typo"])
    # In the file's columns, so that the row can be corrected and imported again.
    assert [row[-2:] for row in uploads_and_staging.rejected_rows(job)] == [["Aida", "a@gmial.com"]]
    job_lifecycle.RUNNER.run_due(lambda: NOW, lambda: False)
    job.refresh_from_db()
    assert (job.result["read"], job.result["added"], job.result["refused"]) == (3, 2, 1)
    assert job.result["warnings"] == {"role": 1}
    assert not Subscriber.objects.filter(email="a@gmial.com").exists()


def test_rows_whose_names_lost_letters_can_be_rejected(monthly: MailingList) -> None:
    file = "name,email\nНұрлан Әбдір,a@example.org\nОльга,b@example.org\n"
    job = read_file(file.encode("cp1251", "replace").decode("cp1251"), monthly)
    assert job.expected["warnings"] == {"name": 1}
    assert [(kind, samples) for kind, _, samples in warnings_by_kind(job)] == [("name", "Н?рлан ?бдір")]
    job_lifecycle.start_apply(job, "lola", NOW, ["name"])
    assert [row[-2:] for row in uploads_and_staging.rejected_rows(job)] == [["Н?рлан ?бдір", "a@example.org"]]


def test_tags_and_custom_fields_are_saved_and_undone(monthly: MailingList, join: Join) -> None:
    size = CustomField.objects.create(name="Shoe size", kind="number")
    since = CustomField.objects.create(name="Member since", kind="date")
    known = join("known")
    subscriber_tags_and_fields.set_tags(known, ["press"])
    subscriber_tags_and_fields.set_value(known, size, "38")
    file = (
        "email,TAGS,Shoe size,member_since\n"
        'known@example.org,"""vip"",""Press""",39,\nnew@example.org,vip,,2021-03-04\nbad@example.org,,big,\n'
    )
    job = read_file(file, monthly)
    assert (job.expected["updated"], job.expected["added"], job.expected["refused"]) == (1, 1, 1)
    assert Tag.objects.count() == 1
    apply_job(job)
    new = Subscriber.objects.get(email="new@example.org")
    assert list(known.taggings.order_by("pk").values_list("tag__name", flat=True)) == ["press", "vip"]
    assert (known.values.get().number, new.values.get().field) == (39, since)
    again = read_file(file, monthly)
    assert (again.expected["updated"], again.expected["unchanged"]) == (0, 2)
    job_lifecycle.discard(again, "lola", NOW)
    assert undo_job(job) == {"removed": 1, "restored": 1, "kept": 0}
    assert (known.taggings.get().tag.name, known.values.get().number) == ("press", 38)


@pytest.mark.parametrize("key", ["tags", "name", "note"])
def test_what_no_database_stores_is_left_out_of_json(monthly: MailingList, key: str) -> None:
    cell = f'"{{""{key}"": ""An\\u0000n \\ud83d""}}"'
    assert import_file(f"email,attributes\na@example.org,{cell}\nnonsense,{cell}\n", monthly).added == 1
    tags = [Tag.objects.get().name] if key == "tags" else []
    assert [Subscriber.objects.get().name, *tags] == {
        "tags": ["", "Ann ?"],
        "name": ["Ann ?"],
        "note": [""],
    }[key]


def test_a_field_that_was_changed_since_is_not_undone(monthly: MailingList, join: Join) -> None:
    city = CustomField.objects.create(name="City")
    known = join("known")
    job = read_file("email,city\nknown@example.org,Osh\n", monthly)
    apply_job(job)
    subscriber_tags_and_fields.set_value(known, city, "Naryn")
    undo_job(job)
    assert known.values.get().text == "Naryn"


def test_the_same_file_again_changes_nothing(monthly: MailingList, join: Join) -> None:
    join("left", state="unsubscribed")
    file = "email,name,countries\na@example.org,Ann,KZ\nb@example.org,,\nleft@example.org,,\n"
    import_file(file, monthly)
    before = everything()
    assert import_file(file, monthly).unchanged == 3
    assert everything() == before


def test_without_a_source_nothing_is_imported(monthly: MailingList) -> None:
    with pytest.raises(ValueError, match="consent"):
        job_lifecycle.create("people.csv", job_lifecycle.ImportOptions(monthly, "  "), NOW)


def test_an_import_continues_where_it_was_interrupted(monthly: MailingList) -> None:
    runner = job_lifecycle.ImportRunner(batch_size=10)
    job = read_file("email\n" + "".join(f"p{number}@example.org\n" for number in range(35)), monthly)
    job_lifecycle.start_apply(job, "lola", NOW)
    looks = iter([False, False, True])
    assert not runner.run(job, lambda: NOW, lambda: next(looks))
    assert Subscriber.objects.count() == 19
    assert runner.run(job, lambda: NOW, lambda: False)
    assert job.result["added"] == Subscriber.objects.count() == Subscription.objects.count() == 35


def test_two_workers_apply_an_import_once(monthly: MailingList) -> None:
    runner = job_lifecycle.ImportRunner(batch_size=10)
    job = read_file("email\n" + "".join(f"p{number}@example.org\n" for number in range(35)), monthly)
    job_lifecycle.start_apply(job, "lola", NOW)
    later = NOW + LEASE * 2

    def other(step: str, done: int, total: int) -> None:
        if done == 20:
            assert runner.run(ImportJob.objects.get(), lambda: later, lambda: False)

    assert runner.run(job, lambda: NOW, lambda: False, other)
    assert (job.state, job.result["added"], Subscriber.objects.count()) == ("applied", 35, 35)


def test_a_claimed_import_is_not_begun_by_another_worker(monthly: MailingList) -> None:
    job = read_file("email\na@example.org\n", monthly)
    job_lifecycle.start_apply(job, "lola", NOW)
    ImportJob.objects.update(worker="another", lease_until=NOW + LEASE)
    assert not job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    assert not Subscriber.objects.exists()


def test_undoing_removes_who_was_added_and_restores_what_was_changed(
    monthly: MailingList, events: MailingList, join: Join
) -> None:
    changed = join("changed", name="Before", countries=("KZ",))
    joined = join("joined", events)
    waiting = join("waiting", state="pending")
    job = read_file(
        "email,name,countries\nnew@example.org,New,\nchanged@example.org,After,UZ\n"
        "joined@example.org,,\nwaiting@example.org,,\n",
        monthly,
    )
    apply_job(job)
    assert undo_job(job) == {"removed": 3, "restored": 1, "kept": 0}
    changed.refresh_from_db()
    assert (changed.name, changed.countries) == ("Before", ("KZ",))
    assert not Subscriber.objects.filter(email="new@example.org").exists()
    assert list(joined.subscriptions.values_list("mailing_list", flat=True)) == [events.pk]
    assert waiting.subscriptions.get().state == "pending"
    last = joined.consents.latest("pk")
    assert (last.event, last.channel, last.attested_by) == ("removed", "import", "lola")


def test_undoing_keeps_what_subscribers_did_since(monthly: MailingList, events: MailingList) -> None:
    job = read_file("email,name\nleft@example.org,\nchose@example.org,\nelse@example.org,\n", monthly)
    apply_job(job)
    left, chose, other = Subscriber.objects.order_by("pk")
    unsubscribe.unsubscribe(left.pk, [monthly.pk], None, Evidence(Channel.ONE_CLICK), LATER)
    consent.record(Event.PREFERENCES, [chose.pk], [None], Evidence(Channel.PREFERENCES), LATER)
    Subscription.objects.create(subscriber=other, mailing_list=events, state="confirmed")
    assert undo_job(job) == {"removed": 1, "restored": 0, "kept": 2}
    assert left.subscriptions.get().state == "unsubscribed"
    assert chose.subscriptions.get().state == "confirmed"
    assert other.subscriptions.get().mailing_list == events
    # And a second file still does not resubscribe them.
    assert import_file("email\nleft@example.org\n", monthly).unsubscribed == 1


def test_a_value_that_was_changed_since_is_not_restored(monthly: MailingList, join: Join) -> None:
    person = join("olga", name="Before", countries=("KZ",))
    job = read_file("email,name,countries\nolga@example.org,File,UZ\n", monthly)
    apply_job(job)
    Subscriber.objects.update(name="By hand")
    undo_job(job)
    person.refresh_from_db()
    assert (person.name, person.countries) == ("By hand", ("KZ",))


def test_undoing_keeps_a_subscriber_into_whom_another_was_merged_since(
    monthly: MailingList, join: Join
) -> None:
    before = join("before")
    earlier = NOW - timedelta(days=9)
    consent.record(Event.CONFIRMED, [before.pk], [monthly.pk], Evidence(Channel.EMAIL_LINK), earlier)
    job = read_file("email,name\nadded@example.org,Ann\n", monthly)
    apply_job(job)
    merge(Subscriber.objects.get(email="added@example.org"), before, LATER)
    assert undo_job(job) == {"removed": 0, "restored": 0, "kept": 1}
    person = Subscriber.objects.get()
    assert person.subscriptions.filter(state="confirmed", ended_at=None).exists()
    assert person.consents.filter(event="confirmed").exists()


def test_undoing_ends_after_thirty_days(monthly: MailingList) -> None:
    job = read_file("email\na@example.org\n", monthly)
    apply_job(job)
    with pytest.raises(WrongState, match="30 days"):
        job_lifecycle.start_undo(job, "lola", NOW + timedelta(days=31))
    assert Subscriber.objects.count() == 1


def test_what_was_discarded_or_undone_cannot_be_applied(monthly: MailingList) -> None:
    job = read_file("email\na@example.org\n", monthly)
    job_lifecycle.discard(job, "lola", NOW)
    assert not ImportRow.objects.exists()
    with pytest.raises(WrongState):
        job_lifecycle.start_apply(job, "lola", NOW)
    with pytest.raises(WrongState):
        job_lifecycle.start_undo(job, "lola", NOW)


def test_rejected_rows_are_a_file_that_can_be_imported_again(monthly: MailingList, join: Join) -> None:
    join("gone", state="unsubscribed")
    job = read_file(
        "Name,Email\n=cmd(),nonsense\nAnn,a@example.org\nAgain,A@example.org\nGone,gone@example.org\n",
        monthly,
    )
    apply_job(job)
    text = io.StringIO()
    assert write_csv(rejected_rows_sheet(job), text) == 3
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert rows[0] == ["line", "rejected as", "reason", "Name", "Email"]
    assert rows[1][0] == "2" and rows[1][3:] == ["'=cmd()", "nonsense"] and "no @" in rows[1][2]
    assert rows[2][0] == "4" and "line 3" in rows[2][2]
    assert rows[3][0] == "5" and rows[3][3:] == ["", "gone@example.org"]
    fixed = text.getvalue().replace("nonsense", "mended@example.org")
    assert import_file(fixed, monthly).added == 1
    assert Subscriber.objects.get(email="mended@example.org").name == "=cmd()"


@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_rejected_rows_mean_the_same_in_every_language_of_the_desk(
    monthly: MailingList, join: Join, language: str
) -> None:
    join("gone", state="unsubscribed")
    suppress("stopped@example.org", "hard_bounce", "550", NOW)
    job = read_file(
        "email,status\nnonsense,\na@example.org,\na@example.org,\ngone@example.org,\nstopped@example.org,\n"
        "left@example.org,unsubscribed\n",
        monthly,
    )
    apply_job(job)
    text = io.StringIO()
    with override(language):
        write_csv(rejected_rows_sheet(job), text)
    again = read_file(text.getvalue().replace("nonsense", "mended@example.org"), monthly)
    assert (again.expected["added"], again.expected["unchanged"]) == (1, 1)
    assert dict(RejectedRow.objects.filter(job=again).values_list("line", "status")) == {
        4: "not_subscribed",
        5: "not_subscribed",
        6: "unsubscribed",
    }


def test_the_rows_of_a_file_are_deleted_when_they_expire(monthly: MailingList) -> None:
    waiting = read_file("email\nwaiting@example.org\n", monthly)
    applied = read_file("email\na@example.org\nnonsense\n", monthly)
    apply_job(applied)
    job_lifecycle.discard_or_purge_expired(NOW + timedelta(days=6))
    assert ImportRow.objects.exists()
    job_lifecycle.discard_or_purge_expired(NOW + timedelta(days=8))
    waiting.refresh_from_db()
    assert waiting.state == "discarded" and not ImportRow.objects.exists()
    assert ImportChange.objects.exists() and RejectedRow.objects.exists()
    job_lifecycle.discard_or_purge_expired(NOW + timedelta(days=31))
    assert not ImportChange.objects.exists() and not RejectedRow.objects.exists()
    assert Subscriber.objects.count() == 1


def test_a_field_that_was_changed_or_deleted_since_the_file_was_read_is_skipped(monthly: MailingList) -> None:
    colour = CustomField.objects.create(name="Colour", kind="choice", choices="red\ngreen")
    age, gone = (CustomField.objects.create(name=name) for name in ("Age", "Gone"))
    job = read_file("email,Colour,Age,Gone\na@example.org,red,many,x\n", monthly)
    colour.choices, age.kind = "green", "number"
    colour.save()
    age.save()
    gone.delete()
    apply_job(job)
    person = Subscriber.objects.get()
    assert subscriber_tags_and_fields.custom_field_values(person) == {"Colour": "red"}
    undo_job(job)
    assert not Subscriber.objects.exists()


def test_erasure_deletes_waiting_and_rejected_rows(monthly: MailingList) -> None:
    job = read_file("email,name\na@example.org,Ann\nA@example.org,Again\nb@example.org,\n", monthly)
    Subscriber.objects.create(email="a@example.org")
    erase_and_suppress("a@example.org", NOW)
    assert ImportRow.objects.get().email == "b@example.org"
    assert not RejectedRow.objects.exists()
    assert apply_anyway(job) == 1
    erase_and_suppress("b@example.org", NOW)
    assert not ImportChange.objects.exists()


emails = st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "gone@example.org"])
cells = st.text(max_size=30) | st.sampled_from(["KZ|UZ", "=1+1", "'=1", '"', "ru", "nonsense"]) | emails


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30), deadline=None
)
@given(
    rows=st.lists(st.tuples(emails | cells, cells, cells, cells), max_size=12),
    separator=st.sampled_from(",;\t|"),
    states=st.lists(st.sampled_from(["confirmed", "pending", "unsubscribed"]), max_size=3),
    stopped=st.booleans(),
)
def test_for_any_file_the_counts_add_up_and_no_one_is_resubscribed(
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
        job = read_file(text.getvalue().encode("utf-8", "surrogatepass"), monthly)
    except UnreadableFile as error:
        assert str(error).endswith(".")
        assert "\0" in text.getvalue() or "Line" in str(error)
        return
    stats = apply_job(job)
    assert job.expected == stats.as_dict()
    assert stats.read == sum(any(cell.strip() for cell in row) for row in rows)
    assert stats.revived == 0
    confirmed = Subscription.objects.filter(state="confirmed")
    assert not confirmed.filter(subscriber__in=left).exists()
    assert not stopped or not ImportChange.objects.filter(
        job=job, subscriber__in=Subscriber.objects.filter(email="b@example.org").values("pk")
    )
    assert RejectedRow.objects.filter(job=job).count() == (
        stats.refused + stats.duplicates + stats.suppressed + stats.unsubscribed
    )


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(25), deadline=None
)
@given(name=names | st.just("'=1"), local=st.sampled_from(["+tag", "-x", "=a", "plain"]))
def test_an_export_can_be_imported_again_and_has_no_formula(
    monthly: MailingList, name: str, local: str
) -> None:
    # About someone called "Suppressed" a person is asked.
    assume(explicit_status_or_subscribed(name) is Status.SUBSCRIBED)
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
    import_file(text.getvalue(), monthly)
    again = Subscriber.objects.get()
    assert (again.email, again.name, again.countries) == (person.email, person.name, person.countries)


def test_the_query_does_not_scan_a_new_list_for_each_row(monthly: MailingList, events: MailingList) -> None:
    emails = [f"r{number}@example.org" for number in range(2_000)]
    people = Subscriber.objects.bulk_create(
        Subscriber(email=email, address_hash=address_hash(email)) for email in emails
    )
    Subscription.objects.bulk_create(
        Subscription(subscriber=one, mailing_list=events, state="confirmed", created_at=NOW) for one in people
    )
    job = read_file("email\n" + "\n".join(emails) + "\n", monthly)
    asked = []

    def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        asked.append((sql, values))
        return execute(sql, values, many, context)

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        constraints = connection.introspection.get_constraints(cursor, "subscribers_subscription")
    with connection.execute_wrapper(note), diff.temporary_comparison_table(job, 0, 5_000) as cursor:
        judging = next(one for one in asked if "INTO import_compared" in one[0])
        cursor.execute(f"{connection.ops.explain_query_prefix()} {judging[0]}", judging[1])
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    by_list = [name for name, about in constraints.items() if about["columns"] == ["mailing_list_id"]]
    assert by_list and not [name for name in by_list if name in plan]

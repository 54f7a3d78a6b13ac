from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers.countrynames import read_countries
from subscribers.exporting import export_csv
from subscribers.importing import BrokenFile, ImportResult, Refusal, import_csv
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.rows import Person, read_rows
from subscribers.suppress import suppress
from tests.subscribers.conftest import NOW, Join

PARTS = ("added", "updated", "unchanged", "revived", "suppressed", "refused", "duplicates")


def run(text: str | bytes, mailing_list: MailingList, **options: Any) -> tuple[ImportResult, list[Refusal]]:
    refused: list[Refusal] = []
    raw = text.encode() if isinstance(text, str) else text
    result = import_csv(
        io.BytesIO(raw), mailing_list, "paper form of 2025", NOW, on_refusal=refused.append, **options
    )
    assert sum(getattr(result, part) for part in PARTS) == result.read
    assert len(refused) == result.refused
    return result, refused


def test_new_people_come_confirmed_with_their_choices_and_their_source(monthly: MailingList) -> None:
    result, _ = run("email,name,language,countries\nOlga@Example.ORG,Olga,RU,KZ|UZ\n", monthly)
    assert (result.read, result.added) == (1, 1)
    person = Subscriber.objects.get()
    assert (person.email, person.language, person.countries) == ("olga@example.org", "ru", ("KZ", "UZ"))
    subscription = person.subscriptions.get()
    assert (subscription.state, subscription.source) == ("confirmed", "import: paper form of 2025")
    assert subscription.confirmed_at == NOW


def test_every_row_is_counted_once(monthly: MailingList, join: Join) -> None:
    join("same")
    join("changed")
    join("waiting", state="pending")
    join("gone", state="unsubscribed")
    suppress("stopped@example.org", Suppression.Reason.COMPLAINT, "", NOW)
    result, refused = run(
        "name,email\n,same@example.org\nNew name,changed@example.org\n,waiting@example.org\n"
        ",gone@example.org\n,stopped@example.org\n,new@example.org\n,NEW@example.org\n,nonsense\n\n",
        monthly,
    )
    assert result.as_dict() == {
        "read": 8,
        "added": 1,
        "updated": 2,
        "unchanged": 2,
        "revived": 0,
        "suppressed": 1,
        "refused": 1,
        "duplicates": 1,
        "unsubscribed": 1,
        "dry_run": False,
    }
    assert [refusal.line for refusal in refused] == [9]
    assert not Subscriber.objects.filter(email="stopped@example.org").exists()


@pytest.mark.parametrize("state", ["unsubscribed", "pending"])
def test_a_file_brings_nobody_back_who_left(monthly: MailingList, join: Join, state: str) -> None:
    person = join("gone", state="unsubscribed")
    # Somebody typed the address into the sign-up form since; the person did not confirm.
    person.subscriptions.update(state=state)
    run("email,name\ngone@example.org,Changed\n", monthly)
    person.refresh_from_db()
    assert person.subscriptions.get().state == state
    assert person.name == ""


def test_an_empty_cell_says_nothing_about_somebody_known(monthly: MailingList, join: Join) -> None:
    person = join("olga", language="ru", countries=("KZ",), name="Olga")
    result, _ = run("email;name;language;countries\nolga@example.org;;;\n", monthly)
    person.refresh_from_db()
    assert (result.unchanged, person.name, person.language, person.countries) == (1, "Olga", "ru", ("KZ",))


def test_somebody_known_joins_another_list(monthly: MailingList, events: MailingList, join: Join) -> None:
    person = join("olga", countries=("KZ",))
    result, _ = run("email\tcountries\nolga@example.org\tUZ\n", events)
    person.refresh_from_db()
    assert (result.added, person.countries) == (1, ("UZ",))
    assert person.subscriptions.count() == 2


def test_a_dry_run_counts_the_same_and_changes_nothing(monthly: MailingList, join: Join) -> None:
    join("olga")
    text = "email,name\nolga@example.org,Olga\nnew@example.org,New\nnew@example.org,Again\n"
    dry, _ = run(text, monthly, dry_run=True)
    assert Subscriber.objects.get().name == ""
    wet, _ = run(text, monthly)
    assert {**wet.as_dict(), "dry_run": True} == dry.as_dict()


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"\xe9@example.org\n", "not UTF-8"),
        (b'"open,\n', "Line 1502: a quotation mark"),
        (b'"a"b,c\n', "Line 1502: a quotation mark"),
    ],
)
def test_a_broken_file_changes_nothing(monthly: MailingList, tail: bytes, words: str) -> None:
    rows = b"".join(b"p%d@example.org\n" % number for number in range(1500))
    with pytest.raises(BrokenFile, match=words):
        run(b"email\n" + rows + tail, monthly)
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("email\na@example.org\n".encode("utf-16"), "UTF-16"),
        (b"", "no column"),
        (b"address\na@example.org\n", "no column"),
        (b"email,email\na@example.org,b\n", "twice"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_words(monthly: MailingList, file: bytes, words: str) -> None:
    with pytest.raises(BrokenFile, match=words):
        run(file, monthly)


def test_without_a_source_nothing_is_imported(monthly: MailingList) -> None:
    with pytest.raises(ValueError, match="consent"):
        import_csv(io.BytesIO(b"email\na@example.org\n"), monthly, "  ", NOW)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("nonsense,,,", "no @"),
        (",Name,,", "no address"),
        ("a@example.org,,xx,", "language"),
        ("a@example.org,,,Atlantis", "Atlantis"),
        ('a@example.org,"Two\nlines",,', "line break"),
        (f"a@example.org,{'x' * 201},,", "longer than 200"),
        ("a@[127.0.0.1],,,", "number"),
    ],
)
def test_a_refused_row_says_its_line_and_why(row: str, words: str) -> None:
    file = f"email,name,language,countries\nfine@example.org,,,\n{row}\n"
    found = list(read_rows(io.BytesIO(file.encode())))
    assert isinstance(found[0], Person)
    assert isinstance(found[1], Refusal)
    assert found[1].line == 3
    assert words in found[1].reason
    assert "a@example.org" not in found[1].reason


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


cells = st.text(max_size=30) | st.sampled_from(["a@example.org", "KZ|UZ", "=1+1", "'=1", '"', "\x00", "ru"])


@given(st.lists(st.lists(cells, max_size=5), max_size=8), st.sampled_from(",;\t"))
def test_whatever_the_cells_hold_every_row_becomes_a_person_or_a_reason(
    rows: list[list[str]], separator: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["email", "name", "language", "countries"])
    writer.writerows(rows)
    found = list(read_rows(io.BytesIO(text.getvalue().encode("utf-8", "surrogatepass"))))
    assert len(found) == sum(any(cell.strip() for cell in row) for row in rows)
    for one in found:
        assert one.line > 1
        assert isinstance(one, Person) or one.reason


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(raw: bytes) -> None:
    try:
        list(read_rows(io.BytesIO(b"email,name\n" + raw)))
    except BrokenFile as error:
        assert str(error).endswith((".", "again."))


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
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
    assert export_csv(text, monthly) == 1
    for row in csv.reader(io.StringIO(text.getvalue())):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    (read,) = read_rows(io.BytesIO(text.getvalue().encode()))
    assert isinstance(read, Person)
    assert (read.email, read.name, read.countries) == (person.email, person.name, person.countries)


def test_the_sample_in_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, monthly: MailingList) -> None:
    file = tmp_path / "people.csv"
    file.write_text("E-Mail,Email\nx,a@example.org\n", encoding="utf-8-sig")
    with file.open("rb") as stream:
        result = import_csv(stream, monthly, "conference", NOW)
        assert not stream.closed
    assert result.added == 1

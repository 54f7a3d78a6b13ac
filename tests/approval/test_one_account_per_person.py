"""One person has one account: a second one that looks the same is refused, however it is made."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils.translation import override

from mailer.approval import one_account_per_person
from mailer.approval.one_account_per_person import SamePerson, look_alike_form
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def timur(people: cast.Staff) -> User:
    return User.objects.create_user(
        "timur", "timur@office.example.org", "a long password", first_name="Timur", last_name="Karimov"
    )


@pytest.fixture
def people() -> cast.Staff:
    return cast.staff()


@pytest.mark.parametrize(
    ("field", "second"),
    [
        ("name", {"first_name": "Timur", "last_name": "Karimov"}),
        ("name", {"first_name": "TIMUR", "last_name": "karimov"}),
        ("name", {"first_name": "Karimov", "last_name": "Timur"}),
        ("name", {"first_name": "", "last_name": "Timur  Karimov"}),
        # Cyrillic а, і, о; Latin letters with accents; fullwidth letters; a digit.
        ("name", {"first_name": "Tіmur", "last_name": "Kаrimоv"}),
        ("name", {"first_name": "Tímur", "last_name": "Karimòv"}),
        ("name", {"first_name": "Ｔｉｍｕｒ", "last_name": "Karim0v"}),
        ("name", {"first_name": "Timur\u200b", "last_name": "Karimov."}),
        ("email", {"email": "Timur@Office.Example.ORG"}),
        ("email", {"email": "timur+second@office.example.org"}),
        ("email", {"email": "tіmur@office.example.org"}),
        # Both would sign in with it.
        ("username", {"username": "timur@office.example.org"}),
        ("username", {"username": "Timur+2@office.example.org"}),
        ("username", {"username": "Timur"}),
        ("username", {"username": "t1mur"}),
        ("username", {"username": "timur."}),
    ],
)
def test_a_second_account_of_the_same_person_is_refused(
    timur: User, field: str, second: dict[str, str]
) -> None:
    with pytest.raises(SamePerson) as refused:
        User.objects.create_user(**{"username": "second", "email": "second@office.example.org", **second})
    assert refused.value.code == field
    with override("ru"), pytest.raises(SamePerson) as refused:
        one_account_per_person.require_one_account(
            User(**{"username": "second", "email": "second@office.example.org", **second})
        )
    # A whole sentence: the name of the field in it is translated as well.
    assert not re.search("[a-z]", refused.value.messages[0].replace(timur.username, ""))
    other = User.objects.create_user("second", "second@office.example.org")
    for name, value in second.items():
        setattr(other, name, value)
    with pytest.raises(SamePerson):
        other.save()


def test_other_people_have_accounts_of_their_own(timur: User) -> None:
    User.objects.create_user("karim", "karim@office.example.org", first_name="Karim", last_name="Timurov")
    User.objects.create_user("без", "bez@office.example.org", first_name="Тимур", last_name="Каримов")
    User.objects.create_user("nameless", "")
    User.objects.create_user("unnamed", "")
    timur.last_name = "T. Karimov"
    timur.save()
    timur.save()


def test_no_address_is_the_username_of_another_account(people: cast.Staff) -> None:
    named = User.objects.create_user("timur@office.example.org", "timur@office.example.org")
    named.first_name = "Timur"
    named.save()
    named.email = "karimov@office.example.org"
    named.save()
    with pytest.raises(SamePerson) as refused:
        User.objects.create_user("second", "Timur@office.example.org")
    assert refused.value.code == "email"


@pytest.mark.parametrize("column", ["email", "username"])
def test_the_database_refuses_what_differs_by_letter_case_alone(timur: User, column: str) -> None:
    with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
        cursor.execute(
            f"UPDATE auth_user SET {column} = %s WHERE username = 'writer'",
            [getattr(timur, column).upper()],
        )


def test_what_looks_the_same() -> None:
    assert look_alike_form("Ольга") == look_alike_form("ОЛЬГА") != look_alike_form("Олег")
    assert look_alike_form("Lola") == look_alike_form("Lоlа")

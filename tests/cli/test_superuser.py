"""`mailer superuser`, the only way to make one; `mailer invite`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from typer.testing import CliRunner

from mailer.approval.account_influence import DAYS
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import AccountChange
from mailer.cli.main import app
from tests import cast

pytestmark = pytest.mark.django_db


def test_a_command_makes_a_superuser_and_the_change_is_recorded() -> None:
    user = cast.staff().writer
    for arguments, expected in ([], True), (["--revoke"], False):
        assert CliRunner().invoke(app, ["superuser", user.username, *arguments]).exit_code == 0
        user.refresh_from_db()
        assert user.is_superuser is expected
    changes = AccountChange.objects.filter(user=user, what="superuser")
    assert [(one.before, one.after, one.actor) for one in changes] == [
        ("no", "yes", None),
        ("yes", "no", None),
    ]
    assert CliRunner().invoke(app, ["superuser", "unknown"]).exit_code == 1


@pytest.mark.parametrize(
    ("username", "email"), [("", "timur@example.org"), ("two words", "timur@example.org"), ("timur", "timur")]
)
def test_a_name_or_address_that_is_none_makes_no_account(username: str, email: str) -> None:
    arguments = ["invite", username, "--email", email, "--first-name", "Timur", "--last-name", "Karimov"]
    answer = CliRunner().invoke(app, arguments)
    assert (answer.exit_code, type(answer.exception), answer.stdout) == (1, SystemExit, "")
    assert not User.objects.filter(username=username).exists()


def test_a_command_makes_an_approver_whom_no_member_of_staff_made() -> None:
    names = ["--first-name", "Timur", "--last-name", "Karimov"]
    arguments = ["invite", "timur", "--email", "timur@example.org", *names]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0 and "/accounts/set-password/" in answer.stdout
    # What the operator does with the link; programs read stdout.
    assert len(answer.stdout.split()) == 1 and "timur" in answer.stderr
    user = User.objects.get(username="timur")
    assert user.has_perm("mailer.approve_edition") and not user.has_usable_password()
    assert {one.actor for one in AccountChange.objects.filter(user=user)} == {None}
    assert CliRunner().invoke(app, arguments).exit_code == 1
    # The account is independent: another one is not needed.
    assert "independent" in CliRunner().invoke(app, arguments).stderr
    unknown = [
        "invite",
        "aida",
        "--email",
        "aida@example.org",
        "--role",
        "Kings",
        *names[:2],
        "--last-name",
        "X",
    ]
    assert (
        CliRunner().invoke(app, unknown).exit_code == 1 and not User.objects.filter(username="aida").exists()
    )


def test_the_command_says_until_when_an_account_that_was_invited_in_the_desk_is_barred() -> None:
    people = cast.staff()
    with acting_as(people.writer):
        User.objects.create_user("aida", "aida@example.org", first_name="Aida", last_name="Bekova")
    until = f"{timezone.localtime() + timedelta(days=DAYS):%Y-%m-%d}"
    for username, address in ("aida", "other@example.org"), ("bekova", "aida@example.org"):
        arguments = ["invite", username, "--email", address, "--first-name", "A", "--last-name", "B"]
        answer = CliRunner().invoke(app, arguments)
        said = " ".join(answer.stderr.split())
        assert answer.exit_code == 1 and until in said and people.writer.username in said

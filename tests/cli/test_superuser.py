"""`mailer superuser`, the only way to make one."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

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

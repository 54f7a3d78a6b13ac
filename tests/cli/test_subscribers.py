"""`mailer subscribers` as an administrator reads it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mailer.cli import subscribers
from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from tests import cast

pytestmark = pytest.mark.django_db


def test_a_subscriber_is_shown_with_their_lists_and_consents() -> None:
    reader = cast.reader("olga", ("KZ",), "ru")
    (mailing_list,) = reader.subscriptions.values_list("mailing_list", flat=True)
    for list_id in (mailing_list, None):
        consent.record(Event.CONFIRMED, [reader.pk], [list_id], Evidence(Channel.EMAIL_LINK), cast.NOW)
    done = CliRunner().invoke(subscribers.app, ["show", "Olga@example.net"])
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert ["email", "olga@example.net"] in lines and ["countries", "KZ"] in lines
    assert [line[2] for line in lines if line[0] == "consent"] == ["confirmed", "confirmed"]
    assert [line[2] for line in lines if line[0] == "list"] == ["confirmed"]
    assert all(len(line) > 1 for line in lines)

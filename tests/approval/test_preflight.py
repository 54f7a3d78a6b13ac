"""Preflight: what would only fail after approval is said before it."""

from __future__ import annotations

import pytest

from mailer.approval.approve import PreflightFailed
from mailer.approval.submit import submit
from mailer.editions.models import Newsletter
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.mark.parametrize(
    "change",
    [
        {"sender_email": "news@bücher.example"},
        {"sender_name": "Office\r\nBcc: everybody@example.net"},
        {"name": "Monthly\nX-Other: yes"},
    ],
)
def test_a_sender_or_name_that_no_header_can_carry_keeps_an_edition_from_being_submitted(
    change: dict[str, str],
) -> None:
    people = cast.staff()
    cast.reader("aida")
    edition = cast.december(people.writer)
    Newsletter.objects.update(**change)
    with pytest.raises(PreflightFailed, match="cannot be built"):
        submit(edition, people.writer, cast.NOW)

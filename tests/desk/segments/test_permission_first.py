"""A page loads what it is about only once it is known that the user may see it."""

from __future__ import annotations

import pytest

from subscribers.segments.models import Segment
from tests import cast as everyone
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.django_db


@pytest.mark.both_databases
def test_a_user_without_permission_gets_one_answer_for_every_segment(desk: Desk) -> None:
    # A rule of a later version, which this one cannot read.
    broken = Segment.objects.create(name="Broken", rule={"unknown": 1}, changed_at=everyone.NOW)
    browser = as_user(desk.writer)
    answers = {
        (answer.status_code, answer.headers.get("Location"))
        for pk in (broken.pk, broken.pk + 1_000)
        for answer in (browser.get(f"/desk/segments/{pk}/"), browser.post(f"/desk/segments/{pk}/"))
    }
    assert len(answers) == 1
    assert {status for status, _ in answers} <= {302, 403}


@pytest.mark.parametrize(
    "page", ["subscribers/{}/merge/", "subscribers/{}/erase/", "suppressions/{}/remove/"]
)
def test_no_answer_says_whether_a_row_exists(desk: Desk, page: str) -> None:
    browser = as_user(desk.writer)
    known, unknown = (browser.get(f"/desk/{page.format(pk)}") for pk in (desk.reader.pk, 987_654))
    assert known.status_code == unknown.status_code != 404

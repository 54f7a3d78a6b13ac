"""Values of custom fields, as people and other systems write them."""

from __future__ import annotations

from datetime import date

import pytest

from subscribers.segments.models import CustomField
from subscribers.segments.subscriber_tags_and_fields import get_or_create_tag, parse_value


@pytest.mark.parametrize(
    "written",
    [
        *("2024-01-31", "2024-01-31 10:30:00", "2024-01-31T00:00:00", "2024-01-31T10:30:00.123Z"),
        *(
            "2024-01-31 10:30:00 +0500",
            "31.01.2024",
            "31.1.2024 г.",
            "31.01.2024 0:00",
            "31.01.2024 10:30:00",
        ),
    ],
)
def test_a_day_is_read_as_other_systems_write_it(written: str) -> None:
    assert parse_value(CustomField(name="Since", kind="date"), written) == date(2024, 1, 31)


@pytest.mark.parametrize("written", ["01/02/2024", "45321", "31.02.2024", "2024", "31.01.24", "soon"])
def test_what_is_no_clear_day_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="2021-12-03"):
        parse_value(CustomField(name="Since", kind="date"), written)


@pytest.mark.parametrize(
    ("written", "number"), [("1 234,5", 1234.5), ("1\u00a0234\u202f567", 1234567), ("-2,5", -2.5), ("7", 7)]
)
def test_a_number_is_read_as_excel_writes_it_in_russian(written: str, number: float) -> None:
    assert parse_value(CustomField(name="Sum", kind="number"), written) == number


def test_two_numbers_are_none() -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_value(CustomField(name="Sum", kind="number"), "12 34")


@pytest.mark.django_db
@pytest.mark.both_databases
@pytest.mark.parametrize(
    "names", [("Press", "PRESS", " press "), ("Пресса", "ПРЕССА", "пресса"), ("Әріп", "әріп")]
)
def test_case_and_spaces_make_no_other_tag(names: tuple[str, ...]) -> None:
    assert len({get_or_create_tag(name).pk for name in names}) == 1

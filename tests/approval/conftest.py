from __future__ import annotations

import pytest

from mailer.editions.models import Edition
from tests import cast


@pytest.fixture
def people() -> cast.Staff:
    return cast.staff()


@pytest.fixture
def edition(people: cast.Staff) -> Edition:
    cast.reader("aigul", ("KZ",), "kk")
    return cast.december(by=people.writer)

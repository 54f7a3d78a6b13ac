from __future__ import annotations

import pytest

from tests.desk.cast import Desk
from tests.desk.cast import desk as make_desk


@pytest.fixture
def desk(db: None) -> Desk:
    """Writer, approver, admin, and an edition in draft."""
    return make_desk()

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Monthly\r\nBcc: everybody@example.net"),
        ("sender_name", "Office\nX: y"),
        ("sender_email", "news@bücher.example"),
    ],
)
def test_what_no_header_can_carry_is_refused_in_the_form(field: str, value: str) -> None:
    newsletter = cast.newsletter()
    setattr(newsletter, field, value)
    with pytest.raises(ValidationError) as refused:
        newsletter.full_clean()
    assert list(refused.value.message_dict) == [field]

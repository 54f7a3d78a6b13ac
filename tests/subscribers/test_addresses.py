from __future__ import annotations

import pytest

from subscribers.addresses import normalise

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize(
    ("address", "words"), [('"a@b"@example.org', "quoted"), (f"{'a' * 65}@example.org", "64 characters")]
)
def test_an_address_that_a_mail_cannot_carry_is_refused_in_words(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalise(address)


def test_the_longest_local_part_is_taken() -> None:
    assert normalise(f"{'A' * 64}@Example.org") == f"{'a' * 64}@example.org"

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import tokens
from subscribers.addresses import normalise

pytestmark = pytest.mark.both_databases

people = st.integers(0, 2**64 - 1)
scopes = st.integers(0, 2**32 - 1)
purposes = st.sampled_from(["leave", "prefs", "confirm"])


@given(purposes, people, scopes)
def test_a_token_says_what_was_put_into_it(purpose: tokens.Purpose, person: int, scope: int) -> None:
    token = tokens.make(purpose, person, scope)
    assert len(token) == tokens.LENGTH
    assert tokens.read(purpose, token) == (person, scope)
    assert tokens.make(purpose, person, scope) == token


@given(st.lists(people, max_size=5), scopes)
def test_the_links_of_many_readers_are_those_of_each(persons: list[int], newsletter: int) -> None:
    for person, links in zip(persons, tokens.links(persons, newsletter), strict=True):
        assert links.leave == tokens.make("leave", person, newsletter)
        assert links.prefs == tokens.make("prefs", person, newsletter)
        assert tokens.read_mail(links.leave_by_mail) == (person, newsletter)


@given(purposes, purposes, people, scopes)
def test_a_token_for_one_purpose_is_none_for_another(
    one: tokens.Purpose, other: tokens.Purpose, person: int, scope: int
) -> None:
    token = tokens.make(one, person, scope)
    if one != other:
        with pytest.raises(tokens.BadToken):
            tokens.read(other, token)


@given(purposes, people, scopes, st.integers(0, 191))
def test_a_token_with_one_bit_turned_is_none_of_ours(
    purpose: tokens.Purpose, person: int, scope: int, bit: int
) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    raw = bytearray(urlsafe_b64decode(tokens.make(purpose, person, scope)))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(tokens.BadToken):
        tokens.read(purpose, urlsafe_b64encode(bytes(raw)).decode())


@given(purposes, st.text(max_size=40))
def test_no_other_text_is_a_token(purpose: tokens.Purpose, text: str) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.read(purpose, text)


@given(st.text(max_size=60))
def test_an_address_is_one_line_in_one_form_or_refused_in_words(text: str) -> None:
    try:
        written = normalise(text)
    except ValueError as error:
        assert str(error)
    else:
        assert written == normalise(written)
        assert written.isprintable()
        assert written.isascii()

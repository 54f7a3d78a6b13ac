"""Tokens: what is encrypted is read back, for its own purpose and with a known key only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from subscribers import tokens
from subscribers.tokens import InvalidToken

ids = st.integers(0, 2**64 - 1)
subscribers = st.integers(0, 2**36 - 1)
scopes = st.integers(0, 2**28 - 1)
page_purposes = st.sampled_from(get_args(tokens.PagePurpose))
purposes = st.sampled_from([*get_args(tokens.PagePurpose), *get_args(tokens.MailPurpose)])
NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


def mail_token(purpose: tokens.Purpose, number: int) -> str:
    (token,) = tokens.encrypt_ids_for_addresses(purpose, [number])
    return token


@given(purposes, ids)
def test_an_id_is_read_back_from_either_form(purpose: tokens.Purpose, number: int) -> None:
    in_url, in_mail = tokens.encrypt_id_for_url(purpose, number), mail_token(purpose, number)
    assert (len(in_url), len(in_mail)) == (33, 49)
    assert in_mail == in_mail.lower()
    assert tokens.decrypt_id(purpose, in_url) == tokens.decrypt_id(purpose, in_mail) == number
    # The same link each time.
    assert in_url == tokens.encrypt_id_for_url(purpose, number)


@given(page_purposes, subscribers, scopes)
def test_a_claim_is_read_back(purpose: tokens.PagePurpose, subscriber: int, scope: int) -> None:
    assert tokens.read_token(purpose, tokens.make_token(purpose, subscriber, scope)) == (subscriber, scope)


@given(st.lists(subscribers, max_size=5), scopes)
def test_links_of_a_batch_equal_those_made_one_by_one(batch: list[int], newsletter: int) -> None:
    for subscriber, links in zip(batch, tokens.link_tokens(batch, newsletter), strict=True):
        assert links.unsubscribe == tokens.make_token("unsubscribe", subscriber, newsletter)
        assert links.preferences == tokens.make_token("preferences", subscriber, newsletter)
        assert tokens.read_token("unsubscribe", links.unsubscribe_mailto) == (subscriber, newsletter)


@pytest.mark.parametrize(("subscriber", "scope"), [(2**36, 0), (0, 2**28), (-1, 0), (0, -1)])
def test_what_does_not_fit_is_refused(subscriber: int, scope: int) -> None:
    with pytest.raises(OverflowError):
        tokens.make_token("preferences", subscriber, scope)
    with pytest.raises(OverflowError):
        tokens.link_tokens([subscriber], scope)


@given(purposes, purposes, ids)
def test_a_token_is_invalid_for_another_purpose(
    one: tokens.Purpose, other: tokens.Purpose, number: int
) -> None:
    if one != other:
        for token in (tokens.encrypt_id_for_url(one, number), mail_token(one, number)):
            with pytest.raises(InvalidToken):
                tokens.decrypt_id(other, token)


@given(purposes, ids, st.data())
def test_a_token_with_one_other_character_is_invalid(
    purpose: tokens.Purpose, number: int, data: st.DataObject
) -> None:
    for token, alphabet in (
        (tokens.encrypt_id_for_url(purpose, number), "09AZaz-_+/=é"),
        (mail_token(purpose, number), "09afAFg"),
    ):
        at = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from(alphabet).filter(lambda one, here=token[at]: one != here))
        with pytest.raises(InvalidToken):
            tokens.decrypt_id(purpose, token[:at] + other + token[at + 1 :])


@given(purposes, st.text(max_size=60))
def test_no_other_text_is_a_token(purpose: tokens.Purpose, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.decrypt_id(purpose, text)


# Among twelve keys two share a digit.
KEYS = tuple((number, f"secret {number} ".ljust(40, "x")) for number in range(1, 12))


@pytest.mark.parametrize("old", KEYS)
def test_a_token_of_a_former_key_is_read_while_that_key_is_accepted(old: tuple[int, str]) -> None:
    with override_settings(TOKEN_KEYS=(old,)):
        token = tokens.make_token("preferences", 7, 3)
    new = (12, "the new secret".ljust(40, "x"))
    with override_settings(TOKEN_KEYS=(new, *KEYS)):
        assert tokens.read_token("preferences", token) == (7, 3)
        assert tokens.make_token("preferences", 7, 3) != token
    others = tuple(key for key in KEYS if key != old)
    with override_settings(TOKEN_KEYS=(new, *others)), pytest.raises(InvalidToken):
        tokens.read_token("preferences", token)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(0), True),
        (timedelta(hours=1), True),
        (timedelta(hours=1, minutes=2), False),
        # Made while the clock was ahead.
        (timedelta(hours=-3), True),
        (timedelta(days=-1), True),
        (timedelta(days=-1, minutes=-2), False),
    ],
)
def test_a_dated_token_expires(age: timedelta, fresh: bool) -> None:
    claim = tokens.read_token("confirm", tokens.make_dated("confirm", 7, NOW - age))
    assert claim.is_fresh(timedelta(hours=1), NOW) is fresh

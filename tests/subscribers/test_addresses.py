from __future__ import annotations

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from subscribers.addresses import normalise
from subscribers.translate_stored_texts import translated


@pytest.mark.parametrize(
    ("address", "words"),
    [('"a@b"@example.org', "quotation marks before the @"), (f"{'a' * 65}@example.org", "64 characters")],
)
def test_an_invalid_address_is_refused_with_a_reason(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalise(address)


def test_a_local_part_of_64_octets_is_accepted() -> None:
    assert normalise(f"{'A' * 64}@Example.org") == f"{'a' * 64}@example.org"


@pytest.mark.parametrize("mark", ["\u200b", "\u200e", "\u00ad", "\u2060", "\u202c", "\ufe0f", "\ufeff"])
def test_invisible_characters_are_no_part_of_an_address(mark: str) -> None:
    for written in ("{}olga@example.org", "ol{}ga@example.org", "olga@exam{}ple.org", "olga@example.org{}"):
        assert normalise(f" {written.format(mark)} ") == "olga@example.org"


@pytest.mark.parametrize(
    ("domain", "ascii_domain"),
    [
        ("Почта.РФ", "xn--80a1acny.xn--p1ai"),
        ("қазақ。қаз", "xn--80aau21bd.xn--80ao21a"),
        ("mail.почта.рф", "mail.xn--80a1acny.xn--p1ai"),
        ("bücher.example", "xn--bcher-kva.example"),
        # Another domain than strasse.de.
        ("Straße.de", "xn--strae-oqa.de"),
    ],
)
def test_a_domain_in_other_letters_is_stored_as_a_labels(domain: str, ascii_domain: str) -> None:
    assert normalise(f"olga@{domain}") == f"olga@{ascii_domain}"


# With Cyrillic а, с and о.
@pytest.mark.parametrize(
    "domain", ["gm\u0430il.com", "gmail.\u0441om", "y\u0430nde\u0445.ru", "g\u03bf\u03bfgle.com"]
)
def test_a_domain_that_mixes_scripts_is_refused(domain: str) -> None:
    letter = next(letter for letter in domain if not letter.isascii())
    with pytest.raises(ValueError, match=f"cannot exist.*“{letter}”"):
        normalise(f"olga@{domain}")


@pytest.mark.parametrize(
    ("local", "shown"),
    [("\u043elga", "\u043e"), ("иван", "и"), ("olg\u03b1", "\u03b1"), ("José", "é"), ("a–b", "–")],
)
def test_what_is_not_ascii_before_the_at_sign_is_named(local: str, shown: str) -> None:
    foreign = shown not in "é–"
    with pytest.raises(ValueError, match=f"“{shown}”.*before the @") as error:
        normalise(f"{local}@пример.рф")
    assert ("another alphabet" in str(error.value)) is foreign
    with override("ru"):
        assert f"«{shown}»" in translated(str(error.value))


@given(st.text(max_size=60))
def test_an_address_has_one_form_on_one_line_or_is_refused_with_a_reason(text: str) -> None:
    try:
        address = normalise(text)
    except ValueError as error:
        assert str(error)
    else:
        assert address == normalise(address)
        assert address.isprintable()
        assert address.isascii()

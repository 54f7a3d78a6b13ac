from __future__ import annotations

import pytest

from subscribers.csv_cells import parse_countries, parse_language


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ()),
        ("kz", ("KZ",)),
        ("UZ;KZ|UZ", ("KZ", "UZ")),
        ("Kazakhstan; Uzbekistan", ("KZ", "UZ")),
        ("Казахстан, Кыргызстан", ("KG", "KZ")),
        ("Киргизия|туркменистан", ("KG", "TM")),
        ("O‘zbekiston", ("UZ",)),
    ],
)
def test_countries_are_parsed_as_people_write_them(text: str, codes: tuple[str, ...]) -> None:
    assert parse_countries(text) == codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ""),
        ("RU", "ru"),
        ("en-GB", "en"),
        ("Russian", "ru"),
        ("казахский", "kk"),
        ("қазақ тілі", "kk"),
        ("Кыргызский", "ky"),
        ("Uzbek", "uz"),
        ("KZ", "kk"),
    ],
)
def test_languages_are_parsed_as_people_write_them(text: str, code: str) -> None:
    assert parse_language(text) == code


@pytest.mark.parametrize("parse", [parse_countries, parse_language])
def test_an_unknown_name_is_named(parse: object) -> None:
    with pytest.raises(ValueError, match="Atlantis"):
        parse("Atlantis")  # type: ignore[operator]

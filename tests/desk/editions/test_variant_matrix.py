"""The table of variants: who gets what in which language, what is missing, and what few people get."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mailer.desk.editions.preview_modes import shown_as
from mailer.rendering.data_types import RenderedVariant
from mailer.stories.models import Story
from tests import cast
from tests.desk.cast import Desk, as_user, submitted

pytestmark = pytest.mark.django_db


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def test_each_cell_says_who_gets_it_how_large_it_is_and_what_is_untranslated(desk: Desk) -> None:
    cast.reader("beka", ("KG",), "ru")
    cast.reader("dina", ("KG",), "ru")
    matrix = as_user(desk.writer).get(at(desk, "variants")).context["matrix"]
    assert [code for code, _name in matrix.languages] == ["ru", "kk"]
    kyrgyzstan, kazakhstan = matrix.rows
    russian, no_kazakh = kyrgyzstan.cells
    assert (russian.subscribers, russian.untranslated, no_kazakh) == (2, 0, None)
    assert 5 < russian.kilobytes < 102
    # The stories have no Kazakh text.
    assert kazakhstan.cells[1].untranslated == Story.objects.filter(countries__contains="KZ").count() + 1
    assert matrix.rare == 0


def test_a_row_says_that_other_choices_of_countries_get_the_same(desk: Desk) -> None:
    page = at(desk, "variants")
    (alone,) = as_user(desk.writer).get(page).context["matrix"].rows
    # No story is about the two alone, so both choices show the stories of all countries.
    cast.reader("aya", ("TM",), "kk")
    cast.reader("ben", ("TM", "PL"), "kk")
    rows = as_user(desk.writer).get(page).context["matrix"].rows
    together = next(row for row in rows if row.subscribers == 2)
    assert alone.names in [row.names for row in rows]
    assert "1" in together.names and together.names not in ("Turkmenistan", alone.names)
    assert len(together.others) == 1 and not alone.others


def test_variants_that_few_get_are_marked(desk: Desk) -> None:
    for number in range(51):
        cast.reader(f"r{number}", ("UZ",), "ru")
    matrix = as_user(desk.approver).get(at(desk, "variants")).context["matrix"]
    assert [(one.language, one.rare) for one in matrix.cells] == [("ru", False), ("kk", True)]
    assert matrix.rare == 1


def test_two_variants_stand_side_by_side_in_the_preview_and_in_the_review(desk: Desk) -> None:
    cast.reader("beka", ("KG",), "ru")
    submitted(desk)
    for user, page in ((desk.writer, "variants"), (desk.approver, "review")):
        browser = as_user(user)
        first, second = browser.get(at(desk, page)).context["matrix"].cells
        shown = browser.get(at(desk, page), {"variant": first.key, "beside": second.key}).context
        assert (shown["beside"].key, shown["beside_email"].key) == (second.key, second.key)
        assert browser.get(at(desk, page), {"beside": "unknown"}).context["beside_email"] is None


def test_the_address_of_a_subscriber_leads_to_what_they_get_and_stands_in_no_url(desk: Desk) -> None:
    answer = as_user(desk.approver).post(at(desk, "as_reader"), {"email": "AIGUL@example.net "})
    assert answer.status_code == 302
    assert answer["Location"].partition("?")[2] == "country=KZ&language=kk#desk-snapshot"
    unknown = as_user(desk.approver).post(at(desk, "as_reader"), {"email": "nobody@example.net"})
    assert unknown["Location"] == at(desk, "variants")
    # Of a country that the newsletter does not serve: not what readers of all countries get.
    cast.reader("ana", ("PL",), "ru")
    page = as_user(desk.approver).post(at(desk, "as_reader"), {"email": "ana@example.net"})["Location"]
    assert "country=PL&" in page
    elsewhere = as_user(desk.approver).get(page).context
    everything = as_user(desk.approver).get(at(desk, "variants"), {"language": "ru"}).context
    assert 0 < len(elsewhere["email"].stories) < len(everything["email"].stories)
    assert ("PL", True) in [(code, checked) for code, _name, checked in elsewhere["country_choices"]]
    # Writers see no subscribers.
    assert as_user(desk.writer).post(at(desk, "as_reader"), {"email": "x@example.net"}).status_code in (
        302,
        403,
    )
    assert not as_user(desk.writer).get(at(desk, "variants")).context["may_look_up"]


def test_dark_mode_and_missing_pictures_are_shown_on_demand() -> None:
    style = "<style>@media (prefers-color-scheme:dark){p{color:white}}</style>"
    email = RenderedVariant("k", "en", (), "s", "p", f"<html><head lang=en>{style}</head></html>", "t")
    assert "@media (min-width:0){p" in shown_as(email, "dark").html
    assert "<head lang=en><meta http-equiv" in shown_as(email, "no-pictures").html
    assert shown_as(email, "phone") == email

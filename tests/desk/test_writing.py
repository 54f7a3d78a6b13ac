"""Stories, editions and newsletters as their forms take them: what is kept, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict
from django.urls import reverse
from wagtail.test.utils.form_data import inline_formset, nested_form_data, rich_text, streamfield

from mailer.approval.models import Authorship
from mailer.desk.base.widgets import ChainInput, CountriesInput, OrderedCountriesInput
from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story
from tests import cast as everyone
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def told(language: str, alt: str = "") -> dict[str, Any]:
    return {
        "language": language,
        "headline": f"Bridge opened ({language})",
        "summary": "A bridge was opened.",
        "body": rich_text("<p>It is long.</p>"),
        "link_label": "",
        "picture_alt": alt,
    }


def story_form(*texts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    countries = changes.pop("countries", ["UZ", "KZ"])
    form = nested_form_data(
        {
            "kind": "news",
            "date": "2021-11-20",
            "countries-first": "UZ",
            "picture": "",
            "link": "https://example.org/bridge",
            "texts": inline_formset(list(texts)),
            "action-publish": "1",
            **changes,
        }
    )
    return {**form, "countries": countries}


def test_a_story_keeps_the_country_where_it_happened_first(desk: Desk) -> None:
    form = story_form(told("en"), **{"countries": ["KZ", "UZ"], "countries-first": "UZ"})
    as_user(desk.writer).post(reverse("desk_stories:add"), form)
    story = Story.objects.get(link="https://example.org/bridge")
    assert (story.countries, story.live) == (("UZ", "KZ"), True)
    assert Authorship.objects.filter(story=story, user=desk.writer).exists()


def test_a_picture_needs_a_description_in_every_language(desk: Desk) -> None:
    picture = everyone.picture()
    form = story_form(told("en", "A bridge"), told("ru"), picture=str(picture.pk))
    page = as_user(desk.writer).post(reverse("desk_stories:add"), form).content.decode()
    assert "say in a few words what is seen in it" in page
    assert not Story.objects.filter(picture=picture, live=True).exists()


def test_a_language_is_told_once(desk: Desk) -> None:
    page = as_user(desk.writer).post(reverse("desk_stories:add"), story_form(told("en"), told("en")))
    assert "There is already a text in English" in page.content.decode()
    assert not Story.objects.filter(link="https://example.org/bridge").exists()


def test_stories_are_found_by_country_kind_and_readiness(desk: Desk) -> None:
    browser, table = as_user(desk.writer), reverse("desk_stories:list")
    drafted = Story.objects.get(key="tj-news")
    drafted.unpublish()
    for question, there, gone in (
        ({"country": "UZ"}, "Headline ring", "Headline tj-news"),
        ({"kind": "event"}, "Headline film", "Headline ring"),
        ({"ready": "no"}, "Headline tj-news", "Headline ring"),
    ):
        page = browser.get(table, question).content.decode()
        assert there in page
        assert gone not in page


def test_the_list_of_stories_says_countries_and_languages_by_name(desk: Desk) -> None:
    page = as_user(desk.writer).get(reverse("desk_stories:list")).content.decode()
    for words in (
        "Uzbekistan, Kazakhstan, Kyrgyzstan",
        "The whole region",
        "English, Russian",
        "29 November 2021",
    ):
        assert words in page


def edition_form(edition: Edition, **changes: Any) -> dict[str, Any]:
    lead = Story.objects.get(key="ring")
    latest = edition.get_latest_revision_as_object()
    texts = [
        {"id": text.pk, "language": text.language, "subject": "December in five countries", "preheader": ""}
        for text in latest.texts.all()
    ]
    return nested_form_data(
        {
            "newsletter": edition.newsletter_id,
            "period": edition.period,
            "number": edition.number,
            "texts": inline_formset(texts, initial=len(texts)),
            "body": streamfield([("lead", lead.pk)]),
            **changes,
        }
    )


def test_an_editions_newsletter_and_period_stay_what_they_were(desk: Desk) -> None:
    form = edition_form(desk.edition, **{"period": "2022-01", "action-publish": "1"})
    answer = as_user(desk.writer).post(reverse("desk_editions:edit", args=[desk.edition.pk]), form)
    assert answer.status_code == 302
    desk.edition.refresh_from_db()
    assert (desk.edition.period, desk.edition.body.raw_data[0]["type"]) == ("2021-12", "lead")


def test_the_live_preview_shows_what_is_typed_for_the_countries_in_the_cookie(desk: Desk) -> None:
    browser = as_user(desk.writer)
    address = reverse("desk_editions:preview_on_edit", args=[desk.edition.pk])
    assert browser.post(address, edition_form(desk.edition)).json() == {
        "is_valid": True,
        "is_available": True,
    }
    shown = browser.get(address, {"mode": "en:html"}).content.decode()
    assert "December in five countries" in shown
    assert "Headline ring en" in shown
    browser.cookies["desk_countries"] = "TM"
    assert "they would get no mail" in browser.get(address, {"mode": "en:html"}).content.decode()


def test_the_live_preview_has_plain_text_and_names_its_fallbacks(desk: Desk) -> None:
    browser = as_user(desk.writer)
    address = reverse("desk_editions:preview_on_edit", args=[desk.edition.pk])
    browser.post(address, edition_form(desk.edition))
    page = browser.get(address, {"mode": "kk:text"}).content.decode()
    assert "<pre>" in page
    assert "readers see Russian" in page


def newsletter_form(newsletter: Newsletter, **changes: Any) -> dict[str, Any]:
    fields = ("name", "slug", "office", "postal_address", "sender_name", "sender_email", "reply_to", "zone")
    form = nested_form_data(
        {
            **{field: getattr(newsletter, field) for field in fields},
            "assemble_day": "3",
            "assemble_hour": "9",
            "window_days": "7",
            "theme": "{}",
            "texts": inline_formset(
                [
                    {"id": text.pk, "language": text.language, "tagline": "News"}
                    for text in newsletter.texts.all()
                ],
                initial=newsletter.texts.count(),
            ),
            **changes,
        }
    )
    several = {"countries": ["KZ", "UZ"], "languages": ["en", "ru"], "fallbacks": ["ru", "en", ""]}
    return {**form, **several, "lists": [one.pk for one in newsletter.lists.all()]}


def test_the_chain_of_fallbacks_keeps_its_order(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    answer = as_user(desk.admin).post(address, newsletter_form(newsletter))
    assert answer.status_code == 302
    newsletter.refresh_from_db()
    assert (newsletter.fallbacks, newsletter.countries) == (("ru", "en"), ("KZ", "UZ"))
    assert Authorship.objects.filter(newsletter=newsletter, user=desk.admin).exists()


def test_a_theme_that_cannot_be_read_is_refused_with_the_contrast_it_has(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    pale = newsletter_form(newsletter, theme=json.dumps({"accent": "#DDDDDD"}))
    assert "accent on page has a contrast of" in as_user(desk.admin).post(address, pale).content.decode()


def test_a_writer_cannot_change_a_newsletter(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    as_user(desk.writer).post(address, newsletter_form(newsletter, name="Mine"))
    newsletter.refresh_from_db()
    assert newsletter.name == "Silk Road Monthly"


def test_a_country_beyond_the_offices_own_can_be_chosen_and_stays_shown() -> None:
    data = QueryDict("where=KZ&where=MN&where-first=")
    assert OrderedCountriesInput().value_from_datadict(data, {}, "where") == ["KZ", "MN"]
    field = CountriesInput(choices=[("KZ", "Kazakhstan"), ("MN", "Mongolia"), ("FR", "France")])
    html = field.render("where", ("MN",), {"id": "id_where"})
    assert '<input type="checkbox" name="where" value="MN" id="id_where-MN" checked>' in html
    assert html.count("Mongolia") == 1


def test_a_chain_leaves_out_what_was_not_chosen_and_what_was_chosen_twice() -> None:
    data = QueryDict("chain=ru&chain=&chain=en&chain=ru")
    assert ChainInput().value_from_datadict(data, {}, "chain") == ["ru", "en"]

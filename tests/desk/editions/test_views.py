"""The forms of stories, editions and newsletters: what is saved and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict
from django.urls import reverse
from wagtail.test.utils.form_data import inline_formset, nested_form_data, rich_text, streamfield

from mailer.approval.models import Authorship
from mailer.desk.base.forms import CountriesInput, LanguageOrderInput, OrderedCountriesInput
from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story
from tests import cast as everyone
from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.both_databases


def text(language: str, alt: str = "") -> dict[str, Any]:
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


def test_the_country_where_a_story_happened_comes_first(desk: Desk) -> None:
    form = story_form(text("en"), **{"countries": ["KZ", "UZ"], "countries-first": "UZ"})
    as_user(desk.writer).post(reverse("desk_stories:add"), form)
    story = Story.objects.get(link="https://example.org/bridge")
    assert (story.countries, story.live) == (("UZ", "KZ"), True)
    assert Authorship.objects.filter(story=story, user=desk.writer).exists()


def test_a_picture_needs_a_description_in_every_language(desk: Desk) -> None:
    picture = everyone.picture()
    form = story_form(text("en", "A bridge"), text("ru"), picture=str(picture.pk))
    answer = as_user(desk.writer).post(reverse("desk_stories:add"), form)
    first, second = answer.context["form"].formsets["texts"].forms
    assert set(second.errors) == {"picture_alt"} and not first.errors
    assert not Story.objects.filter(picture=picture, live=True).exists()


def test_a_story_has_one_text_per_language(desk: Desk) -> None:
    answer = as_user(desk.writer).post(reverse("desk_stories:add"), story_form(text("en"), text("en")))
    first, second = answer.context["form"].formsets["texts"].forms
    assert "language" in second.errors and not first.errors
    assert not Story.objects.filter(link="https://example.org/bridge").exists()


def test_stories_are_filtered_by_country_kind_and_state(desk: Desk) -> None:
    browser, table = as_user(desk.writer), reverse("desk_stories:list")
    drafted = Story.objects.get(key="tj-news")
    drafted.unpublish()
    for query, included, excluded in (
        ({"country": "UZ"}, "Headline ring", "Headline tj-news"),
        ({"kind": "event"}, "Headline film", "Headline ring"),
        ({"ready": "no"}, "Headline tj-news", "Headline ring"),
    ):
        page = browser.get(table, query).content.decode()
        assert included in page
        assert excluded not in page


def test_the_list_shows_countries_and_languages_by_name(desk: Desk) -> None:
    page = as_user(desk.writer).get(reverse("desk_stories:list")).content.decode()
    for label in (
        "Uzbekistan, Kazakhstan, Kyrgyzstan",
        "All countries",
        "English, Russian",
        "29 November 2021",
    ):
        assert label in page


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


def test_newsletter_and_period_of_an_edition_cannot_change(desk: Desk) -> None:
    form = edition_form(desk.edition, **{"period": "2022-01", "action-publish": "1"})
    answer = as_user(desk.writer).post(reverse("desk_editions:edit", args=[desk.edition.pk]), form)
    assert answer.status_code == 302
    desk.edition.refresh_from_db()
    assert (desk.edition.period, desk.edition.body.raw_data[0]["type"]) == ("2021-12", "lead")


def test_the_live_preview_shows_unsaved_changes_for_the_countries_in_the_cookie(desk: Desk) -> None:
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
    assert browser.get(address, {"mode": "en:html"}).context["error"]


def test_the_live_preview_shows_plain_text_and_missing_translations(desk: Desk) -> None:
    browser = as_user(desk.writer)
    address = reverse("desk_editions:preview_on_edit", args=[desk.edition.pk])
    browser.post(address, edition_form(desk.edition))
    answer = browser.get(address, {"mode": "kk:text"})
    assert "<pre>" in answer.content.decode()
    assert any("Russian" in warning for warning in answer.context["email"].warnings)


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


def test_fallback_languages_keep_their_order(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    answer = as_user(desk.admin).post(address, newsletter_form(newsletter))
    assert answer.status_code == 302
    newsletter.refresh_from_db()
    assert (newsletter.fallbacks, newsletter.countries) == (("ru", "en"), ("KZ", "UZ"))
    assert Authorship.objects.filter(newsletter=newsletter, user=desk.admin).exists()


def test_a_theme_with_too_little_contrast_is_refused(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    pale = newsletter_form(newsletter, theme=json.dumps({"accent": "#DDDDDD"}))
    assert "theme" in as_user(desk.admin).post(address, pale).context["form"].errors


def test_a_writer_cannot_change_a_newsletter(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    address = reverse("desk_newsletters:edit", args=[newsletter.pk])
    as_user(desk.writer).post(address, newsletter_form(newsletter, name="Mine"))
    newsletter.refresh_from_db()
    assert newsletter.name == "Silk Road Monthly"


def test_a_country_outside_the_office_can_be_chosen_and_is_shown() -> None:
    data = QueryDict("where=KZ&where=MN&where-first=")
    assert OrderedCountriesInput().value_from_datadict(data, {}, "where") == ["KZ", "MN"]
    field = CountriesInput(choices=[("KZ", "Kazakhstan"), ("MN", "Mongolia"), ("FR", "France")])
    html = field.render("where", ("MN",), {"id": "id_where"})
    assert '<input type="checkbox" name="where" value="MN" id="id_where-MN" checked>' in html
    assert html.count("Mongolia") == 1


def test_a_language_order_ignores_empty_and_repeated_choices() -> None:
    data = QueryDict("chain=ru&chain=&chain=en&chain=ru")
    assert LanguageOrderInput().value_from_datadict(data, {}, "chain") == ["ru", "en"]

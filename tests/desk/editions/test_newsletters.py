"""The form of a newsletter: what is filled in, which limits it names, and its theme."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.images import ImageFile
from django.urls import reverse
from PIL import Image as Drawing
from wagtail.images import get_image_model
from wagtail.test.utils.form_data import inline_formset, nested_form_data

from mailer.desk.editions.newsletter_form_summaries import SUMMARIES
from mailer.desk.editions.theme_field_and_preview import ThemeField
from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import masthead_of
from mailer.rendering import theme
from subscribers.models import MailingList
from tests.desk.cast import Desk, as_user
from tests.desk.editions.test_variant_previews import SCHEDULE, newsletter_form
from tests.desk.page import Page


def edit_page(desk: Desk) -> str:
    return reverse("desk_newsletters:edit", args=[desk.edition.newsletter_id])


def test_a_theme_keeps_only_the_colours_that_differ_from_the_default(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    colours = {
        f"theme-{token}": value.lower() if value.startswith("#") else value
        for token, value in theme.DEFAULTS.items()
    }
    posted = newsletter_form(newsletter, **{**colours, "theme-accent": "#005a66"})
    assert as_user(desk.admin).post(edit_page(desk), posted).status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.theme == {"accent": "#005A66"}


@pytest.mark.parametrize("day", ["0", "32", "first"])
def test_a_day_that_no_month_has_is_an_error_that_names_the_days(desk: Desk, day: str) -> None:
    posted = newsletter_form(desk.edition.newsletter, **{"assemble_on-day": day})
    answer = as_user(desk.admin).post(edit_page(desk), posted)
    assert "31" in answer.context["form"].errors["assemble_on"][0]


def test_a_slug_is_changed_only_after_the_folder_of_the_template_parts(
    desk: Desk, tmp_path: Path, configure: Callable[..., object]
) -> None:
    configure(site={"templates": str(tmp_path)})
    newsletter, browser = desk.edition.newsletter, as_user(desk.admin)
    folder = tmp_path / newsletter.slug
    (folder / "blocks").mkdir(parents=True)
    (folder / "blocks" / "foot.mjml").write_text("<mj-section></mj-section>")
    assert browser.post(edit_page(desk), newsletter_form(newsletter)).status_code == 302
    posted = newsletter_form(newsletter, slug="silk-road")
    (error,) = browser.post(edit_page(desk), posted).context["form"].errors["slug"]
    assert str(folder) in error and "silk-road" in error
    folder.rename(tmp_path / "silk-road")
    assert browser.post(edit_page(desk), posted).status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.slug == "silk-road"


@pytest.mark.parametrize("zone", ["Asia/Almati", "../etc/passwd"])
def test_an_unknown_time_zone_is_an_error_of_its_field(desk: Desk, zone: str) -> None:
    posted = newsletter_form(desk.edition.newsletter, zone=zone)
    answer = as_user(desk.admin).post(edit_page(desk), posted)
    assert answer.status_code == 200 and answer.context["form"].has_error("zone")


def test_a_new_newsletter_is_filled_in_from_the_configuration_and_makes_its_first_list(desk: Desk) -> None:
    MailingList.objects.filter(slug__startswith="all-readers").delete()
    browser, address, site = as_user(desk.admin), reverse("desk_newsletters:add"), settings.CONFIG.site
    shown = browser.get(address).context["form"].instance
    assert (shown.zone, shown.office, shown.countries) == (site.timezone, site.name, site.countries)
    assert shown.languages == site.languages
    names = ("name", "office", "sender_name", "sender_email", "zone")
    posted = {
        **nested_form_data({"texts": inline_formset([])}),
        **{name: getattr(shown, name) for name in names},
        **{name: list(getattr(shown, name)) for name in ("countries", "languages", "fallbacks")},
        "postal_address": "1 Street",
        "slug": "",
        **SCHEDULE,
        "new_list": "All readers",
    }
    assert browser.post(address, posted).status_code == 302
    made = Newsletter.objects.order_by("pk").last()
    assert made is not None and made.slug and made.theme == {}
    assert [one.name for one in made.lists.all()] == ["All readers"]
    without = browser.post(address, {**posted, "new_list": "", "name": "Other"})
    assert "lists" in without.context["form"].errors


def test_head_and_foot_have_a_logo_and_texts_in_each_language(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    newsletter.texts.all().delete()
    # Half of it is transparent.
    drawn = Drawing.new("RGBA", (960, 192))
    drawn.paste("#FFFFFF", (0, 0, 480, 192))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    logo = get_image_model().objects.create(title="Mark", file=ImageFile(written, name="mark.png"))
    row = {"language": "ru", "office": "Бюро", "postal_address": "Алматы, улица 12", "logo_alt": "Знак"}
    posted = newsletter_form(newsletter, texts=inline_formset([row]), logo=logo.pk)
    assert as_user(desk.admin).post(edit_page(desk), posted).status_code == 302
    head = masthead_of(Newsletter.objects.get(pk=newsletter.pk))
    assert head.in_language("ru").office == "Бюро" and head.in_language("kk").office == newsletter.office
    assert head.taglines == () and head.logo and head.logo_dark and head.logo != head.logo_dark
    # With the ring of each ground, six of its pixels wide.
    for shown in (head.logo, head.logo_dark):
        assert shown.url.endswith(".png") and (shown.width, shown.height) == (486, 108)


def test_a_new_newsletter_names_what_is_missing_and_closes_what_seldom_changes(desk: Desk) -> None:
    html = as_user(desk.admin).get(reverse("desk_newsletters:add")).content.decode()
    notice = html.partition('id="desk-missing"')[2].partition("</p>")[0]
    assert notice.count("<a ") == 1 and 'href="#id_postal_address"' in notice
    closed = re.findall(r'<section class="w-panel [^"]*collapsed[^"]*"\s+id="([\w-]+)"', html)
    assert len(closed) == html.count('class="desk-groups__summary"') == len(SUMMARIES)
    assert not {"panel-child-name-section", "panel-child-audience-section"} & set(closed)
    edited = as_user(desk.admin).get(edit_page(desk)).content.decode()
    assert 'id="desk-missing"' not in edited and edited.count('class="desk-groups__summary"') == len(closed)


@pytest.mark.parametrize(
    "changes",
    [
        {"assemble_on": "weekly 1 09:00", "send_on": "no rule", "window_days": 1},
        {"approval_rule": "all", "review_rule": "languages", "translation_rule": "block"},
        {"own_countries_first": True, "silent_rule": "skip", "theme": {"accent": "#005A66"}, "slug": "news"},
    ],
)
def test_the_summary_of_a_closed_group_changes_with_its_values(desk: Desk, changes: dict[str, Any]) -> None:
    def lines(newsletter: Newsletter) -> dict[str, str]:
        return {key: summarize(newsletter) for key, summarize in SUMMARIES.items()}

    newsletter = desk.edition.newsletter
    before = lines(newsletter)
    for name, value in changes.items():
        setattr(newsletter, name, value)
    after = lines(newsletter)
    assert before != after and all(after.values())


def test_the_only_list_is_chosen_beforehand(desk: Desk) -> None:
    only = desk.edition.newsletter.lists.get()
    MailingList.objects.exclude(pk=only.pk).delete()
    form = as_user(desk.admin).get(reverse("desk_newsletters:add")).context["form"]
    assert [str(value) for value in form["lists"].value()] == [str(only.pk)] and not form["new_list"].value()


def test_the_first_list_is_suggested_where_there_is_none(desk: Desk) -> None:
    desk.edition.newsletter.lists.clear()
    MailingList.objects.all().delete()
    form = as_user(desk.admin).get(reverse("desk_newsletters:add")).context["form"]
    # The list and the newsletter have one name, and the office another one.
    assert form["new_list"].value() == form["name"].value() != form["office"].value()
    assert settings.CONFIG.site.name in form["name"].value()


def test_a_theme_that_was_left_as_shown_follows_another_one_and_can_be_reset(desk: Desk) -> None:
    field = ThemeField()
    shown = {f"theme-{token}": value for token, value in theme.DEFAULTS.items()} | {"theme-was": ""}
    read = field.widget.value_from_datadict
    assert read(shown, {}, "theme") == {}
    assert read({**shown, "theme-accent": "005a66"}, {}, "theme") == {"accent": "#005A66"}
    assert read({**shown, "theme-accent": ""}, {}, "theme") == {}
    assert read({**shown, "theme-accent": "#005A66", "theme-reset": "1"}, {}, "theme") == {}
    offered = field.widget.get_context("theme", {}, None)["widget"]["themes"]
    assert [one.name for one in offered] == list(theme.THEMES)
    magazine = read({**shown, "theme-base": "magazine", "theme-ink": "#000000"}, {}, "theme")
    assert magazine == {"base": "magazine", "ink": "#000000"}
    assert field.clean(magazine) == magazine
    with pytest.raises(ValidationError):
        field.clean({"base": "nothing"})
    own = {**shown, "theme-font": "own", "theme-font-own": "'PT Sans', sans-serif"}
    assert read(own, {}, "theme") == {"font": "'PT Sans', sans-serif"}


def test_the_preview_shows_the_sample_in_the_theme_of_the_form_and_saves_nothing(desk: Desk) -> None:
    newsletter = desk.edition.newsletter
    browser, address = as_user(desk.admin), reverse("desk_theme_preview")
    sent = newsletter_form(newsletter, **{"theme-accent": "#dddddd", "theme-language": "ru"})
    page = Page(browser.post(address, sent))
    assert page.status == 200 and page.html.count("<iframe") == 4
    answer = browser.post(address, {**sent, "theme-scheme": "dark"}, headers={"Accept": "application/json"})
    found = answer.json()
    assert "#DDDDDD" in found["html"] and "prefers-color-scheme" not in found["html"]
    assert 'lang="ru"' in found["html"]
    assert "desk-state--problem" in found["verdict"] and "1.4:1" in found["verdict"]
    pictures = set(re.findall(r'src="(/desk/[^"]+)"', found["html"]))
    assert pictures and {browser.get(one).status_code for one in pictures} == {200}
    assert "sample.invalid" not in found["html"]
    answer = browser.post(address, {**sent, "theme-base": "plain"}, headers={"Accept": "application/json"})
    assert 'class="quiet imprint"' in answer.json()["html"]
    newsletter.refresh_from_db()
    assert newsletter.theme == {}
    assert as_user(desk.writer).post(address, sent).status_code == 302

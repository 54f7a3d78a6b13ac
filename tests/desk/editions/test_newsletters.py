"""The form of a newsletter: what is filled in, which limits it names, and its theme."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse
from wagtail.test.utils.form_data import inline_formset, nested_form_data

from mailer.editions.models import Newsletter
from mailer.rendering import theme
from subscribers.models import MailingList
from tests.desk.cast import Desk, as_user
from tests.desk.editions.test_views import newsletter_form


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


@pytest.mark.parametrize("day", ["0", "29", "31"])
def test_a_day_that_some_month_lacks_is_an_error_that_names_the_days(desk: Desk, day: str) -> None:
    posted = newsletter_form(desk.edition.newsletter, assemble_day=day)
    answer = as_user(desk.admin).post(edit_page(desk), posted)
    assert "28" in answer.context["form"].errors["assemble_day"][0]


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
        "assemble_hour": "9",
        "window_days": "7",
        "new_list": "All readers",
    }
    assert browser.post(address, posted).status_code == 302
    made = Newsletter.objects.order_by("pk").last()
    assert made is not None and made.slug and made.theme == {}
    assert [one.name for one in made.lists.all()] == ["All readers"]
    without = browser.post(address, {**posted, "new_list": "", "name": "Other"})
    assert "lists" in without.context["form"].errors


def test_the_only_list_is_chosen_beforehand(desk: Desk) -> None:
    only = desk.edition.newsletter.lists.get()
    MailingList.objects.exclude(pk=only.pk).delete()
    form = as_user(desk.admin).get(reverse("desk_newsletters:add")).context["form"]
    assert [str(value) for value in form["lists"].value()] == [str(only.pk)] and not form["new_list"].value()


def test_the_first_list_is_suggested_where_there_is_none(desk: Desk) -> None:
    desk.edition.newsletter.lists.clear()
    MailingList.objects.all().delete()
    form = as_user(desk.admin).get(reverse("desk_newsletters:add")).context["form"]
    assert form["new_list"].value() == settings.CONFIG.site.name

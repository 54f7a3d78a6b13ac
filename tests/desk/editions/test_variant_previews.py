"""The forms of stories, editions and newsletters: what is saved and what is refused."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.urls import reverse
from wagtail.test.utils.form_data import inline_formset, nested_form_data

from mailer.approval.models import Authorship
from mailer.desk.base.form_widgets import CountriesInput, LanguageOrderInput, OrderedCountriesInput
from mailer.editions.models import Newsletter
from tests.desk.cast import Desk, as_user

SCHEDULE = {
    "assemble_on-repeat": "monthly",
    "assemble_on-day": "3",
    "assemble_on-time": "09:00",
    "send_on-repeat": "",
    "period_kind": "month",
    "period_offset": "0",
    "on_holidays": "",
    "cutoff_hours": "0",
    "thin_below": "1",
    "thin_rule": "ask",
    "approval_reminder_hours": "24",
    "window_days": "7",
}


def newsletter_form(newsletter: Newsletter, **changes: Any) -> dict[str, Any]:
    fields = ("name", "slug", "office", "postal_address", "sender_name", "sender_email", "reply_to", "zone")
    form = nested_form_data(
        {
            **{field: getattr(newsletter, field) for field in fields},
            **SCHEDULE,
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
    pale = newsletter_form(newsletter, **{"theme-accent": "#dddddd"})
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

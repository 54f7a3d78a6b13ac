"""Two people with one form of the desk: what the form keeps, asks and says beyond its own fields."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.desk.base.edit_conflicts import BASE
from mailer.editions.models import Newsletter, NewsletterText
from subscribers.models import Tag
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.project.edit_forms import Form, forms_of

pytestmark = pytest.mark.django_db


def opened(browser: Client, path: str) -> Form:
    html = browser.get(path).content.decode()
    return next(form for form in forms_of(html) if form.values(BASE))


@pytest.fixture
def newsletter(desk: Desk) -> Newsletter:
    newsletter = desk.edition.newsletter
    NewsletterText.objects.filter(newsletter=newsletter).delete()
    for language, text in (("en", "The month"), ("ru", "Месяц")):
        NewsletterText.objects.create(newsletter=newsletter, language=language, tagline=text)
    return newsletter


@pytest.fixture
def superuser(desk: Desk) -> User:
    return User.objects.create_superuser(
        "root", "root@office.example.org", "a long password", first_name="Zere"
    )


def taglines(newsletter: Newsletter) -> dict[str, str]:
    return dict(newsletter.texts.values_list("language", "tagline"))


def with_row(form: Form, row: int, **values: str) -> dict[str, list[str]]:
    """What is sent with other values in a row of the taglines; a new row at the end."""
    found = form.changed("texts-TOTAL_FORMS", str(max(row + 1, int(form.values("texts-TOTAL_FORMS")[0]))))
    return found | {f"texts-{row}-{name}": [value] for name, value in values.items()}


def test_rows_of_a_form_are_merged_by_their_language(desk: Desk, newsletter: Newsletter) -> None:
    browser = as_user(desk.admin)
    path = reverse("desk_newsletters:edit", args=[newsletter.pk])
    mine, theirs = opened(browser, path), opened(browser, path)
    # Theirs: a new row, and another text in the first.
    sent = with_row(theirs, 2, language="kk", tagline="Ай") | {"texts-0-tagline": ["Our month"]}
    assert browser.post(path, sent).status_code == 302
    # Mine: the second row is removed, another language is added.
    sent = with_row(mine, 2, language="uz", tagline="Oy") | {"texts-1-DELETE": ["on"]}
    answer = browser.post(path, sent, follow=True)
    assert Page(answer).messages[-2:] == ["info", "success"]
    assert taglines(newsletter) == {"en": "Our month", "kk": "Ай", "uz": "Oy"}


def test_the_same_row_of_two_people_is_shown_with_both_texts(desk: Desk, newsletter: Newsletter) -> None:
    browser = as_user(desk.admin)
    path = reverse("desk_newsletters:edit", args=[newsletter.pk])
    mine, theirs = opened(browser, path), opened(browser, path)
    # They remove the row that I change, and add one of the same language as mine.
    browser.post(path, with_row(theirs, 2, language="kk", tagline="Ай") | {"texts-1-DELETE": ["on"]})
    assert taglines(newsletter) == {"en": "The month", "kk": "Ай"}
    sent = with_row(mine, 2, language="kk", tagline="Біздің ай") | {"texts-1-tagline": ["Наш месяц"]}
    answer = browser.post(path, sent)
    page = Page(answer)
    assert "warning" in page.messages and "Ай" in page.html
    again = next(form for form in forms_of(page.html) if form.values(BASE))
    assert browser.post(path, again.changed("new_list", "")).status_code == 302
    assert taglines(newsletter) == {"en": "The month", "kk": "Біздің ай", "ru": "Наш месяц"}


def test_a_form_that_is_refused_shows_what_the_other_person_saved_and_who(
    desk: Desk, superuser: User
) -> None:
    newsletter = desk.edition.newsletter
    mine, theirs = as_user(desk.admin), as_user(superuser)
    path = reverse("desk_newsletters:edit", args=[newsletter.pk])
    form, other = opened(mine, path), opened(theirs, path)
    theirs.post(path, other.changed("office", "Another office"))
    # Refused for a reason of its own.
    page = Page(mine.post(path, form.changed("assemble_on-day", "32") | {"name": ["My name"]}))
    again = next(one for one in forms_of(page.html) if one.values(BASE))
    assert again.values("office") == ["Another office"] and again.values("name") == ["My name"]
    assert superuser.first_name in page.text
    mine.post(path, again.changed("assemble_on-day", "28"))
    newsletter.refresh_from_db()
    assert (newsletter.office, newsletter.name) == ("Another office", "My name")
    assert newsletter.assemble_on == "monthly 28 09:00"


def test_marks_of_another_row_or_person_are_not_taken(desk: Desk) -> None:
    browser = as_user(desk.admin)
    first, second = Tag.objects.create(name="Press"), Tag.objects.create(name="Radio")
    foreign = opened(browser, reverse("desk_tags:edit", args=[first.pk])).values(BASE)[0]
    path = reverse("desk_tags:edit", args=[second.pk])
    form = opened(browser, path)
    Tag.objects.filter(pk=second.pk).update(name="Television")
    # As a form without marks, which is taken as it is.
    assert browser.post(path, form.changed("name", "Film") | {BASE: [foreign]}).status_code == 302
    assert Tag.objects.filter(name="Film").exists()


def test_permissions_for_collections_of_two_superusers(superuser: User) -> None:
    group = set_up_role_groups()["Writers"]
    browser = as_user(superuser)
    path = reverse("wagtailusers_groups:edit", args=[group.pk])
    form = opened(browser, path)
    group.collection_permissions.all().delete()
    page = Page(browser.post(path, form.changed("name", "Writers")))
    assert "warning" in page.messages and not group.collection_permissions.exists()
    assert Permission.objects.filter(group=group).exists()
    again = next(one for one in forms_of(page.html) if one.values(BASE))
    assert browser.post(path, again.changed("name", "Writers")).status_code == 302
    assert group.collection_permissions.exists()

"""Every message of staff pages has a Russian and a Kazakh translation; `make messages` names the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from wagtail import admin
from wagtail.users.models import UserProfile

from tests.project import catalogues
from tests.project.catalogues import LANGUAGES, LIBRARIES, READERS, STAFF

FOLDERS = [(folder, language) for folder in (STAFF, LIBRARIES) for language in LANGUAGES]
IDS = [f"{folder.name}-{language}" for folder, language in FOLDERS]


@pytest.fixture(scope="module")
def messages() -> set[catalogues.Key]:
    return catalogues.messages()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_of_staff_pages_is_missing_or_left_over(
    messages: set[catalogues.Key], language: str
) -> None:
    known = set(catalogues.entries(catalogues.catalogue(STAFF, language)))
    assert sorted(messages - known, key=str) == []
    assert sorted(known - messages, key=str) == []


@pytest.mark.parametrize(("folder", "language"), FOLDERS, ids=IDS)
def test_every_message_is_translated_in_each_plural_form_with_its_fields(
    folder: catalogues.Path, language: str
) -> None:
    found = catalogues.catalogue(folder, language)
    wrong = []
    for (_, text), entry in catalogues.entries(found).items():
        translations = catalogues.strings(entry)
        forms = found.num_plurals if isinstance(text, tuple) else 1
        english = {text} if isinstance(text, str) else set(text)
        # A form for one may leave the number out, as the English singular may.
        allowed = [catalogues.placeholders(one) for one in english]
        if len(translations) != forms or not all(
            one and catalogues.placeholders(one) in allowed for one in translations
        ):
            wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize(("folder", "language"), FOLDERS, ids=IDS)
def test_the_compiled_catalogue_is_that_of_the_text(folder: catalogues.Path, language: str) -> None:
    path = folder / language / "LC_MESSAGES" / "django.mo"
    assert path.read_bytes() == catalogues.compiled(catalogues.catalogue(folder, language))


def test_the_texts_of_wagtails_scripts_are_in_kazakh() -> None:
    """Wagtail itself has Russian ones."""
    wagtail = Path(admin.__file__).parent / "locale" / "en" / "LC_MESSAGES" / "djangojs.po"
    ours = STAFF / "kk" / "LC_MESSAGES" / "djangojs.po"
    english, kazakh = (read_po(path.open("rb"), locale=path.parts[-3]) for path in (wagtail, ours))
    assert {one.id for one in english if one.id} == {one.id for one in kazakh if one.id and all(one.string)}
    assert ours.with_suffix(".mo").read_bytes() == catalogues.compiled(kazakh)


@pytest.mark.django_db
def test_wagtails_scripts_get_the_kazakh_texts(client: Client) -> None:
    user = User.objects.create_superuser("root", "root@office.example.org", "a long password")
    UserProfile.objects.create(user=user, preferred_language="kk")
    client.force_login(user)
    script = client.get(reverse("wagtailadmin_javascript_catalog")).content.decode()
    assert '"Search": "\\u0406\\u0437\\u0434\\u0435\\u0443"' in script


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_readers_pages_say_too_is_translated_alike(language: str) -> None:
    readers = catalogues.entries(catalogues.catalogue(READERS, language))
    staff = catalogues.entries(catalogues.catalogue(STAFF, language))
    both = readers.keys() & staff.keys()
    assert {key: readers[key].string for key in both} == {key: staff[key].string for key in both}

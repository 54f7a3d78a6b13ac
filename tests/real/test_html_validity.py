"""html-validate's serious rules on mails, as browsers and as Outlook read them, and on readers' pages.

tests/real/node/validate.cjs says which rules are a matter of style.
"""

from __future__ import annotations

import re

import pytest
from django.test import Client

from mailer.delivery.models import Mailing
from mailer.rendering import merge_tags, variants, web_version
from subscribers import tokens
from subscribers.models import Subscriber
from tests import mail_views
from tests.gallery import SITE, THEMES, sample_content
from tests.public.test_archived_edition_queries import mailing, snapshot  # noqa: F401  (fixtures)
from tests.real import node_packages

# Settings of Outlook alone, in a namespace that it knows.
OFFICE_SETTINGS = re.compile(r"<xml>.*?</xml>", re.DOTALL)


def problems(pages: dict[str, str]) -> list[str]:
    answers = node_packages.run("validate.cjs", list(pages.values()))
    return [f"{name}: {problem}" for name, found in zip(pages, answers, strict=True) for problem in found]


def test_the_validator_finds_what_is_broken() -> None:
    head = '<!DOCTYPE html><html lang="en"><head><title>A</title></head><body>'
    broken = {
        "close-order": "<p><b>One</p></b>",
        "no-dup-id": '<p id="a">One</p><p id="a">Two</p>',
        "no-dup-attr": '<p title="a" title="b">One</p>',
        "wcag/h37": '<img src="a.png">',
        "unrecognized-char-ref": "<p>&nosuch;</p>",
        "attribute-allowed-values": '<img src="a.png" alt="" height="auto">',
        "element-permitted-content": "<ul><p>One</p></ul>",
    }
    found = problems({rule: f"{head}{part}</body></html>" for rule, part in broken.items()})
    assert [one for one in broken if not any(line.startswith(f"{one}: {one}:") for line in found)] == []


def test_mails_and_their_web_versions_are_valid_in_every_theme() -> None:
    pages = {}
    for name, base in THEMES.items():
        content = sample_content(base)
        for language in ("en", "ru"):
            rendered = variants.render(content, (), language)
            values = {**merge_tags.web_values(SITE, language), "subscriber_token": ""}
            mail = merge_tags.fill_html(rendered.html, values)
            pages[f"{name}, {language}"] = mail
            pages[f"{name}, {language}, Outlook"] = OFFICE_SETTINGS.sub("", mail_views.as_outlook(mail))
            other = web_version.OtherLanguage("kk", "Қазақша", f"{SITE}/archive/kk/")
            pages[f"{name}, {language}, web"] = web_version.of_variant(rendered.html, language, SITE, [other])
    assert "\n".join(problems(pages)) == ""


@pytest.mark.django_db
def test_readers_pages_are_valid(client: Client, mailing: Mailing) -> None:  # noqa: F811
    edition, reader = mailing.edition, Subscriber.objects.get()
    (own,) = tokens.link_tokens([reader.pk], edition.newsletter_id)
    variant = mailing.snapshot.variants.first()
    assert variant is not None
    paths = [
        *(
            "/",
            "/?lang=ru",
            "/archive/",
            f"/archive/{edition.slug}/",
            f"/archive/{edition.slug}/{variant.key}/",
        ),
        *(f"/preferences/{own.preferences}/", f"/unsubscribe/{own.unsubscribe}/"),
        *("/confirm/never-sent/", "/address/never-sent/", "/your-data/never-sent/", "/nothing-here/"),
    ]
    pages = {path: client.get(path).content.decode() for path in paths}
    pages["wrong sign-up"] = client.post("/", {"email": "nobody"}).content.decode()
    pages["kept"] = client.post(f"/preferences/{own.preferences}/", {"language": "en"}).content.decode()
    pages["left"] = client.post(f"/unsubscribe/{own.unsubscribe}/").content.decode()
    assert all(page.lstrip().lower().startswith("<!doctype html>") for page in pages.values())
    assert "\n".join(problems(pages)) == ""

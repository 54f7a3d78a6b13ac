"""What staff see is translated: no text in code or templates is left out, and no Russian page has English."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from html import unescape

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import override
from wagtail.users.models import UserProfile

from mailer.delivery.outbox import outbox
from subscribers import iso_codes
from tests.project import untranslated
from tests.project.access_world import Url, World
from tests.project.access_world import world as world
from tests.project.test_access_table import lines

SESSIONS = [("superuser", "passed")]
_WORD = re.compile(r"[A-Za-z]{3,}")
# Codes, names of standards and products, and what a person or another program wrote.
_SAME = frozenset(
    [
        "api",
        "cron",
        "icalendar",
        *("docx", "rss", "atom", "feed", "wordpress", "drupal", "markdown", "word"),
        "crm",
        "csv",
        "xlsx",
        "excel",
        "json",
        "pdf",
        "url",
        "http",
        "https",
        "html",
        "utf",
        "ascii",
        "sha",
        "message",
        "jinja",
        "mjml",
        "xliff",
        "verp",
        "dkim",
        "dmarc",
        "spf",
        "dns",
        "smtp",
        "imap",
        "esp",
        "webhook",
        "webhooks",
        "slug",
        "ctrl",
        "wagtail",
        "gmail",
        "mailer",
        "iana",
        "asia",
        "almaty",
        "utc",
        "totp",
        "pin",
        "javascript",
        "rest",
        "cp1251",
        "openid",
        "gif",
        "jpg",
        "jpeg",
        "png",
        "webp",
        "zip",
        # Written before the language is chosen here: a text of a list, and the message after signing in.
        "successfully",
        "hello",
        "signed",
        # Of Wagtail, which does not translate them, or only when it starts.
        "cms",
        "none",
        "actions",
        "supported",
        "formats",
        "maximum",
        "filesize",
        "select",
        "images",
        "collections",
        "choosers",
        "own",
        # The name of a language in itself.
        "english",
        # The subject of a test email begins with it.
        "test",
        # Typefaces.
        *("segoe", "noto", "sans", "roboto", "cambria", "serif", "times", "new", "roman"),
        *("arial", "helvetica", "verdana"),
        # Names of languages that CLDR has in English only.
        *(
            word.lower()
            for name in iso_codes.locale_of("en").languages.values()
            for word in _WORD.findall(name)
        ),
        # Zones.
        *(word.lower() for zone in zoneinfo.available_timezones() for word in re.split(r"[^A-Za-z]", zone)),
    ]
)
_MARKUP = re.compile(r"<(script|style|svg|code|pre|template|textarea|head)\b.*?</\1>|<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"")
# Addresses, placeholders of templates, zones, versions, file names and hashes.
_CODES = re.compile(r"[\w.+-]+@[\w.-]+|https?://\S+|__\w+__|\w+(?:[._/-]\w+)+|\b[0-9a-f]{7,}\b|\{\w*\}")


def test_no_text_of_a_staff_page_is_outside_of_the_catalogues() -> None:
    assert untranslated.everywhere() == {}


def test_the_finder_finds_texts_of_templates_and_code() -> None:
    template = (
        '{% load i18n %}<p title="A title">{{ name }} was saved. '
        '<a href="{% url \'x\' %}">{% translate "Go" %}</a>'
        "{% blocktranslate %}All good{% endblocktranslate %}<b>CSV</b></p>"
    )
    assert list(untranslated.in_template(template)) == ["A title", "was saved."]
    module = (
        'a = Column("x", label="Name")\nraise Refused(f"It was {state}.")\nb = _("Good")\nlog.info("No one.")'
    )
    assert untranslated.in_module(module) == [(1, "Name"), (2, "It was {}.")]


def test_no_message_is_glued_or_chooses_its_language_when_the_module_is_loaded() -> None:
    bad = (
        "from django.utils.translation import gettext as _, gettext_lazy\n"
        'A = _("Good")\n'
        'B = gettext_lazy("%(n)s days") % {"n": 3}\n'
        "def c(): return f\"{_('Good')}!\"\n"
        'def d(): return _("Good") + "."\n'
        'def e(): return _("%(n)s days") % {"n": 3}\n'
    )
    assert untranslated.glued_or_early(bad) == [2, 3, 4, 5]
    found = {
        str(path.relative_to(untranslated.ROOT)): lines
        for path in (untranslated.ROOT / "mailer").rglob("*.py")
        if (lines := untranslated.glued_or_early(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.django_db
def test_an_address_that_is_not_of_the_staff_is_refused_in_the_language_of_the_reader() -> None:
    for address in ("reader@example.net", "no address"):
        with override("ru"), pytest.raises(ValueError, match=r"[а-я]{4}"):
            outbox.require_allowed_test_recipient(address)


def test_models_whose_name_is_translated_have_a_translated_plural() -> None:
    with override("ru"):
        names = [
            (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
            for model in apps.get_models()
            if model._meta.app_label in ("mailer", "subscribers")
        ]
    # Django appends an s to the name where there is no plural.
    assert [one for one, many in names if not one.isascii() and many == f"{one}s"] == []


@pytest.mark.django_db
@pytest.mark.xdist_group("access 0")
def test_no_page_in_russian_has_a_word_of_english(world: World) -> None:
    boss = User.objects.get(username="superuser with")
    UserProfile.objects.update_or_create(user=boss, defaults={"preferred_language": "ru"})
    known = _SAME | set(_words_of_data())
    found = {}
    for url in _pages():
        path = world.path(url)
        # The help is the documentation: it names commands and keys, and some of it is in English only.
        if not path.startswith("/desk/") or path.startswith("/desk/help/"):
            continue
        answer = world.ask("GET", path, world.cookies[("superuser", "passed")])
        if answer.status == 200 and "<main" in answer.body:
            words = {word for word in _visible_words(answer.body) if word.lower() not in known}
            if words:
                found[url.key] = sorted(words)
    assert found == {}


def _pages() -> Iterator[Url]:
    for url, line in lines():
        if line.get != "-" and url.name and not url.name.startswith(("api", "demo", "hooks")):
            yield url


def _visible_words(html: str) -> Iterator[str]:
    text = _MARKUP.sub(" ", html)
    texts = [*_ATTRIBUTE.findall(text), untranslated.HTML.sub(" ", text)]
    for piece in texts:
        yield from _WORD.findall(_CODES.sub(" ", unescape(piece)))


def _words_of_data() -> Iterator[str]:
    """The words of all rows: names, headlines, addresses."""
    for model in apps.get_models():
        fields = [
            field.name
            for field in model._meta.fields
            if isinstance(field, (models.CharField, models.TextField))
        ]
        for row in model._default_manager.values_list(*fields) if fields else ():
            for value in row:
                yield from (word.lower() for word in _WORD.findall(str(value or "")))

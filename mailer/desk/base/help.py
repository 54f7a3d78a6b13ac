"""Help: the pages of docs/ that staff need, shown in the desk, and which of them belongs to a screen.

Translations are in a folder of docs/ for each language, such as docs/ru/guide.md. Their headings have the
anchors of the English page, in the same order, and their links name those anchors: so an anchor is good in
every language.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from markdown_it import MarkdownIt
from markdown_it.token import Token

import mailer
from mailer.desk.base.page_base_classes import StaffPage
from mailer.staff_localization import DEFAULT, active_language, desk_languages

# The pages that are of use at the desk, by the name of their file, with what they are about.
PAGES: dict[str, Promise] = {
    "guide": _("A month of work with the desk, from story to report"),
    "sending": _("Test emails, scheduling, rollouts, pausing"),
    "approval": _("How approval is enforced"),
    "subscribers": _("Subscribers, imports, exports, segments"),
    "migrating": _("Moving here from another newsletter product"),
    "signup": _("Sign-up forms and consent"),
    "feedback": _("Bounces, complaints, suppression"),
    "accounts": _("Signing in, roles and invitations"),
    "privacy": _("What is stored and tracked"),
    "deliverability": _("DNS records and reputation"),
    "how-to-add-a-template": _("Templates of a newsletter’s emails"),
    "api": _("The REST API, for programs of your own"),
    "how-to-add-a-source": _("Sources of stories: websites, feeds and folders"),
    "webhooks-outgoing": _("Webhooks, which notify other systems"),
    "glossary": _("Glossary: every term of the desk"),
}
# The page, and the heading in it, for the screens whose path below /desk/ fits; the first one counts.
_SCREENS: tuple[tuple[str, str], ...] = (
    (r"(?:stories|images)/", "guide#writers"),
    (r"editions/\d+/(?:review|approve|request)", "guide#approvers"),
    (r"editions/\d+/(?:check-variant|comments|approval-link)", "approval"),
    (r"editions/\d+/test", "sending#test-emails"),
    (r"editions/\d+/dry-run", "sending#dry-run"),
    (r"editions/\d+/schedule", "sending#schedule-send-and-undo"),
    (r"editions/\d+/progress", "sending#following-a-mailing"),
    (r"editions/\d+/control", "sending#pause-resume-cancel"),
    (r"editions/\d+/(?:not-)?delivered", "sending#who-did-not-get-it-and-why"),
    (r"editions/\d+/report|newsletters/\d+/trend", "guide#reading-the-report"),
    (r"editions/", "guide#writers"),
    (r"newsletters/\d+/templates/", "how-to-add-a-template"),
    (r"newsletters/", "guide#setting-up-a-newsletter"),
    (r"setup/|$", "guide#the-first-hour"),
    (r"replies/", "guide#unclassified-replies"),
    (r"imports/", "subscribers#imports"),
    (r"lists/|subscribers/(?:health|reconfirmations)/|segments/\d+/reconfirm/", "subscribers#lists"),
    (r"segments/", "subscribers#segments"),
    (r"(?:tags|fields)/", "subscribers#tags-and-fields"),
    (r"subscribers/bulk/", "subscribers#bulk-actions"),
    (r"subscribers/export/", "subscribers#exports"),
    (r"subscribers/", "subscribers#find-subscribers"),
    (r"suppression|bounce-waves/", "feedback#suppression-decisions"),
    (r"(?:users|groups|notifications)/", "accounts#roles"),
    (r"(?:account|reports)/", "accounts"),
    (r"api-keys/", "api"),
    (r"webhooks/", "webhooks-outgoing"),
    (r"sources/", "how-to-add-a-source"),
    (r"checks/", "deliverability"),
    (r"no-send/", "sending#pause-resume-cancel"),
)
# Raw HTML in a page is shown as text.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_HEADING = re.compile(r"[^\w\- ]")


def help_page_url(screen_path: str) -> str:
    """The address of the help page that belongs to a screen, by the screen's path."""
    below = screen_path.removeprefix("/desk/")
    target = next((page for pattern, page in _SCREENS if re.match(pattern, below)), "guide")
    name, _, anchor = target.partition("#")
    return reverse("desk_help_page", args=[name]) + (f"#{anchor}" if anchor else "")


class HelpPage(NamedTuple):
    """A page as it is shown, in one language."""

    title: str
    html: SafeString
    # What it is written in: the language asked for, or English where the page has no translation.
    language: str


@lru_cache(maxsize=64)
def load_page(name: str, language: str = DEFAULT) -> HelpPage | None:
    """The page of docs/ with this name as HTML, in the language or else in English; None if there is none."""
    if name not in PAGES:
        return None
    english = _tokens(name, DEFAULT)
    if english is None:
        return None
    translation = _tokens(name, language) if language != DEFAULT else None
    tokens = translation or english
    title = tokens[1].content if len(tokens) > 1 and tokens[0].tag == "h1" else name
    # The title is the page's own heading.
    body = tokens[3:] if tokens and tokens[0].tag == "h1" else tokens
    _prepare(body, _anchors(english[3:] if english and english[0].tag == "h1" else english))
    html = _PARSER.renderer.render(body, _PARSER.options, {})
    return HelpPage(title, mark_safe(html), language if translation else DEFAULT)  # noqa: S308


def languages_of(name: str) -> tuple[str, ...]:
    """The languages of the desk that the page exists in."""
    return tuple(
        code for code in desk_languages() if (page := load_page(name, code)) and page.language == code
    )


def _tokens(name: str, language: str) -> list[Token] | None:
    file = f"{name}.md" if language == DEFAULT else f"{language}/{name}.md"
    path = next((one for one in (folder / file for folder in _folders()) if one.is_file()), None)
    return _PARSER.parse(path.read_text(encoding="utf-8")) if path else None


def _folders() -> tuple[Path, ...]:
    """Of a checkout, and of an installed wheel."""
    return (
        Path(mailer.__file__).resolve().parent.parent / "docs",
        Path(sys.prefix, "share", "newsletter-mailer", "docs"),
    )


def _prepare(tokens: list[Token], anchors: list[str]) -> None:
    """Give headings their anchors, tables their class, and links to other pages an address in the desk."""
    following = iter(anchors)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", next(following, None) or anchor_of(tokens[place + 1].content))
        elif token.type == "table_open":
            token.attrSet("class", "desk-table")
        if token.children:
            token.children = list(_with_links(token.children))


def _anchors(tokens: list[Token]) -> list[str]:
    return [
        anchor_of(tokens[place + 1].content)
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return _HEADING.sub("", heading.lower()).replace(" ", "-")


def _with_links(tokens: list[Token]) -> Iterator[Token]:
    """The tokens of a paragraph: links to pages that the desk does not show become plain text."""
    keeps = True
    for token in tokens:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""))
            keeps = address is not None
            token.attrSet("href", address or "")
        if keeps or token.type not in ("link_open", "link_close"):
            yield token


def _address(href: str) -> str | None:
    found = re.fullmatch(r"(?:\.\./)?([a-z-]+)\.md(#.*)?", href)
    if found and found[1] in PAGES:
        return reverse("desk_help_page", args=[found[1]]) + (found[2] or "")
    return href if href.startswith(("https://", "http://", "#")) else None


class HelpIndex(StaffPage, TemplateView):
    """The list of pages."""

    permission_required = "wagtailadmin.access_admin"
    page_title = _("Help")
    header_icon = "help"
    template_name = "desk/help/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        language = active_language()
        pages = [(name, page, about) for name, about in PAGES.items() if (page := load_page(name, language))]
        return super().get_context_data(pages=pages, **_offered(languages_of("guide")), **kwargs)


class HelpPageView(StaffPage, TemplateView):
    """One page of the guide, in the reader's language or in that of `?lang=`."""

    permission_required = "wagtailadmin.access_admin"
    header_icon = "help"
    breadcrumbs_above = (("desk_help", _("Help")),)
    template_name = "desk/help/page.html"

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.name = kwargs["name"]
        wanted = self.request.GET.get("lang", "")
        found = load_page(self.name, wanted if wanted in desk_languages() else active_language())
        if found is None:
            raise Http404
        self.page = found

    def get_page_title(self) -> str:
        return self.page.title

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(page=self.page, **_offered(languages_of(self.name)), **kwargs)


def _offered(languages: Iterable[str]) -> dict[str, Any]:
    """The languages that the reader may choose, and whether their own is one of them."""
    named = [(code, get_language_info(code)["name_local"]) for code in languages]
    return {"languages": named, "in_own_language": active_language() in dict(named)}

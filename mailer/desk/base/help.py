"""Help: the pages of docs/ that staff need, shown in the desk, and which of them belongs to a screen."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from markdown_it import MarkdownIt
from markdown_it.token import Token

import mailer
from mailer.desk.base.page_classes import StaffPage

# The pages that are of use at the desk, by the name of their file, with what they are about.
PAGES: dict[str, Promise] = {
    "guide": _("A month of work, from story to report"),
    "sending": _("Test sends, scheduling, rollouts, pausing"),
    "approval": _("How approval is enforced"),
    "subscribers": _("Subscribers, imports, exports, segments"),
    "migrating": _("Moving from another product"),
    "signup": _("Sign-up forms and consent"),
    "feedback": _("Bounces, complaints, suppression"),
    "accounts": _("Signing in, roles and invitations"),
    "privacy": _("What is stored and tracked"),
    "deliverability": _("DNS records and reputation"),
    "glossary": _("Every term"),
}
# The page, and the heading in it, for the screens whose path below /desk/ fits; the first one counts.
_SCREENS: tuple[tuple[str, str], ...] = (
    (r"stories/|images/", "guide#writers"),
    (r"editions/\d+/(?:review|approve|request)", "guide#approvers"),
    (r"editions/\d+/(?:schedule|dry-run|control)", "sending"),
    (r"editions/\d+/(?:report|not-delivered)", "guide#reading-the-report"),
    (r"editions/", "guide#writers"),
    (r"newsletters/", "guide"),
    (r"replies/", "guide#unclassified-replies"),
    (r"imports/", "subscribers"),
    (r"(?:subscribers|lists|segments|tags|fields)/", "subscribers"),
    (r"suppression", "feedback"),
    (r"bounce-waves/", "feedback"),
    (r"(?:users|groups|account|api-keys)/", "accounts"),
    (r"checks/", "deliverability"),
)
_HEADING = re.compile(r"[^\w\- ]")


def page_for(path: str) -> str:
    """The address of the help page that belongs to a screen, by the screen's path."""
    below = path.removeprefix("/desk/")
    target = next((page for pattern, page in _SCREENS if re.match(pattern, below)), "guide")
    name, _, anchor = target.partition("#")
    return reverse("desk_help_page", args=[name]) + (f"#{anchor}" if anchor else "")


class HelpPage(NamedTuple):
    """A page as it is shown."""

    title: str
    html: SafeString


@lru_cache(maxsize=32)
def load(name: str) -> HelpPage | None:
    """The page of docs/ with this name as HTML; None where there is none."""
    if name not in PAGES:
        return None
    path = next((one for one in (folder / f"{name}.md" for folder in _folders()) if one.is_file()), None)
    if path is None:
        return None
    # Raw HTML in it is shown as text.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(path.read_text(encoding="utf-8"))
    title = tokens[1].content if len(tokens) > 1 and tokens[0].tag == "h1" else name
    # The title is the page's own heading.
    body = tokens[3:] if tokens and tokens[0].tag == "h1" else tokens
    _prepare(body)
    return HelpPage(title, mark_safe(parser.renderer.render(body, parser.options, {})))  # noqa: S308


def _folders() -> tuple[Path, ...]:
    """Of a checkout, and of an installed wheel."""
    return (
        Path(mailer.__file__).resolve().parent.parent / "docs",
        Path(sys.prefix, "share", "newsletter-mailer", "docs"),
    )


def _prepare(tokens: list[Token]) -> None:
    """Give headings their anchors, tables their class, and links to other pages an address in the desk."""
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor_of(tokens[place + 1].content))
        elif token.type == "table_open":
            token.attrSet("class", "desk-table")
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _address(str(child.attrGet("href") or "")))


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return _HEADING.sub("", heading.lower()).replace(" ", "-")


def _address(href: str) -> str:
    found = re.fullmatch(r"([a-z-]+)\.md(#.*)?", href)
    if found and found[1] in PAGES:
        return reverse("desk_help_page", args=[found[1]]) + (found[2] or "")
    # What is no page for staff is not served here.
    return href if href.startswith(("https://", "http://", "#")) else reverse("desk_help")


class HelpIndex(StaffPage, TemplateView):
    """The list of pages."""

    permission_required = "wagtailadmin.access_admin"
    page_title = _("Help")
    header_icon = "help"
    template_name = "desk/help/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pages = [(name, page, about) for name, about in PAGES.items() if (page := load(name))]
        return super().get_context_data(pages=pages, **kwargs)


class HelpPageView(StaffPage, TemplateView):
    """One page of the guide."""

    permission_required = "wagtailadmin.access_admin"
    header_icon = "help"
    breadcrumbs_above = (("desk_help", _("Help")),)
    template_name = "desk/help/page.html"

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        found = load(kwargs["name"])
        if found is None:
            raise Http404
        self.page = found

    def get_page_title(self) -> str:
        return self.page.title

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(page=self.page, **kwargs)

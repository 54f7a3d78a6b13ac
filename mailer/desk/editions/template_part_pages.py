"""Template parts of a newsletter: the list, a part with its versions beside the default, and a preview."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import NewsletterPage, current_user
from mailer.desk.editions.preview_modes import shown_as
from mailer.desk.editions.theme_field_and_preview import SCHEMES, preview_language, render_sample
from mailer.editions import newsletter_template_parts
from mailer.editions.models import TemplateVersion
from mailer.editions.rendering_input import masthead_of
from mailer.rendering import template_sandbox
from mailer.rendering.template_check import Problem

# What the parts hold, by their paths.
_ABOUT: dict[str, Promise] = {
    "digest.mjml": _("The whole email: head, styles and order of the parts"),
    "digest.txt": _("The plain text: the order of its parts, and its links"),
    "inline.css": _("Font sizes and colours of texts (CSS)"),
    "dark.css": _("Colours in dark mode (CSS)"),
    "print.css": _("Styles for printing (CSS)"),
    "blocks/top.mjml": _("The top line and the masthead (header) of the email"),
    "blocks/foot.mjml": _("The footer of the email, with the unsubscribe link and the postal address"),
    "blocks/foot.txt": _("Why readers receive the email, and the postal address, in the plain-text version"),
    "blocks/lead.mjml": _("The lead story in the email"),
    "blocks/story.mjml": _("A story in the email"),
    "blocks/_story.mjml": _("Headline, summary and link of a story in the email, also of the lead story"),
    "blocks/_story.txt": _("A story in the plain-text version"),
    "blocks/heading.mjml": _("A heading in the email"),
    "blocks/date.mjml": _("Save the date"),
    "blocks/titles.mjml": _("Titles of publications"),
    "blocks/text.mjml": _("A text block written by the editors"),
    "blocks/social.mjml": _("A notice with a link in the email"),
    "blocks/_rule.mjml": _("The divider line between two blocks of the email"),
}
# Versions that a part's page lists.
_VERSIONS = 30


class _Line(NamedTuple):
    """A part in the list."""

    name: str
    about: str
    # Tone and label of its state.
    tone: str
    state: str
    detail: str
    problems: list[Problem]


def _about(name: str) -> str:
    known = _ABOUT.get(name) or _ABOUT.get(name.removesuffix(".txt") + ".mjml")
    if known is None:
        return ""
    return (
        gettext("%(part)s, in the plain-text version") % {"part": known} if name not in _ABOUT else str(known)
    )


class TemplatesPage(NewsletterPage, TemplateView):
    """The parts of the design, and which of them this newsletter has in a version of its own."""

    permission_required = "mailer.change_newsletter"
    page_title = _("Email templates")
    template_name = "desk/editions/templates.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        masthead = masthead_of(self.object)
        folder = newsletter_template_parts.folder_parts(self.object.slug)
        problems = (
            newsletter_template_parts.check_parts(masthead, dict(masthead.templates))
            if masthead.templates
            else []
        )
        names = dict.fromkeys((*template_sandbox.shipped_part_names(), *dict(masthead.templates)))
        latest: dict[str, TemplateVersion] = {}
        for version in self.object.template_versions.select_related("author").order_by("pk"):
            latest[version.part] = version
        lines = [self._line(name, dict(masthead.templates), folder, latest, problems) for name in names]
        return super().get_context_data(
            lines=sorted(lines, key=lambda line: (line.tone == "", line.name)),
            folder=newsletter_template_parts.newsletter_folder(self.object.slug),
            object=self.object,
            **kwargs,
        )

    def _line(
        self,
        name: str,
        in_use: dict[str, str],
        folder: dict[str, str],
        latest: dict[str, TemplateVersion],
        problems: list[Problem],
    ) -> _Line:
        found = [problem for problem in problems if problem.part == name]
        version, detail = latest.get(name), ""
        if name in self.object.templates:
            state = gettext("Changed in this newsletter")
            detail = _by(version, self.object.zone) if version else ""
        elif name in folder:
            state = gettext("From the server's template folder")
        elif name in in_use:
            state = gettext("From the newsletter's theme")
        else:
            return _Line(name, _about(name), "", pgettext("template part", "Default"), "", found)
        return _Line(name, _about(name), "problem" if found else "changed", state, detail, found)


def _digest(source: str) -> str:
    """By which a form knows the text that it began with."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _by(version: TemplateVersion, zone: str) -> str:
    at = localized_names_and_dates.format_moment(version.at, zone)
    if version.author is None:
        return at
    name = version.author.get_full_name() or version.author.get_username()
    return gettext("Saved by %(name)s, %(at)s") % {"name": name, "at": at}


class TemplatePartPage(NewsletterPage, TemplateView):
    """One part: its text beside the default, its versions, and the sample edition with it.

    POST previews (which saves nothing), saves, brings back an earlier version or the default.
    """

    permission_required = "mailer.change_newsletter"
    template_name = "desk/editions/template_part.html"
    part: str
    problems: list[Problem] = []
    draft: str | None = None

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.part = kwargs["part"]
        known = (
            *template_sandbox.shipped_part_names(),
            *dict(newsletter_template_parts.template_part_overrides(self.object)),
        )
        if self.part not in known:
            raise Http404

    def get_page_title(self) -> str:
        return self.part

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        in_use = dict(newsletter_template_parts.template_part_overrides(self.object))
        without = dict(
            newsletter_template_parts.merge_layers(
                dict(template_sandbox.theme_parts(str((self.object.theme or {}).get("base", "")))),
                newsletter_template_parts.folder_parts(self.object.slug),
            )
        )
        default = without.get(self.part, template_sandbox.default_source(self.part))
        source = in_use.get(self.part, default) if self.draft is None else self.draft
        language = preview_language(self.request.POST.get("language", ""))
        scheme = self.request.POST.get("scheme", "")
        masthead = dataclasses.replace(
            masthead_of(self.object), templates=tuple(sorted({**in_use, self.part: source}.items()))
        )
        if source == default and self.part not in in_use:
            masthead = dataclasses.replace(masthead, templates=tuple(sorted(in_use.items())))
        email = render_sample(masthead, language)
        versions = self.object.template_versions.filter(part=self.part).select_related("author")
        return super().get_context_data(
            about=_about(self.part),
            source=source,
            base=_digest(in_use.get(self.part, "")),
            default=default,
            changed=self.part in self.object.templates,
            is_text=self.part.endswith(".txt"),
            problems=self.problems,
            email=shown_as(email, scheme),
            versions=[(version, _by(version, self.object.zone)) for version in versions[:_VERSIONS]],
            languages=[
                (code, staff_localization.language_name(code)) for code in settings.CONFIG.site.languages
            ],
            language=language,
            schemes=SCHEMES,
            scheme=scheme,
            limit=template_sandbox.PART_LIMIT,
            **{**kwargs, "part": self.part},
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        action = request.POST.get("action", "")
        sent = request.POST.get("source", "").replace("\r\n", "\n")
        if action == "default":
            return self._save(None, gettext("The default template part is used again."))
        if action.startswith("version-"):
            number = parse_non_negative_int(action.removeprefix("version-"))
            versions = self.object.template_versions.filter(part=self.part)
            version = versions.filter(pk=number or 0).first()
            if version is None:
                raise Http404
            return self._save(
                version.source, gettext("The earlier version of the template part is restored.")
            )
        if action == "save":
            in_use = dict(newsletter_template_parts.template_part_overrides(self.object)).get(self.part, "")
            if _digest(in_use) not in (request.POST.get("base", ""), _digest(sent)):
                self.draft = sent
                messages.error(
                    request,
                    gettext(
                        "Another person changed this field while you were editing it: "
                        "“%(text)s”. Save again to keep your text."
                    )
                    % {"text": self.part},
                )
                return self.render_to_response(self.get_context_data())
            return self._save(
                sent, gettext("The template part is saved. Editions that are submitted from now on use it.")
            )
        self.draft = sent
        self.problems = self._problems(sent)
        return self.render_to_response(self.get_context_data())

    def _problems(self, source: str) -> list[Problem]:
        parts = {**dict(newsletter_template_parts.template_part_overrides(self.object)), self.part: source}
        masthead = dataclasses.replace(masthead_of(self.object), templates=tuple(sorted(parts.items())))
        return newsletter_template_parts.check_parts(masthead, [self.part])

    def _save(self, source: str | None, success: str) -> HttpResponse:
        user = current_user(self.request)
        try:
            newsletter_template_parts.save_part(
                self.object, self.part, source, masthead_of(self.object), user, timezone.now()
            )
        except newsletter_template_parts.PartRefused as refused:
            self.object.refresh_from_db(fields=["templates"])
            self.draft, self.problems = source or "", refused.problems
            messages.error(
                self.request, gettext("The template part is not saved: it has the problems below.")
            )
            return self.render_to_response(self.get_context_data())
        # The admin is an author of what the newsletter sends from now on: see
        # approval.content_changes_and_authors.
        log(instance=self.object, action="wagtail.edit", user=user, data={"part": self.part})
        messages.success(self.request, success)
        return redirect("desk_template_part", self.object.pk, self.part)

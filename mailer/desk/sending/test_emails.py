"""Test emails of an edition in any state, to oneself or another member of staff.

A draft is rendered as it was last saved; of a submitted or sent edition, the snapshot's variants are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext
from wagtail.admin import messages
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from mailer.approval.models import Snapshot
from mailer.delivery.message_builder import rendered_of
from mailer.delivery.outbox import staff_test_sends
from mailer.desk.base.edition_workflow import overview
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.editions.load_draft_and_run_preflight import current_content
from mailer.desk.sending.mailing_control import DRY_RUN_PERMISSIONS
from mailer.editions.models import Edition
from mailer.rendering import story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant, from_json
from subscribers import iso_codes
from subscribers.rate_limit import claim_form

# Any of these permissions allows sending tests.
PERMISSIONS = ("mailer.change_edition", *DRY_RUN_PERMISSIONS)
LOG_ACTION = "desk.test_send"
# Emails of one press of the button.
_MOST = 20
_RECENT = 5


class TestEmailForm(forms.Form):
    """To whom, in which languages, and with the stories for which countries."""

    to = forms.EmailField(
        label=gettext_lazy("Send to"),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "aria-describedby": "desk-to-help"}),
    )
    language = forms.MultipleChoiceField(
        label=gettext_lazy("Languages"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose a language.")},
    )
    country = forms.MultipleChoiceField(
        label=gettext_lazy("Countries"), widget=forms.CheckboxSelectMultiple, required=False
    )
    each = forms.BooleanField(label=gettext_lazy("A separate test email for each country"), required=False)

    def __init__(self, *args: Any, edition: Edition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newsletter, page_language = edition.newsletter, get_language() or "en"
        for name, codes, label in (
            ("language", newsletter.languages, iso_codes.language_name),
            ("country", newsletter.countries, iso_codes.country_name),
        ):
            choices = [(code, label(code, page_language)) for code in codes]
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        if not self.errors and len(self.combinations()) > _MOST:
            self.add_error(
                "language", gettext("Choose at most %(most)s test emails at once.") % {"most": _MOST}
            )
        return self.cleaned_data

    def combinations(self) -> list[tuple[tuple[str, ...], str]]:
        """(countries, language) of each email; no country means all."""
        chosen = tuple(self.cleaned_data["country"])
        groups = [(code,) for code in chosen] if self.cleaned_data["each"] and chosen else [chosen]
        return [(countries, language) for language in self.cleaned_data["language"] for countries in groups]


class _Test(NamedTuple):
    rendered: RenderedVariant
    # What its banner says.
    note: str


class TestEmailPage(EditionPage):
    """The form (GET), and sending (POST), which is recorded in the audit log."""

    page_title = gettext_lazy("Test emails")
    tab = gettext_lazy("Test email")
    template_name = "desk/sending/test_emails.html"

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return super().has_permission()
        return self._may_send

    @property
    def _may_send(self) -> bool:
        return any(self.request.user.has_perm(permission) for permission in PERMISSIONS)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        initial = {
            "to": current_user(self.request).email,
            "language": self.edition.newsletter.languages[:1],
        }
        context.setdefault("form", TestEmailForm(edition=self.edition, initial=initial))
        return {
            **context,
            "may_send": self._may_send,
            "recent": recent_tests(self.edition),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = TestEmailForm(request.POST, edition=self.edition)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        tests = list(self._tests(form))
        if not tests:
            messages.error(
                request,
                gettext("The edition has no story for these countries, so there is no email to send."),
            )
            return self.render_to_response(self.get_context_data(form=form))
        try:
            sent = self._send(tests, form.cleaned_data["to"])
        except ValueError as error:
            form.add_error("to", str(error))
            return self.render_to_response(self.get_context_data(form=form))
        if not sent:
            messages.info(request, gettext("These test emails were already sent. They were not sent again."))
        else:
            messages.success(request, self._sent_message(len(tests), form.cleaned_data["to"]))
        if "back" in request.POST:
            # To the preview that was shown.
            shown = QueryDict(request.POST["back"][:500]).urlencode()
            url = reverse("desk_edition:variants", args=[self.edition.pk])
            return redirect(f"{url}?{shown}" if shown else url)
        return self.redirect_to("test")

    def _send(self, tests: list[_Test], to: str) -> bool:
        """Put them into the outbox; False if this form was sent before. Raises ValueError."""
        user, now = current_user(self.request), timezone.now()
        with transaction.atomic():
            nonce = self.request.POST.get("form", "")[:40]
            if nonce and not claim_form(f"test {user.pk} {nonce}", now):
                return False
            staff_test_sends.enqueue(
                [one.rendered for one in tests],
                self.edition.newsletter,
                to,
                now,
                [one.note for one in tests],
            )
            data = {"to": to, **({"times": len(tests)} if len(tests) > 1 else {})}
            log(instance=self.edition, action=LOG_ACTION, user=user, data=data)
        return True

    def _sent_message(self, count: int, to: str) -> str:
        text = ngettext(
            "%(count)s test email is being sent to %(to)s.",
            "%(count)s test emails are being sent to %(to)s.",
            count,
        )
        return text % {"count": count, "to": to}

    def _tests(self, form: TestEmailForm) -> Iterator[_Test]:
        """Each variant once; combinations without a story have none."""
        about = overview(self.edition, current_user(self.request))
        snapshot = about.snapshot
        content = from_json(snapshot.content) if snapshot else current_content(self.edition)[1]
        found: set[str] = set()
        for countries, language in form.combinations():
            rendered = _rendered(snapshot, content, countries, language)
            if rendered is None or rendered.key in found:
                continue
            found.add(rendered.key)
            yield _Test(rendered, self._note(countries, language, about.label))

    def _note(self, countries: tuple[str, ...], language: str, state: str) -> str:
        page_language = get_language() or "en"
        names = iso_codes.country_names(countries, page_language) if countries else gettext("all countries")
        return gettext(
            "Test email, not sent to subscribers: %(edition)s (%(state)s), %(language)s, %(countries)s."
        ) % {
            "edition": self.edition,
            "state": state,
            "language": iso_codes.language_name(language, page_language),
            "countries": names,
        }


def _rendered(
    snapshot: Snapshot | None, content: Content, countries: tuple[str, ...], language: str
) -> RenderedVariant | None:
    """The stored variant where there is one, else the content rendered; None without a story."""
    selection = story_selection.select(content, countries)
    if selection.skipped:
        return None
    if snapshot is not None:
        key = story_selection.variant_key(selection.keys, language)
        stored = snapshot.variants.filter(key=key).first()
        if stored is not None:
            return rendered_of(stored)
    return variants.render_selection(content, selection, countries, language)


def recent_tests(edition: Edition) -> list[ModelLogEntry]:
    """The last entries of the audit log about tests of the edition, newest first."""
    entries = ModelLogEntry.objects.for_instance(edition).filter(action=LOG_ACTION)
    return list(entries.select_related("user").order_by("-timestamp")[:_RECENT])

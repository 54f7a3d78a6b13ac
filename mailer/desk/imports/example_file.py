"""A small file of subscribers with the columns and values that an import recognises, for the upload page."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from django.conf import settings
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.generic import View

from mailer import staff_localization

# The domain is reserved for examples (RFC 2606): no subscriber has such an address.
_PEOPLE = (
    ("aigul@example.org", "Aigul", "Sadykova"),
    ("timur@example.org", "Timur", "Karimov"),
    ("elena@example.org", "Elena", "Petrova"),
)
# Where spreadsheet programs expect a semicolon between the columns.
_SEMICOLON = ("ru", "kk")


def example_rows() -> Iterator[tuple[str, ...]]:
    """The headings, then a subscriber in each row, in the active language.

    Together they show the languages and countries of this installation: one country, several, and none.
    """
    yield _("Email"), _("First name"), _("Last name"), _("Language"), _("Countries of interest")
    site = settings.CONFIG.site
    languages = [staff_localization.language_name(code) for code in site.languages]
    countries = [staff_localization.country_name(code) for code in site.countries]
    chosen = (", ".join(countries[:1]), ", ".join(countries[1:3]), "")
    for number, (person, interests) in enumerate(zip(_PEOPLE, chosen, strict=True)):
        yield *person, languages[number % len(languages)], interests


class ExampleFile(PermissionRequiredMixin, View):
    """The file as CSV, as spreadsheet programs of the user's language open it."""

    raise_exception = True
    permission_required = "subscribers.add_importjob"
    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        written = StringIO()
        # Spreadsheet programs recognise UTF-8 by the byte order mark.
        written.write("\ufeff")
        semicolon = staff_localization.active_language() in _SEMICOLON
        csv.writer(written, delimiter=";" if semicolon else ",").writerows(example_rows())
        response = HttpResponse(written.getvalue(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="subscribers.csv"'
        return response

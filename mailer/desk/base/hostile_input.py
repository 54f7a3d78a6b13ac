"""Answers 400, and not 500, to parameters that no form and no link of ours makes.

Wagtail's screens hand filters and ids from the URL to the database, which refuses numbers of 26 digits and
NUL bytes with errors of its own; some combinations of filters its search does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from django.core.exceptions import BadRequest, FieldError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

log = logging.getLogger(__name__)

# Characters of a query string, and digits that a number of the database may have.
_MAX_QUERY, _MAX_DIGITS = 16_000, 18
# Texts for people, in which a long number is a text like any other.
_TEXTS = frozenset({"q", "name", "rule", "label"})
# What the database raises for values that it cannot take.
_REFUSALS = (OverflowError, DataError, UnicodeEncodeError)


class HostileInputMiddleware:
    """Middleware for every path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_hostile(request):
            return _refused(request, "parameters")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if _is_about_values(exception) or (request.path.startswith("/desk/") and _is_about_fields(exception)):
            return _refused(request, type(exception).__name__)
        return None


def _is_hostile(request: HttpRequest) -> bool:
    if len(request.META.get("QUERY_STRING", "")) > _MAX_QUERY:
        return True
    if any("\0" in value for value in _values(request, texts=True)):
        return True
    # Elsewhere a path may hold a long number, such as the password of a webhook.
    return request.path.startswith("/desk/") and (
        any(map(_is_unstorable, request.path.split("/")))
        or any(map(_is_unstorable, _values(request, texts=False)))
    )


def _values(request: HttpRequest, *, texts: bool) -> Iterable[str]:
    for name, values in request.GET.lists():
        if (name in _TEXTS) == texts:
            yield name
            yield from values


def _is_unstorable(value: str) -> bool:
    """Whether no column holds it: a text with NUL, or a whole number of too many digits."""
    digits = value.strip().lstrip("+-").replace("_", "")
    return "\0" in value or (len(digits) > _MAX_DIGITS and digits.isdigit())


def _is_about_values(exception: Exception) -> bool:
    return isinstance(exception, _REFUSALS) or (isinstance(exception, ValueError) and "NUL" in str(exception))


def _is_about_fields(exception: Exception) -> bool:
    """Whether an order or a filter from the URL is one that the table or its search does not have."""
    # Loaded where the desk has failed, and not with every process.
    from modelsearch.backends.base import FieldError as SearchFieldError
    from modelsearch.backends.base import FilterError

    return isinstance(exception, (FieldError, SearchFieldError, FilterError))


def _refused(request: HttpRequest, reason: str) -> HttpResponse:
    log.warning("action=hostile_input_refused reason=%s", reason)
    return bad_request(request, BadRequest())

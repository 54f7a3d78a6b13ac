"""Middleware of all pages: language, headers, methods, answers to hostile input and refused deletions.

Readers' pages bring a Content-Security-Policy of their own (`subscribers.public_page_responses.render_page`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from traceback import walk_tb

from django.conf import settings
from django.core.exceptions import BadRequest, FieldError
from django.db import DataError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch
from django.utils import translation
from django.utils.datastructures import MultiValueDictKeyError
from django.utils.translation import gettext
from django.views.defaults import bad_request
from wagtail.admin import messages

from mailer.approval.one_account_per_person import SamePerson
from mailer.staff_localization import accepted_language, chosen_language, desk_languages, office_desk_language

# What no page of ours uses. Passkeys are used, so their features are not listed.
_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "display-capture"),
        *("encrypted-media", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer"),
        *("microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock", "serial", "usb"),
        *("web-share", "xr-spatial-tracking"),
    )
)
# Wagtail's forms and reports bring their widgets to life by scripts within the page: choosers, dates, inline
# panels. All other screens have none, and there none is run.
_INLINE_SCRIPTS = re.compile(
    r"/desk/(?:reports/.*|account/.*|images/.*|(?:users|stories)/(?:results/)?"
    r"|(?:stories|editions|newsletters|lists|subscribers|users|groups|tags|fields|snippets|collections)/"
    r".*\b(?:add|new|edit|copy|history|choose|multiple|revisions)\b.*)"
)
_POLICY = (
    "default-src 'self'; {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob: https: {site}; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'{forms}; frame-ancestors 'self'"
)


# Pages of staff.
_STAFF = re.compile(r"/(?:desk|accounts|demo)/")


class LanguageMiddleware(LocaleMiddleware):
    """Readers' pages are in a language that the browser asks for, and so are staff pages until sign-in.

    Then they are in the language that the member of staff chose, if they chose one. Wagtail's views choose
    likewise; this is for the pages of the account, and for errors.
    """

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(_API):
            # Programs read English, which ApiMiddleware has activated.
            request.LANGUAGE_CODE = "en"
            return
        if not _STAFF.match(request.path_info):
            readers = tuple(code for code, _ in settings.LANGUAGES)
            code = accepted_language(request, readers, settings.CONFIG.site.languages[0])
        else:
            signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES
            code = chosen_language(request.user) if signed_in else ""
            code = code or accepted_language(request, desk_languages(), office_desk_language())
        translation.activate(code)
        request.LANGUAGE_CODE = translation.get_language() or code


class SecurityHeadersMiddleware:
    """Limits what a page may do in the browser: Permissions-Policy; in the desk, Content-Security-Policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        if request.path.startswith(("/desk/", "/accounts/")) and "Content-Security-Policy" not in response:
            enforced = settings.CONFIG.site.desk_policy == "enforce"
            name = "Content-Security-Policy" if enforced else "Content-Security-Policy-Report-Only"
            response.headers[name] = desk_content_security_policy(request.path)
        return response


def desk_content_security_policy(path: str) -> str:
    """The Content-Security-Policy (CSP 3) of a screen of the desk, or of the accounts."""
    inline = " 'unsafe-inline'" if _INLINE_SCRIPTS.fullmatch(path) else ""
    # The form that begins a sign-in by OpenID Connect is redirected to the other server.
    forms = " https:" if path.startswith("/accounts/") else ""
    return _POLICY.format(scripts=f"script-src 'self'{inline}", forms=forms, site=settings.CONFIG.site.url)


# What pages answer to, and where else scripts of Wagtail use other methods.
_METHODS = ("GET", "HEAD", "OPTIONS", "POST")
_SCRIPTED = {"PATCH": "/desk/dismissibles/"}
_API = "/api/"
# Below this path, POST alone.
_WEBHOOKS = "/hooks/"
# Wagtail's view ends the session whatever the method, and another site can make a browser GET it.
_SIGN_OUT = "/desk/logout/"


class AllowedMethodsMiddleware:
    """Answers 405 to methods that no page uses, before any query to the database.

    Django's views treat PUT like POST, and some DELETE; checks of the method would have to name them all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = request.method or ""
        if request.path == _SIGN_OUT and method != "POST":
            return HttpResponseNotAllowed(("POST",))
        if request.path.startswith(_API):
            # It answers to no method that it does not know.
            return self.get_response(request)
        if method in _METHODS or (method in _SCRIPTED and request.path.startswith(_SCRIPTED[method])):
            return self.get_response(request)
        return HttpResponseNotAllowed(("POST",) if request.path.startswith(_WEBHOOKS) else _METHODS)


log = logging.getLogger(__name__)

# Characters of a query string, and digits that a number of the database may have.
_MAX_QUERY, _MAX_DIGITS = 16_000, 18
# Texts for people, in which a long number is a text like any other.
_TEXTS = frozenset({"q", "name", "rule", "label"})
# What the database raises for values that it cannot take.
_REFUSALS = (OverflowError, DataError, UnicodeEncodeError)
_JSON = "json.decoder"
_FIELDS = "django.db.models.fields"


class HostileInputMiddleware:
    """Answers 400, and not 500, to parameters that no form and no link of ours makes.

    Wagtail's screens hand filters and ids from the URL to the database, which refuses numbers of 26 digits
    and NUL bytes with errors of its own; some combinations of filters its search does not know, and some of
    its forms fail when fields are missing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_hostile(request):
            return _refused(request, "parameters")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        desk = request.path.startswith("/desk/")
        if _is_about_values(exception) or (
            desk
            and (
                _is_about_fields(exception)
                or _is_incomplete_form(request, exception)
                or _is_unreadable_key(exception)
                or _is_unusable_address(request, exception)
                or _is_about_parameters(request, exception)
            )
        ):
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
    if isinstance(exception, RecursionError):
        # JSON that is nested deeper than its parser can follow, in whichever form or request.
        return any(frame.f_globals.get("__name__") == _JSON for frame, _ in walk_tb(exception.__traceback__))
    return isinstance(exception, _REFUSALS) or (isinstance(exception, ValueError) and "NUL" in str(exception))


def _is_about_fields(exception: Exception) -> bool:
    """Whether an order or a filter from the URL is one that the table or its search does not have."""
    # Loaded where the desk has failed, and not with every process.
    from modelsearch.backends.base import FieldError as SearchFieldError
    from modelsearch.backends.base import FilterError

    return isinstance(exception, (FieldError, SearchFieldError, FilterError))


def _is_about_parameters(request: HttpRequest, exception: Exception) -> bool:
    """Whether a screen of Wagtail's own took a parameter of the query for an id, a path or an order."""
    if request.method not in ("GET", "HEAD") or not request.GET:
        return False
    if not isinstance(exception, (ValueError, AttributeError, NoReverseMatch)):
        return False
    search = settings.WAGTAILSEARCH_BACKENDS["default"]["BACKEND"]
    modules = {frame.f_globals.get("__name__", "") for frame, _ in walk_tb(exception.__traceback__)}
    return not any(name.startswith(("mailer.desk.", "subscribers.")) for name in modules - {search})


def _is_incomplete_form(request: HttpRequest, exception: Exception) -> bool:
    """Whether a form was posted without a field that the page always sends."""
    if isinstance(exception, MultiValueDictKeyError):
        return True
    # Wagtail's field of a link looks at the text before it looks whether there is one.
    is_link = request.path == "/desk/choose-external-link/" and request.method != "GET"
    return is_link and isinstance(exception, AttributeError)


def _is_unreadable_key(exception: Exception) -> bool:
    """Whether a form gave a text for a primary key, for which Wagtail's choosers ask the database."""
    if not isinstance(exception, ValueError):
        return False
    *_, (frame, _line) = walk_tb(exception.__traceback__)
    return frame.f_globals.get("__name__") == _FIELDS


def _is_unusable_address(request: HttpRequest, exception: Exception) -> bool:
    """Whether a form says to go on to what is no address, which Django takes for the name of one."""
    return isinstance(exception, NoReverseMatch) and "next" in request.POST


def _refused(request: HttpRequest, reason: str) -> HttpResponse:
    log.warning("action=hostile_input_refused reason=%s", reason)
    return bad_request(request, BadRequest())


class ProtectedDeleteMiddleware:
    """A message where the approval record refers to what was to be deleted.

    Likewise for a name or address that another account has: Wagtail's form of one's own account does not know
    that rule.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, SamePerson):
            messages.error(request, " ".join(exception.messages))
            return redirect(request.path)
        if not isinstance(exception, ProtectedError) or not request.path.startswith("/desk/"):
            return None
        messages.error(
            request,
            gettext(
                "Nothing was deleted: other data, such as an approval or a story, refers to "
                "it. You can deactivate a user account instead."
            ),
        )
        return redirect("wagtailadmin_home")


# A text that is worth copying: words, and no code, date, address of a page or mark of a form.
_WORDS = re.compile(r"[^\W\d_]{2,}\W+[^\W\d_]{2,}|.{40,}", re.DOTALL)
_MARKS = re.compile(r"csrfmiddlewaretoken|password|secret|^was-|^(?:base|form|saved_values|next)$")
# Characters that are given back.
_MAX_GIVEN_BACK = 200_000


class DeletedRowMiddleware:
    """Gives back what staff wrote in a form whose row another person deleted meanwhile, with the 404."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.NOT_FOUND or request.method != "POST":
            return response
        if not request.path.startswith("/desk/") or not request.user.is_authenticated:
            return response
        if not (written := _written(request)):
            return response
        context = {"page_title": gettext("This page or record no longer exists"), "written": written}
        return render(request, "desk/deleted.html", context, status=HTTPStatus.NOT_FOUND)


def _written(request: HttpRequest) -> list[str]:
    """The texts of a form, without its marks and codes."""
    texts, size = [], 0
    for name, values in request.POST.lists():
        for value in values if not _MARKS.search(name) else ():
            text = _plain(str(value)).strip()
            size += len(text)
            if _WORDS.search(text) and size <= _MAX_GIVEN_BACK:
                texts.append(text)
    return texts


def _plain(value: str) -> str:
    """A rich text's words, by block; other values as they are."""
    try:
        blocks = json.loads(value)["blocks"] if value.startswith("{") else None
        return value if blocks is None else "\n\n".join(str(block["text"]) for block in blocks)
    except (ValueError, KeyError, TypeError, RecursionError):
        return value

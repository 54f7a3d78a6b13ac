"""Checks of the web process and of the public pages as recipients' mail programs reach them, by GET and by
POST."""

from __future__ import annotations

import http.client
import json
from collections.abc import Collection, Iterator
from functools import partial
from urllib.parse import urlsplit

from mailer.doctor.check_types import CheckResult, Context
from mailer.doctor.dns_client import is_loopback_or_empty
from mailer.rendering import theme
from mailer.stories.url_fetcher import WEB_PORTS, Fetched, FetchError, ForbiddenAddress, Limits, fetch
from subscribers import tokens

# An id that no subscriber has: a POST with its token ends no subscription.
_NO_SUBSCRIBER = 0
_HTML = ("text/html",)
_PNG = b"\x89PNG"
_ONE_CLICK = "List-Unsubscribe=One-Click"


def check_web_process(context: Context) -> Iterator[CheckResult]:
    """Whether the web process answers at its own address."""
    config = context.config
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.web.host, config.web.host)  # noqa: S104
    result = partial(CheckResult, "web", f"{host}:{config.web.port}")
    connection = http.client.HTTPConnection(host, config.web.port, timeout=context.timeout)
    try:
        site_host = urlsplit(config.site.url).hostname or "localhost"
        connection.request("GET", "/readyz", headers={"Host": site_host})
        response = connection.getresponse()
        status, failed = response.status, _failed_checks(response.read(1000))
    except (OSError, http.client.HTTPException):
        if config.demo.enabled:
            yield result("skipped", "The demo is not running, so there is no worker.")
            return
        yield result(
            "warning",
            "The web process does not answer at this address.",
            "Start the web process with: mailer run",
        )
        return
    finally:
        connection.close()
    if status == 200:
        yield result("ok", "The web process answers and can serve pages.")
    else:
        advice = "Read the web process's log; another program may be using this address."
        yield result(
            "problem",
            f"The health check /readyz of the web process answers {status}. {failed}".rstrip(),
            advice,
        )


def _failed_checks(body: bytes) -> str:
    """What the body of `/readyz` says for staff; empty for another program's."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    failed = [str(name) for name, state in found.items() if state == "failed"] if type(found) is dict else []
    return f"Failed checks: {', '.join(failed)}." if failed else ""


def check_site(context: Context) -> Iterator[CheckResult]:
    """Whether the site's public address leads to our pages."""
    url = context.config.site.url
    result = partial(CheckResult, "site", url)
    if _is_local(context):
        yield result("skipped", "Only programs on this machine can reach the web process.")
        return
    try:
        _request(context, f"{url}/")
    except ForbiddenAddress as error:
        yield result(
            "warning",
            f"{error} Subscribers in other networks may not reach this site.",
            "Ignore this if the site has a public address outside your network.",
        )
    except FetchError as error:
        yield result(
            "problem",
            str(error),
            "Fix the reverse proxy, its certificate, or [site] url in the configuration.",
        )
    else:
        yield result("ok", "The site's pages can be reached at its public address.")
        yield from _metrics(context)


def _metrics(context: Context) -> Iterator[CheckResult]:
    """A result only if everybody can read the metrics: behind a proxy that does not say that it is one."""
    try:
        _request(context, f"{context.config.site.url}/metrics", content_types=None)
    except FetchError:
        return
    advice = "Let the proxy set X-Forwarded-For and X-Forwarded-Proto, or set [metrics] token."
    yield CheckResult(
        "site",
        "/metrics",
        "problem",
        "Everybody on the internet can read this system's metrics (/metrics).",
        advice,
    )


def check_media_origin(context: Context) -> Iterator[CheckResult]:
    """Whether pictures of messages come from the media origin, and may be kept there."""
    origin = context.config.site.media_origin
    result = partial(CheckResult, "media_origin", origin)
    address = f"{origin}{theme.ornament_url_path(theme.DEFAULTS)}"
    try:
        found = _request(context, address, content_types=("image/png",))
    except ForbiddenAddress as error:
        yield result(
            "warning",
            f"{error} Subscribers in other networks may not reach this site.",
            "Ignore this if the site has a public address outside your network.",
        )
    except FetchError as error:
        yield result(
            "problem",
            f"Emails show no pictures, because the picture server does not deliver them: {error}",
            (
                "Let the picture server fetch /media/ and /ornament/ from [site] url, or leave [site] "
                "media_origin empty."
            ),
        )
    else:
        if found.body.startswith(_PNG):
            yield result("ok", "The server for pictures delivers the pictures of emails.")
            return
        yield result(
            "problem",
            "The picture server answers with something other than the picture.",
            (
                "Let the picture server fetch /media/ and /ornament/ from [site] url, or leave [site] "
                "media_origin empty."
            ),
        )


def check_one_click(context: Context) -> Iterator[CheckResult]:
    """RFC 8058: GET shows a page, and a POST without cookies is accepted without a redirect."""
    site = context.config.site.url
    result = partial(CheckResult, "one_click", site)
    url = f"{site}/unsubscribe/{tokens.make_token('unsubscribe', _NO_SUBSCRIBER, 0)}/"
    try:
        for form in (None, _ONE_CLICK):
            _request(context, url, form)
    except ForbiddenAddress:
        yield result("skipped", "The address of this site is in a private network.")
    except FetchError as error:
        if _is_local(context) and "does not answer" in str(error):
            yield result("skipped", "The web process is not running.")
            return
        yield result(
            "problem",
            f"A test of one-click unsubscribe failed: {str(error).replace(url, 'the link')}",
            ("Let the proxy pass POST to /unsubscribe/ unchanged: no redirect, no sign-in, no captcha."),
        )
    else:
        yield result(
            "ok", "One-click unsubscribe works; it was tried with a link that belongs to no subscriber."
        )


def _request(
    context: Context,
    url: str,
    form: str | None = None,
    content_types: Collection[str] | None = _HTML,
) -> Fetched:
    """Request a page of our own site without following redirects. Raises FetchError."""
    ports = {*WEB_PORTS, urlsplit(url).port or 443}
    limits = Limits(seconds=2 * context.timeout, step_seconds=context.timeout, redirects=0, ports=ports)
    return fetch(url, content_types, limits, form=form, allow_loopback=_is_local(context))


def _is_local(context: Context) -> bool:
    return is_loopback_or_empty(urlsplit(context.config.site.url).hostname)

"""The pages as readers' mail programs reach them: over the public address, by GET and by POST."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.doctor.egress import is_loopback
from mailer.doctor.records import Finding, World
from mailer.stories.fetch import Fetched, FetchError, ForbiddenAddress, Limits, fetch
from subscribers import tokens

# Nobody's: what is posted with it ends no subscription.
_NOBODY = 0
_PAGE = ("text/html",)
_ONE_CLICK = "List-Unsubscribe=One-Click"


def site(world: World) -> Iterator[Finding]:
    """Whether the site's own address leads to our pages."""
    url = world.config.site.url
    if _only_here(world):
        yield Finding("site", url, "skipped", "Only this machine reaches it.")
        return
    try:
        _ask(world, f"{url}/")
    except ForbiddenAddress as error:
        yield Finding(
            "site",
            url,
            "warning",
            f"{error} Readers elsewhere may not reach it.",
            "If the address is a public one outside your network, all is well.",
        )
    except FetchError as error:
        advice = "Mend the reverse proxy, its certificate, or [site] url."
        yield Finding("site", url, "problem", str(error), advice)
    else:
        yield Finding("site", url, "ok", "The pages can be reached.")


def one_click(world: World) -> Iterator[Finding]:
    """The way of RFC 8058: GET shows a page, and a POST without cookies is taken without a detour."""
    url = f"{world.config.site.url}/unsubscribe/{tokens.make('unsubscribe', _NOBODY, 0)}/"
    subject = world.config.site.url
    try:
        for form in (None, _ONE_CLICK):
            _ask(world, url, form)
    except ForbiddenAddress:
        yield Finding("one_click", subject, "skipped", "The site leads into a network of yours.")
    except FetchError as error:
        if _only_here(world) and "does not answer" in str(error):
            yield Finding("one_click", subject, "skipped", "The web process is not running.")
            return
        yield Finding(
            "one_click",
            subject,
            "problem",
            f"Leaving by one click fails: {str(error).replace(url, 'the link')}",
            "Let the proxy pass POST to /unsubscribe/ as it is: no redirect, no sign-in, no captcha.",
        )
    else:
        yield Finding("one_click", subject, "ok", "It comes through, tried with a link of nobody's.")


def _ask(world: World, url: str, form: str | None = None) -> Fetched:
    """A page of our own site, with no redirect on the way. Raises FetchError."""
    limits = Limits(seconds=2 * world.patience, step_seconds=world.patience, redirects=0)
    return fetch(url, _PAGE, limits, form=form, allow_loopback=_only_here(world))


def _only_here(world: World) -> bool:
    return is_loopback(urlsplit(world.config.site.url).hostname)

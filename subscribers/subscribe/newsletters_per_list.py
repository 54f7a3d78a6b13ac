"""Which newsletters are sent to a list, as the sign-up page names them; another application knows them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class NewsletterInfo:
    """A newsletter as subscribers see it."""

    name: str
    # Language codes, in its order.
    languages: tuple[str, ...]


# Takes ids of lists, and returns the newsletters that are sent to each of them.
NewslettersOfLists = Callable[[Collection[int]], dict[int, list[NewsletterInfo]]]
_registered: list[NewslettersOfLists] = []


def register(newsletters_of: NewslettersOfLists) -> None:
    """Set what `newsletters_of_lists` calls; the application that has newsletters does so when ready."""
    _registered[:] = [newsletters_of]


def newsletters_of_lists(list_ids: Collection[int]) -> dict[int, list[NewsletterInfo]]:
    """The newsletters that are sent to each list, by its id."""
    return _registered[0](list_ids) if _registered else {}


def signup_languages(newsletters: Iterable[Sequence[NewsletterInfo]]) -> tuple[str, ...]:
    """The languages in which something is sent, the site's first; all of the site's where nothing is yet."""
    known = {code: None for group in newsletters for one in group for code in one.languages}
    ordered = [code for code in settings.CONFIG.site.languages if code in known]
    return tuple(dict.fromkeys([*ordered, *known])) or tuple(settings.CONFIG.site.languages)

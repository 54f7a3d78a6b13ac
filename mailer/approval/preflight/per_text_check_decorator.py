"""Checks that look at one text at a time: what one found in a text, it need not look for there again.

Most texts of an edition are as they were when it was checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps

from mailer.approval.preflight.check_input import Description, Text
from mailer.approval.preflight.findings_and_overrides import Found


def check_each_text(find: Callable[[Text], Iterable[Found]]) -> Callable[[Description], Iterator[Found]]:
    """The check of an edition, of a function whose result depends on nothing but the text."""

    @wraps(find)
    def check(description: Description) -> Iterator[Found]:
        for text, known in description.texts_with_results:
            found = known.get(find)
            if found is None:
                found = known[find] = tuple(find(text))
            yield from found

    return check

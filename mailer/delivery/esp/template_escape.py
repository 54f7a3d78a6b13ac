"""Keeps a service from reading our text as its template language: what a story says arrives as written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_STYLE = re.compile(r"(<style\b.*?</style>)", re.DOTALL | re.IGNORECASE)
_CURLIES = re.compile(r"\{{2,}")


class Guard(NamedTuple):
    """What is done to a sealed part before the reader's own values are filled in."""

    html: Callable[[str], str]
    # Also for the subject and the sender's name.
    text: Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def _breaking(mark: str) -> Guard:
    """Breaks what `mark` finds, the first character of a placeholder, so that it looks the same and is none.

    In HTML it becomes a reference, in a style sheet a space follows it, in text an invisible joiner.
    """
    pattern = re.compile(mark)

    def html(text: str) -> str:
        pieces = _STYLE.split(text)
        pieces[::2] = [pattern.sub(lambda found: f"&#{ord(found[0])};", piece) for piece in pieces[::2]]
        pieces[1::2] = [pattern.sub(lambda found: f"{found[0]} ", piece) for piece in pieces[1::2]]
        return "".join(pieces)

    return Guard(html, lambda text: pattern.sub(lambda found: f"{found[0]}\N{WORD JOINER}", text))


def _named(text: str) -> str:
    """Runs of opening brackets by SparkPost's macros for them: what arrives is the same to the octet.

    Closing ones open nothing, and stand in many a style sheet.
    """

    def macros(found: re.Match[str]) -> str:
        doubles, triple = divmod(len(found[0]), 2)
        return "{{opening_double_curly()}}" * (doubles - triple) + "{{opening_triple_curly()}}" * triple

    return _CURLIES.sub(macros, text)


NONE = Guard(_as_it_is, _as_it_is)
# {{ params.x }}, {% if %} and {# remark #}
BREVO = _breaking(r"\{(?=[{%#])")
# %recipient.x%, %unsubscribe_url% and their like
MAILGUN = _breaking(r"%(?=recipient|unsubscribe|tag_unsubscribe|mailing_list_unsubscribe)")
# [[var:x]]
MAILJET = _breaking(r"\[(?=\[)")
# {{{ pm:unsubscribe }}}
POSTMARK = _breaking(r"\{(?=\{{1,2}\s*pm:)")
# {{ x }} and {{{ x }}}
SPARKPOST = Guard(_named, _named)

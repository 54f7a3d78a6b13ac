"""How a text is written so that the template language of an email service leaves it as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_STYLE = re.compile(r"(<style\b.*?</style>)", re.DOTALL | re.IGNORECASE)


_CURLIES = re.compile(r"\{{2,}")


class TemplateEscape(NamedTuple):
    """Keeps an ESP from interpreting our text as its template language; applied before merge tags are filled
    in."""

    html: Callable[[str], str]
    # Also for the subject and the sender's name.
    text: Callable[[str], str]


def _unchanged(text: str) -> str:
    return text


def _break_placeholders(opening: str) -> TemplateEscape:
    """Breaks each match of `opening`, the first character of a placeholder, without a visible change.

    In HTML it becomes a character reference; in a style sheet a space follows it; in text, an invisible
    joiner.
    """
    pattern = re.compile(opening)

    def html(text: str) -> str:
        pieces = _STYLE.split(text)
        pieces[::2] = [pattern.sub(lambda found: f"&#{ord(found[0])};", piece) for piece in pieces[::2]]
        pieces[1::2] = [pattern.sub(lambda found: f"{found[0]} ", piece) for piece in pieces[1::2]]
        return "".join(pieces)

    return TemplateEscape(html, lambda text: pattern.sub(lambda found: f"{found[0]}\N{WORD JOINER}", text))


def _sparkpost_macros(text: str) -> str:
    """Writes runs of opening braces with SparkPost's macros for them, so that they arrive unchanged.

    Closing braces need no escape, and many style sheets contain them.
    """

    def macros(found: re.Match[str]) -> str:
        doubles, triple = divmod(len(found[0]), 2)
        return "{{opening_double_curly()}}" * (doubles - triple) + "{{opening_triple_curly()}}" * triple

    return _CURLIES.sub(macros, text)


NO_ESCAPE = TemplateEscape(_unchanged, _unchanged)


# {{ params.x }}, {% if %} and {# comment #}
BREVO = _break_placeholders(r"\{(?=[{%#])")


# %recipient.x%, %unsubscribe_url% and similar
MAILGUN = _break_placeholders(r"%(?=recipient|unsubscribe|tag_unsubscribe|mailing_list_unsubscribe)")


# [[var:x]]
MAILJET = _break_placeholders(r"\[(?=\[)")


# {{{ pm:unsubscribe }}}
POSTMARK = _break_placeholders(r"\{(?=\{{1,2}\s*pm:)")


# {$x}, {{ x }} and {% if %}
MAILERSEND = _break_placeholders(r"\{(?=[{%$#])")


# {{ x }} and {{{ x }}}
SPARKPOST = TemplateEscape(_sparkpost_macros, _sparkpost_macros)

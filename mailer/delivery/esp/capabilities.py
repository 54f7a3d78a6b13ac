"""What each ESP supports (capabilities.toml): how we call it, how its template language is escaped, and the
table in docs/services.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
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


@dataclass(frozen=True)
class Capability:
    title: str
    # Recipients per API call: as we use it, and as the ESP allows.
    batch_size: int
    max_batch_size: int
    # Why not more, or what makes batches safe.
    batch_note: str
    # Whether our Message-ID is kept; where it is not, only the token identifies the delivery.
    keeps_message_id: bool
    # Which of our header fields reach the recipient.
    headers: str
    # Where the API and the webhooks have our delivery token.
    token_in: str
    # Octets of a message at most, in millions, as the ESP documents it.
    max_message_mb: int
    # How long an idempotency key prevents a second send; empty: the API has none.
    idempotency: str
    # Whether the API accepts our envelope sender.
    envelope_sender: bool
    # Whether each call switches click and open tracking off; if not, it must be off in the account.
    disables_tracking: bool
    # What the response that we count as accepted means.
    accepted: str
    escape: TemplateEscape


# The template languages; the other ESPs interpret none.
_ESCAPES = {
    "brevo": BREVO,
    "mailersend": MAILERSEND,
    "mailgun": MAILGUN,
    "mailjet": MAILJET,
    "postmark": POSTMARK,
    "sparkpost": SPARKPOST,
}


def _read() -> dict[str, Capability]:
    text = resources.files(__package__).joinpath("capabilities.toml").read_text(encoding="utf-8")
    return {
        name: Capability(escape=_ESCAPES.get(name, NO_ESCAPE), **fields)
        for name, fields in tomllib.loads(text).items()
    }


CAPABILITIES = _read()


def markdown_table() -> str:
    """The Markdown table that docs/services.md contains."""
    head = (
        "| ESP | recipients per call (allowed) | why | header fields | our Message-ID | our token in "
        "| message (MB) | idempotency key | envelope sender | tracking | what “accepted” means |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    rows = [_row(one) for one in CAPABILITIES.values()]
    return "\n".join([head, *rows])


def _row(one: Capability) -> str:
    cells = (
        one.title,
        f"{one.batch_size} ({one.max_batch_size})",
        one.batch_note,
        one.headers,
        "kept" if one.keeps_message_id else "replaced",
        one.token_in,
        str(one.max_message_mb),
        one.idempotency or "none",
        "ours" if one.envelope_sender else "theirs",
        "off in each call" if one.disables_tracking else "switch it off in the account",
        one.accepted,
    )
    return f"| {' | '.join(cells)} |"

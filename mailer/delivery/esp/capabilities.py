"""What each ESP supports (capabilities.toml), how we call it, and the table in docs/services.md."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

from mailer.delivery.esp.template_escapes import (
    BREVO,
    MAILERSEND,
    MAILGUN,
    MAILJET,
    NO_ESCAPE,
    POSTMARK,
    SPARKPOST,
    TemplateEscape,
)


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

"""What each service can do with our mail, as data: how we call it, and what docs/services.md shows."""

from __future__ import annotations

from dataclasses import dataclass

from mailer.delivery.esp.template_escape import BREVO, MAILGUN, MAILJET, NONE, POSTMARK, SPARKPOST, Guard


@dataclass(frozen=True)
class Capability:
    title: str
    # Readers in one call: as we use it, and as the service allows.
    chunk: int
    most: int
    # Why not more, or what a call of many rests on.
    calling: str
    # Whether our Message-ID stays; where it does not, only the token names the delivery.
    keeps_message_id: bool
    # How long the same key stands for the same mail; empty: a call has no key.
    key: str
    # Whether an envelope sender of ours may be given.
    envelope_sender: bool
    # Whether clicks and opens are switched off in each call; else the account must have them off.
    untracked: bool
    # What the answer that we count as accepted means.
    accepted: str
    # Keeps a story from being read as the service's own template language.
    guard: Guard = NONE


CAPABILITIES = {
    "amazon_ses": Capability(
        title="Amazon SES",
        chunk=1,
        most=50,
        calling="Its call for many needs a template of Amazon's; ours carries the sealed message itself.",
        keeps_message_id=False,
        key="",
        envelope_sender=True,
        untracked=False,
        accepted="Queued. Addresses on Amazon's suppression list bounce afterwards.",
    ),
    "brevo": Capability(
        title="Brevo",
        chunk=1,
        most=1000,
        calling="One bad address refuses a whole call for many.",
        keeps_message_id=False,
        key="15 minutes",
        envelope_sender=False,
        untracked=False,
        accepted="Queued. Blocked addresses are dropped afterwards.",
        guard=BREVO,
    ),
    "mailgun": Capability(
        title="Mailgun",
        chunk=1,
        most=1000,
        calling="Its call for many needs placeholders in our HTML, and one bad address refuses all.",
        keeps_message_id=True,
        key="",
        envelope_sender=False,
        untracked=True,
        accepted="Queued. Suppressed addresses fail afterwards.",
        guard=MAILGUN,
    ),
    "mailjet": Capability(
        title="Mailjet",
        chunk=50,
        most=50,
        calling="A list of whole messages, each with a result of its own.",
        keeps_message_id=False,
        key="",
        envelope_sender=False,
        untracked=True,
        accepted="Queued. Blocked addresses are dropped afterwards.",
        guard=MAILJET,
    ),
    "postmark": Capability(
        title="Postmark",
        chunk=50,
        most=500,
        calling="A list of whole messages, each with a result of its own.",
        keeps_message_id=True,
        key="",
        envelope_sender=False,
        untracked=True,
        accepted="Queued; suppressed addresses are refused in the answer.",
        guard=POSTMARK,
    ),
    "resend": Capability(
        title="Resend",
        chunk=1,
        most=100,
        calling="A key must stand for one reader's mail: after a crash nobody knows who shared a call.",
        keeps_message_id=False,
        key="24 hours",
        envelope_sender=False,
        untracked=False,
        accepted="Queued. Suppressed addresses fail afterwards.",
    ),
    "sparkpost": Capability(
        title="SparkPost",
        chunk=1,
        most=10000,
        calling="Its call for many needs placeholders in our HTML, and tells only how many were taken.",
        keeps_message_id=False,
        key="",
        envelope_sender=True,
        untracked=True,
        accepted="Queued. Suppressed addresses fail afterwards.",
        guard=SPARKPOST,
    ),
}


def table() -> str:
    """The table in Markdown, as the documentation shows it."""
    head = (
        "| service | readers in a call (allowed) | why | our Message-ID | key against repeats "
        "| envelope sender | tracking | what “accepted” means |\n|---|---|---|---|---|---|---|---|"
    )
    rows = [_row(one) for one in CAPABILITIES.values()]
    return "\n".join([head, *rows])


def _row(one: Capability) -> str:
    cells = (
        one.title,
        f"{one.chunk} ({one.most})",
        one.calling,
        "kept" if one.keeps_message_id else "replaced",
        one.key or "none",
        "ours" if one.envelope_sender else "theirs",
        "off in each call" if one.untracked else "switch it off in the account",
        one.accepted,
    )
    return f"| {' | '.join(cells)} |"

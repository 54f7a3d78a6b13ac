"""Labels of suppression decisions: states, rules, effects, and the timeline of events."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.reports.labels import reason_label
from subscribers import tokens

State, Rule, Class = SuppressionDecision.State, SuppressionDecision.Rule, FeedbackEvent.Class

# (tone, label) of each state.
_STATES: dict[str, tuple[str, str]] = {
    State.APPLIED: ("problem", "Suppressed"),
    State.HELD: ("waiting", "Needs review"),
    State.PROBING: ("busy", "Testing address"),
    State.DISMISSED: ("draft", "Dismissed"),
    State.REVERTED: ("done", "Reverted"),
}
# Choices of a filter.
STATES = [(state, label) for state, (_, label) in _STATES.items()]
TITLES: dict[str, str] = {
    State.APPLIED: "Why is this address suppressed?",
    State.HELD: "Should this address be suppressed?",
    State.PROBING: "Is this address still valid?",
    State.DISMISSED: "Why is this address not suppressed?",
    State.REVERTED: "Why was this address suppressed?",
}
# The effect on emails to the address in each state.
EFFECTS: dict[str, str] = {
    State.APPLIED: "It receives no emails. Its subscriptions are kept and become active again when the "
    "suppression is removed.",
    State.HELD: "It still receives emails until staff decide.",
    State.PROBING: (
        "A test email was sent to it. If that bounces too, the address is suppressed. If it does not bounce "
        "within six days, the decision is dismissed. Until then the address still receives emails."
    ),
    State.DISMISSED: "It still receives emails.",
    State.REVERTED: "It receives emails again. Earlier bounces no longer count.",
}
COMPLAINT_EFFECT = "It receives no emails and was unsubscribed from every list."
MAY_RESUBSCRIBE = (
    "The subscriber may sign up again on the public page and confirm. Until then they receive no emails, and "
    "imports do not add them."
)
ALSO_SUPPRESSED_BY_STAFF = "The address is also suppressed by staff, and that suppression is still active."
RULES: dict[str, str] = {
    Rule.HARD_BOUNCE: (
        "One hard bounce suppresses an address if the bounce is authentic: it refers to a message by an "
        "identifier that only this system can create, or the server rejected the address during delivery."
    ),
    Rule.TWO_HARD_BOUNCES: (
        "Bounces that could be forged never suppress an address. After two of them on different days that "
        "report an invalid address, a test email is sent to it."
    ),
    Rule.SOFT_BOUNCES: (
        "Soft bounces, such as a full mailbox, suppress an address after five bounces over at least two "
        "weeks without a delivery in between. Bounces that no rule recognises count half. Subscribers who "
        "have been reading for more than a year get a test email first."
    ),
    Rule.COMPLAINT: (
        "A complaint suppresses an address permanently. To remove the suppression, an admin must allow it "
        "and the subscriber must sign up again. Imports never remove it. Complaints that could be forged "
        "need a review."
    ),
}
_EVIDENCE = {
    "verp": "matched by the return path of the message (VERP), which only this system can create",
    "message_id": "matched by its Message-ID, which only this system can create",
    "service": "reported and signed by the email service provider",
    "session": "reported by the server during delivery",
    "person": "classified by a colleague",
    "recipient": "matched by the address only, so it could be forged",
}
_CLASSES: dict[str, str] = {
    Class.HARD: "hard bounce",
    Class.SOFT: "soft bounce",
    Class.BLOCK: "blocked for reputation or content",
    Class.UNKNOWN: "not recognised, counts half",
}


class Entry(NamedTuple):
    """An entry of the timeline."""

    at: datetime
    tone: str
    title: str
    # Lines below the title.
    details: tuple[str, ...] = ()
    # The response of the server, verbatim.
    response: str = ""
    # Id of the returned message, if it is stored.
    message: int | None = None


def state_label(decision: SuppressionDecision) -> tuple[str, str]:
    """(tone, label) of the decision's state."""
    return _STATES[decision.state]


def timeline(decision: SuppressionDecision) -> list[Entry]:
    """The events that led to the decision and what followed, oldest first."""
    entries = [
        *_last_delivered(decision),
        *map(_feedback_entry, decision.events.select_related("mailing__edition")),
    ]
    if decision.probed_at is not None:
        entries += _test_email_entries(decision, decision.probed_at)
    if decision.wave is not None:
        where = f"at {decision.domain}" if decision.wave.domain else "with the same new reply"
        detail = f"{decision.wave.bounced} subscribers {where} bounced at once."
        entries.append(Entry(decision.created_at, "waiting", "Review requested", (detail,)))
    if decision.applied_at is not None:
        entries.append(
            Entry(decision.applied_at, "problem", "The address was suppressed", (decision.reason,))
        )
    if decision.closed_at is not None:
        entries.append(Entry(decision.closed_at, state_label(decision)[0], *_outcome(decision)))
    return sorted(entries, key=lambda entry: entry.at)


def _last_delivered(decision: SuppressionDecision) -> list[Entry]:
    """The last email that was delivered before these events."""
    first = decision.events.order_by("at").values_list("at", flat=True).first() or decision.created_at
    copies = Delivery.objects.filter(
        subscriber=decision.subscriber, state=Delivery.State.ACCEPTED, accepted_at__lt=first
    )
    stayed = copies.filter(bounced_at=None, mailing__dry_run_to="").select_related("mailing__edition")
    last = stayed.order_by("-accepted_at")
    return [
        Entry(one.accepted_at, "done", "Last delivered email", (str(one.mailing.edition),))
        for one in last[:1]
        if one.accepted_at is not None
    ]


def _feedback_entry(event: FeedbackEvent) -> Entry:
    complaint = event.kind == FeedbackEvent.Kind.COMPLAINT
    reason = reason_label(event.reason)
    title = "The subscriber marked an email as spam" if complaint else f"An email bounced: {reason}"
    lines = (
        str(event.mailing.edition) if event.mailing else "",
        _CLASSES.get(event.bounce_class, ""),
        _EVIDENCE.get(event.identity, ""),
        f"Status code {event.status}" if event.status else "",
        f"Rule “{event.rule}”" if event.rule else "",
    )
    tone = "changed" if event.bounce_class in (Class.BLOCK, Class.UNKNOWN) else "problem"
    details = tuple(f"{line[0].upper()}{line[1:]}" for line in lines if line)
    return Entry(
        event.at, tone, title, details, tokens.mask(" ".join(event.diagnostic.split())), event.message_id
    )


def _test_email_entries(decision: SuppressionDecision, at: datetime) -> list[Entry]:
    found = [Entry(at, "busy", "A test email was sent", (decision.reason,))]
    probe = decision.probe
    if probe is not None and probe.state == OutboxMessage.State.REFUSED:
        refused = Entry(
            decision.applied_at or at,
            "problem",
            "The server refused the test email",
            response=tokens.mask(probe.reply),
        )
        found.append(refused)
    return found


def _outcome(decision: SuppressionDecision) -> tuple[str, tuple[str, ...]]:
    if decision.state == State.REVERTED:
        return f"Reverted by {decision.closed_by}", ()
    return "Dismissed", (f"{decision.closed_by[:1].upper()}{decision.closed_by[1:]}.",)

"""Labels of suppression decisions: states, rules, effects, and the timeline of events."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from subscribers import tokens
from subscribers.translate_stored_texts import translated

State, Rule, Class = SuppressionDecision.State, SuppressionDecision.Rule, FeedbackEvent.Class

# (tone, label) of each state.
_STATES: dict[str, tuple[str, StrOrPromise]] = {
    State.APPLIED: ("problem", _("Suppressed")),
    State.HELD: ("waiting", _("Needs a decision by staff")),
    State.PROBING: ("busy", _("Waiting for the result of a test email")),
    State.DISMISSED: ("draft", _("No suppression needed")),
    State.REVERTED: ("done", _("Decision reverted")),
}
# Choices of a filter.
STATES = [(state, label) for state, (_, label) in _STATES.items()]
TITLES: dict[str, StrOrPromise] = {
    State.APPLIED: _("Why is this address suppressed?"),
    State.HELD: _("Should this address be suppressed?"),
    State.PROBING: _("Is this address still valid?"),
    State.DISMISSED: _("Why is this address not suppressed?"),
    State.REVERTED: _("Why was this address suppressed?"),
}
# The effect on emails to the address in each state.
EFFECTS: dict[str, StrOrPromise] = {
    State.APPLIED: _(
        "The address receives no emails. Its subscriptions are kept and become active again "
        "when the suppression is removed."
    ),
    State.HELD: _("The address still receives emails until staff decide."),
    State.PROBING: (
        _(
            "An email was sent to it to check the address. If that bounces too, the address is "
            "suppressed. If it does not bounce within six days, the decision is dismissed. Until then the "
            "address still receives emails."
        )
    ),
    State.DISMISSED: _("The address still receives emails."),
    State.REVERTED: _("The address receives emails again. Earlier bounces no longer count."),
}
COMPLAINT_EFFECT = _("The address receives no emails and was unsubscribed from every list.")
MAY_RESUBSCRIBE = _(
    "The subscriber may sign up again on the public page and confirm. Until then they receive no emails, and "
    "imports do not add them."
)
ALSO_SUPPRESSED_BY_STAFF = _("The address is also suppressed by staff, and that suppression is still active.")
RULES: dict[str, StrOrPromise] = {
    Rule.HARD_BOUNCE: (
        _(
            "One hard bounce suppresses an address if the bounce is authentic: it refers to a message by an "
            "identifier that only this system can create, or the server rejected the address during delivery."
        )
    ),
    Rule.TWO_HARD_BOUNCES: (
        _(
            "Bounces that could be forged never suppress an address. After two of them on different days "
            "that report an invalid address, an email is sent to it to check the address."
        )
    ),
    Rule.SOFT_BOUNCES: (
        _(
            "Soft bounces, such as a full mailbox, suppress an address after five bounces over at least "
            "two weeks without a delivery in between. Bounces that no rule recognises count half. "
            "For subscribers who have been reading for more than a year, an email checks the address first."
        )
    ),
    Rule.COMPLAINT: (
        _(
            "A complaint suppresses an address permanently. To remove the suppression, an admin must "
            "allow it and the subscriber must sign up again. Imports never remove it. Complaints that "
            "could be forged need a review."
        )
    ),
}
_EVIDENCE = {
    "verp": _("matched by the return path of the message (VERP), which only this system can create"),
    "message_id": _("matched by its Message-ID, which only this system can create"),
    "service": _("reported and signed by the email service provider"),
    "session": _("reported by the server during delivery"),
    "person": _("classified by a colleague"),
    "recipient": _("matched by the address only, so the message could be forged"),
}
_CLASSES: dict[str, StrOrPromise] = {
    Class.HARD: _("hard bounce"),
    Class.SOFT: _("soft bounce"),
    Class.BLOCK: _("blocked for reputation or content"),
    Class.UNKNOWN: _("type of bounce not recognised: counts as half a bounce"),
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


def state_tone_and_label(decision: SuppressionDecision) -> tuple[str, str]:
    """(tone, label) of the decision's state."""
    tone, label = _STATES[decision.state]
    return tone, str(label)


def timeline(decision: SuppressionDecision) -> list[Entry]:
    """The events that led to the decision and what followed, oldest first."""
    entries = [
        *_last_delivered(decision),
        *map(_feedback_entry, decision.events.select_related("mailing__edition")),
    ]
    if decision.probed_at is not None:
        entries += _address_check_entries(decision, decision.probed_at)
    if decision.wave is not None:
        detail = (
            gettext("%(count)s subscribers at %(domain)s bounced within a short time.")
            if decision.wave.domain
            else gettext(
                "Emails to %(count)s subscribers bounced within a short time, with "
                "the same reply from mail servers."
            )
        ) % {"count": decision.wave.bounced, "domain": decision.domain}
        entries.append(
            Entry(decision.created_at, "waiting", gettext("Decision by staff requested"), (detail,))
        )
    if decision.applied_at is not None:
        entries.append(
            Entry(
                decision.applied_at,
                "problem",
                gettext("The address was suppressed"),
                (translated(decision.reason),),
            )
        )
    if decision.closed_at is not None:
        entries.append(Entry(decision.closed_at, state_tone_and_label(decision)[0], *_outcome(decision)))
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
        Entry(one.accepted_at, "done", gettext("Last delivered email"), (str(one.mailing.edition),))
        for one in last[:1]
        if one.accepted_at is not None
    ]


def _feedback_entry(event: FeedbackEvent) -> Entry:
    complaint = event.kind == FeedbackEvent.Kind.COMPLAINT
    reason = reason_label(event.reason)
    title = (
        gettext("The subscriber marked an email as spam")
        if complaint
        else gettext("An email to this address bounced: %(reason)s") % {"reason": reason}
    )
    lines = (
        str(event.mailing.edition) if event.mailing else "",
        _CLASSES.get(event.bounce_class, ""),
        _EVIDENCE.get(event.identity, ""),
        gettext("Status code in the bounce: %(status)s") % {"status": event.status} if event.status else "",
        gettext("Classified by the rule “%(rule)s”") % {"rule": event.rule} if event.rule else "",
    )
    tone = "changed" if event.bounce_class in (Class.BLOCK, Class.UNKNOWN) else "problem"
    details = tuple(f"{line[0].upper()}{line[1:]}" for line in lines if line)
    return Entry(
        event.at,
        tone,
        title,
        details,
        tokens.mask_tokens(" ".join(event.diagnostic.split())),
        event.message_id,
    )


def _address_check_entries(decision: SuppressionDecision, at: datetime) -> list[Entry]:
    found = [
        Entry(
            at,
            "busy",
            gettext("The system sent an email to the subscriber to check the address"),
            (translated(decision.reason),),
        )
    ]
    probe = decision.probe
    if probe is not None and probe.state == OutboxMessage.State.REFUSED:
        refused = Entry(
            decision.applied_at or at,
            "problem",
            gettext("The server refused the test email to this address"),
            response=tokens.mask_tokens(probe.reply),
        )
        found.append(refused)
    return found


def _outcome(decision: SuppressionDecision) -> tuple[str, tuple[str, ...]]:
    if decision.state == State.REVERTED:
        return gettext("Decision reverted by %(name)s") % {"name": translated(decision.closed_by)}, ()
    return gettext("No suppression needed"), (f"{_capitalised(translated(decision.closed_by))}.",)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Tells a verdict in words for staff: what was decided, by which rule, and what happened in which order."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, Verdict
from mailer.reports.labels import reason_words

State, Rule, Class = Verdict.State, Verdict.Rule, FeedbackEvent.Class

# (tone, word) of each state.
_STATES: dict[str, tuple[str, str]] = {
    State.STANDING: ("problem", "Stopped"),
    State.HELD: ("waiting", "Waits for a decision"),
    State.PROBING: ("busy", "Being asked"),
    State.DISMISSED: ("draft", "Dropped"),
    State.REVERSED: ("done", "Taken back"),
}
# For a choice.
STATES = [(state, word) for state, (_, word) in _STATES.items()]
TITLES: dict[str, str] = {
    State.STANDING: "Why was this address stopped?",
    State.HELD: "Should this address be stopped?",
    State.PROBING: "Does this address still work?",
    State.DISMISSED: "Why was this address not stopped?",
    State.REVERSED: "Why was this address stopped for a time?",
}
# What it means for mail at this moment.
MEANS: dict[str, str] = {
    State.STANDING: "No mailing reaches it. Its subscriptions stay, and count again once mail does.",
    State.HELD: "Mail goes to it as before, until somebody decides.",
    State.PROBING: (
        "One small mail asks whether anything arrives. If that comes back as well, the address is stopped; "
        "if it stays away for six days, all is well. Until then mail goes to it as before."
    ),
    State.DISMISSED: "Mail goes to it as before.",
    State.REVERSED: "Mail goes to it again. What came back before is never held against it any more.",
}
COMPLAINED = "No mailing reaches it, and it was taken off every list."
REOPENED = (
    "The reader may come back: they sign up on the public page and confirm, as anybody does. "
    "Until they have, no mail leaves, and no import brings them back."
)
ALSO_BY_HAND = "A person has stopped it as well, and that still counts."
RULES: dict[str, str] = {
    Rule.HARD_BOUNCE: (
        "One bounce is enough when it says that the address does not exist, and when nobody but the "
        "receiving server can have written it: it names the copy by a mark that only we can make, or it "
        "was said to our own connection."
    ),
    Rule.TWO_HARD_BOUNCES: (
        "Bounces that anybody could have written never stop an address. When two of them, on different "
        "days, say that it does not exist, we ask the address itself by one small mail."
    ),
    Rule.SOFT_BOUNCES: (
        "A mailbox that is full, or a server in trouble, stops an address only when five copies came back "
        "over at least two weeks and none arrived in between. Words that no rule understands count half. "
        "Whoever has read us for more than a year is asked first."
    ),
    Rule.COMPLAINT: (
        "A complaint stops an address for good. Only an admin and the reader's own new sign-up, both "
        "together, lift it; an import never does. One that nothing proves genuine waits for a person."
    ),
}
_FOUND = {
    "verp": "named by the return address of that very copy, which only we can make",
    "message_id": "named by that copy's own number, which only we can make",
    "service": "told by the service that sends for us, and signed by it",
    "session": "said to our own connection while we were sending",
    "person": "read out of the message by a colleague",
    "recipient": "named by nothing but the address, so anybody could have written it",
}
_CLASSES: dict[str, str] = {
    Class.HARD: "for good",
    Class.SOFT: "for a time",
    Class.BLOCK: "because of us, not of the reader",
    Class.UNKNOWN: "not understood, counts half",
}


class Entry(NamedTuple):
    """Something that happened, in the order of its time."""

    at: datetime
    tone: str
    title: str
    # Lines below the title.
    details: tuple[str, ...] = ()
    # What a server said, word for word.
    said: str = ""
    # The returned message, where it is kept.
    message: int | None = None


def state(verdict: Verdict) -> tuple[str, str]:
    """(tone, word) of where it stands."""
    return _STATES[verdict.state]


def timeline(verdict: Verdict) -> list[Entry]:
    """All that led to a verdict, and what became of it."""
    entries = [*_arrived(verdict), *map(_returned, verdict.events.select_related("mailing__edition"))]
    if verdict.asked_at is not None:
        entries += _asked(verdict, verdict.asked_at)
    if verdict.outage is not None:
        many = f"{verdict.outage.returned} readers at {verdict.domain} had come back within hours."
        entries.append(Entry(verdict.at, "waiting", "Held for a decision", (many,)))
    if verdict.stood_at is not None:
        entries.append(
            Entry(verdict.stood_at, "problem", "Mail to this address was stopped", (verdict.because,))
        )
    if verdict.decided_at is not None:
        entries.append(Entry(verdict.decided_at, state(verdict)[0], *_ended(verdict)))
    return sorted(entries, key=lambda entry: entry.at)


def _arrived(verdict: Verdict) -> list[Entry]:
    """The last copy that arrived before all this."""
    first = verdict.events.order_by("at").values_list("at", flat=True).first() or verdict.at
    copies = Delivery.objects.filter(
        subscriber=verdict.subscriber, state=Delivery.State.ACCEPTED, accepted_at__lt=first
    )
    stayed = copies.filter(bounced_at=None, mailing__rehearsal_to="").select_related("mailing__edition")
    last = stayed.order_by("-accepted_at")
    return [
        Entry(one.accepted_at, "done", "The last copy before arrived", (str(one.mailing.edition),))
        for one in last[:1]
        if one.accepted_at is not None
    ]


def _returned(event: FeedbackEvent) -> Entry:
    complaint = event.kind == FeedbackEvent.Kind.COMPLAINT
    why = reason_words(event.reason)
    title = "The reader marked a mail as unwanted" if complaint else f"A copy came back: {why}"
    told = (
        str(event.mailing.edition) if event.mailing else "",
        _CLASSES.get(event.bounce_class, ""),
        _FOUND.get(event.identity, ""),
        f"Code {event.status}" if event.status else "",
        f"Rule “{event.rule}”" if event.rule else "",
    )
    tone = "changed" if event.bounce_class in (Class.BLOCK, Class.UNKNOWN) else "problem"
    details = tuple(f"{line[0].upper()}{line[1:]}" for line in told if line)
    return Entry(event.at, tone, title, details, " ".join(event.diagnostic.split()), event.message_id)


def _asked(verdict: Verdict, at: datetime) -> list[Entry]:
    asked = [Entry(at, "busy", "One small mail asked whether anything arrives", (verdict.because,))]
    probe = verdict.probe
    if probe is not None and probe.state == OutboxMessage.State.REFUSED:
        refused = Entry(verdict.stood_at or at, "problem", "The server refused that mail", said=probe.reply)
        asked.append(refused)
    return asked


def _ended(verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    if verdict.state == State.REVERSED:
        return f"Taken back by {verdict.decided_by}", ()
    return "Dropped", (f"{verdict.decided_by[:1].upper()}{verdict.decided_by[1:]}.",)

"""Checks of what the inbox shows and what filters judge first: subject, preview text and sender."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from mailer.approval.preflight.character_and_language_checks import is_in_capitals
from mailer.approval.preflight.check_input import Description, Place, Sender, excerpt
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering.data_types import Content, Subject
from subscribers.translate_stored_texts import stored

# Phones show about 40 characters of a subject, desktop clients up to 80.
LONGEST_SUBJECT = 80
SHORTEST_SUBJECT = 8
LONGEST_PREHEADER = 150
_REPLY = re.compile(
    r"^\s*(?:re|fw|fwd|aw|wg|sv|tr|rif|отв|ответ|пер(?:есл)?|на|fwд|жауап|жооп|ҷавоб|javob|"
    r"jogap)\s*(?:\[\d+\])?\s*:",
    re.IGNORECASE,
)
# Pictographs; two of them are the letters of a flag.
_EMOJI = re.compile("[\U0001f1e6-\U0001f1ff]{2}|[\U0001f300-\U0001faff\u2600-\u27bf]")
_MOST_EMOJI = 2
FREE_MAIL = frozenset(
    (
        *("gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "outlook.com", "hotmail.com", "live.com"),
        *(
            "msn.com",
            "icloud.com",
            "me.com",
            "aol.com",
            "gmx.com",
            "gmx.de",
            "gmx.net",
            "web.de",
            "proton.me",
        ),
        *("protonmail.com", "mail.com", "zoho.com", "mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru"),
        *("yandex.ru", "yandex.com", "yandex.kz", "yandex.uz", "ya.ru", "rambler.ru", "mail.kz", "umail.uz"),
        *("mail.uz", "inbox.uz", "t-online.de", "orange.fr", "free.fr", "qq.com", "163.com", "126.com"),
    )
)
_NO_REPLY = re.compile(r"^(?:no|do[._-]?not|dont)[._-]?(?:reply|answer|respond)", re.IGNORECASE)
_SENDER = Place("newsletter", "", stored("Sender"))


def no_subject_in_any_language(description: Description) -> Iterator[Found]:
    """No subject in any language: readers see the headline of their first story."""
    if description.content.stories and not any(one.subject.strip() for one in description.content.subjects):
        yield Found(Place("subject", "", stored("Subject")))


def subject_long(description: Description) -> Iterator[Found]:
    """Subjects that inboxes cut."""
    for subject in _subjects(description.content):
        if len(subject.subject) > LONGEST_SUBJECT:
            yield Found(
                _place(subject), stored("The text has %(count)s characters", count=len(subject.subject))
            )


def subject_short(description: Description) -> Iterator[Found]:
    """Subjects that say nothing."""
    for subject in _subjects(description.content):
        if len(subject.subject.strip()) < SHORTEST_SUBJECT:
            yield Found(_place(subject), subject.subject)


def subject_or_preheader_in_capitals(description: Description) -> Iterator[Found]:
    """Subjects and preview texts in capital letters."""
    for subject in _subjects(description.content):
        for place, text in ((_place(subject), subject.subject), (_preview(subject), subject.preheader)):
            if is_in_capitals(text):
                yield Found(place, excerpt(text))


def too_many_emoji_in_subject_or_preheader(description: Description) -> Iterator[Found]:
    """Subjects and preview texts with many emoji."""
    for subject in _subjects(description.content):
        for place, text in ((_place(subject), subject.subject), (_preview(subject), subject.preheader)):
            if len(_EMOJI.findall(text)) > _MOST_EMOJI:
                yield Found(place, excerpt(text))


def fake_reply_subject(description: Description) -> Iterator[Found]:
    """Subjects that pretend to be an answer."""
    for subject in _subjects(description.content):
        if _REPLY.match(subject.subject):
            yield Found(_place(subject), excerpt(subject.subject))


def subject_repeats_sender(description: Description) -> Iterator[Found]:
    """Subjects that begin with the sender's name, which stands beside them in the inbox."""
    names = {_plain(description.sender.name), _plain(description.content.masthead.name)} - {""}
    for subject in _subjects(description.content):
        plain = _plain(subject.subject)
        if any(len(name) > 4 and plain.startswith(name) for name in names):
            yield Found(_place(subject), excerpt(subject.subject))


def same_subject_or_preview_in_two_languages(description: Description) -> Iterator[Found]:
    """One subject or preview text for several languages: it was not translated."""
    for name in ("subject", "preheader"):
        by_text: dict[str, list[Subject]] = defaultdict(list)
        for subject in _subjects(description.content):
            by_text[_plain(getattr(subject, name))].append(subject)
        for text, subjects in by_text.items():
            if text and len(subjects) > 1:
                for subject in subjects[1:]:
                    place = _place(subject) if name == "subject" else _preview(subject)
                    yield Found(place, excerpt(getattr(subject, name)))


def subject_sent_before(description: Description) -> Iterator[Found]:
    """The subject of an edition that was sent; inboxes join the two in one conversation."""
    sent = {(language, _plain(subject).replace(" ", "")) for language, subject in description.sent_subjects}
    for subject in _subjects(description.content):
        if (subject.language, _plain(subject.subject).replace(" ", "")) in sent:
            yield Found(_place(subject), excerpt(subject.subject))


def preheader_missing(description: Description) -> Iterator[Found]:
    """Without a preview text, inboxes show the first sentence of the lead story.

    Before a subject is written, it is reported beside the missing subject, so that both are written at once.
    """
    content = description.content
    if content.stories and not any(one.subject.strip() or one.preheader.strip() for one in content.subjects):
        yield Found(Place("subject", "", stored("Preview text")))
    for subject in _subjects(description.content):
        if not subject.preheader.strip():
            yield Found(_preview(subject))


def preheader_long(description: Description) -> Iterator[Found]:
    """Preview texts that inboxes cut."""
    for subject in _subjects(description.content):
        if len(subject.preheader) > LONGEST_PREHEADER:
            yield Found(
                _preview(subject), stored("The text has %(count)s characters", count=len(subject.preheader))
            )


def preheader_repeats_subject_or_sender(description: Description) -> Iterator[Found]:
    """Preview texts that say what the subject or the sender's name has just said."""
    sender = _plain(description.sender.name)
    for subject in _subjects(description.content):
        preview = _plain(subject.preheader)
        if preview and (preview in (_plain(subject.subject), sender) or _REPLY.match(subject.preheader)):
            yield Found(_preview(subject), excerpt(subject.preheader))


def sample_sender(description: Description) -> Iterator[Found]:
    """The sample edition, from which nothing can be sent."""
    if description.sender.is_sample:
        yield Found(_SENDER, description.sender.email)


def sender_not_allowed(description: Description) -> Iterator[Found]:
    """A sender with a domain that the configuration does not list."""
    if not description.sender.is_sample and not description.sender.is_allowed:
        yield Found(_SENDER, description.sender.email)


def sender_at_free_provider(description: Description) -> Iterator[Found]:
    """A sender at a free mail provider, whose DMARC policy makes others reject the message."""
    if _domain(description.sender.email) in FREE_MAIL:
        yield Found(_SENDER, description.sender.email)


def sender_not_aligned(description: Description) -> Iterator[Found]:
    """Authentication that is not for the sender's domain, so that DMARC fails."""
    yield from dmarc_problems(description.sender)


def dmarc_problems(sender: Sender) -> Iterator[Found]:
    """What makes DMARC fail for the sender."""
    signed, domain = sender.dkim_domain.lower(), _domain(sender.email)
    if signed and not (domain == signed or domain.endswith(f".{signed}") or signed.endswith(f".{domain}")):
        detail = stored("DKIM signs for %(signed)s, not for %(domain)s.", signed=signed, domain=domain)
        yield Found(Place("settings", "", stored("System checks")), detail)
    for check, message in sender.dns_problems:
        # The names of the checks, DKIM and DMARC, are the same in every language.
        yield Found(Place("settings", "", check.upper()), message)


def sender_without_name(description: Description) -> Iterator[Found]:
    """A sender that inboxes show as an address, or as nothing."""
    name = description.sender.name.strip()
    if not any(map(str.isalpha, name)) or re.fullmatch(r"\S+@\S+|(?:[\w-]+\.)+[a-z]{2,}", name.lower()):
        yield Found(_SENDER, name)


def noreply_address(description: Description) -> Iterator[Found]:
    """An address for answers that takes none."""
    address = description.sender.reply_to or description.sender.email
    if _NO_REPLY.match(address):
        yield Found(_SENDER, address)


def _subjects(content: Content) -> Iterator[Subject]:
    """Those of the newsletter's languages that are written."""
    return (one for one in content.subjects if one.subject.strip())


def _place(subject: Subject) -> Place:
    return Place("subject", "", stored("Subject"), subject.language)


def _preview(subject: Subject) -> Place:
    return Place("subject", "", stored("Preview text"), subject.language)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip().rstrip(".").lower()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))

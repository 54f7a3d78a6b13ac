"""DMARC (RFC 9989, before it RFC 7489): a domain's policy, and which domains belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.doctor.dns import Names

# Of a longer name, no more than these last labels are asked about after the whole (RFC 9989 §4.10).
_LABELS = 7


@dataclass(frozen=True)
class Policy:
    # Where the record stands, without "_dmarc.".
    domain: str
    text: str
    # Its tags, names in lower case.
    tags: dict[str, str]

    def of(self, domain: str) -> str:
        """What it asks of mail from `domain`: none, quarantine or reject."""
        asked = self.tags.get("p", "none")
        if domain != self.domain:
            asked = self.tags.get("sp", asked)
        return asked.lower()

    def strict(self, what: str) -> bool:
        """Whether `what` (adkim, aspf) wants the same name and not only the same organisation."""
        return self.tags.get(what, "r").lower() == "s"


def policy(names: Names, domain: str) -> Policy | None:
    """The record that governs mail from the domain, its own or its organisation's. Raises NoAnswer."""
    walked = _walk(names, domain)
    return walked.get(domain) or walked.get(_organisation(domain, walked))


def organisation(names: Names, domain: str) -> str:
    """The domain of the organisation that a domain belongs to. Raises NoAnswer."""
    return _organisation(domain, _walk(names, domain))


def aligned(names: Names, domain: str, sender: str, strict: bool) -> bool:
    """Whether a verified domain speaks for the domain in From. Raises NoAnswer."""
    return domain == sender or (not strict and organisation(names, domain) == organisation(names, sender))


def _walk(names: Names, domain: str) -> dict[str, Policy]:
    """The records from the domain upwards, by domain, the lowest first."""
    labels = domain.split(".")
    found: dict[str, Policy] = {}
    while labels:
        here = ".".join(labels)
        if record := _record(names, here):
            found[here] = record
            psd = record.tags.get("psd", "u").lower()
            if psd == "n" or (psd == "y" and here != domain):
                break
        labels = labels[1:] if len(labels) <= _LABELS else labels[-_LABELS:]
    return found


def _organisation(domain: str, walked: dict[str, Policy]) -> str:
    for here, record in walked.items():
        psd = record.tags.get("psd", "u").lower()
        if psd == "n":
            return here
        if psd == "y" and here != domain:
            labels = domain.split(".")
            return ".".join(labels[-len(here.split(".")) - 1 :])
    return min(walked, key=lambda here: here.count("."), default=domain)


def _record(names: Names, domain: str) -> Policy | None:
    """The one record at a domain; several count as none."""
    texts = [text for text in names.texts(f"_dmarc.{domain}") if re.match(r"v\s*=\s*DMARC1\s*(;|\Z)", text)]
    if len(texts) != 1:
        return None
    pairs = (part.partition("=") for part in texts[0].split(";") if "=" in part)
    return Policy(domain, texts[0], {name.strip().lower(): value.strip() for name, _, value in pairs})

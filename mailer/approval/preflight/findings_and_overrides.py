"""What checks report, grouped so that one cause is one line, and the reasons for sending in spite of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mailer.approval.preflight.check_input import Description, Place

Level = Literal["error", "warning"]
MAX_REASON = 500


@dataclass(frozen=True)
class Found:
    """One place that a check objects to."""

    place: Place
    # What stands there, or a sentence for staff as `stored_texts` stores it; may be empty.
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """A line of the table of checks."""

    # Stable: "text.placeholder". Overrides, the API and tests name it.
    code: str
    # An error prevents submission; a warning does not.
    level: Level
    # What is wrong, and what to do, as `stored_texts` stores it.
    text: str
    advice: str
    find: Callable[[Description], Iterable[Found]]
    # Whether a submitter may override the error with a reason.
    overridable: bool = True


@dataclass(frozen=True)
class Override:
    """Why an error does not keep the edition from being sent."""

    reason: str
    # The username of who gave the reason.
    by: str


@dataclass(frozen=True)
class Finding:
    """What one check found, in all its places: one line for staff."""

    code: str
    level: Level
    text: str
    advice: str
    found: tuple[Found, ...]
    overridable: bool = True
    override: Override | None = None

    @property
    def id(self) -> str:
        """Names the finding with its places: an override is for what its author saw, and nothing more."""
        places = json.dumps([asdict(one) for one in self.found], ensure_ascii=False, sort_keys=True)
        return f"{self.code}:{hashlib.sha256(places.encode()).hexdigest()[:12]}"

    @property
    def blocks(self) -> bool:
        """Whether it prevents submission."""
        return self.level == "error" and self.override is None

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it; `from_dict` is the inverse."""
        return {
            "id": self.id,
            "code": self.code,
            "level": self.level,
            "text": self.text,
            "advice": self.advice,
            "overridable": self.overridable,
            "places": [{**asdict(one.place), "detail": one.detail} for one in self.found],
            "override": asdict(self.override) if self.override else None,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Finding:
        """The finding of its JSON."""
        # Snapshots of earlier versions have the level and the text only.
        places = [dict(one) for one in raw.get("places", ())]
        return cls(
            raw.get("code", ""),
            raw["level"],
            raw["text"],
            raw.get("advice", ""),
            tuple(Found(detail=one.pop("detail"), place=Place(**one)) for one in places),
            raw.get("overridable", False),
            Override(**raw["override"]) if raw.get("override") else None,
        )


@dataclass(frozen=True)
class OverrideRefused(Exception):  # noqa: N818  (a decision, named as one)
    """An override without a reason, of a check that allows none, or of something that was not found."""

    code: str
    id: str = field(default="")


def run_checks(checks: Sequence[Check], description: Description) -> tuple[Finding, ...]:
    """What the checks find, errors first, in the order of the table; each place once."""
    found = [(check, tuple(dict.fromkeys(check.find(description)))) for check in checks]
    findings = [
        Finding(check.code, check.level, check.text, check.advice, places, check.overridable)
        for check, places in found
        if places
    ]
    return tuple(sorted(findings, key=lambda one: one.level))


def with_overrides(
    findings: Iterable[Finding], reasons: Mapping[str, str], username: str
) -> tuple[Finding, ...]:
    """The findings with the overrides that `reasons` (by the findings' ids) give. Raises OverrideRefused.

    An empty reason is none: the error keeps blocking. An id that is not found any more is refused, because
    its author saw other places than there are now.
    """
    given = {key: " ".join(reason.split())[:MAX_REASON] for key, reason in reasons.items()}
    given = {key: reason for key, reason in given.items() if reason}
    result = []
    for one in findings:
        reason = given.pop(one.id, "")
        if reason and not (one.level == "error" and one.overridable):
            raise OverrideRefused(one.code, one.id)
        result.append(replace(one, override=Override(reason, username)) if reason else one)
    for key in given:
        raise OverrideRefused(key.partition(":")[0], key)
    return tuple(result)


def overrides_note(reasons: Mapping[str, str]) -> str:
    """What the audit log keeps of reasons by the findings' ids: "link.dead: The page opens on Monday."."""
    return "; ".join(
        f"{key.partition(':')[0]}: {' '.join(reason.split())}" for key, reason in reasons.items()
    )

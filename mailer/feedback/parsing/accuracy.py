"""How good the reader is: its findings against a folder of messages whose answers are known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mailer.delivery import identifiers
from mailer.feedback.parsing.parse import read
from mailer.feedback.parsing.records import Reading, Recipient

# Any number: the one that a message's token names.
_DELIVERY = 4711
# Reasons of records about no failure.
_NO_FAILURES = {"delivered", "vacation", "feedback"}


class ScoreError(Exception):
    """The expectations cannot be understood."""


@dataclass
class Score:
    messages: int = 0
    # Recipients that the expectations name, and those of them that were found.
    recipients: int = 0
    found: int = 0
    # Expected not to be hard, and said to be; expected to be hard, and not said to be.
    soft: int = 0
    false_hard: int = 0
    hard: int = 0
    missed_hard: int = 0
    # Messages about somebody who failed, and those of them whose delivery was known by a token.
    bounces: int = 0
    proved: int = 0
    # Messages that are no bounces and were called one.
    false_bounces: int = 0
    # Messages whose reading depends on their line ends.
    unlike: int = 0
    seconds: float = 0.0
    # One line per error: what was expected and what was said.
    errors: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The counts with their rates in per cent."""
        counts = {name: value for name, value in asdict(self).items() if name not in ("seconds", "errors")}
        rates = {
            "found_percent": _percent(self.found, self.recipients),
            "false_hard_percent": _percent(self.false_hard, self.soft),
            "missed_hard_percent": _percent(self.missed_hard, self.hard),
            "proved_percent": _percent(self.proved, self.bounces),
            "messages_per_second": round(self.messages / self.seconds) if self.seconds else 0,
        }
        return counts | rates


def score(folder: Path) -> Score:
    """The score over `folder`, which holds messages and `expected.json`.

    Raises FileNotFoundError where there are no expectations, ScoreError where they cannot be understood.
    """
    total = Score()
    for name, raw, expected in _samples(folder):
        begun = time.process_time()
        reading = read(raw)
        total.seconds += time.process_time() - begun
        total.messages += 1
        _judge(total, name, reading, expected)
        if _fails(expected):
            total.bounces += 1
            total.proved += _proved(read(raw, identifiers.envelope_sender(_DELIVERY)))
        plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if any(read(plain.replace(b"\n", ends)) != reading for ends in (b"\n", b"\r\n", b"\r")):
            total.unlike += 1
            total.errors.append(f"{name}: reads differently with other line ends")
    return total


def _samples(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    path = folder / "expected.json"
    try:
        expectations = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScoreError(f"{path}: is not JSON: {error}") from error
    if not isinstance(expectations, dict):
        raise ScoreError(f"{path}: must be an object with a member for each message.")
    for name, expected in sorted(expectations.items()):
        yield name, (folder / name).read_bytes(), expected


def _fails(expected: dict[str, Any]) -> bool:
    """Whether the message is about somebody whose delivery failed or waits."""
    reasons = {record.get("reason") for record in expected.get("records", [])}
    return expected.get("is_bounce") is not False and bool(reasons - _NO_FAILURES)


def _proved(reading: Reading) -> bool:
    """Whether a token in the envelope led to the delivery, and the reading says what became of it."""
    return reading.delivery == _DELIVERY and bool(reading.recipients)


def _judge(total: Score, name: str, reading: Reading, expected: dict[str, Any]) -> None:
    records = expected.get("records", [])
    feedback = expected.get("feedback_types") or any(record.get("feedback_type") for record in records)
    if feedback or expected.get("is_bounce") is False:
        if reading.kind == "bounce":
            total.false_bounces += 1
            total.errors.append(f"{name}: is no bounce")
        return
    for record in records if expected.get("recipients_known", True) else ():
        _judge_record(total, name, reading, record)


def _judge_record(total: Score, name: str, reading: Reading, record: dict[str, Any]) -> None:
    names = {str(record.get(key, "")).lower() for key in ("recipient", "alias")} - {""}
    total.recipients += 1
    match = next((one for one in reading.recipients if names & {one.address, one.alias}), None)
    if match is None:
        total.errors.append(
            f"{name}: {reading.kind}: nobody found of {len(names)}, said {len(reading.recipients)} others"
        )
    else:
        total.found += 1
    said_hard = reading.kind == "bounce" and match is not None and match.bounce_class == "hard"
    if record["hardbounce"]:
        total.hard += 1
        total.missed_hard += not said_hard
    else:
        total.soft += 1
        total.false_hard += said_hard
    if said_hard != record["hardbounce"]:
        total.errors.append(f"{name}: {record['reason']} {record.get('status')}: {_say(match)}")


def _say(match: Recipient | None) -> str:
    return (
        "nobody" if match is None else f"{match.bounce_class} {match.reason} {match.status} by “{match.rule}”"
    )


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0

"""Measures the accuracy of the parser against a folder of messages whose results are known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mailer.delivery import message_identifiers
from mailer.feedback.parsing.classify_bounce_reasons import active_rules
from mailer.feedback.parsing.parse import parse_message
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage, Recipient

# Any id: the one that the token of a message names.
_DELIVERY = 4711
# Reasons of records that are not about a failure.
_NO_FAILURES = {"delivered", "vacation", "feedback"}


class ScoreError(Exception):
    """The expected results are invalid."""


@dataclass
class Score:
    """Counts over a folder of messages."""

    messages: int = 0
    # Expected recipients, and those of them that were found.
    recipients: int = 0
    found: int = 0
    # Expected not to be hard, and those of them called hard; expected to be hard, and those not called so.
    soft: int = 0
    false_hard: int = 0
    hard: int = 0
    missed_hard: int = 0
    # Messages about a failure, and those of them whose delivery a token identified.
    bounces: int = 0
    identified: int = 0
    # Messages that are no bounces and were called bounces.
    false_bounces: int = 0
    # Messages whose result depends on their line ends.
    line_end_differences: int = 0
    seconds: float = 0.0
    # One line per error: what was expected, and the result.
    errors: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The counts, with rates in per cent."""
        counts = {name: value for name, value in asdict(self).items() if name not in ("seconds", "errors")}
        rates = {
            "found_percent": _percent(self.found, self.recipients),
            "false_hard_percent": _percent(self.false_hard, self.soft),
            "missed_hard_percent": _percent(self.missed_hard, self.hard),
            "identified_percent": _percent(self.identified, self.bounces),
            "messages_per_second": round(self.messages / self.seconds) if self.seconds else 0,
        }
        return counts | rates


def score(folder: Path) -> Score:
    """The score over `folder`, which holds messages and `expected.json`.

    Raises FileNotFoundError without expected results, ScoreError where they are invalid.
    """
    total = Score()
    # A process reads rules and keywords once, so that is not part of the speed.
    active_rules().compile()
    active_rules().index.possible_in("")
    parse_message(b"From: MAILER-DAEMON\nSubject: failure\n\n<a@example.org>: unknown user\n")
    for name, raw, expected in _samples(folder):
        begun = time.process_time()
        parsed = parse_message(raw)
        total.seconds += time.process_time() - begun
        total.messages += 1
        _compare(total, name, parsed, expected)
        if _fails(expected):
            total.bounces += 1
            total.identified += _is_identified(
                parse_message(raw, message_identifiers.envelope_sender(_DELIVERY))
            )
        plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if any(parse_message(plain.replace(b"\n", ends)) != parsed for ends in (b"\n", b"\r\n", b"\r")):
            total.line_end_differences += 1
            total.errors.append(f"{name}: has another result with other line ends")
    return total


def _samples(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    path = folder / "expected.json"
    try:
        expectations = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScoreError(f"{path}: is not JSON: {error}") from error
    if not isinstance(expectations, dict):
        raise ScoreError(f"{path}: must be an object with one member per message.")
    for name, expected in sorted(expectations.items()):
        yield name, (folder / name).read_bytes(), expected


def _fails(expected: dict[str, Any]) -> bool:
    """Whether the message is about a delivery that failed or is delayed."""
    reasons = {record.get("reason") for record in expected.get("records", [])}
    return expected.get("is_bounce") is not False and bool(reasons - _NO_FAILURES)


def _is_identified(parsed: ParsedReturnedMessage) -> bool:
    """Whether the token in the envelope identified the delivery, and the result has a recipient."""
    return parsed.delivery == _DELIVERY and bool(parsed.recipients)


def _compare(total: Score, name: str, parsed: ParsedReturnedMessage, expected: dict[str, Any]) -> None:
    records = expected.get("records", [])
    feedback = expected.get("feedback_types") or any(record.get("feedback_type") for record in records)
    if feedback or expected.get("is_bounce") is False:
        if parsed.kind == "bounce":
            total.false_bounces += 1
            total.errors.append(f"{name}: is no bounce")
        return
    for record in records if expected.get("recipients_known", True) else ():
        _compare_record(total, name, parsed, record)


def _compare_record(total: Score, name: str, parsed: ParsedReturnedMessage, record: dict[str, Any]) -> None:
    names = {str(record.get(key, "")).lower() for key in ("recipient", "alias")} - {""}
    total.recipients += 1
    match = next((one for one in parsed.recipients if names & {one.address, one.alias}), None)
    if match is None:
        total.errors.append(
            f"{name}: {parsed.kind}: no recipient found of {len(names)}, but {len(parsed.recipients)} others"
        )
    else:
        total.found += 1
    bounce_class = match.classification.bounce_class if match else ""
    called_hard = parsed.kind == "bounce" and bounce_class == "hard"
    if record["hardbounce"]:
        total.hard += 1
        total.missed_hard += not called_hard
    else:
        total.soft += 1
        total.false_hard += called_hard
    if called_hard != record["hardbounce"]:
        total.errors.append(f"{name}: {record['reason']} {record.get('status')}: {_describe(match)}")


def _describe(match: Recipient | None) -> str:
    if match is None:
        return "no recipient"
    found = match.classification
    return f"{found.bounce_class} {found.reason} {found.status} by “{found.rule}”"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0

"""Why a message came back: a reason from the server's words, a class from the reason; the rules are data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

# Characters of each text that rules are tried against.
_LIMIT = 1_500
_ADDRESS = re.compile(r"[<\"'\[]{0,2}[^\s<>\"'(),;:\[\]]{1,80}@[^\s<>\"'(),;:\[\]@]{1,253}[>\"'\]]{0,2}")
_LINK = re.compile(r"https?://\S{1,500}")
_SPACE = re.compile(r"\s+")
_CODE = re.compile(r"(?<![\d.\[])([245]\.\d{1,2}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.\-:])([245][0-5]\d)(?=[ \-:#]|$)")


@dataclass(frozen=True)
class Verdict:
    # A key of [reasons] in rules.toml.
    reason: str
    # hard, soft, block or unknown.
    bounce_class: str
    # Enhanced code that was believed, "5.1.1"; "" without one.
    status: str
    # Name of the rule, or the code, that decided.
    rule: str


@dataclass(frozen=True)
class _Rule:
    name: str
    reason: str
    text: re.Pattern[str] | None
    not_text: re.Pattern[str] | None
    context: re.Pattern[str] | None
    not_context: re.Pattern[str] | None
    status: re.Pattern[str] | None
    not_status: re.Pattern[str] | None
    reply: re.Pattern[str] | None
    host: re.Pattern[str] | None

    def fits(self, text: str, context: str, status: str, reply: str, host: str) -> bool:
        """Whether every condition of the rule holds."""
        return (
            (self.status is None or bool(self.status.match(status)))
            and (self.reply is None or bool(self.reply.match(reply)))
            and (self.host is None or bool(self.host.search(host)))
            and (self.text is None or bool(self.text.search(text)))
            and (self.not_text is None or not self.not_text.search(text))
            and (self.not_status is None or not self.not_status.match(status))
            and (self.context is None or bool(self.context.search(context)))
            and (self.not_context is None or not self.not_context.search(context))
        )


@dataclass(frozen=True)
class Rules:
    rules: tuple[_Rule, ...]
    classes: dict[str, str]
    status: dict[str, str]
    reply: dict[str, str]


def classify(diagnostic: str, words: str = "", status: str = "", host: str = "") -> Verdict:
    """The verdict on one recipient.

    `diagnostic` is what the refusing server said, `words` the rest of the notice, `status` the report's
    enhanced code. A specific code inside the diagnosis beats a general one (x.0.0) in the status field.
    """
    said, rest = _plain(diagnostic), _plain(words)
    code = _believed(status, (diagnostic or words)[:_LIMIT])
    found = _REPLY.search(diagnostic[:_LIMIT]) or _REPLY.search(words[:_LIMIT])
    reply = found[1] if found else ""
    rules = _rules()
    for text in (said, rest):
        for rule in rules.rules if text else ():
            if rule.fits(text, f"{said} {rest}", code, reply, host):
                return _verdict(rules, rule.reason, code, rule.name)
    return _by_code(rules, code, reply)


def load(text: str) -> Rules:
    """Rules from TOML; raises ValueError that names the rule which cannot be used."""
    table = tomllib.loads(text)
    classes = table["reasons"]
    rules = tuple(_rule(entry, classes) for entry in table["rule"])
    for section in ("status", "reply"):
        for code, reason in table[section].items():
            if reason not in classes:
                raise ValueError(
                    f"rules.toml: [{section}] {code} gives {reason!r}, which [reasons] does not know."
                )
    return Rules(rules, classes, table["status"], table["reply"])


@lru_cache(maxsize=1)
def _rules() -> Rules:
    return load(resources.files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))


def _rule(entry: dict[str, Any], classes: dict[str, str]) -> _Rule:
    if entry["reason"] not in classes:
        raise ValueError(
            f"rules.toml: rule {entry['name']!r} gives {entry['reason']!r}, which [reasons] does not know."
        )
    conditions = {
        key: _pattern(entry.get(key), entry["name"])
        for key in _Rule.__dataclass_fields__
        if key not in ("name", "reason")
    }
    return _Rule(name=entry["name"], reason=entry["reason"], **conditions)


def _pattern(value: str | Iterable[str] | None, name: str) -> re.Pattern[str] | None:
    if value is None:
        return None
    alternatives = value if isinstance(value, str) else "|".join(value)
    try:
        return re.compile(alternatives)
    except re.error as error:
        raise ValueError(f"rules.toml: rule {name!r} holds a broken expression: {error}.") from error


def _plain(text: str) -> str:
    """Lower case on one line; addresses become "@" and links go, so that no name in them decides."""
    text = _LINK.sub("", text[:_LIMIT])
    return _SPACE.sub(" ", _ADDRESS.sub("@", text)).strip().lower()


def _believed(status: str, text: str) -> str:
    codes = [code for code in _CODE.findall(text) if code[0] != "2"]
    if status and not status.endswith(".0.0"):
        return status
    return next((code for code in codes if not code.endswith(".0.0")), status or (codes[0] if codes else ""))


def _by_code(rules: Rules, code: str, reply: str) -> Verdict:
    for known in (code, code.rpartition(".")[0]):
        if known and known in rules.status:
            return _verdict(rules, rules.status[known], code, f"code {known}")
    if reply in rules.reply:
        return _verdict(rules, rules.reply[reply], code, f"reply {reply}")
    return _verdict(rules, "unknown", code, "no rule")


def _verdict(rules: Rules, reason: str, code: str, rule: str) -> Verdict:
    return Verdict(reason, rules.classes[reason], code, rule)

"""Classifies bounces: a reason from the server's text by rules, and a class from the reason.

The rules are those of the custom file that the configuration names, then those of rules.toml.
"""

from __future__ import annotations

import logging
import re
import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from django.conf import settings

from mailer.config import Config

# Characters of each text that rules are tried against.
_LIMIT = 1_500
# It begins where a word begins, so that each word is tried once.
_ADDRESS = re.compile(
    r"[<\"'\[]{0,2}(?<![^\s<>\"'(),;:\[\]])[^\s<>\"'(),;:\[\]]{1,80}@[^\s<>\"'(),;:\[\]@]{1,253}[>\"'\]]{0,2}"
)
_LINK = re.compile(r"https?://\S{1,500}")
# The server that replied, "host mx.example.org[192.0.2.1] said": its name may contain any keyword.
_HOST_NAME = r"(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}\.?"
_REPLYING_HOST = re.compile(
    rf"(?<![\w.-]){_HOST_NAME}(?= ?[\[(](?:ipv6:)?[\da-f.:]{{3,39}}[\])])"
    rf"|(?:(?<=host )|(?<=talking to )){_HOST_NAME}",
)
# Our own subject line, which the server repeats.
_SUBJECT = re.compile(
    r"^[ \t]*(?:subject|betreff|objet|тема|konu|asunto|oggetto|件名)[ \t]*:.*$", re.MULTILINE
)
_SPACE = re.compile(r"\s+")
_CODE = re.compile(r"(?<![\d.\[])([245]\.\d{1,2}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.\-:])([245][0-5]\d)(?=[ \-:#,]|$)")


@dataclass(frozen=True)
class Classification:
    """Why one recipient did not get a message."""

    # A key of [reasons] in rules.toml.
    reason: str
    # hard, soft, block or unknown.
    bounce_class: str
    # Enhanced code (RFC 3463) that was used, "5.1.1"; "" without one.
    status: str
    # Name of the rule, or the code, that decided.
    rule: str


# Of a recipient whose mail did not fail.
UNCLASSIFIED = Classification("", "", "", "")


def classify(
    diagnostic: str, notice: str = "", status: str = "", host: str = "", stage: str = ""
) -> Classification:
    """Why one recipient did not get a message, from a bounce or from a refusal in our own session.

    `diagnostic` is the reply of the refusing server, codes included ("550 5.1.1 …"), `notice` the rest of the
    text, `status` the report's enhanced code, `host` the server's name. `stage` is the stage of the session
    at which it refused, where that is known: connect, mail, rcpt or data; else it is looked for in the texts.
    A specific code in the diagnostic beats a general one (x.0.0) in `status`. Never raises.
    """
    rules = active_rules()
    reply_text, notice_text = _normalise(diagnostic), _normalise(notice)
    code = _enhanced_code(status, (diagnostic or notice)[:_LIMIT])
    reply = _reply_code(diagnostic) or _reply_code(notice)
    refused_at = stage or _stage(rules, reply_text) or _stage(rules, notice_text)
    for text in filter(None, (reply_text, notice_text)):
        given = RuleInput(text, f"{reply_text} {notice_text}", code, reply, refused_at, host)
        for rule in rules.rules:
            if rule.matches(given):
                return _classification(rules, rule.reason, code, rule.name)
    return _by_code(rules, code, reply)


def classification_for(reason: str, status: str, rule: str) -> Classification:
    """The classification where the reason is known from elsewhere; `rule` says from where."""
    return _classification(active_rules(), reason, status, rule)


def _normalise(text: str) -> str:
    """Lower case on one line; addresses become "@"; links, host names and our subject go: no name decides."""
    text = _LINK.sub("", _SUBJECT.sub("", text[:_LIMIT].lower()))
    return _SPACE.sub(" ", _REPLYING_HOST.sub("", _ADDRESS.sub("@", text))).strip()


def _enhanced_code(status: str, text: str) -> str:
    codes = [code for code in _CODE.findall(text) if code[0] != "2"]
    if status and not status.endswith(".0.0"):
        return status
    return next((code for code in codes if not code.endswith(".0.0")), status or (codes[0] if codes else ""))


def _reply_code(text: str) -> str:
    found = _REPLY.search(text[:_LIMIT])
    return found[1] if found else ""


def _stage(rules: Rules, text: str) -> str:
    """The last stage that the text names: what follows it is the reply to it."""
    last = "", -1
    for stage in STAGES:
        for pattern in rules.stages[stage] if text else ():
            for found in pattern.finditer(text):
                last = max(last, (stage, found.end()), key=lambda one: one[1])
    return last[0]


def _by_code(rules: Rules, code: str, reply: str) -> Classification:
    for known in (code, code.rpartition(".")[0]):
        if known and known in rules.status:
            return _classification(rules, rules.status[known], code, f"code {known}")
    if reply in rules.reply:
        return _classification(rules, rules.reply[reply], code, f"reply {reply}")
    return _classification(rules, "unknown", code, "no rule")


def _classification(rules: Rules, reason: str, code: str, rule: str) -> Classification:
    return Classification(reason, rules.classes[reason], code, rule)


log = logging.getLogger(__name__)

_BUILT_IN = "rules.toml"
CLASSES = ("hard", "soft", "block", "unknown")
# Stages of an SMTP session at which a server can refuse, in their order.
STAGES = ("connect", "mail", "rcpt", "data")

_PHRASE = re.compile(r"<<(.{1,40}?)>>")

# Alternatives are not joined: Python finds the first letter of one expression fast, of many joined ones
# slowly.
_Patterns = tuple[re.Pattern[str], ...]


class RulesError(ValueError):
    """A file of rules is invalid; the message names the file, the rule and the error."""


@dataclass(frozen=True)
class RuleInput:
    """What rules look at: texts in lower case, on one line, without names of servers and addresses."""

    # The text to classify, and the whole text of the notice.
    text: str
    context: str
    # Enhanced code, "5.1.1", and three-digit reply, "550"; "" without one.
    status: str
    reply: str
    # One of STAGES; "" where it is unknown.
    stage: str
    # Name of the server that replied.
    host: str


@dataclass(frozen=True)
class Rule:
    """One rule: a reason and its conditions; a condition that the rule does not set is empty."""

    name: str
    reason: str
    text: _Patterns
    not_text: _Patterns
    context: _Patterns
    not_context: _Patterns
    status: _Patterns
    not_status: _Patterns
    reply: _Patterns
    not_reply: _Patterns
    stage: _Patterns
    not_stage: _Patterns
    host: _Patterns

    def matches(self, given: RuleInput) -> bool:
        """Whether every condition holds; the cheap ones are tested first."""
        return (
            (not self.status or _starts_with(self.status, given.status))
            and (not self.reply or _starts_with(self.reply, given.reply))
            and (not self.stage or _starts_with(self.stage, given.stage))
            and not _starts_with(self.not_status, given.status)
            and not _starts_with(self.not_reply, given.reply)
            and not _starts_with(self.not_stage, given.stage)
            and (not self.host or _found_in(self.host, given.host))
            and (not self.text or _found_in(self.text, given.text))
            and (not self.context or _found_in(self.context, given.context))
            and not _found_in(self.not_text, given.text)
            and not _found_in(self.not_context, given.context)
        )


_CONDITIONS = tuple(field.name for field in fields(Rule) if field.name not in ("name", "reason"))


@dataclass(frozen=True)
class Rules:
    """The rules in their order, and the tables by which codes are classified."""

    rules: tuple[Rule, ...]
    # Reason → hard, soft, block or unknown.
    classes: dict[str, str]
    # Enhanced code, or its first two numbers → reason.
    status: dict[str, str]
    # Three-digit reply → reason.
    reply: dict[str, str]
    # Expressions that show at which stage a server refused.
    stages: dict[str, _Patterns]
    # Expressions by the names that rules use for them, <<name>>.
    phrases: dict[str, str]


def active_rules() -> Rules:
    """The custom rules of [bounces] rules, then the built-in ones.

    Bounces must be parsed even while the custom file is invalid: then only the built-in rules apply, and the
    error is logged. `check` raises it instead.
    """
    return _active_rules(_custom_path(settings.CONFIG))


def check_rules(config: Config) -> None:
    """Validate the custom file of rules. Raises RulesError."""
    path = _custom_path(config)
    if path is not None:
        _with_custom(path)


def load_rules(text: str, origin: str, base: Rules | None = None) -> Rules:
    """Rules from TOML, followed by those of `base`, whose reasons are then the known ones.

    Raises RulesError, whose message begins with `origin`, the name of the file.
    """
    try:
        table = tomllib.loads(text)
        classes = base.classes if base else table["reasons"]
        if unknown := set(classes.values()) - set(CLASSES):
            raise RulesError(f"[reasons]: {min(unknown)!r} is not a class; known: {', '.join(CLASSES)}.")
        return _assemble(table, classes, base)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{origin}: is not valid TOML: {error}.") from error
    except KeyError as error:
        raise RulesError(f"{origin}: [{error.args[0]}] is missing.") from error
    except RulesError as error:
        raise RulesError(f"{origin}: {error}") from error


def _assemble(table: dict[str, Any], classes: dict[str, str], base: Rules | None) -> Rules:
    known = {"rule", "status", "reply", "phrases"} | (set() if base else {"reasons", "stages"})
    if unknown := set(table) - known:
        raise RulesError(f"unknown section {min(unknown)!r}; known: {', '.join(sorted(known))}.")
    phrases = (base.phrases if base else {}) | {
        name: _alternatives(name, value) for name, value in table.get("phrases", {}).items()
    }
    codes = {section: _reasons(table.get(section, {}), section, classes) for section in ("status", "reply")}
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise RulesError("each rule begins with a line [[rule]].")
    return Rules(
        rules=tuple(_rule(entry, classes, phrases) for entry in listed) + (base.rules if base else ()),
        classes=classes,
        status=(base.status if base else {}) | codes["status"],
        reply=(base.reply if base else {}) | codes["reply"],
        stages=base.stages
        if base
        else {name: _patterns(table["stages"][name], name, phrases) for name in STAGES},
        phrases=phrases,
    )


def _alternatives(name: str, value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RulesError(f"[phrases] {name}: must be a list of texts in quotes.")
    return f"(?:{'|'.join(value)})"


def _reasons(codes: dict[str, str], section: str, classes: dict[str, str]) -> dict[str, str]:
    for code, reason in codes.items():
        if reason not in classes:
            raise RulesError(f"[{section}] {code}: {reason!r} is not a reason; known: {', '.join(classes)}.")
    return codes


def _rule(entry: dict[str, Any], classes: dict[str, str], phrases: dict[str, str]) -> Rule:
    name, reason = entry.get("name"), entry.get("reason")
    if not isinstance(name, str) or not name:
        raise RulesError('a [[rule]] has no name; write name = "what it recognises".')
    if reason not in classes:
        raise RulesError(f"rule {name!r}: {reason!r} is not a reason; known: {', '.join(classes)}.")
    asked = set(entry) - {"name", "reason"}
    if unknown := asked - set(_CONDITIONS):
        raise RulesError(f"rule {name!r}: unknown key `{min(unknown)}`; known: {', '.join(_CONDITIONS)}.")
    if not asked:
        raise RulesError(f"rule {name!r} has no condition and would match everything.")
    conditions = {key: _patterns(entry.get(key, ()), name, phrases) for key in _CONDITIONS}
    return Rule(name=name, reason=str(reason), **conditions)


def _patterns(value: object, name: str, phrases: dict[str, str]) -> _Patterns:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise RulesError(f"rule {name!r}: a condition must be a text in quotes, or a list of them.")
    try:
        return tuple(re.compile(_PHRASE.sub(lambda found: phrases[found[1]], text)) for text in texts)
    except KeyError as error:
        raise RulesError(f"rule {name!r}: [phrases] has no {error.args[0]!r}.") from error
    except re.error as error:
        raise RulesError(f"rule {name!r}: {error.pattern!r} is not a regular expression: {error}.") from error


# Loops, since these run about a hundred times for each message: a generator takes twice as long.
def _found_in(patterns: _Patterns, text: str) -> bool:
    """Whether any of the expressions matches anywhere in the text."""
    for pattern in patterns:  # noqa: SIM110
        if pattern.search(text):
            return True
    return False


def _starts_with(patterns: _Patterns, text: str) -> bool:
    """Whether any of the expressions matches at the beginning of the text."""
    for pattern in patterns:  # noqa: SIM110
        if pattern.match(text):
            return True
    return False


def _custom_path(config: Config) -> Path | None:
    return config.path(config.bounces.rules) if config.bounces.rules else None


@lru_cache(maxsize=4)
def _active_rules(path: Path | None) -> Rules:
    if path is None:
        return _built_in()
    try:
        return _with_custom(path)
    except RulesError as error:
        log.error("action=bounce_rules_invalid error=%s", error)
        return _built_in()


def _with_custom(path: Path) -> Rules:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: cannot be read ({error}); see [bounces] rules.") from error
    return load_rules(text, str(path), _built_in())


@lru_cache(maxsize=1)
def _built_in() -> Rules:
    text = resources.files(__package__).joinpath(_BUILT_IN).read_text(encoding="utf-8")
    return load_rules(text, _BUILT_IN)

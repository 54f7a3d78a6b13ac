"""Loads the rules by which returned mail is judged: rules.toml, and before it the office's own file."""

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

logger = logging.getLogger(__name__)

_BUILT_IN = "rules.toml"
CLASSES = ("hard", "soft", "block", "unknown")
# Steps of the SMTP talk at which a server can refuse, in their order.
STAGES = ("connect", "mail", "rcpt", "data")

_NAME = re.compile(r"<<(.{1,40}?)>>")

# Alternatives stay apart: Python finds the first letter of one expression fast, of many joined ones slowly.
_Any = tuple[re.Pattern[str], ...]


class RulesError(ValueError):
    """A file of rules cannot be used; says which file, which rule, and what is wrong with it."""


@dataclass(frozen=True)
class Said:
    """What rules look at: everything in lower case, on one line, without names."""

    # The text under judgement, and everything that the notice says.
    text: str
    context: str
    # Enhanced code, "5.1.1", and three-digit reply, "550"; "" without one.
    status: str
    reply: str
    # One of STAGES; "" where nothing tells.
    stage: str
    # Name of the server that spoke.
    host: str


@dataclass(frozen=True)
class Rule:
    """Each condition is empty where the rule does not ask."""

    name: str
    reason: str
    text: _Any
    not_text: _Any
    context: _Any
    not_context: _Any
    status: _Any
    not_status: _Any
    reply: _Any
    not_reply: _Any
    stage: _Any
    not_stage: _Any
    host: _Any

    def fits(self, said: Said) -> bool:
        """Whether every condition holds; the cheap ones are asked first."""
        return (
            (not self.status or _begins(self.status, said.status))
            and (not self.reply or _begins(self.reply, said.reply))
            and (not self.stage or _begins(self.stage, said.stage))
            and not _begins(self.not_status, said.status)
            and not _begins(self.not_reply, said.reply)
            and not _begins(self.not_stage, said.stage)
            and (not self.host or _stands(self.host, said.host))
            and (not self.text or _stands(self.text, said.text))
            and (not self.context or _stands(self.context, said.context))
            and not _stands(self.not_text, said.text)
            and not _stands(self.not_context, said.context)
        )


_CONDITIONS = tuple(field.name for field in fields(Rule) if field.name not in ("name", "reason"))


@dataclass(frozen=True)
class Rules:
    rules: tuple[Rule, ...]
    # Reason → hard, soft, block or unknown.
    classes: dict[str, str]
    # Enhanced code, or its first two numbers → reason.
    status: dict[str, str]
    # Three-digit reply → reason.
    reply: dict[str, str]
    # Words that tell at which step a server refused.
    stages: dict[str, _Any]
    # Expressions by the names that rules give them, <<name>>.
    words: dict[str, str]


def in_force() -> Rules:
    """The built-in rules, with those of [bounces] rules before them.

    Bounces must be read even while that file is broken: then the built-in ones judge alone, and the log says
    why. `check` raises instead.
    """
    return _in_force(_own_path(settings.CONFIG))


def check(config: Config) -> None:
    """Raises RulesError when the office's own file of rules cannot be used."""
    path = _own_path(config)
    if path is not None:
        _with_own(path)


def load(text: str, origin: str, base: Rules | None = None) -> Rules:
    """Rules from TOML; with a `base`, those are asked after them, and its reasons are the known ones.

    Raises RulesError, which begins with `origin`.
    """
    try:
        table = tomllib.loads(text)
        classes = base.classes if base else table["reasons"]
        if unknown := set(classes.values()) - set(CLASSES):
            raise RulesError(f"[reasons]: {min(unknown)!r} is no class; known: {', '.join(CLASSES)}.")
        return _assemble(table, classes, base)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{origin}: is not valid TOML: {error}.") from error
    except KeyError as error:
        raise RulesError(f"{origin}: [{error.args[0]}] is missing.") from error
    except RulesError as error:
        raise RulesError(f"{origin}: {error}") from error


def _assemble(table: dict[str, Any], classes: dict[str, str], base: Rules | None) -> Rules:
    known = {"rule", "status", "reply", "words"} | (set() if base else {"reasons", "stages"})
    if unknown := set(table) - known:
        raise RulesError(f"unknown section {min(unknown)!r}; known: {', '.join(sorted(known))}.")
    words = (base.words if base else {}) | {
        name: _alternatives(name, value) for name, value in table.get("words", {}).items()
    }
    codes = {section: _reasons(table.get(section, {}), section, classes) for section in ("status", "reply")}
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise RulesError("each rule begins with a line [[rule]].")
    return Rules(
        rules=tuple(_rule(entry, classes, words) for entry in listed) + (base.rules if base else ()),
        classes=classes,
        status=(base.status if base else {}) | codes["status"],
        reply=(base.reply if base else {}) | codes["reply"],
        stages=base.stages
        if base
        else {name: _patterns(table["stages"][name], name, words) for name in STAGES},
        words=words,
    )


def _alternatives(name: str, value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RulesError(f"[words] {name}: must be a list of texts in quotes.")
    return f"(?:{'|'.join(value)})"


def _reasons(codes: dict[str, str], section: str, classes: dict[str, str]) -> dict[str, str]:
    for code, reason in codes.items():
        if reason not in classes:
            raise RulesError(f"[{section}] {code}: {reason!r} is no reason; known: {', '.join(classes)}.")
    return codes


def _rule(entry: dict[str, Any], classes: dict[str, str], words: dict[str, str]) -> Rule:
    name, reason = entry.get("name"), entry.get("reason")
    if not isinstance(name, str) or not name:
        raise RulesError('a [[rule]] has no name; write name = "what it knows".')
    if reason not in classes:
        raise RulesError(f"rule {name!r}: {reason!r} is no reason; known: {', '.join(classes)}.")
    asked = set(entry) - {"name", "reason"}
    if unknown := asked - set(_CONDITIONS):
        raise RulesError(f"rule {name!r}: unknown key `{min(unknown)}`; known: {', '.join(_CONDITIONS)}.")
    if not asked:
        raise RulesError(f"rule {name!r} has no condition and would fit everything.")
    conditions = {key: _patterns(entry.get(key, ()), name, words) for key in _CONDITIONS}
    return Rule(name=name, reason=str(reason), **conditions)


def _patterns(value: object, name: str, words: dict[str, str]) -> _Any:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise RulesError(f"rule {name!r}: a condition must be a text in quotes, or a list of them.")
    try:
        return tuple(re.compile(_NAME.sub(lambda found: words[found[1]], text)) for text in texts)
    except KeyError as error:
        raise RulesError(f"rule {name!r}: [words] has no {error.args[0]!r}.") from error
    except re.error as error:
        raise RulesError(f"rule {name!r}: {error.pattern!r} is no regular expression: {error}.") from error


# Loops, since these run some hundred times a message: a generator costs twice as much.
def _stands(patterns: _Any, text: str) -> bool:
    """Whether any of the expressions stands in the text."""
    for pattern in patterns:  # noqa: SIM110
        if pattern.search(text):
            return True
    return False


def _begins(patterns: _Any, text: str) -> bool:
    """Whether the text begins with any of the expressions."""
    for pattern in patterns:  # noqa: SIM110
        if pattern.match(text):
            return True
    return False


def _own_path(config: Config) -> Path | None:
    return config.path(config.bounces.rules) if config.bounces.rules else None


@lru_cache(maxsize=4)
def _in_force(path: Path | None) -> Rules:
    if path is None:
        return _built_in()
    try:
        return _with_own(path)
    except RulesError as error:
        logger.error("action=bounce_rules_unusable error=%s", error)
        return _built_in()


def _with_own(path: Path) -> Rules:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: cannot be read ({error}); see [bounces] rules.") from error
    return load(text, str(path), _built_in())


@lru_cache(maxsize=1)
def _built_in() -> Rules:
    text = resources.files(__package__).joinpath(_BUILT_IN).read_text(encoding="utf-8")
    return load(text, _BUILT_IN)

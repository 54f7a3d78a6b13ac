"""Classifies bounces: a reason from the server's text by rules, and a class from the reason.

The rules are those of the custom file that the configuration names, then those of rules.toml.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from importlib import resources
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from mailer.config import Config
from mailer.feedback.parsing.dsn import IDEOGRAPHS, WIDE
from mailer.feedback.parsing.fast_regex_lists import (
    PatternIndex,
    PatternList,
    Possible,
    is_found,
    without_accents,
)

# Characters of each text that rules are tried against.
_LIMIT = 1_500
# It begins where a word begins, so that each word is tried once.
_ENDS = rf"\s<>\"'(),;:\[\]{WIDE}{IDEOGRAPHS}"
_ADDRESS = re.compile(
    rf"[<\"'\[]{{0,2}}(?<![^{_ENDS}])[^{_ENDS}]{{1,80}}@[^{_ENDS}@]{{1,253}}[>\"'\]]{{0,2}}"
)
_LINK = re.compile(r"https?://\S{1,500}")
# Blocklists and filters that name themselves in nothing but a link.
_BLOCKLIST = re.compile(
    r"spamhaus|spamcop|barracudacentral|sorbs|uceprotect|abusix|spamrats|mailspike|senderscore|talosintelligence"
    r"|ipcheck|reset-request|invaluement|abuseat|psbl|surbl|uribl|dnswl"
)
# The server that replied, "host mx.example.org[192.0.2.1] said": its name may contain any keyword.
_BRACKETED_IP = re.compile(r"[\[(](?:ipv6:)?[\da-f.:]{3,39}[\])]")
_HOST_NAME = r"(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}\.?"
_REPLYING_HOST = re.compile(
    rf"(?<![\w.-]){_HOST_NAME}(?= ?{_BRACKETED_IP.pattern})"
    rf"|(?:(?<=host )|(?<=talking to )){_HOST_NAME}",
)
# Our own subject line, which the server repeats.
_SUBJECT = re.compile(
    r"^[ \t]*(?:subject|betreff|objet|тема|konu|asunto|oggetto|件名)[ \t]*:.*$", re.MULTILINE
)
# "Dear sender, …": nothing in it is about the sender.
_SALUTATION = re.compile(
    r"\b(?:dear|уважаем\w{1,3}|дорог\w{1,3}|sehr geehrte[rs]?|liebe[rs]?|ch[eè]re?|estimad[oa]"
    r"|gentile|prezad[oa]|szanown[ya]|geachte|sayın|құрметті|урматтуу|hurmatli|ҳурматли|мӯҳтарам|hormatly)"
    r"[ ,]{1,2}[\w/() -]{1,40}[,!:.]"
)
# What must not stand before a code is looked at after its first digit, which few places have.
_CODE = re.compile(r"([245](?<![\d.\[].)\.\d{1,2}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"([245](?<![\d.\-:].)[0-5]\d)(?=[ \-:#,]|$)")
# What fingerprints of replies are made of.
_HOST = re.compile(r"(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}\b")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_DIGIT = re.compile(r"\d")
_FINGERPRINT_WORDS = 40


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
    context = f"{reply_text} {notice_text}".strip()
    possible = rules.index.possible_in(context)
    refused_at = stage or _stage(rules, possible, reply_text) or _stage(rules, possible, notice_text)
    texts = [
        RuleInput(text, context, code, reply, refused_at, host, possible)
        for text in filter(None, (reply_text, notice_text))
    ]
    by_code = _by_code(rules, code, reply, refused_at)
    # Where the report's code is all that the server said, words of the rest of the notice do not outweigh it.
    only_code = bool(status) and by_code.bounce_class == "hard" and not _LETTERS.search(reply_text)
    candidates = rules.candidates(possible)
    for given in texts:
        for rule in candidates:
            if not rule.matches(given) or (refused_at in _BEFORE_RCPT and rules.is_hard(rule)):
                continue
            found = _classification(rules, rule.reason, code, rule.name)
            if rule.is_custom:
                return found
            if not (only_code and found.bounce_class == "block"):
                return _about_us(rules, [given], found)
    return _about_us(rules, texts, by_code)


def _about_us(rules: Rules, texts: Iterable[RuleInput], found: Classification) -> Classification:
    """The classification, unless a text says that the reply is about us: then that is the reason."""
    if found.bounce_class == "block":
        return found
    for given in texts:
        for rule in rules.candidates_about_us(given.possible):
            if rule.matches(given):
                return _classification(rules, rule.reason, found.status, rule.name)
    return found


def classification_for(reason: str, status: str, rule: str) -> Classification:
    """The classification where the reason is known from elsewhere; `rule` says from where."""
    return _classification(active_rules(), reason, status, rule)


def reply_words(text: str, addresses: Collection[str] = ()) -> str:
    """The words of a server's reply, at most 40, lower case: without codes, ids, hosts, links and names.

    It begins at the reply code, if there is one. The local parts of `addresses` are left out too.
    """
    normal = _normalise(text)
    code = _REPLY.search(normal)
    normal = _HOST.sub(" ", normal[code.start() :] if code else normal)
    own = {word for address in addresses for word in _LETTERS.findall(address.partition("@")[0].lower())}
    tokens = (token for token in normal.split() if not _DIGIT.search(token))
    words = (word for token in tokens for word in _LETTERS.findall(token) if word not in own)
    return " ".join(itertools.islice(words, _FINGERPRINT_WORDS))


def reply_fingerprint(text: str, addresses: Collection[str], classification: Classification) -> str:
    """32 hexadecimal digits, equal for the same reply about other addresses; see `reply_words`.

    A reply without words is known by its code and the rule that classified it.
    """
    known = reply_words(text, addresses) or f"{classification.status} {classification.rule}"
    return hashlib.sha256(known.encode()).hexdigest()[:32]


def _normalise(text: str) -> str:
    """Lower case on one line, without accents; addresses become "@", "_" a space; links, host names and our
    subject go: no name decides. Of a link to a blocklist its name stays, since there may be no other reason.
    """
    text = text[:_LIMIT].lower()
    # Most texts lack what most of these expressions look for, place by place.
    if ":" in text:
        text = _SUBJECT.sub("", text)
        if "://" in text:
            text = _LINK.sub(_name_of_blocklist, text)
    if "@" in text:
        text = _ADDRESS.sub("@", text)
    text = text.replace("_", " ")
    text = _SALUTATION.sub("", text)
    if "host " in text or "talking to " in text or _BRACKETED_IP.search(text):
        text = _REPLYING_HOST.sub("", text)
    return without_accents(" ".join(text.split()))


def _name_of_blocklist(link: re.Match[str]) -> str:
    found = _BLOCKLIST.search(link[0])
    return f"blocklist {found[0]}" if found else ""


def _enhanced_code(status: str, text: str) -> str:
    codes = [code for code in _CODE.findall(text) if code[0] != "2"]
    if status and not status.endswith(".0.0"):
        return status
    return next((code for code in codes if not code.endswith(".0.0")), status or (codes[0] if codes else ""))


def _reply_code(text: str) -> str:
    found = _REPLY.search(text[:_LIMIT])
    return found[1] if found else ""


def _stage(rules: Rules, possible: Possible, text: str) -> str:
    """The last stage that the text names: what follows it is the reply to it."""
    last, named = -1, ""
    for stage in STAGES:
        for pattern in possible.get(rules.stages[stage], ()):
            for found in pattern.finditer(text):
                if found.end() > last:
                    last, named = found.end(), stage
    return named


def _by_code(rules: Rules, code: str, reply: str, stage: str) -> Classification:
    if stage in _BEFORE_RCPT and not reply.startswith("4"):
        return _classification(rules, "sender_rejected", code, f"refused at {stage}")
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
# Until the recipient is named no server can refuse it.
_BEFORE_RCPT = ("connect", "mail")

_PHRASE = re.compile(r"<<(.{1,40}?)>>")
# A phrase that each language has under the same name, "<<*.mailbox>>".
_PHRASE_OF_LANGUAGES = re.compile(r"<<\*\.(.{1,40}?)>>")


class RulesError(ValueError):
    """A file of rules is invalid; the message names the file, the rule and the error."""


class RuleInput(NamedTuple):
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
    # Expressions that may match the context, and so all that may match the text.
    possible: Possible


@dataclass(frozen=True)
class Rule:
    """One rule: a reason and its conditions; a condition that the rule does not set is empty."""

    name: str
    reason: str
    text: PatternList
    not_text: PatternList
    context: PatternList
    not_context: PatternList
    status: PatternList
    not_status: PatternList
    reply: PatternList
    not_reply: PatternList
    stage: PatternList
    not_stage: PatternList
    host: PatternList
    # Whether it is from the file that the configuration names.
    is_custom: bool
    # Conditions on codes and on the host: what of the input is tested, the test, and the wanted result.
    _tests: tuple[tuple[Callable[[RuleInput], str], Callable[[str], bool], bool], ...] = field(init=False)
    # Conditions on texts: what is looked for, in which text, and whether it must be found.
    _searches: tuple[tuple[PatternList, Callable[[RuleInput], str], bool], ...] = field(init=False)
    # Lists of which an expression must match.
    required: frozenset[PatternList] = field(init=False)

    def __post_init__(self) -> None:
        tests = [
            (attrgetter(name.removeprefix("not_")), test, not name.startswith("not_"))
            for name in ("status", "reply", "stage", "not_status", "not_reply", "not_stage", "host")
            if (patterns := getattr(self, name))
            for test in (patterns.found_in if name == "host" else patterns.begins,)
        ]
        searches = [
            (patterns, attrgetter(name.removeprefix("not_")), not name.startswith("not_"))
            for name in ("not_text", "not_context", "text", "context")
            if (patterns := getattr(self, name))
        ]
        object.__setattr__(self, "_tests", tuple(tests))
        object.__setattr__(self, "_searches", tuple(searches))
        object.__setattr__(self, "required", frozenset(filter(None, (self.text, self.context))))

    def matches(self, given: RuleInput) -> bool:
        """Whether every condition holds, where an expression of each list in `required` may match; the
        cheap ones are tested first.
        """
        for value, test, is_wanted in self._tests:
            if test(value(given)) != is_wanted:
                return False
        for patterns, value, is_wanted in self._searches:
            if is_wanted != is_found(given.possible.get(patterns, ()), value(given)):
                return False
        return True


_CONDITIONS = tuple(one.name for one in fields(Rule) if one.type == "PatternList")


class _Selection:
    """Selects the rules that may match a text."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        # The places of the rules: by a list that each requires, and of those that require none.
        self._by_list: dict[PatternList, list[int]] = {}
        self._always: list[int] = []
        for place, rule in enumerate(rules):
            first = next(iter(rule.required), None)
            (self._always if first is None else self._by_list.setdefault(first, [])).append(place)

    def candidates(self, possible: Possible) -> list[Rule]:
        """The rules, in their order, whose required lists all have an expression that may match."""
        places = self._always.copy()
        for one in possible:
            places += self._by_list.get(one, ())
        places.sort()
        return [rule for rule in map(self._rules.__getitem__, places) if rule.required <= possible.keys()]


@dataclass(frozen=True)
class Rules:
    """The rules in their order, and the tables by which codes are classified."""

    rules: tuple[Rule, ...]
    # Rules that say that a reply is about us, tried where another gave a reason that is no block.
    about_us: tuple[Rule, ...]
    # Reason → hard, soft, block or unknown.
    classes: dict[str, str]
    # Enhanced code, or its first two numbers → reason.
    status: dict[str, str]
    # Three-digit reply → reason.
    reply: dict[str, str]
    # Expressions that show at which stage a server refused.
    stages: dict[str, PatternList]
    # Expressions by the names that rules use for them, <<name>>; those of a language by "language.name".
    phrases: dict[str, str]

    @cached_property
    def index(self) -> PatternIndex:
        """Of all expressions that are looked for in the texts."""
        lists = (
            (one.text, one.not_text, one.context, one.not_context) for one in (*self.rules, *self.about_us)
        )
        return PatternIndex((*itertools.chain.from_iterable(lists), *self.stages.values()))

    def candidates(self, possible: Possible) -> list[Rule]:
        """The rules, in their order, whose required lists all have an expression that may match."""
        return self._selection.candidates(possible)

    def candidates_about_us(self, possible: Possible) -> list[Rule]:
        """The same of the rules that say that a reply is about us."""
        return self._selection_about_us.candidates(possible)

    @cached_property
    def _selection(self) -> _Selection:
        return _Selection(self.rules)

    @cached_property
    def _selection_about_us(self) -> _Selection:
        return _Selection(self.about_us)

    def compile(self) -> None:
        """Prepare every expression, which otherwise happens where one may match for the first time."""
        for rule in (*self.rules, *self.about_us):
            for name in _CONDITIONS:
                getattr(rule, name).compile()
        for patterns in self.stages.values():
            patterns.compile()

    def is_hard(self, rule: Rule) -> bool:
        return self.classes[rule.reason] == "hard"


def active_rules() -> Rules:
    """The custom rules of [bounces] rules, then the built-in ones.

    Bounces must be parsed even while the custom file is invalid: then only the built-in rules apply, and the
    error is logged. `check` raises it instead.
    """
    return _active_rules(_custom_path(settings.CONFIG))


def require_valid_custom_rules(config: Config) -> None:
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
    known = {"rule", "status", "reply", "phrases"} | (set() if base else {"reasons", "stages", "about_us"})
    if unknown := set(table) - known:
        raise RulesError(f"unknown section {min(unknown)!r}; known: {', '.join(sorted(known))}.")
    phrases = (base.phrases if base else {}) | _phrases(table.get("phrases", {}))
    codes = {section: _reasons(table.get(section, {}), section, classes) for section in ("status", "reply")}
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise RulesError("each rule begins with a line [[rule]].")
    return Rules(
        rules=tuple(_rule(entry, classes, phrases, base is not None) for entry in listed)
        + (base.rules if base else ()),
        about_us=base.about_us
        if base
        else tuple(_rule(entry, classes, phrases, False) for entry in table["about_us"]),
        classes=classes,
        status=(base.status if base else {}) | codes["status"],
        reply=(base.reply if base else {}) | codes["reply"],
        stages=base.stages
        if base
        else {name: _patterns(table["stages"][name], name, phrases, False) for name in STAGES},
        phrases=phrases,
    )


def _phrases(table: dict[str, Any]) -> dict[str, str]:
    """The expressions of [phrases]; those of a language, [phrases.kk], by "kk.mailbox"."""
    found: dict[str, str] = {}
    for name, value in table.items():
        words = value.items() if isinstance(value, dict) else [("", value)]
        for word, texts in words:
            full = f"{name}.{word}" if word else name
            found[full] = _alternatives(full, texts)
    return found


def _spelled_out(text: str, phrases: dict[str, str]) -> list[str]:
    """The expression with its phrases; if it asks for phrases of every language, one expression for each that
    has all of them. Raises KeyError for a phrase that is unknown.
    """
    wanted = set(_PHRASE_OF_LANGUAGES.findall(text))
    languages = {name.partition(".")[0] for name in phrases if "." in name} if wanted else set()
    able = sorted(one for one in languages if all(f"{one}.{word}" in phrases for word in wanted))
    if wanted and not able:
        raise KeyError(f"*.{min(wanted)}")
    single = [_PHRASE_OF_LANGUAGES.sub(rf"<<{one}.\1>>", text) for one in able] if wanted else [text]
    return [_PHRASE.sub(lambda found: phrases[found[1]], one) for one in single]


def _alternatives(name: str, value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RulesError(f"[phrases] {name}: must be a list of texts in quotes.")
    return f"(?:{'|'.join(value)})"


def _reasons(codes: dict[str, str], section: str, classes: dict[str, str]) -> dict[str, str]:
    for code, reason in codes.items():
        if reason not in classes:
            raise RulesError(f"[{section}] {code}: {reason!r} is not a reason; known: {', '.join(classes)}.")
    return codes


def _rule(entry: dict[str, Any], classes: dict[str, str], phrases: dict[str, str], is_custom: bool) -> Rule:
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
    conditions = {key: _patterns(entry.get(key, ()), name, phrases, is_custom) for key in _CONDITIONS}
    return Rule(name=name, reason=str(reason), is_custom=is_custom, **conditions)


def _patterns(value: object, name: str, phrases: dict[str, str], is_custom: bool) -> PatternList:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise RulesError(f"rule {name!r}: a condition must be a text in quotes, or a list of them.")
    try:
        full = itertools.chain.from_iterable(_spelled_out(text, phrases) for text in texts)
        expressions = [without_accents(text) for text in full]
        # The built-in ones are valid, and compiling all of them takes half of the time of reading.
        for expression in expressions if is_custom else ():
            re.compile(expression)
        return PatternList(expressions)
    except KeyError as error:
        raise RulesError(f"rule {name!r}: [phrases] has no {error.args[0]!r}.") from error
    except re.error as error:
        raise RulesError(f"rule {name!r}: {error.pattern!r} is not a regular expression: {error}.") from error


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

"""Classifies bounces: a reason from the server's text by the rules of rules.toml, and a class from the
reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.feedback.parsing.rules import STAGES, RuleInput, Rules, active_rules

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
    # Enhanced code that was used, "5.1.1"; "" without one.
    status: str
    # Name of the rule, or the code, that decided.
    rule: str


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

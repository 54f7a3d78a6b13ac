"""Why a message came back: a reason from the server's words, a class from the reason; the rules are data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.feedback.parsing.rules import STAGES, Rules, Said, in_force

# Characters of each text that rules are tried against.
_LIMIT = 1_500
# It begins where a word begins, so that each word is tried once.
_ADDRESS = re.compile(
    r"[<\"'\[]{0,2}(?<![^\s<>\"'(),;:\[\]])[^\s<>\"'(),;:\[\]]{1,80}@[^\s<>\"'(),;:\[\]@]{1,253}[>\"'\]]{0,2}"
)
_LINK = re.compile(r"https?://\S{1,500}")
# The server that spoke, "host mx.example.org[192.0.2.1] said": its name may hold any word.
_NAME = r"(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}\.?"
_SPEAKER = re.compile(
    rf"(?<![\w.-]){_NAME}(?= ?[\[(](?:ipv6:)?[\da-f.:]{{3,39}}[\])])|(?:(?<=host )|(?<=talking to )){_NAME}",
)
# What we wrote ourselves, repeated by the server.
_SUBJECT = re.compile(
    r"^[ \t]*(?:subject|betreff|objet|тема|konu|asunto|oggetto|件名)[ \t]*:.*$", re.MULTILINE
)
_SPACE = re.compile(r"\s+")
_CODE = re.compile(r"(?<![\d.\[])([245]\.\d{1,2}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.\-:])([245][0-5]\d)(?=[ \-:#,]|$)")


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


def classify(diagnostic: str, words: str = "", status: str = "", host: str = "", stage: str = "") -> Verdict:
    """The verdict on one recipient, of a bounce or of a refusal in a session of our own.

    `diagnostic` is what the refusing server said, codes included ("550 5.1.1 …"), `words` the rest of the
    notice, `status` the report's enhanced code, `host` the server's name. `stage` is the step at which it
    refused, where that is known: connect, mail, rcpt or data; else the words are asked. A specific code
    inside the diagnosis beats a general one (x.0.0) in the status field. Never raises.
    """
    rules = in_force()
    said, rest = _plain(diagnostic), _plain(words)
    code = _believed(status, (diagnostic or words)[:_LIMIT])
    reply = _reply(diagnostic) or _reply(words)
    step = stage or _stage(rules, said) or _stage(rules, rest)
    for text in filter(None, (said, rest)):
        looked_at = Said(text, f"{said} {rest}", code, reply, step, host)
        for rule in rules.rules:
            if rule.fits(looked_at):
                return _verdict(rules, rule.reason, code, rule.name)
    return _by_code(rules, code, reply)


def verdict_for(reason: str, status: str, rule: str) -> Verdict:
    """The verdict where the reason is known otherwise, and named by `rule`."""
    return _verdict(in_force(), reason, status, rule)


def _plain(text: str) -> str:
    """Lower case on one line; addresses become "@"; links, speakers and our subject go: no name decides."""
    text = _LINK.sub("", _SUBJECT.sub("", text[:_LIMIT].lower()))
    return _SPACE.sub(" ", _SPEAKER.sub("", _ADDRESS.sub("@", text))).strip()


def _believed(status: str, text: str) -> str:
    codes = [code for code in _CODE.findall(text) if code[0] != "2"]
    if status and not status.endswith(".0.0"):
        return status
    return next((code for code in codes if not code.endswith(".0.0")), status or (codes[0] if codes else ""))


def _reply(text: str) -> str:
    found = _REPLY.search(text[:_LIMIT])
    return found[1] if found else ""


def _stage(rules: Rules, text: str) -> str:
    """The last step of the talk that the text names: what stands behind it is the answer to it."""
    named = "", -1
    for stage in STAGES:
        for pattern in rules.stages[stage] if text else ():
            for found in pattern.finditer(text):
                named = max(named, (stage, found.end()), key=lambda one: one[1])
    return named[0]


def _by_code(rules: Rules, code: str, reply: str) -> Verdict:
    for known in (code, code.rpartition(".")[0]):
        if known and known in rules.status:
            return _verdict(rules, rules.status[known], code, f"code {known}")
    if reply in rules.reply:
        return _verdict(rules, rules.reply[reply], code, f"reply {reply}")
    return _verdict(rules, "unknown", code, "no rule")


def _verdict(rules: Rules, reason: str, code: str, rule: str) -> Verdict:
    return Verdict(reason, rules.classes[reason], code, rule)

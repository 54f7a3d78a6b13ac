"""Why it came back: what servers say gets the right reason, and an office's own rules are asked first."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from mailer.feedback.parsing import rules
from mailer.feedback.parsing.classify import classify
from tests.feedback.refusals import NOT_ABOUT_THE_ADDRESS, REFUSALS

ADDRESS = "<aigerim@villages.example>"
# With such words expressions begin: repeated, they make a matcher begin again and again.
_WORDS = (
    "user",
    "mailbox",
    "account",
    "not",
    "no",
    "unknown",
    "invalid",
    "message",
    "quota",
    "sender",
    "your",
)
OWN = """
[[rule]]
name = "our ministry's gateway"
reason = "unknown_user"
text = ['no desk of that number']
"""


@pytest.mark.parametrize(
    ("reason", "said"), [(reason, one) for reason, all_ in REFUSALS.items() for one in all_]
)
def test_what_a_server_says_gets_its_reason(reason: str, said: str) -> None:
    stage = "" if "(in reply to" in said or "refused to talk" in said else "rcpt"
    verdict = classify(said.replace("@", ADDRESS), stage=stage)
    assert verdict.reason == reason, verdict.rule


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.1.1", "unknown_user"),
        ("5.2.2", "mailbox_full"),
        ("4.4.7", "expired"),
        ("5.1.2", "bad_domain"),
        ("5.7.0", "policy"),
        ("5.0.0", "unknown"),
    ],
)
def test_where_no_words_help_the_code_decides(status: str, reason: str) -> None:
    assert classify("", "", status).reason == reason


def test_a_code_in_the_words_beats_a_general_one_in_the_report() -> None:
    assert classify("550 5.4.7 gone", "", "5.0.0").status == "5.4.7"
    assert classify("550 5.0.0 gone", "", "5.1.1").status == "5.1.1"


@pytest.mark.parametrize(
    "said",
    [
        "550 <user.unknown@quota.example> see https://spam.example/mailbox-full/dmarc",
        "host spam.blacklist.example[192.0.2.9] said: 550 no",
        "550 no\nSubject: Mailbox full of spam: what a virus does to a domain that does not exist",
    ],
)
def test_neither_a_name_nor_a_link_nor_our_own_subject_decides(said: str) -> None:
    assert classify(said, said).reason == "unknown"


def test_the_words_of_the_notice_are_asked_when_the_server_said_nothing_useful() -> None:
    verdict = classify("x", "Your message could not be delivered since the mailbox is full")
    assert (verdict.reason, verdict.bounce_class) == ("mailbox_full", "soft")


@pytest.mark.parametrize(
    ("stage", "bounce_class"),
    [("rcpt", "hard"), ("data", "soft"), ("", "soft"), ("mail", "block"), ("connect", "block")],
)
def test_unknown_users_are_believed_in_answer_to_the_recipient_alone(stage: str, bounce_class: str) -> None:
    assert classify("550 user unknown", stage=stage).bounce_class == bounce_class


@pytest.mark.parametrize("said", NOT_ABOUT_THE_ADDRESS)
def test_what_is_unknown_or_invalid_but_no_address_never_counts_against_one(said: str) -> None:
    verdict = classify(said.replace("@", ADDRESS), stage="rcpt")
    assert verdict.bounce_class != "hard", verdict.rule


@pytest.mark.parametrize("stage", ["connect", "mail"])
def test_what_was_refused_before_the_recipient_was_named_never_counts_against_the_recipient(
    stage: str,
) -> None:
    for said in ("550 no", "550 5.1.1 no", "550 nobody here", "551 no", "521 no", "550 does not exist"):
        assert classify(said, stage=stage).bounce_class != "hard", said


def test_the_last_step_that_a_notice_names_is_the_one_that_was_refused() -> None:
    words = "550 user unknown\n>>> MAIL FROM:<b@news.example>\n<<< 250 ok\n>>> {}\n<<< 550 user unknown"
    assert classify("", words.format("RCPT TO:<a@b.example>")).bounce_class == "hard"
    assert classify("", words.format("DATA")).bounce_class == "soft"


def test_every_reason_of_a_refusal_is_one_that_the_rules_know() -> None:
    # No server says this last one: it is a service's own.
    assert set(REFUSALS) | {"on_service_list"} == set(rules.in_force().classes)


def test_no_rule_takes_long_over_any_text() -> None:
    known = rules.in_force()
    texts = [f"{word} " * 300 for word in _WORDS] + [
        "".join(_WORDS) * 20,
        " " * 1_500,
        "a" * 1_500,
        "5.1.1 " * 250,
    ]
    for rule in known.rules:
        for pattern in (*rule.text, *rule.not_text, *rule.context, *rule.not_context):
            began = time.perf_counter()
            for text in texts:
                pattern.search(text[:1_500])
            assert time.perf_counter() - began < 1, (rule.name, pattern.pattern)


def own_rules(tmp_path: Path, settings: Any, text: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    bounces = replace(django_settings.CONFIG.bounces, rules=str(tmp_path / "own.toml"))
    settings.CONFIG = replace(django_settings.CONFIG, bounces=bounces)


def test_rules_of_the_office_are_asked_before_the_built_in_ones(tmp_path: Path, settings: Any) -> None:
    said = "550 policy: no desk of that number"
    assert classify(said).reason == "policy"
    own_rules(tmp_path, settings, OWN + '[status]\n"5.9.9" = "moved"\n')
    rules.check(django_settings.CONFIG)
    assert classify(said) == classify(said, "more words")
    assert (classify(said).reason, classify(said).rule) == ("unknown_user", "our ministry's gateway")
    assert classify("", "", "5.9.9").reason == "moved"
    assert classify("550 5.1.1 mailbox full").reason == "mailbox_full"


def test_the_rules_that_the_handbook_shows_do_what_it_says(tmp_path: Path, settings: Any) -> None:
    handbook = Path(__file__).parents[3] / "docs" / "bounces.md"
    shown = handbook.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    own_rules(tmp_path, settings, shown)
    rules.check(django_settings.CONFIG)
    assert classify("550 no desk of that number").reason == "unknown_user"
    assert classify("452 wait", host="mx.ministry.example").reason == "over_rate"
    assert classify("452 wait", host="mx.elsewhere.example").reason == "temporary"


def test_a_broken_file_of_the_office_stops_no_bounce_and_is_named_when_asked(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own_rules(tmp_path, settings, OWN.replace("unknown_user", "gone"))
    assert classify("550 5.1.1 mailbox full").reason == "mailbox_full"
    assert "own.toml" in caplog.text
    with pytest.raises(rules.RulesError, match="'gone' is no reason; known: unknown_user, bad_domain"):
        rules.check(django_settings.CONFIG)


def test_a_file_of_the_office_that_is_missing_is_named(tmp_path: Path, settings: Any) -> None:
    own_rules(tmp_path, settings, OWN)
    (tmp_path / "own.toml").unlink()
    with pytest.raises(rules.RulesError, match=r"own\.toml: cannot be read"):
        rules.check(django_settings.CONFIG)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[rule]]\nname = "odd"\nreason = "b"\ntext = "x"', "rule 'odd': 'b' is no reason"),
        (
            '[[rule]]\nname = "odd"\nreason = "moved"\ntext = ["("]',
            "rule 'odd': '(' is no regular expression",
        ),
        ('[[rule]]\nname = "odd"\nreason = "moved"\ntext = 5', "rule 'odd': a condition must be a text"),
        (
            '[[rule]]\nname = "odd"\nreason = "moved"\ntxet = "x"',
            "rule 'odd': unknown key `txet`; known: text,",
        ),
        ('[[rule]]\nname = "odd"\nreason = "moved"\ntext = "<<who>>"', "rule 'odd': [words] has no 'who'"),
        ('[[rule]]\nname = "odd"\nreason = "moved"', "rule 'odd' has no condition"),
        ('[[rule]]\nreason = "moved"\ntext = "x"', "a [[rule]] has no name"),
        ('[rule]\nname = "odd"', "each rule begins with a line [[rule]]"),
        ('[status]\n"5.1" = "c"', "[status] 5.1: 'c' is no reason"),
        ("[words]\nwhom = 5", "[words] whom: must be a list of texts"),
        ("[reasons]", "unknown section 'reasons'"),
        ("[[rule]", "is not valid TOML"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(text: str, complaint: str) -> None:
    with pytest.raises(rules.RulesError) as raised:
        rules.load(text, "own.toml", rules.in_force())
    assert str(raised.value).startswith("own.toml: ")
    assert complaint in str(raised.value)

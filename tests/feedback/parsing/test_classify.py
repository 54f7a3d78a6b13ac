"""Server replies get the right reason, and custom rules come first."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from mailer.feedback.parsing import classify as rules
from mailer.feedback.parsing.classify import classify
from tests.feedback.parsing.server_replies import NOT_ABOUT_THE_ADDRESS, REFUSALS

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
def test_server_replies_get_their_reason(reason: str, said: str) -> None:
    stage = "" if "(in reply to" in said or "refused to talk" in said else "rcpt"
    classification = classify(said.replace("@", ADDRESS), stage=stage)
    assert classification.reason == reason, classification.rule


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
def test_without_text_the_enhanced_code_decides(status: str, reason: str) -> None:
    assert classify("", "", status).reason == reason


def test_a_specific_code_in_the_text_beats_a_general_status() -> None:
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
def test_host_names_links_and_our_subject_never_decide(said: str) -> None:
    assert classify(said, said).reason == "unknown"


def test_the_notice_is_used_when_the_diagnostic_says_nothing() -> None:
    classification = classify("x", "Your message could not be delivered since the mailbox is full")
    assert (classification.reason, classification.bounce_class) == ("mailbox_full", "soft")


@pytest.mark.parametrize(
    ("stage", "bounce_class"),
    [("rcpt", "hard"), ("data", "soft"), ("", "soft"), ("mail", "block"), ("connect", "block")],
)
def test_user_unknown_is_hard_only_at_rcpt(stage: str, bounce_class: str) -> None:
    assert classify("550 user unknown", stage=stage).bounce_class == bounce_class


@pytest.mark.parametrize("said", NOT_ABOUT_THE_ADDRESS)
def test_unknown_things_other_than_the_address_are_never_hard(said: str) -> None:
    classification = classify(said.replace("@", ADDRESS), stage="rcpt")
    assert classification.bounce_class != "hard", classification.rule


@pytest.mark.parametrize("stage", ["connect", "mail"])
def test_refusals_before_rcpt_are_never_hard(
    stage: str,
) -> None:
    for said in ("550 no", "550 5.1.1 no", "550 nobody here", "551 no", "521 no", "550 does not exist"):
        assert classify(said, stage=stage).bounce_class != "hard", said


def test_the_last_stage_in_a_notice_counts() -> None:
    words = "550 user unknown\n>>> MAIL FROM:<b@news.example>\n<<< 250 ok\n>>> {}\n<<< 550 user unknown"
    assert classify("", words.format("RCPT TO:<a@b.example>")).bounce_class == "hard"
    assert classify("", words.format("DATA")).bounce_class == "soft"


def test_the_samples_cover_every_reason() -> None:
    # No server says this last one: it is a service's own.
    assert set(REFUSALS) | {"on_service_list"} == set(rules.active_rules().classes)


def test_no_rule_is_slow_on_any_text() -> None:
    known = rules.active_rules()
    texts = [f"{word} " * 300 for word in _WORDS] + [
        "".join(_WORDS) * 20,
        " " * 1_500,
        "a" * 1_500,
        "5.1.1 " * 250,
    ]
    for rule in known.rules:
        for pattern in (*rule.text, *rule.not_text, *rule.context, *rule.not_context):
            began = time.thread_time()
            for text in texts:
                pattern.search(text[:1_500])
            # Processor time of this thread alone. A pattern that backtracks takes minutes, any other
            # some milliseconds.
            assert time.thread_time() - began < 20, (rule.name, pattern.pattern)


def own_rules(tmp_path: Path, settings: Any, text: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    bounces = replace(django_settings.CONFIG.bounces, rules=str(tmp_path / "own.toml"))
    settings.CONFIG = replace(django_settings.CONFIG, bounces=bounces)


def test_custom_rules_come_before_the_built_in_ones(tmp_path: Path, settings: Any) -> None:
    said = "550 policy: no desk of that number"
    assert classify(said).reason == "policy"
    own_rules(tmp_path, settings, OWN + '[status]\n"5.9.9" = "moved"\n')
    rules.check_rules(django_settings.CONFIG)
    assert classify(said) == classify(said, "more words")
    assert (classify(said).reason, classify(said).rule) == ("unknown_user", "our ministry's gateway")
    assert classify("", "", "5.9.9").reason == "moved"
    assert classify("550 5.1.1 mailbox full").reason == "mailbox_full"


def test_the_documented_custom_rules_work(tmp_path: Path, settings: Any) -> None:
    handbook = Path(__file__).parents[3] / "docs" / "bounces.md"
    shown = handbook.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    own_rules(tmp_path, settings, shown)
    rules.check_rules(django_settings.CONFIG)
    assert classify("550 no desk of that number").reason == "unknown_user"
    assert classify("452 wait", host="mx.ministry.example").reason == "over_rate"
    assert classify("452 wait", host="mx.elsewhere.example").reason == "temporary"


def test_an_invalid_custom_file_stops_no_bounce_and_fails_the_check(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own_rules(tmp_path, settings, OWN.replace("unknown_user", "gone"))
    assert classify("550 5.1.1 mailbox full").reason == "mailbox_full"
    assert "own.toml" in caplog.text
    with pytest.raises(rules.RulesError, match="'gone' is not a reason; known: unknown_user, bad_domain"):
        rules.check_rules(django_settings.CONFIG)


def test_a_missing_custom_file_is_named(tmp_path: Path, settings: Any) -> None:
    own_rules(tmp_path, settings, OWN)
    (tmp_path / "own.toml").unlink()
    with pytest.raises(rules.RulesError, match=r"own\.toml: cannot be read"):
        rules.check_rules(django_settings.CONFIG)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[rule]]\nname = "odd"\nreason = "b"\ntext = "x"', "rule 'odd': 'b' is not a reason"),
        (
            '[[rule]]\nname = "odd"\nreason = "moved"\ntext = ["("]',
            "rule 'odd': '(' is not a regular expression",
        ),
        ('[[rule]]\nname = "odd"\nreason = "moved"\ntext = 5', "rule 'odd': a condition must be a text"),
        (
            '[[rule]]\nname = "odd"\nreason = "moved"\ntxet = "x"',
            "rule 'odd': unknown key `txet`; known: text,",
        ),
        ('[[rule]]\nname = "odd"\nreason = "moved"\ntext = "<<who>>"', "rule 'odd': [phrases] has no 'who'"),
        ('[[rule]]\nname = "odd"\nreason = "moved"', "rule 'odd' has no condition"),
        ('[[rule]]\nreason = "moved"\ntext = "x"', "a [[rule]] has no name"),
        ('[rule]\nname = "odd"', "each rule begins with a line [[rule]]"),
        ('[status]\n"5.1" = "c"', "[status] 5.1: 'c' is not a reason"),
        ("[phrases]\nwhom = 5", "[phrases] whom: must be a list of texts"),
        ("[reasons]", "unknown section 'reasons'"),
        ("[[rule]", "is not valid TOML"),
    ],
)
def test_an_invalid_rule_is_named(text: str, complaint: str) -> None:
    with pytest.raises(rules.RulesError) as raised:
        rules.load_rules(text, "own.toml", rules.active_rules())
    assert str(raised.value).startswith("own.toml: ")
    assert complaint in str(raised.value)

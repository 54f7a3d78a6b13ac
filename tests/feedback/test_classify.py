from __future__ import annotations

from importlib import resources

import pytest

from mailer.feedback import classify

CASES = [
    ("550 5.1.1 <a@b.example>: user unknown", "", "unknown_user"),
    ("550 5.1.1 mailbox full", "5.1.1", "mailbox_full"),
    ("550 5.2.1 The account is disabled", "5.2.1", "disabled"),
    ("450 4.2.1 The person you are writing to is receiving mail at a rate that", "4.2.1", "over_rate"),
    ("550 5.7.1 Message refused by policy", "5.7.1", "policy"),
    ("554 5.7.1 <a@b.example>: Recipient address rejected: user unknown", "5.7.1", "unknown_user"),
    ("550 5.4.1 Recipient address rejected: Access denied", "5.4.1", "unknown_user"),
    ("550 Message was not accepted -- invalid mailbox", "", "unknown_user"),
    ("550 spam message rejected", "", "spam_content"),
    ("554 5.7.1 Relay access denied", "5.7.1", "relay_denied"),
    ("550 5.7.26 unauthenticated", "5.7.26", "authentication"),
    ("554 Blocked, listed at bl.example", "", "reputation"),
    ("552 5.3.4 Message too big", "5.3.4", "too_large"),
    ("", "5.1.1", "unknown_user"),
    ("", "5.2.2", "mailbox_full"),
    ("", "4.4.7", "expired"),
    ("", "5.1.2", "bad_domain"),
    ("", "5.7.0", "policy"),
    ("556 no service", "", "bad_domain"),
    ("421 closing", "", "temporary"),
    ("", "", "unknown"),
    ("550 ящик переполнен", "", "mailbox_full"),
    ("550 Пользователь не найден (in reply to RCPT TO)", "", "unknown_user"),
]


@pytest.mark.parametrize(("said", "status", "reason"), CASES)
def test_the_words_decide_before_the_code(said: str, status: str, reason: str) -> None:
    assert classify.classify(said, "", status).reason == reason


def test_a_code_in_the_words_beats_a_general_one_in_the_report() -> None:
    assert classify.classify("550 5.4.7 gone", "", "5.0.0").status == "5.4.7"
    assert classify.classify("550 5.0.0 gone", "", "5.1.1").status == "5.1.1"


def test_neither_an_address_nor_a_link_decides() -> None:
    verdict = classify.classify(
        "550 <user.unknown@quota.example> see https://spam.example/mailbox-full/dmarc"
    )
    assert verdict.reason == "unknown"


def test_the_words_of_the_notice_are_asked_when_the_server_said_nothing_useful() -> None:
    verdict = classify.classify("x", "Your message could not be delivered since the mailbox is full")
    assert (verdict.reason, verdict.bounce_class) == ("mailbox_full", "soft")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '[reasons]\na = "hard"\n[[rule]]\nname = "odd"\nreason = "b"\n[status]\n[reply]\n',
            "rule 'odd' gives 'b'",
        ),
        (
            '[reasons]\na = "hard"\n[[rule]]\nname = "odd"\nreason = "a"\ntext = ["("]\n[status]\n[reply]\n',
            "rule 'odd'",
        ),
        (
            '[reasons]\na = "hard"\n[[rule]]\nname = "odd"\nreason = "a"\n[status]\n"5.1" = "c"\n[reply]\n',
            "5.1 gives 'c'",
        ),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"rules\.toml") as raised:
        classify.load(text)
    assert complaint in str(raised.value)


def test_every_reason_has_one_of_the_classes() -> None:
    text = resources.files("mailer.feedback").joinpath("rules.toml").read_text(encoding="utf-8")
    assert set(classify.load(text).classes.values()) == {"hard", "soft", "block", "unknown"}

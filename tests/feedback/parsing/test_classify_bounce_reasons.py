"""Server replies get the right reason, and custom rules come first."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.feedback.parsing import classify_bounce_reasons as rules
from mailer.feedback.parsing import fast_regex_lists
from mailer.feedback.parsing.classify_bounce_reasons import classify
from tests.feedback.parsing.server_replies import ABOUT_US, NOT_ABOUT_THE_ADDRESS, REFUSALS

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


@pytest.mark.parametrize("reason", REFUSALS)
def test_server_replies_get_their_reason(reason: str) -> None:
    wrong = []
    for said in REFUSALS[reason]:
        stage = "" if "(in reply to" in said or "refused to talk" in said else "rcpt"
        found = classify(said.replace("@", ADDRESS), stage=stage)
        if found.reason != reason:
            wrong.append((said, found.reason, found.rule))
    assert wrong == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.1.1", "unknown_user"),
        ("5.2.1", "suspended"),
        ("5.7.13", "suspended"),
        ("5.2.2", "mailbox_full"),
        ("4.4.7", "expired"),
        ("5.1.2", "bad_domain"),
        ("5.1.7", "sender_rejected"),
        ("5.1.8", "sender_rejected"),
        ("5.7.27", "sender_rejected"),
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


@pytest.mark.parametrize(
    "said", ["mailbox unavailable", "no mailbox here", "no such account", "does not exist"]
)
def test_an_absent_mailbox_is_hard_in_reply_to_the_message_only_with_its_code(said: str) -> None:
    found = {
        code: classify(f"550 {code}{said}", stage="data").bounce_class for code in ("", "5.0.0 ", "5.1.1 ")
    }
    assert found == {"": "soft", "5.0.0 ": "soft", "5.1.1 ": "hard"}


def test_words_that_name_an_absent_mailbox_and_a_policy_are_not_hard() -> None:
    said = "550 mailbox unavailable (for example because it was not found, or command rejected for a policy)"
    assert classify(said, stage="rcpt").bounce_class == "soft"


def test_unknown_things_other_than_the_address_are_never_hard() -> None:
    found = {said: classify(said.replace("@", ADDRESS), stage="rcpt") for said in NOT_ABOUT_THE_ADDRESS}
    assert [(said, one.rule) for said, one in found.items() if one.bounce_class == "hard"] == []


@pytest.mark.parametrize("stage", ["", "rcpt", "data"])
def test_what_is_said_about_us_is_a_block_at_every_stage(stage: str) -> None:
    wrong = []
    for said in ABOUT_US:
        text = said.replace("@", "<news@office.example>")
        found = (classify(text, stage=stage), classify("", f"Remote host said: {text}", stage=stage))
        wrong += [(said, one.bounce_class, one.rule) for one in found if one.bounce_class != "block"]
    assert wrong == []


def test_a_custom_rule_wins_over_what_seems_to_be_about_us(tmp_path: Path, settings: Any) -> None:
    said = "550 your domain: no desk of that number"
    assert classify(said).bounce_class != "hard"
    own_rules(tmp_path, settings, OWN)
    assert classify(said).bounce_class == "hard"


@pytest.mark.parametrize(
    "said",
    [
        "mx.villages.example rejected my name: 550 unknown host",
        "host mx.villages.example did not like our HELO: 550 no such domain",
        "550 5.1.1 our greeting was refused: not like your name, user unknown (in reply to EHLO command)",
        "550 Helo command rejected: Host not found",
    ],
)
def test_a_refused_greeting_is_about_us(said: str) -> None:
    assert classify(said).bounce_class == "block"


@pytest.mark.parametrize(
    "said",
    [
        "554 user unknown [RCPT_TO]",
        "550 5.5.0 user unknown. LPN007_510",
        "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable -> 550 user unknown",
    ],
)
def test_known_providers_are_believed_without_the_stage(said: str) -> None:
    assert classify(said).reason == "unknown_user"
    assert classify("550 user unknown").reason == "unconfirmed_user"


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


@pytest.mark.parametrize(
    "words",
    [
        "The following mail could not be delivered.",
        "There was an error in mail delivery.",
        "This is sent in response to mail that did not arrive.",
        "The following connection was closed:",
        "In reply to message <a@b.example> we report an error in message delivery.",
    ],
)
def test_prose_is_no_stage(words: str) -> None:
    assert classify("", f"{words} a@b.example: 550 5.1.1 user unknown").bounce_class == "hard"
    assert classify("550 5.1.1 user unknown", words).bounce_class == "hard"


@pytest.mark.parametrize(
    "words",
    [
        "Dear sender, your message could not be delivered.",
        "Уважаемый отправитель! Ваше письмо не доставлено.",
        "Құрметті жіберуші, хатыңыз жеткізілмеді.",
        "Sehr geehrter Absender! Ihre Nachricht wurde nicht zugestellt.",
        "Following mail from <news@office.example> could not be delivered.",
        "We received the following mail from you; it was not accepted.",
        "Original sender <news@office.example>;",
        "Sender: <news@office.example>",
        "Sender address <news@office.example>\nRecipient address <a@b.example>",
    ],
)
def test_a_notice_that_names_the_sender_is_not_about_them(words: str) -> None:
    assert classify("", f"{words}\n550 5.1.1 User unknown").bounce_class == "hard"


def test_the_data_that_follow_a_notice_are_no_stage() -> None:
    words = (
        "--> RCPT To:<a@b.example>\n<-- 550 Recipient unknown\n\nThe following data may contain attachments."
    )
    assert classify("", words).bounce_class == "hard"
    assert classify("", "550 Recipient unknown, following DATA").bounce_class == "soft"


def test_the_samples_cover_every_reason() -> None:
    # No server says the one: it is a service's own. The other is among ABOUT_US.
    others = {"on_service_list", "sender_account"}
    assert set(REFUSALS) | others == set(rules.active_rules().classes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "550 5.1.1 <a.b@mail.example>: Recipient address rejected: User unknown",
            "host mx.other.example[192.0.2.7] said: 550 <c@other.example>: "
            "Recipient address rejected: User unknown",
        ),
        (
            "550-5.1.1 No such account. See https://help.example/a a1-20020a056402b11si3.12 - gsmtp",
            "550-5.1.1 No such account. See https://help.example/b x9-20020a17090a77si8.41 - gsmtp",
        ),
        (
            "550 mailbox a.b unknown [mx7.one.example 2022-03-01T12:00Z 08DB1]",
            "550 mailbox c unknown [mx1.two.example 2022]",
        ),
        ("550 5.1.1", "550 #5.1.1"),
    ],
)
def test_the_same_reply_about_another_address_has_the_same_fingerprint(one: str, other: str) -> None:
    known = classify("550 5.1.1")
    prints = [
        rules.reply_fingerprint(said, (address,), known)
        for said, address in ((one, "a.b@mail.example"), (other, "c@other.example"))
    ]
    assert prints[0] == prints[1]
    assert rules.reply_fingerprint("550 no mail for you", (), known) not in prints


@settings(max_examples=200)
@given(said=st.text(st.sampled_from("abc d"), max_size=40))
def test_grouped_alternatives_match_what_the_expression_matches(said: str) -> None:
    for expression in (
        "ab|ac|d|a",
        r"(?:\bab|\ba\b|ac|[bd]c|b.?d|a|bc|a{2})d?",
        r"(?:a|ab|(?!b)c|cd|abc|ca){1,2} ",
        r"(a|ab)\1|(?<=d)c|db",
        r"(?:aa|(?:b|c(?:d|a)|ba)d|^ab|\bc)c*",
    ):
        (found,) = fast_regex_lists.PatternList([expression]).compile()
        spans = [[match.span() for match in one.finditer(said)] for one in (re.compile(expression), found)]
        assert spans[0] == spans[1], (expression, found.pattern)


@settings(max_examples=200)
@given(said=st.text(st.sampled_from("abc d"), max_size=40))
def test_an_expression_matches_nothing_without_its_literals(said: str) -> None:
    for expression in (
        "ab+c|d (a|b)?c",
        "(ab|c.d)a{1,2}",
        "[ab]cd?a",
        r"a\\.|(?!b)cab|(?:dd|a[)]b)",
        "a(?:b|)c",
        "ab{0,2}c",
        "ab.{0,9}(cd|da|bc).?dd",
    ):
        literals = fast_regex_lists.required_literals(expression)
        if re.search(expression, said):
            assert all(any(literal in said for literal in choice) for choice in literals), (
                expression,
                literals,
            )


def test_no_rule_needs_a_literal_that_its_matches_lack() -> None:
    known = rules.active_rules()
    texts = [
        said.lower() for said in (*ABOUT_US, *NOT_ABOUT_THE_ADDRESS, *itertools.chain(*REFUSALS.values()))
    ]
    listed = [list_ for rule in (*known.rules, *known.about_us) for list_ in (rule.text, rule.not_text)]
    compiled = [(list_, list_.compile()) for list_ in listed]
    for text in texts:
        possible = known.index.possible_in(text)
        for list_, expressions in compiled:
            matching = {pattern for pattern in expressions if pattern.search(text)}
            assert list_.found_in(text) == bool(matching)
            assert matching <= set(possible.get(list_, ()))


def test_no_rule_is_slow_on_any_text() -> None:
    known = rules.active_rules()
    texts = [f"{word} " * 300 for word in _WORDS] + [
        "".join(_WORDS) * 20,
        " " * 1_500,
        "a" * 1_500,
        "5.1.1 " * 250,
    ]
    for rule in (*known.rules, *known.about_us):
        lists = (rule.text, rule.not_text, rule.context, rule.not_context)
        for pattern in itertools.chain.from_iterable(one.compile() for one in lists):
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
    rules.require_valid_custom_rules(django_settings.CONFIG)
    assert classify(said) == classify(said, "more words")
    assert (classify(said).reason, classify(said).rule) == ("unknown_user", "our ministry's gateway")
    assert classify("", "", "5.9.9").reason == "moved"
    assert classify("550 5.1.1 mailbox full").reason == "mailbox_full"


def test_the_documented_custom_rules_work(tmp_path: Path, settings: Any) -> None:
    handbook = Path(__file__).parents[3] / "docs" / "bounces.md"
    shown = handbook.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    own_rules(tmp_path, settings, shown)
    rules.require_valid_custom_rules(django_settings.CONFIG)
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
        rules.require_valid_custom_rules(django_settings.CONFIG)


def test_a_missing_custom_file_is_named(tmp_path: Path, settings: Any) -> None:
    own_rules(tmp_path, settings, OWN)
    (tmp_path / "own.toml").unlink()
    with pytest.raises(rules.RulesError, match=r"own\.toml: cannot be read"):
        rules.require_valid_custom_rules(django_settings.CONFIG)


def test_a_custom_rule_joins_the_words_of_each_language(tmp_path: Path, settings: Any) -> None:
    own_rules(
        tmp_path,
        settings,
        """
[phrases.eo]
mailbox = ['leterkesto']
[[rule]]
name = "marked as a trap"
reason = "policy"
text = ['<<*.mailbox>>\\w{0,3} #trap']
""",
    )
    for said in ("550 leterkesto #trap", "550 Postfach #trap", "550 жәшік #trap"):
        assert classify(said, stage="rcpt").rule == "marked as a trap"
    assert classify("550 kesto #trap", stage="rcpt").rule != "marked as a trap"


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
        ('[[rule]]\nname = "odd"\nreason = "moved"\ntext = "<<*.who>>"', "[phrases] has no '*.who'"),
        ("[phrases]\nwhom = 5", "[phrases] whom: must be a list of texts"),
        ("[phrases.eo]\nwhom = 5", "[phrases] eo.whom: must be a list of texts"),
        ("[reasons]", "unknown section 'reasons'"),
        ("[[rule]", "is not valid TOML"),
    ],
)
def test_an_invalid_rule_is_named(text: str, complaint: str) -> None:
    with pytest.raises(rules.RulesError) as raised:
        rules.load_rules(text, "own.toml", rules.active_rules())
    assert str(raised.value).startswith("own.toml: ")
    assert complaint in str(raised.value)

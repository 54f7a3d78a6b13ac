"""Labels of reasons, lists in English, and the summary of a mailing."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from mailer.desk.sending.progress import progress_percent
from mailer.reports.number_formats import join_list
from mailer.reports.reason_labels_and_mailing_summary import (
    BOUNCE_CLASS_LABELS,
    mailing_summary,
    reason_label,
)
from mailer.reports.stats import FailureCount, Stats, Totals


def test_every_reason_and_class_of_the_rules_has_a_label() -> None:
    rules = tomllib.loads(
        (resources.files("mailer.feedback.parsing") / "rules.toml").read_text(encoding="utf-8")
    )
    assert set(rules["reasons"].values()) == set(BOUNCE_CLASS_LABELS)
    for reason in rules["reasons"]:
        assert " " in reason_label(reason), reason


def test_lists_are_joined_in_english() -> None:
    assert [join_list(part) for part in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def parts(sentence: str) -> list[str]:
    """What a sentence lists."""
    return sentence.rstrip(".").replace("; ", ", ").replace(" and ", ", ").split(", ")


def test_the_summary_counts_delivered_and_failed() -> None:
    stats = Stats(
        totals=Totals(audience=15, accepted=11, refused=1, bounced=1, excluded={"suppressed": 3}),
        failures=(FailureCount("hard", "unknown_user", refused=1, bounced=1),),
    )
    delivered, responses = mailing_summary(stats)
    assert parts(delivered) == [
        "Delivered to 10 of 12 recipients (83.3 %)",
        "2 email addresses do not exist",
        "3 subscribers were excluded",
    ]
    assert parts(responses) == ["No spam complaints", "no unsubscribes"]


def test_the_summary_counts_complaints_and_unsubscribes() -> None:
    totals = Totals(audience=2000, accepted=2000, complained=2)
    delivered, responses = mailing_summary(Stats(totals, unsubscribes={"": 3}), "12 clicks")
    assert parts(delivered) == ["Delivered to all 2\u202f000 recipients"]
    assert parts(responses) == ["12 clicks", "2 spam complaints (0.1 %)", "3 unsubscribes"]


def test_the_summary_groups_similar_failures() -> None:
    failures = (
        FailureCount("block", "policy", refused=2),
        FailureCount("block", "spam_content", bounced=3),
        FailureCount("soft", "mailbox_full", bounced=1),
        FailureCount("unknown", "unknown", refused=1),
    )
    stats = Stats(Totals(audience=7, refused=3, accepted=4, bounced=4), failures=failures)
    counts = [part.split()[0] for part in parts(mailing_summary(stats)[0])[1:]]
    assert counts == ["1", "5", "1"]


def test_the_summary_of_a_mailing_in_progress_counts_the_pending() -> None:
    stats = Stats(Totals(audience=10, accepted=4, planned=5, claimed=1))
    assert parts(mailing_summary(stats)[0]) == ["Delivered to 4 of 10 recipients so far", "6 are pending"]


def test_without_accepted_deliveries_the_summary_is_one_sentence() -> None:
    assert len(mailing_summary(Stats())) == 1
    nobody = Totals(audience=3, excluded={"suppressed": 3})
    assert mailing_summary(Stats(nobody)) == ("Every subscriber of the audience was excluded.",)
    assert (progress_percent(Totals()), progress_percent(nobody)) == (0, 100)


@pytest.mark.parametrize("reason", ["cancelled", "expired"])
def test_whom_a_cancelled_or_late_mailing_did_not_reach_is_one_of_its_recipients(reason: str) -> None:
    totals = Totals(audience=1000, accepted=100, excluded={reason: 890, "suppressed": 10})
    assert totals.recipients == 990
    assert parts(mailing_summary(Stats(totals))[0])[0] == "Delivered to 100 of 990 recipients (10.1 %)"
    assert progress_percent(totals) == 100


def test_all_is_done_only_when_nothing_is_left() -> None:
    assert progress_percent(Totals(audience=1010, accepted=999, planned=1, excluded={"suppressed": 10})) == 99

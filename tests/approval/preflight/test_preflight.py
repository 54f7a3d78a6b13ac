"""Preflight: what would only fail after approval is said before it."""

from __future__ import annotations

import json

import pytest

from mailer.approval.draft_check_cache import check_draft
from mailer.approval.models import Snapshot
from mailer.approval.preflight.findings_and_overrides import Finding, Override
from mailer.approval.snapshot_state_changes import PreflightFailed, approve
from mailer.approval.submit import submit
from mailer.demo import seed
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.audience import Audience
from mailer.editions.models import Edition, Newsletter
from mailer.editions.rendering_input import content_of
from mailer.stories.models import StoryText
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "change",
    [
        {"sender_email": "news@bücher.example"},
        {"sender_name": "Office\r\nBcc: everybody@example.net"},
        {"name": "Monthly\nX-Other: yes"},
    ],
)
def test_a_sender_or_name_that_no_header_can_carry_keeps_an_edition_from_being_submitted(
    change: dict[str, str],
) -> None:
    people = cast.staff()
    cast.reader("aida")
    edition = cast.december(people.writer)
    Newsletter.objects.update(**change)
    with pytest.raises(PreflightFailed, match="cannot be used"):
        submit(edition, people.writer, cast.NOW)


def _with_a_placeholder(people: cast.Staff) -> Edition:
    cast.reader("aida")
    edition = cast.december(people.writer)
    StoryText.objects.filter(story__key="ring", language="en").update(summary="TODO: write this.")
    return edition


def test_an_error_is_overridden_with_a_reason_that_the_snapshot_keeps() -> None:
    people = cast.staff()
    edition = _with_a_placeholder(people)
    with pytest.raises(PreflightFailed, match="TODO"):
        submit(edition, people.writer, cast.NOW)
    (error,) = [one for one in _findings(edition) if one.blocks]
    assert error.code == "text.placeholder"
    for refused in ({error.id: "  "}, {"text.placeholder:000000000000": "Another place."}):
        with pytest.raises(PreflightFailed):
            submit(edition, people.writer, cast.NOW, overrides=refused)
    snapshot = submit(edition, people.writer, cast.NOW, overrides={error.id: "TODO is a project’s name."})
    (kept,) = [one for one in map(Finding.from_dict, snapshot.findings) if one.level == "error"]
    assert kept.override == Override("TODO is a project’s name.", "writer")
    # The approver approves the reason with everything else: it is under the hash.
    assert json.loads(snapshot.manifest)["overrides"] == {error.id: "TODO is a project’s name."}


def test_no_reason_bars_an_approver() -> None:
    people = cast.staff()
    edition = _with_a_placeholder(people)
    (error,) = [one for one in _findings(edition) if one.blocks]
    reason = f"See remark <{people.approver.pk}>."
    snapshot = submit(edition, people.writer, cast.NOW, overrides={error.id: reason})
    manifest = json.loads(snapshot.manifest)
    assert manifest["overrides"] == {error.id: reason}
    assert f"<{people.writer.pk}>" in manifest["authors"]
    approve(snapshot, people.approver, snapshot.sha256, cast.NOW)
    assert snapshot.state == Snapshot.State.APPROVED


def test_an_error_of_the_sender_cannot_be_overridden() -> None:
    people = cast.staff()
    edition = _with_a_placeholder(people)
    Newsletter.objects.update(sender_email="news@sample.invalid")
    edition.refresh_from_db()
    findings = _findings(edition)
    reasons = {one.id: "It is only a sample." for one in findings if one.blocks}
    assert {one.code for one in findings if not one.overridable} == {"edition.sample"}
    with pytest.raises(PreflightFailed):
        submit(edition, people.writer, cast.NOW, overrides=reasons)


def _findings(edition: Edition) -> tuple[Finding, ...]:
    combinations = Audience.of_edition(edition, cast.NOW).combinations()
    return check_draft(edition, content_of(edition), combinations, cast.NOW).findings


def test_the_sample_edition_has_no_error_and_few_lines() -> None:
    seed.seed(seed.ASSEMBLED_AT)
    edition = create_edition_unless_exists(
        Newsletter.objects.get(slug=seed.NEWSLETTER), seed.PERIOD, seed.ASSEMBLED_AT
    )
    findings = _findings(edition)
    assert not [one for one in findings if one.level == "error"]
    assert len(findings) <= 5

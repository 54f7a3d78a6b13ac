from __future__ import annotations

from typing import Any

import pytest

from mailer.reports import edition_state
from tests.reports import cast

pytestmark = pytest.mark.django_db


def test_an_edition_without_a_snapshot_is_a_draft_without_hash() -> None:
    edition = cast.edition()
    assert edition_state.edition_as_json(edition) == {
        "id": edition.pk,
        "slug": "regional-2021-12",
        "newsletter": "regional",
        "period": "2021-12",
        "name": "",
        "state": "draft",
        "hash": None,
    }


@pytest.mark.parametrize("state", ["submitted", "approved", "scheduled"])
def test_an_open_snapshot_decides_state_and_hash(state: str) -> None:
    edition = cast.edition()
    snapshot = cast.snapshot(edition, state)
    summary = edition_state.edition_as_json(edition)
    assert (summary["state"], summary["hash"]) == (state, snapshot.sha256)


@pytest.mark.parametrize("state", ["broken", "withdrawn"])
def test_a_broken_or_withdrawn_snapshot_makes_it_a_draft_again(state: str) -> None:
    edition = cast.edition()
    cast.snapshot(edition, state)
    assert edition_state.edition_as_json(edition)["hash"] is None
    assert edition_state.edition_state(edition) == "draft"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("planning", "planning"),
        ("held", "held"),
        ("sending", "sending"),
        ("paused", "paused"),
        ("done", "sent"),
        ("cancelled", "cancelled"),
    ],
)
def test_the_mailing_decides_the_state(state: str, word: str) -> None:
    edition = cast.edition()
    mailed = cast.mailing(cast.snapshot(edition), state)
    summary = edition_state.edition_as_json(edition)
    assert (summary["state"], summary["hash"]) == (word, mailed.snapshot.sha256)
    assert word in edition_state.STATES


def test_a_snapshot_broken_after_its_mailing_leaves_the_edition_sent() -> None:
    edition = cast.edition()
    cast.set_state(cast.mailing(cast.snapshot(edition), "done").snapshot, "broken")
    assert edition_state.edition_state(edition) == "sent"


def test_after_a_cancelled_mailing_a_new_snapshot_decides() -> None:
    edition = cast.edition()
    cast.set_state(cast.mailing(cast.snapshot(edition), "cancelled").snapshot, "withdrawn")
    cast.snapshot(edition, "submitted")
    assert edition_state.edition_state(edition) == "submitted"


@pytest.mark.both_databases
def test_states_of_several_editions_take_one_query(django_assert_num_queries: Any) -> None:
    editions = [cast.edition("2021-10"), cast.edition("2021-11")]
    cast.snapshot(editions[1], "approved")
    with django_assert_num_queries(1):
        states = edition_state.edition_states(editions)
    assert states == {editions[0].pk: "draft", editions[1].pk: "approved"}
    assert [row["state"] for row in edition_state.editions_as_json(editions)] == ["draft", "approved"]

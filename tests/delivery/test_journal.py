from __future__ import annotations

import pytest

from mailer.delivery.journal import Journal, Spoken, dead


@pytest.mark.parametrize("garbage", [b"\0" * 40 + b"\n", b"x y z\n", b"\xff\xfe 1\n", b"\n"])
def test_lines_that_the_machine_lost_prove_nothing_and_stop_nobody(tmp_path, garbage):
    journal = Journal.open(tmp_path)
    journal.begin(1, 1)
    journal.end(1, 1, 250, "taken")
    journal.close()
    path = tmp_path / f"{journal.owner}.journal"
    path.write_bytes(path.read_bytes() + garbage)
    (found,) = dead(tmp_path)
    assert found.attempts == {(1, 1): Spoken(250, "taken")}
    assert found.owner == journal.owner and not found.whole


@pytest.mark.parametrize("head", [b"", b"7\n", b"[]\n", b"{}\n", b"\0\0\0\n"])
def test_a_journal_without_its_first_line_is_that_of_the_owner_in_its_name(tmp_path, head):
    (tmp_path / "somebody.journal").write_bytes(head)
    (found,) = dead(tmp_path)
    assert found.owner == "somebody" and not found.whole
    assert list(tmp_path.iterdir()) == []

"""The keys file: one key per purpose, and what a rotation keeps."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer.config import ConfigError, key_ring
from mailer.config.key_ring import PURPOSES

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    key_ring.create(tmp_path / "keys.toml", NOW)
    return tmp_path / "keys.toml"


def test_each_purpose_gets_a_key_of_its_own_for_the_owner_only(path: Path) -> None:
    ring = key_ring.load(path, NOW)
    assert len({ring.current(purpose).secret for purpose in PURPOSES}) == len(PURPOSES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(ring.current(purpose).secret in repr(ring) for purpose in PURPOSES)
    with pytest.raises(FileExistsError):
        key_ring.create(path, NOW)


def test_a_replaced_key_reads_until_its_time_and_the_other_purposes_keep_theirs(path: Path) -> None:
    before = key_ring.load(path, NOW)
    new = key_ring.rotate(path, "tokens", 10 * DAY, NOW)
    after = key_ring.load(path, NOW + 9 * DAY)
    assert [key.id for key in after.keys["tokens"]] == [2, 1]
    assert after.secrets("tokens") == [new.secret, before.current("tokens").secret]
    for purpose in set(PURPOSES) - {"tokens"}:
        assert after.keys[purpose] == before.keys[purpose]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [key.id for key in key_ring.load(path, NOW + 10 * DAY).keys["tokens"]] == [2]
    key_ring.rotate(path, "tokens", DAY, NOW + 11 * DAY)
    assert [key.id for key in key_ring.load(path, NOW).keys["tokens"]] == [3, 2]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("purpose", ["addresses", "audit_log"])
def test_keys_that_past_data_depends_on_are_never_replaced(path: Path, purpose: key_ring.Purpose) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        key_ring.rotate(path, purpose, DAY, NOW)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("[[addresses]]", "[[adresses]]"),
        lambda text: text.partition("[[audit_log]]")[0],
        lambda text: text.replace("id = 1", "number = 1", 1),
        lambda text: text.replace('secret = "', 'secret = "short"  # ', 1),
        lambda text: text + text[text.index("[[audit_log]]") :],
        lambda text: text.replace("[[sessions]]", "sessions = 1  # ", 1),
        lambda text: text.replace("+00:00", "", 1),
    ],
)
def test_an_incomplete_keys_file_is_an_error(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    path.write_text(change(path.read_text("utf-8")), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"keys\.toml"):
        key_ring.load(path, NOW)


def test_a_missing_keys_file_names_the_backup(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="backup"):
        key_ring.load(tmp_path / "keys.toml", NOW)

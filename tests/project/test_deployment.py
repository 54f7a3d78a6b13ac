"""Django's own check of settings for production."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from mailer.config import key_ring
from mailer.settings import SILENCED_SYSTEM_CHECKS

ROOT = Path(__file__).parents[2]


def test_the_settings_of_an_https_site_pass_the_check_for_deployment(tmp_path: Path) -> None:
    key_ring.create(tmp_path / "keys.toml", datetime.now(UTC))
    config = tmp_path / "config.toml"
    config.write_text('[site]\nurl = "https://news.example.org"\nname = "Office"\n', encoding="utf-8")
    # Not what only the tests set.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAILER_", "DJANGO_"))
    }
    environment |= {"MAILER_CONFIG": str(config)}
    environment["DJANGO_SETTINGS_MODULE"] = "mailer.settings"
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_checks_with_a_reason_are_silenced() -> None:
    assert set(SILENCED_SYSTEM_CHECKS) == {f"security.W{number}" for number in ("005", "008", "019", "021")}

"""The files in deploy/: what they name exists, and services have few rights."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mailer.cli.main import COMMANDS
from tests.conftest import needs

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICES = sorted((DEPLOY / "systemd").glob("*.service"))


def directives(unit: Path) -> list[tuple[str, str]]:
    lines = unit.read_text("utf-8").splitlines()
    return [(name, value) for name, found, value in (line.partition("=") for line in lines) if found]


def test_every_timer_has_its_service() -> None:
    timers = sorted((DEPLOY / "systemd").glob("*.timer"))
    assert timers
    assert {timer.with_suffix(".service") for timer in timers} <= set(SERVICES)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_a_service_calls_a_command_that_exists_without_rights(unit: Path) -> None:
    found = dict(directives(unit))
    program, command, *_ = found["ExecStart"].split()
    assert (program, command in COMMANDS) == ("/opt/newsletter/bin/mailer", True)
    assert (found["User"], found["UMask"], found["CapabilityBoundingSet"]) == ("newsletter", "0077", "")
    assert found["ReadWritePaths"].split()[0] == found["WorkingDirectory"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_systemd_rates_the_exposure_of_a_service_as_low(unit: Path) -> None:
    analyze = needs("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
    )
    rating = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert rating is not None, done.stderr
    assert (done.returncode, float(rating[1]) <= 2.0) == (0, True), done.stdout


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    """Without warnings about unknown directives or values; the program is a stand-in."""
    analyze = needs("systemd-analyze", "systemd")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text("utf-8").replace("/opt/newsletter/bin/mailer", "/bin/true")
        (tmp_path / unit.name).write_text(text, "utf-8")
    names = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([analyze, "verify", *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""The files in deploy/: what they name exists, and services have few rights."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from mailer.cli.main import COMMANDS
from mailer.config import parse
from tests.conftest import needs

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
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


def test_a_process_ended_for_want_of_memory_does_not_stop_the_others_of_its_service() -> None:
    """By default systemd would stop all of them, in place of what `mailer run` does."""
    policies = {
        unit.stem: dict(directives(unit)).get("OOMPolicy")
        for unit in SERVICES
        if ("Restart", "always") in directives(unit)
    }
    names = ("newsletter", "newsletter-web", "newsletter-worker")
    assert policies == dict.fromkeys(names, "continue")


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


def instructions() -> list[tuple[str, str]]:
    """Those of the Containerfile, in order; continued lines are joined."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    parts = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, rest in parts]


def test_the_image_is_built_from_files_that_exist_and_runs_without_rights() -> None:
    found = instructions()
    copied = [value.split()[:-1] for name, value in found if name == "COPY" and "--from" not in value]
    assert [path for paths in copied for path in paths if not (ROOT / path).exists()] == []
    last = dict(found)
    assert (last["USER"], last["ENTRYPOINT"]) == ("10001", '["mailer"]')
    assert last["CMD"].strip('[]"') in COMMANDS
    # Images of a second stage; what builds is left behind.
    assert [name for name, _ in found].count("FROM") == 2
    variables = dict(part.split("=", 1) for name, value in found if name == "ENV" for part in value.split())
    check_environment(variables)


def check_environment(variables: dict[str, Any]) -> None:
    """Raises ConfigError for a variable that is no key of the configuration."""
    text = {name: str(value) for name, value in variables.items()}
    parse({"site": {"url": "http://x", "name": "x"}}, text, home=ROOT, origin="test")


def test_the_compose_file_calls_commands_and_options_that_exist() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    ours = {name: one for name, one in services.items() if "build" in one}
    assert set(ours) == {"setup", "migrate", "web", "worker"}
    for one in ours.values():
        command, *arguments = one["command"]
        assert command in COMMANDS
        module = import_module(f"mailer.cli.{COMMANDS[command].module or command}")
        known = typer.main.get_command(module.app).commands[command].params  # type: ignore[attr-defined]
        options = {option for parameter in known for option in parameter.opts}
        assert {argument.partition("=")[0] for argument in arguments if argument[0] == "-"} <= options
        assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
        check_environment(one.get("environment", {}))
        assert set(one["depends_on"]) <= set(services)
    # Only this machine reaches what it publishes.
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)

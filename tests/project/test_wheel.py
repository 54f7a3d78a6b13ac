"""The wheel and the source archive: what an installation needs is in them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folders of the checkout, and where the wheel has them.
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
SHARE = f"newsletter_mailer-{VERSION}.data/data/share/newsletter-mailer"
FOLDERS = {
    "mailer": "mailer",
    "subscribers": "subscribers",
    "templates": "mailer/templates",
    "deploy": f"{SHARE}/deploy",
    "docs": f"{SHARE}/docs",
}


def build(source: Path, target: str, folder: Path) -> Path:
    """Build "wheel" or "sdist" of the source into the folder; the file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_every_file_of_the_packages_and_what_an_operator_needs(wheel: Path) -> None:
    expected = {f"{SHARE}/config.example.toml", f"{SHARE}/requirements-run.lock"}
    for folder, place in FOLDERS.items():
        found = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert found
        expected |= {
            f"{place}/{path.relative_to(ROOT / folder)}"
            for path in found
            if path.parent.name != "__pycache__"
        }
    missing = expected - names(wheel)
    extra = {name for name in names(wheel) - expected if ".dist-info/" not in name}
    assert (missing, extra) == (set(), set())


def test_a_wheel_built_from_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    archive = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, "wheel", tmp_path / "wheel")
    assert again.read_bytes() == wheel.read_bytes()

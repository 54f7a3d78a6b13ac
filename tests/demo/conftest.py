from __future__ import annotations

import dataclasses
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from mailer.demo.folder import free_port
from mailer.demo.mail_catcher import Catcher, sample_reader_rules
from mailer.demo.seed import seed
from tests.recorded import recorded

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
seed_once = recorded(seed)


@dataclasses.dataclass
class Running:
    """A catcher that listens, and the folders that it writes to."""

    catcher: Catcher
    port: int
    directory: Path
    maildir: Path

    def send(self, recipient: str, **changes: Any) -> bytes:
        """Hand a message over as a mail server would; returns its bytes."""
        raw = a_message(recipient, **changes)
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail("b+token@bounces.example.org", [recipient], raw)
        return raw

    def boxes(self) -> list[str]:
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*.eml"))


def a_message(recipient: str, subject: str = "Желтоқсан", html: str = "<p>Hello</p>") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Silk Road Monthly <news@example.org>"
    message["To"] = recipient
    message["Subject"] = subject
    message["Message-ID"] = "<one@example.org>"
    message.set_content(".A line that begins with a dot\nhttps://www.example.org/")
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    port = free_port()
    # Longer than any test: bounces are written when the catcher stops.
    catcher = Catcher(tmp_path / "mail", tmp_path / "bounces", port, sample_reader_rules(3600))
    catcher.start()
    yield Running(catcher, port, tmp_path / "mail", tmp_path / "bounces")
    catcher.stop()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the sample, which its recorded rows name in every test."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture
def seeded(demo: Path) -> None:
    """The sample's rows and pictures."""
    seed_once(NOW)


@pytest.fixture
def demo(settings: Any, tmp_path: Path, pictures: Path) -> Path:
    """The settings of a demo; returns the folder of its caught mail."""
    config = settings.CONFIG
    settings.CONFIG = dataclasses.replace(
        config, demo=dataclasses.replace(config.demo, enabled=True, inbox=str(tmp_path / "mail"))
    )
    settings.ROOT_URLCONF = "tests.demo.urls"
    settings.MEDIA_ROOT = pictures
    return tmp_path / "mail"

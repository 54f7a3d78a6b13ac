"""A fresh Debian: from the wheel, `mailer init` and the systemd units to the readers' mailboxes."""

from __future__ import annotations

import json
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from mailer.demo.seed import READERS
from tests.machine import Machine, booted, install_wheel
from tests.project.test_wheel import build
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MAILER = "/opt/newsletter/bin/mailer"
EDITION = "silk-road-monthly-2021-12"
ASSEMBLED_AT = "2021-12-03T09:30:00+06:00"
# A relay on the same machine, which delivers into one Maildir whatever the address is.
POSTFIX = """\
compatibility_level = 3.6
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
local_recipient_maps =
virtual_mailbox_domains = example.org, example.net, office.example.org
virtual_mailbox_base = /var/mail/all
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 8
virtual_uid_maps = static:8
virtual_gid_maps = static:8
"""
# What the first admin does at the link, as a browser does it; what was seen.
FIRST_SIGN_IN = r"""
import json, re, sys
import requests
browser = requests.Session()
page = browser.get(sys.argv[1])
def fields(page, **typed):
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    return {"csrfmiddlewaretoken": token, **typed}
password = "window basket orbit"
page = browser.post(page.url, fields(page, new_password1=password, new_password2=password))
page = browser.post(page.url, fields(page, login="admin", password=password))
style = re.search(r'href="(/static/[^"]+\.css)"', page.text)[1]
file = browser.get("http://127.0.0.1:8000" + style)
print(json.dumps({
    "path": page.url.removeprefix("http://127.0.0.1:8000"),
    "again": browser.get(sys.argv[1]).status_code,
    "style": [file.status_code, file.headers["Cache-Control"]],
}))
"""
AS_SERVICE = ("env", "MAILER_CONFIG=/srv/newsletter/config.toml")
# As the guide says it.
GUIDE = (ROOT / "docs" / "installing.md").read_text("utf-8")
INSTALLING = (
    "useradd --system --home-dir /srv/newsletter --shell /usr/sbin/nologin newsletter",
    "install -d -o newsletter -g newsletter -m 700 /srv/newsletter",
    "cp /opt/newsletter/share/newsletter-mailer/deploy/systemd/* /etc/systemd/system/",
)
PASSPHRASE = """
install -o newsletter -g newsletter -m 600 /dev/null /srv/newsletter/backup-passphrase
echo correct horse battery staple >/srv/newsletter/backup-passphrase
"""
# The sample's staff, newsletter, stories and subscribers, in place of what staff would enter.
SEED = """
from mailer.cli.main import start_django
start_django(desk=True)
from django.utils import timezone
from mailer.demo.seed import seed
seed(timezone.now())
"""


# The sample's readers whose mail a relay takes, and one from a workbook.
EXPECTED = {
    "bota@example.org",
    *(reader.email for reader in READERS if reader.fate in ("reads", "refused", "bounces")),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def mailer(machine: Machine, *arguments: str) -> Any:
    """The last JSON line of a command of the service's user."""
    config = ("--config", "/srv/newsletter/config.toml")
    done = machine.run(MAILER, *config, *arguments, "--json", user="newsletter")
    return json.loads(done.stdout.splitlines()[-1])


def install_office(machine: Machine) -> str:
    """Do what docs/installing.md says after the program is installed; the first admin's link."""
    for command in INSTALLING:
        assert command in GUIDE
        machine.sh(command)
    options = (
        "--sender",
        "newsletters@office.example.org",
        "--admin-email",
        "lola@office.example.org",
        "--json",
    )
    created = machine.run(MAILER, "init", "/srv/newsletter", *options, user="newsletter")
    *checks, result = map(json.loads, created.stdout.splitlines())
    assert {one["check"]: one["status"] for one in checks}["relay"] == "ok"
    machine.sh("echo '[approval]\nby_command = true' >>/srv/newsletter/config.toml")
    # Ends when the pages are served.
    machine.sh("systemctl daemon-reload\nsystemctl enable --now newsletter")
    return str(result["link"])


def import_workbook_in_the_sandbox(machine: Machine) -> None:
    """A hostile file's limited process runs under the rules of the units."""
    workbook = Workbook()
    for row in (("Email", "Name", "Country", "Language"), ("bota@example.org", "Bota", "KZ", "ru")):
        workbook.active.append(row)
    workbook.save(machine.shared / "readers.xlsx")
    unit = (ROOT / "deploy/systemd/newsletter-doctor.service").read_text("utf-8")
    command = "subscribers import /mnt/shared/readers.xlsx --list monthly"
    (machine.shared / "import.service").write_text(
        unit.replace("mailer doctor", f"mailer {command}"), "utf-8"
    )
    machine.sh("cp /mnt/shared/import.service /run/systemd/system; systemctl start import")


def start_postfix(machine: Machine) -> None:
    (machine.shared / "main.cf").write_text(POSTFIX, "ascii")
    machine.sh("cp /mnt/shared/main.cf /etc/postfix/main.cf; install -d -o mail -g mail /var/mail/all")
    machine.sh("systemctl start postfix")


def recipients(machine: Machine) -> Counter[str]:
    """How many messages of the edition each address has."""
    machine.sh(
        "rm -rf /mnt/shared/mail; cp -r /var/mail/all /mnt/shared/mail; chmod -R a+rX /mnt/shared/mail"
    )
    messages = [message_from_bytes(path.read_bytes()) for path in machine.shared.glob("mail/inbox/new/*")]
    return Counter(str(one["X-Original-To"]) for one in messages if one["List-Unsubscribe"])


@pytest.mark.journey
def test_from_a_wheel_on_a_fresh_debian_to_the_readers_mailboxes(wheel: Path, tmp_path: Path) -> None:
    with booted(tmp_path) as machine:
        install_wheel(machine, wheel)
        start_postfix(machine)
        link = install_office(machine)
        seen = machine.run("/opt/newsletter/bin/python", "-c", FIRST_SIGN_IN, link).stdout
        # A powerful account sets up its second factor next; the link cannot be used again.
        assert json.loads(seen) == {
            "path": "/accounts/security/",
            "again": 410,
            "style": [200, "max-age=315360000, public, immutable"],
        }
        machine.run(*AS_SERVICE, "/opt/newsletter/bin/python", "-c", SEED, user="newsletter")
        import_workbook_in_the_sandbox(machine)

        assemble = ("assemble", "silk-road-monthly", "--period", "2021-12", "--as-of", ASSEMBLED_AT)
        mailer(machine, "edition", *assemble)
        submitted = mailer(machine, "edition", "submit", EDITION, "--as", "writer")
        mailer(machine, "edition", "approve", EDITION, "--as", "approver", "--hash", submitted["hash"])
        mailer(machine, "edition", "schedule", EDITION, "--as", "approver")
        until(lambda: recipients(machine).total() >= len(EXPECTED), "the edition's mail", interval=1)
        assert recipients(machine) == dict.fromkeys(EXPECTED, 1)
        # The replies are in the ledger, and nothing is mailed once more after a restart.
        machine.sh("systemctl restart newsletter")
        report = mailer(machine, "edition", "report", EDITION)
        assert (report["state"], report["accepted"]) == ("sent", len(EXPECTED))

        machine.sh(PASSPHRASE)
        machine.sh("systemctl start newsletter-backup; systemctl stop newsletter")
        assert machine.sh("ls /srv/newsletter/backups").strip().endswith(".backup")
        assert recipients(machine) == dict.fromkeys(EXPECTED, 1)

"""A fresh Debian: from the wheel, `mailer init` and the systemd units to the readers' mailboxes.

And another one, on which a backup is restored.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from mailer.demo.seed import READERS
from tests.machine import PYTHON, Machine, booted, install_wheel
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
style = re.search(r'href="(/static/[^"]+\.css)"', page.text)[1]
file = browser.get("http://127.0.0.1:8000" + style)
print(json.dumps({
    "path": page.url.removeprefix("http://127.0.0.1:8000"),
    "again": browser.get(sys.argv[1]).status_code,
    "style": [file.status_code, file.headers["Cache-Control"]],
}))
"""
AS_SERVICE = ("env", "MAILER_CONFIG=/srv/newsletter/config.toml")
# Approval by the command line, and time to stop while the edition is being sent.
FOR_THE_TEST = "[approval]\nby_command = true\n[sending]\nrate_per_second = 1"
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
RESTORE = f"""
cp /mnt/shared/backups/*.backup /tmp/backup
cp /mnt/shared/backup-passphrase /tmp/passphrase
chown newsletter /tmp/backup /tmp/passphrase
chmod 600 /tmp/passphrase
runuser -u newsletter -- {MAILER} restore /tmp/backup /srv/newsletter --passphrase-file /tmp/passphrase
"""
# The sample's staff, newsletter, stories and subscribers, in place of what staff would enter.
SEED = """
from mailer.cli.main import start_django
start_django(desk=True)
from django.utils import timezone
from mailer.demo.seed import seed
seed(timezone.now())
"""


# Asked again and again, without starting the program.
IS_SENT = """
import sqlite3
database = sqlite3.connect("file:/srv/newsletter/mailer.db?mode=ro", uri=True)
print(database.execute("SELECT count(*) FROM mailer_mailing WHERE state = 'done'").fetchone()[0])
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
    machine.sh(f"echo '{FOR_THE_TEST}' >>/srv/newsletter/config.toml")
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
def test_an_edition_begins_on_a_fresh_debian_and_goes_on_where_its_backup_is_restored(
    wheel: Path, tmp_path: Path
) -> None:
    with booted(tmp_path) as machine:
        install_wheel(machine, wheel)
        machine.sh("cp -a /opt/newsletter /mnt/shared/program")
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
        until(lambda: recipients(machine), "the edition's first message", interval=0.2)
        # Among the first ones it ends; at a message a second most are left.
        machine.sh("systemctl stop newsletter")
        machine.sh(PASSPHRASE)
        machine.sh("systemctl start newsletter-backup; cp -p /srv/newsletter/backup* -r /mnt/shared")
        # Postfix delivers what it has.
        until(lambda: not machine.sh("find /var/spool/postfix/incoming /var/spool/postfix/active -type f"))
        before = recipients(machine)

    with booted(tmp_path) as machine:
        # In place of pip once more.
        machine.sh("cp -a /mnt/shared/program /opt/newsletter")
        start_postfix(machine)
        for command in INSTALLING:
            machine.sh(command)
        machine.sh(RESTORE)
        machine.sh("systemctl enable --now newsletter")
        assert mailer(machine, "pause-sending") == {"no_send": "restored"}
        # As long as it would take for some messages.
        time.sleep(5)
        assert not recipients(machine)
        assert mailer(machine, "resume-sending", "--go-on", EDITION, "--yes") == {"no_send": None}
        until(lambda: before.total() + recipients(machine).total() >= len(EXPECTED), interval=0.2)
        until(lambda: machine.run(PYTHON, "-c", IS_SENT).stdout.strip() == "1", interval=0.2)
        assert mailer(machine, "edition", "show", EDITION)["state"] == "sent"
        after = recipients(machine)
        report = mailer(machine, "edition", "report", EDITION)

    assert before
    assert after
    assert before + after == dict.fromkeys(EXPECTED, 1)
    assert (report["accepted"], report["in_doubt"]) == (len(EXPECTED), 0)

"""SpamAssassin and rspamd read what is sent, with the rules of their Debian packages and without a network.

docs/deliverability.md says what is checked. Where a rule finds something, the templates or the headers must
change, never the rules.
"""

from __future__ import annotations

import datetime as dt
import email
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailer.config.sections import Mode
from mailer.rendering import theme
from tests.conftest import needs
from tests.real import sample_mail
from tests.waiting import SAFETY_SECONDS, until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("spam-filters")]

# What people cannot see, such as the link for bots and the picture that counts opens, comes with tracking.
TRACKING: tuple[Mode, ...] = ("off", "consent")
# Rules about the servers that a message passed: it passed none here, so that these say nothing about it.
ABOUT_ITS_WAY = {"NO_RECEIVED", "NO_RELAYS"}
BAD = b"""From: news@example.org
Subject: YOU WON A MILLION DOLLARS!!!
Content-Type: text/html

<html><a href="http://192.0.2.1/login">https://bank.example.com/</a>
<img src="http://192.0.2.1/win.gif" width="600" height="600"></html>
""".replace(b"\n", b"\r\n")
# Rspamd's rules and their scores as they are installed, and of its modules those that read the message
# itself. A list of two top-level domains is enough: compiling all of them takes ten seconds.
RSPAMD = """
lua = "$RULESDIR/rspamd.lua";
.include "$CONFDIR/metrics.conf"
.include "$CONFDIR/actions.conf"
.include "$CONFDIR/groups.conf"
.include "$CONFDIR/composites.conf"
.include "$CONFDIR/modules.d/chartable.conf"
.include "$CONFDIR/modules.d/forged_recipients.conf"
.include "$CONFDIR/modules.d/maillist.conf"
.include "$CONFDIR/modules.d/mime_types.conf"
.include "$CONFDIR/modules.d/regexp.conf"
phishing { symbol = "PHISHING"; }
modules {
    path = ["$PLUGINSDIR/forged_recipients.lua", "$PLUGINSDIR/maillist.lua", "$PLUGINSDIR/mime_types.lua",
        "$PLUGINSDIR/phishing.lua"];
}
lang_detection { .include "$CONFDIR/lang_detection.inc" }
options {
    filters = "chartable,regexp";
    tempdir = "FOLDER";
    pidfile = "FOLDER/pid";
    control_socket = "FOLDER/control mode=0600";
    cache_file = "FOLDER/symbols";
    stats_file = "FOLDER/stats";
    hs_cache_dir = "FOLDER/";
    url_tld = "FOLDER/domains";
    dns { nameserver = ["127.0.0.1:1"]; timeout = 0.01; retransmits = 1; }
    disable_hyperscan = true;
    task_timeout = 300s;
}
logging { type = "file"; filename = "FOLDER/log"; level = "warning"; }
worker "normal" { bind_socket = "FOLDER/socket mode=0600"; count = 1; }
"""


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each language and way of tracking, by name; some more; and "bad", which has faults."""
    folder, now = tmp_path_factory.mktemp("mails"), dt.datetime.now(dt.UTC)
    files = {}
    for tracking in TRACKING:
        for language, message in sample_mail.messages(tracking, now).items():
            name = f"{language}-{tracking}"
            files[name] = folder / f"{name}.eml"
            files[name].write_bytes(message)
    for base in theme.THEMES:
        message = sample_mail.messages("off", now, base, only="en")["en"]
        files[f"design-{base or 'default'}"] = folder / f"design-{base or 'default'}.eml"
        files[f"design-{base or 'default'}"].write_bytes(message)
    others = {
        "turkmen": sample_mail.messages("off", now, only="tk")["tk"],
        "clicks-alone": sample_mail.messages("anonymous", now, opens="off")["en"],
        "opens-alone": sample_mail.messages("off", now, opens="anonymous")["en"],
    }
    # With other stories, other pictures and other links.
    for countries in (("KZ",), ("TM",), ("KG", "UZ")):
        message = sample_mail.messages("consent", now, countries=countries)["en"]
        others[f"readers-of-{'-'.join(countries)}"] = message
    for name, message in others.items():
        files[name] = folder / f"{name}.eml"
        files[name].write_bytes(message)
    (folder / "bad.eml").write_bytes(BAD)
    return files | {"bad": folder / "bad.eml"}


@pytest.fixture
def rspamd() -> Iterator[Path]:
    """The socket of an rspamd without a network, which ends with the test."""
    program = needs("rspamd", "rspamd")
    # Short: a socket's path has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="rspamd-") as named:
        folder = Path(named)
        (folder / "domains").write_text("org\nnet\n")
        (folder / "rspamd.conf").write_text(RSPAMD.replace("FOLDER", named))
        # However the tests end, it does not stay.
        command = ["timeout", str(int(SAFETY_SECONDS)), program, "-i", "-f", "-c", folder / "rspamd.conf"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                until(lambda: (folder / "socket").exists() or process.poll() is not None, "rspamd")
                yield folder / "socket"
            finally:
                process.terminate()


def test_spamassassin_scores_no_language_above_zero(mails: dict[str, Path], tmp_path: Path) -> None:
    scores = spamassassin(mails, tmp_path)
    assert set(scores) == set(mails)
    # To a tenth, as SpamAssassin states it: rules that only inform have a thousandth.
    sums = {name: round(sum(rules.values()), 1) for name, rules in scores.items()}
    assert sums.pop("bad") > 0
    assert {name: scores[name] for name, total in sums.items() if total > 0} == {}
    assert all("MAILING_LIST_MULTI" in scores[name] for name in sums), "the list headers count for nothing"


def test_rspamd_has_no_rule_above_two_tenths(mails: dict[str, Path], rspamd: Path) -> None:
    client = needs("rspamc", "rspamd")
    found = {}
    for name, path in mails.items():
        done = subprocess.run(
            [client, "-h", rspamd, "--json", path], check=True, capture_output=True, text=True, timeout=300
        )
        symbols: dict[str, Any] = json.loads(done.stdout)["symbols"]
        found[name] = {rule: symbol["score"] for rule, symbol in symbols.items() if symbol["score"] > 0.2}
    assert found.pop("bad")
    assert not any(found.values()), found


def spamassassin(mails: dict[str, Path], folder: Path) -> dict[str, dict[str, float]]:
    """The rules that hit each message, with their scores. One process reads all, for starting takes long."""
    program = needs("spamassassin", "spamassassin")
    box, preferences = folder / "box", folder / "preferences"
    box.write_bytes(b"".join(_in_box(name, path.read_bytes()) for name, path in mails.items()))
    preferences.write_text("use_bayes 0\nreport_safe 0\nadd_header all Rules _TESTSSCORES_\n")
    done = subprocess.run(
        [
            *(program, "--local", "--test-mode", "--mbox", "--prefspath", preferences),
            # The package's rules, not those that a daily update may have fetched.
            *("--configpath", "/usr/share/spamassassin"),
        ],
        input=box.read_bytes(),
        check=True,
        capture_output=True,
        timeout=SAFETY_SECONDS,
        env={**os.environ, "HOME": str(folder)},
    )
    found = {}
    for one in re.split(rb"^From ", done.stdout, flags=re.MULTILINE)[1:]:
        headers = email.message_from_bytes(one.partition(b"\n")[2])
        rules = "".join(headers["X-Spam-Rules"].split())
        found[headers["X-Name"]] = {
            rule: float(score)
            for rule, _, score in (pair.partition("=") for pair in rules.split(","))
            if rule not in ABOUT_ITS_WAY
        }
    return found


def _in_box(name: str, message: bytes) -> bytes:
    return b"From news@example.org Sun Nov 29 18:00:00 2026\nX-Name: %s\n%s\n" % (
        name.encode(),
        message.replace(b"\r\n", b"\n"),
    )

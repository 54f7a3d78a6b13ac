from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import lacking, needs
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.real.servers import HOST, Dovecot, Exim, Postfix

# Waits for the end of its input, which comes however the tests end, and ends the servers that are left in $1.
WATCHER = """
cat >/dev/null
for file in dovecot/run/master.pid postfix/queue/pid/master.pid exim/spool/pid; do
    test -e "$1/$file" && kill $(cat "$1/$file") 2>/dev/null
done
rm -rf "$1"
"""


@pytest.fixture(scope="session")
def folder():
    """A folder into which the servers' own users may look, unlike those of the tests."""
    if os.geteuid() != 0:
        lacking("root: mail servers start as that and then become users of their own")
    made = Path(tempfile.mkdtemp(prefix="mailer-servers-"))
    made.chmod(0o755)
    for name in ("dovecot", "postfix", "exim"):
        (made / name).mkdir()
    with subprocess.Popen(
        ["sh", "-c", WATCHER, "watcher", made], stdin=subprocess.PIPE, start_new_session=True
    ):
        yield made


@pytest.fixture(scope="session")
def certificate(folder):
    """The servers' own, and its key; it is its own authority."""
    public, both = folder / "public.pem", folder / "both.pem"
    subprocess.run(
        [
            *(needs("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
            *("-keyout", both, "-out", public),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes(both.read_bytes() + public.read_bytes())
    both.chmod(0o644)
    return public, both


@pytest.fixture(scope="session")
def dovecot(folder, certificate):
    needs("dovecot", "dovecot-imapd")
    for part in ("lmtp", "pop3"):
        if not Path("/usr/lib/dovecot", part).exists():
            lacking(f"Dovecot's {part.upper()}: install the package dovecot-{part}d")
    server = Dovecot(folder / "dovecot", certificate[1])
    with server.serving():
        yield server


@pytest.fixture(scope="session")
def postfix(folder, certificate, dovecot):
    needs("postfix", "postfix")
    server = Postfix(folder / "postfix", certificate[1], dovecot)
    with server.serving():
        yield server


@pytest.fixture(scope="session")
def exim(folder, certificate, dovecot):
    program = needs("exim4", "exim4-daemon-light (unpacked, where Postfix is installed)")
    users = next(Path("/usr/lib").glob("*/libnss_wrapper.so"), None)
    if users is None:
        lacking("a user for Exim: install the package libnss-wrapper")
    server = Exim(folder / "exim", certificate[1], dovecot, program, str(users))
    with server.serving():
        yield server


@pytest.fixture(params=["postfix", "exim"])
def server(request, certificate, monkeypatch):
    """A relay whose certificate this machine trusts for the while."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return request.getfixturevalue(request.param)

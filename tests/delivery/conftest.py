from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from tests.delivery.relay import Relay
from tests.delivery.worker_process import CONNECTIONS, Program


@pytest.fixture
def configure(configure, tmp_path):
    """As everywhere, with an attempt journal of the test's own."""
    configure(storage={"path": str(tmp_path / "data")})
    return configure


@pytest.fixture
def relay(configure):
    """A mail server on loopback, which is the configured relay."""
    with Relay() as server:
        configure(smtp={"port": server.port, "connections": 3})
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(context that trusts it, context of the server) for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(crt, key)
    return ssl.create_default_context(cafile=str(crt)), server


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")]),
    ]
)
def url(request, tmp_path):
    """The address of a database with every table and nobody in it."""
    if request.param == "postgresql":
        name = "".join(filter(str.isalnum, request.node.name))[-50:]
        return request.getfixturevalue("postgres").database(name)
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mailer.db")
    return f"sqlite:///{tmp_path}/mailer.db"


@pytest.fixture
def program(tmp_path, url):
    """program(relay, sending__in_doubt="leave") starts the program with that configuration."""
    started = []

    def start(relay, **settings):
        smtp = {"smtp__port": relay.port, "smtp__connections": CONNECTIONS}
        started.append(Program(tmp_path, url, **smtp, **settings))
        return started[-1]

    yield start
    for one in started:
        one.close()

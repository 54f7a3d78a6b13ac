from __future__ import annotations

import dataclasses
import ssl
import subprocess

import pytest


@pytest.fixture
def configure(settings, tmp_path):
    """Change sections of the configuration: configure(smtp={"port": 25}, sending={"in_doubt": "leave"})."""

    def change(**sections):
        config = settings.CONFIG
        for name, values in sections.items():
            section = dataclasses.replace(getattr(config, name), **values)
            config = dataclasses.replace(config, **{name: section})
        settings.CONFIG = config

    change(storage={"path": str(tmp_path / "data")})
    return change


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

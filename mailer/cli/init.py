"""`mailer init`: a configuration, a database and the first admin; `mailer dkim-key`: a key to sign mail."""

from __future__ import annotations

import os
import secrets
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.output import command_group, console, fail, failing_on, print_text
from mailer.config import key_ring
from mailer.config.sections import Keys
from mailer.worker.supervisor import mailer_command

app = command_group()
_PASSWORD_VARIABLE = "MAILER_FIRST_PASSWORD"  # noqa: S105  (a name)
TEMPLATE = """\
# Every key is explained in config.example.toml.
[site]
url = "{url}"
name = "{name}"

[database]
url = "sqlite:///mailer.db"

[smtp]
host = "localhost"
port = 25
security = "none"

[bounces]
domain = "{bounces}"
"""


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where config.toml and the database are created.")
    ] = Path(),
    url: Annotated[
        str, typer.Option(help="Where subscribers and staff reach the pages.")
    ] = "http://127.0.0.1:8000",
    name: Annotated[str, typer.Option(help="The office's name.")] = "Our office",
    bounces: Annotated[str, typer.Option(help="Domain of the envelope sender, where bounces arrive.")] = "",
    admin: Annotated[str, typer.Option(help="Username of the first admin.")] = "admin",
    email: Annotated[str, typer.Option(help="Address of the first admin.")] = "",
) -> None:
    """Write config.toml and keys.toml, create the database and the first admin; overwrite nothing."""
    path = folder / "config.toml"
    for existing in (path, folder / Keys.file):
        if existing.exists():
            fail(f"{existing} exists already; delete it first, or give another folder.")
    if any(character in url + name + bounces for character in '"\\\n'):
        fail("url, name and bounces may not contain quotes, backslashes or line breaks.")
    folder.mkdir(parents=True, exist_ok=True)
    key_ring.create(folder / Keys.file, datetime.now(UTC))
    text = TEMPLATE.format(url=url, name=name, bounces=bounces)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    password = secrets.token_urlsafe(12)
    # Passed in the environment: arguments of a process can be read by every user of the machine.
    environment = {**os.environ, "MAILER_CONFIG": str(path), _PASSWORD_VARIABLE: password}
    command = mailer_command("first-admin", admin, email)
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603  (our own command)
    if done.returncode:
        fail(f"the database was not created; {path} was written. Fix the cause, then run `mailer migrate`.")
    print_text(f"Wrote {path}. Sign in at {url}/desk/ as {admin} with the password {password}")
    print_text(f"Start it with: mailer --config {path} run")


@app.command()
def first_admin(username: str, email: Annotated[str, typer.Argument()] = "") -> None:
    """Create the database, the groups and one superuser; called by `init`."""
    # Django is started only for this command of the module.
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from mailer.accounts.passwords import require_password_change
    from mailer.desk.accounts.permissions import ensure_groups

    password = os.environ.get(_PASSWORD_VARIABLE, "")
    if not password:
        fail(f"{_PASSWORD_VARIABLE} is empty; use `mailer init`.")
    call_command("migrate", verbosity=0, interactive=False)
    ensure_groups()
    if not User.objects.filter(username=username).exists():
        # The password stands in a terminal's history, so its owner replaces it at the first sign-in.
        require_password_change(User.objects.create_superuser(username, email, password))


@app.command()
def dkim_key(
    file: Annotated[Path, typer.Argument(help="File for the private key; it must not exist yet.")],
    domain: Annotated[str, typer.Option(help="The domain of the From address.")],
    selector: Annotated[str, typer.Option(help="A name of your choice for the key, such as news2026.")],
    ed25519: Annotated[bool, typer.Option("--ed25519", help="An Ed25519 key, for use beside RSA.")] = False,
) -> None:
    """Create a DKIM key; print the DNS record to publish and the configuration to write."""
    # Slow to load, and not needed for the help.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from mailer.config import ConfigError, Dkim
    from mailer.delivery.smtp.dkim import Signer

    key: RSAPrivateKey | Ed25519PrivateKey
    key = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    prefix = "ed25519_" if ed25519 else ""
    with failing_on(ConfigError):
        signer = Signer(Dkim(domain, **{f"{prefix}selector": selector, f"{prefix}key": pem.decode()}))
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{file} exists already; delete it first, or give another name.")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    with os.fdopen(handle, "wb") as key_file:
        key_file.write(pem)
    (public,) = signer.keys
    print_text(f"Wrote {file}. Keep it secret, and in the backup.\n\n1. Publish this in DNS:\n")
    for name, value in (("Name ", public.dns_name), ("Type ", "TXT"), ("Value", public.dns_record)):
        console.print(f"   {name}  {value}", markup=False, soft_wrap=True)
    print_text(
        "\n2. Write into config.toml:\n\n"
        f'   [dkim]\n   domain = "{domain}"\n   {prefix}selector = "{selector}"\n'
        f'   {prefix}key_file = "{file}"\n\n'
        "3. When `mailer doctor` finds it in DNS, restart the worker."
    )

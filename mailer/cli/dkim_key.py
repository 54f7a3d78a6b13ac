"""`mailer dkim-key`: a key to sign mail, and the DNS record for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.output import command_group, fail, failing_on, print_text, print_whole

app = command_group()


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
        print_whole(f"   {name}  {value}")
    # A path in the configuration is relative to its folder, and not to this one.
    print_whole(
        "\n2. Write into config.toml:\n\n"
        f'   [dkim]\n   domain = "{domain}"\n   {prefix}selector = "{selector}"\n'
        f'   {prefix}key_file = "{file.absolute()}"\n\n'
        "3. When `mailer doctor` finds it in DNS, restart the worker."
    )

"""`mailer init`: a configuration with a fresh secret, a database, and the first admin."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.output import fail, say
from mailer.worker.supervisor import itself

app = typer.Typer()

TEMPLATE = """\
# Every key is explained in config.example.toml.
[site]
url = "{url}"
name = "{name}"
secret_key = "{secret}"

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
        Path, typer.Argument(metavar="[DIR]", help="Where config.toml and the database go.")
    ] = Path(),
    url: Annotated[str, typer.Option(help="Where readers will reach the pages.")] = "http://127.0.0.1:8000",
    name: Annotated[str, typer.Option(help="The office's name.")] = "Our office",
    bounces: Annotated[str, typer.Option(help="Domain that returned mail comes back to.")] = "",
    admin: Annotated[str, typer.Option(help="Username of the first admin.")] = "admin",
    email: Annotated[str, typer.Option(help="Address of the first admin.")] = "",
) -> None:
    """Write config.toml with a fresh secret, make the database and the first admin; overwrite nothing."""
    path = folder / "config.toml"
    if path.exists():
        fail(f"{path} exists already; delete it first, or give another folder.")
    if any(character in url + name + bounces for character in '"\\\n'):
        fail("url, name and bounces may not hold quotes, backslashes or line ends.")
    folder.mkdir(parents=True, exist_ok=True)
    text = TEMPLATE.format(url=url, name=name, bounces=bounces, secret=secrets.token_urlsafe(48))
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    password = secrets.token_urlsafe(12)
    environment = {**os.environ, "MAILER_CONFIG": str(path), "MAILER_FIRST_PASSWORD": password}
    done = subprocess.run(itself("first-admin", admin, email), env=environment, check=False)  # noqa: S603
    if done.returncode:
        fail(
            f"the database could not be made; {path} was written. Mend the cause, then run `mailer migrate`."
        )
    say(f"Wrote {path}. Sign in at {url}/desk/ as {admin} with the password {password}")
    say(f"Start it with: mailer --config {path} run")

"""`mailer init`: a configuration, a database and the first admin."""

from __future__ import annotations

import json as json_format
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailer import config
from mailer.cli import init_answers
from mailer.cli.init_answers import Answers
from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text, print_whole
from mailer.config import key_ring
from mailer.config.sections import Keys, Storage, Web
from mailer.worker.supervisor import mailer_command

app = command_group()
_CONFIG = "config.toml"
# The configuration until everything else exists.
_UNFINISHED = ".config.toml.unfinished"
_RELAY_PASSWORD = "relay-password"  # noqa: S105  (a file's name)
# What sending depends on outside this machine, and what this machine may lack.
_CHECKS = (
    *("configuration", "database", "storage", "clock"),
    *("relay", "tls", "spf", "dkim", "dmarc", "reverse_dns", "bounce_mx"),
)
_SERVICE = Path("/etc/systemd/system/newsletter.service")


@app.command()
def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where config.toml and the database are created.")
    ] = Path(),
    name: Annotated[str | None, typer.Option(help="The office's name.")] = None,
    url: Annotated[str | None, typer.Option(help="Where subscribers and staff reach the pages.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The office's time zone, such as Asia/Almaty.")] = None,
    languages: Annotated[str | None, typer.Option(help="Such as ru,en; the first is the default.")] = None,
    countries: Annotated[str | None, typer.Option(help="Such as KZ,UZ.")] = None,
    sender: Annotated[str | None, typer.Option(help="Sender of confirmations and notices to staff.")] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///mailer.db or postgresql://user:password@host/name")
    ] = None,
    relay: Annotated[str | None, typer.Option(help="The mail server to send through.")] = None,
    relay_port: Annotated[str | None, typer.Option(help="Its port.")] = None,
    relay_security: Annotated[str | None, typer.Option(help="none, opportunistic, starttls or tls.")] = None,
    relay_username: Annotated[str | None, typer.Option(help="For the sign-in at the relay.")] = None,
    relay_password_file: Annotated[str | None, typer.Option(help="File with its password.")] = None,
    bounces: Annotated[
        str | None, typer.Option(help="Domain of the envelope sender, where bounces arrive.")
    ] = None,
    admin: Annotated[str | None, typer.Option(help="Username of the first admin.")] = None,
    admin_email: Annotated[str | None, typer.Option(help="Address of the first admin.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: what is not given has its default.")
    ] = False,
    check: Annotated[bool, typer.Option(help="Test relay and DNS at the end.")] = True,
    json: Json = False,
) -> None:
    """Write config.toml and keys.toml, create the database and the first admin, and test relay and DNS.

    Asks in a terminal for what is not given. Overwrites nothing, and leaves nothing if it is interrupted.
    """
    folder = folder.absolute()
    _refuse_what_exists(folder)
    interactive = sys.stdin.isatty() and not yes and not json
    if interactive:
        print_text("Enter accepts the answer in brackets; Ctrl-C ends without a trace.\n")
    given = {question.name: ctx.params[question.name] for question in init_answers.QUESTIONS}
    answers = init_answers.collect(given, interactive=interactive)
    password = ""
    if init_answers.must_ask_relay_password(answers):
        if not interactive:
            fail("--relay-username needs --relay-password-file.")
        password = typer.prompt("Password at the relay", hide_input=True)
    path, link = _create(folder, answers, password)
    if check:
        _check(path, json=json)
    if json:
        print_json({"config": str(path), "admin": answers.admin, "link": link})
    else:
        _print_next_steps(path, answers, link)


def _refuse_what_exists(folder: Path) -> None:
    """End the command where there is an installation, and say what it has."""
    path = folder / _CONFIG
    if path.exists():
        with failing_on(config.ConfigError):
            found = config.load(path, {})
        command = f"mailer --config {path}"
        fail(
            f"{path} exists already, for {found.site.url}, with {_database_of(found)}. Nothing was changed.\n"
            f"  Start it: {command} run\n"
            f"  Test it: {command} doctor\n"
            f"  Print a new link for an admin: {command} password-link USERNAME\n"
            "  Make another installation: mailer init ANOTHER-FOLDER"
        )
    if (folder / Keys.file).exists() and not (folder / _UNFINISHED).exists():
        fail(
            f"{folder / Keys.file} exists already, without {path}. If it belongs to an installation, restore "
            "its configuration too; otherwise give another folder, or delete it."
        )
    if folder.exists() and os.geteuid() == 0 and folder.stat().st_uid != 0:
        # The service, which runs as that user, could not read what root writes.
        fail(f"{folder} belongs to another user: run `runuser -u {folder.owner()} -- mailer init …`.")


def _database_of(found: config.Config) -> str:
    if not found.database.url.startswith("sqlite:///"):
        return "a PostgreSQL database"
    file = found.path(found.database.url.removeprefix("sqlite:///"))
    return f"the database {file}" if file.exists() else f"no database: {file} is missing"


def _create(folder: Path, answers: Answers, password: str) -> tuple[Path, str]:
    """Create the installation; its configuration, and the link with which the admin chooses a password.

    Until everything exists, the configuration has another name. What an earlier run left that was killed
    is used.
    """
    path, unfinished = folder / _CONFIG, folder / _UNFINISHED
    password_file = _RELAY_PASSWORD if password else answers.relay_password_file
    example = Path(sys.prefix, "share", "newsletter-mailer", "config.example.toml")
    explained = example if example.exists() else example.name
    text = f"# Every key is explained in {explained}.\n{init_answers.to_toml(answers, password_file)}"
    with _leaving_nothing(folder, answers):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(unfinished, text)
            if password:
                _write(folder / _RELAY_PASSWORD, password + "\n")
            if not (folder / Keys.file).exists():
                key_ring.create(folder / Keys.file, datetime.now(UTC))
        except OSError as error:
            fail(f"{error.filename or folder} cannot be written: {error.strerror}.")
        with failing_on(config.ConfigError):
            config.load(unfinished, {})
        link = _create_database(unfinished, answers)
        unfinished.replace(path)
    return path, link


def _write(path: Path, text: str) -> None:
    """Write a file for its owner only."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


@contextmanager
def _leaving_nothing(folder: Path, answers: Answers) -> Iterator[None]:
    """Delete what was created inside, if it ends early for any reason."""
    names = [_UNFINISHED, Keys.file, _RELAY_PASSWORD, Storage.path]
    if answers.database.startswith("sqlite:///"):
        name = answers.database.removeprefix("sqlite:///")
        names += [name + suffix for suffix in ("", "-wal", "-shm", "-journal")]
    paths = [folder / name for name in names]
    folders = [one for one in (folder, *folder.absolute().parents) if not one.exists()]
    kept = {path for path in paths if path.exists()}
    try:
        yield
    except BaseException:
        for path in paths:
            if path not in kept:
                # What was not created cannot be deleted either; what ended it early is reported.
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for one in folders:
            with suppress(OSError):
                one.rmdir()
        raise


def _create_database(unfinished: Path, answers: Answers) -> str:
    """Create the tables and the admin in a process of its own, which loads Django; the link."""
    command = mailer_command("first-admin", answers.admin, answers.admin_email)
    environment = {**os.environ, "MAILER_CONFIG": str(unfinished)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  (our own command)
    if done.returncode:
        fail("the database was not created, and nothing was written. Fix the cause, and run this again.")
    return str(json_format.loads(done.stdout)["link"])


def _check(path: Path, *, json: bool) -> None:
    """Show what the doctor says about this machine, the relay and DNS; nothing of it ends the command."""
    if not json:
        print_text("\nTesting this machine, the relay and DNS; Ctrl-C skips the rest.\n")
    only = [option for name in _CHECKS for option in ("--only", name)]
    command = mailer_command("--config", str(path), "doctor", "--timeout", "5", *only)
    try:
        done = subprocess.run([*command, *(["--json"] if json else [])], check=False)  # noqa: S603  (our own command)
    except KeyboardInterrupt:
        return
    if done.returncode and not json:
        print_text(
            "\nThe installation is complete. Solve these problems before you send mail to subscribers."
        )


def _print_next_steps(path: Path, answers: Answers, link: str) -> None:
    print_text(f"\nWrote {path} and {path.with_name(Keys.file).name}. Back up both, apart from each other.\n")
    start = f"mailer --config {path} run"
    if _SERVICE.exists():
        start = "systemctl enable --now newsletter"
    print_text("Next:")
    print_whole(f"1. Start it:  {start}")
    if answers.url.startswith("https://"):
        port = Web.port
        print_whole(f"2. Let a proxy with TLS pass {answers.url} to 127.0.0.1:{port} (docs/installing.md).")
    else:
        print_whole(f"2. It serves {answers.url}, for a trial; readers need https and a proxy with TLS.")
    print_whole(f"3. Choose the password of {answers.admin}, within three days, at this link:")
    print_whole(f"   {link}")
    print_text("   It is shown once, and is as good as the password. For another:")
    print_whole(f"   mailer --config {path} password-link {answers.admin}")
    print_text("4. Invite the first approver; whom the admin invites in the desk cannot approve for 30 days:")
    print_whole(
        f"   mailer --config {path} invite USERNAME --email ADDRESS --first-name FIRST --last-name LAST"
    )
    print_whole(f"5. Before the first mail:  mailer --config {path} doctor")


@app.command("first-admin")
def create_database_and_first_admin(username: str, email: Annotated[str, typer.Argument()] = "") -> None:
    """Create the database, the groups and one superuser, and print a link as JSON; called by `init`."""
    # Django is started only for this command of the module.
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import DatabaseError

    from mailer.accounts.password_links import set_password_url
    from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
    from mailer.worker import process_startup
    from subscribers.verify_address_hash_key import WrongAddressHashKey

    try:
        call_command("migrate", verbosity=0, interactive=False)
        set_up_role_groups()
        user = User.objects.filter(username=username).first()
        if user is None:
            # Without a password: the owner of the link chooses it.
            user = User.objects.create_superuser(username, email, None)
        elif user.has_usable_password():
            fail(f"this database has an account {username} with a password already.")
    except WrongAddressHashKey as error:
        raise process_startup.as_config_error(error) from error
    except DatabaseError as error:
        fail(f"the database cannot be used: {' '.join(str(error).split())}")
    print_json({"link": set_password_url(user)})

"""`mailer doctor` and `mailer dkim-key`, as they are typed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mailer.bench.send import write_config
from mailer.cli.doctor import TITLES
from mailer.demo.folder import prepare
from tests import programs

CONFIG = """\
[site]
url = "http://127.0.0.1:8000"
name = "Office"
email = "news@example.org"
[smtp]
host = "127.0.0.1"
port = 1
[web]
port = 1
"""


def mailer(*arguments, cwd=None, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
    clean.pop("DJANGO_SETTINGS_MODULE", None)
    return programs.run(
        [sys.executable, "-m", "mailer", *map(str, arguments)],
        env={**clean, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_dkim_key_is_created_for_its_owner_only_and_its_record_is_printed(tmp_path, zone):
    made = mailer("dkim-key", "key.pem", "--domain", "example.org", "--selector", "news", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    key = tmp_path / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = mailer("dkim-key", "key.pem", "--domain", "example.org", "--selector", "news", cwd=tmp_path)
    assert again.returncode == 1 and "exists already" in again.stderr
    # The printed record makes the check succeed.
    record = next(line.partition("Value")[2].strip() for line in made.stdout.splitlines() if "Value" in line)
    section = made.stdout[made.stdout.index("[dkim]") : made.stdout.index("3.")]
    write_config(tmp_path, CONFIG + "\n".join(map(str.strip, section.splitlines())))
    zone.text("news._domainkey.example.org", record)
    found = check(tmp_path / "config.toml", zone)
    assert found["dkim"]["status"] == "ok"


def check(config, zone, **environment):
    done = mailer(
        *("--config", config, "doctor", "--json", "--timeout", "60"),
        *("--nameserver", "127.0.0.1", "--nameserver-port", zone.port),
        **environment,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == int(any(one["status"] == "problem" for one in lines)), done.stderr
    return {one["check"]: one for one in lines}


def test_every_check_has_a_result_and_a_problem_gives_exit_status_1(tmp_path, zone):
    write_config(tmp_path, CONFIG)
    found = check(tmp_path / "config.toml", zone)
    assert set(found) >= {
        *("configuration", "database", "storage", "clock", "worker", "web", "site", "one_click"),
        *("relay", "spf", "dkim", "dmarc", "reverse_dns", "bounce_mx", "bounce_mailbox"),
    }
    # Without --json, each is shown with its title.
    assert set(found) <= set(TITLES)
    assert found["database"]["advice"] == "To update the database, run: mailer migrate"
    assert found["spf"]["records"][0] == {"name": "example.org", "type": "TXT", "value": "v=spf1 ip4:… -all"}


@pytest.mark.parametrize(("option", "status"), [(["--timeout", "-1"], 2), (["--nameserver", "here"], 1)])
def test_an_option_without_a_meaning_is_refused(tmp_path, option, status):
    write_config(tmp_path, CONFIG)
    done = mailer("--config", tmp_path / "config.toml", "doctor", "--only", "configuration", *option)
    assert (done.returncode, done.stdout) == (status, "")


def test_the_demo_has_no_problem_and_queries_no_dns(tmp_path, zone, django_db_setup, sqlite_template):
    # Its tables take longest to make.
    shutil.copyfile(sqlite_template, tmp_path / "demo.db")
    shutil.copyfile(Path(__file__).parents[1] / "keys.toml", tmp_path / "keys.toml")
    config = prepare(tmp_path, port=1, rate=0, connections=1, inbox=tmp_path / "mail")
    with closing(sqlite3.connect(tmp_path / "demo.db")) as database:
        # It changes nothing, and no other depends on it.
        forgotten = (
            "DELETE FROM django_migrations WHERE app = 'wagtailsearch' AND name = '0010_add_text_fields'"
        )
        assert database.execute(forgotten).rowcount == 1
        database.commit()
    first, second = (mailer("--config", config, "migrate") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert "wagtailsearch.0010_add_text_fields" in first.stdout and ".00" not in second.stdout
    found = check(config, zone)
    wrong = {name: one for name, one in found.items() if one["status"] not in ("ok", "skipped")}
    assert wrong == {} and zone.asked == []
    assert all(one["message"] for one in found.values())


def test_the_output_fits_into_eighty_columns(tmp_path, zone):
    write_config(tmp_path, CONFIG)
    done = mailer(
        *("--config", tmp_path / "config.toml", "doctor", "--timeout", "60"),
        *("--nameserver", "127.0.0.1", "--nameserver-port", zone.port),
        COLUMNS="80",
    )
    assert done.returncode == 1
    assert "✗ problem  SPF example.org" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "Value" not in line)


@pytest.mark.parametrize("command", ["worker", "run"])
def test_a_dkim_key_that_cannot_sign_stops_the_worker_at_its_start(tmp_path, command):
    key = '[dkim]\ndomain = "example.org"\nselector = "a"\nkey = "no key"\n'
    write_config(tmp_path, CONFIG + key)
    done = mailer("--config", tmp_path / "config.toml", command)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("mailer: [dkim] key:")


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_postgresql_is_checked_too_and_an_unreachable_one_is_a_problem(tmp_path, zone, postgres):
    write_config(tmp_path, CONFIG)
    address = postgres.database("doctor")
    found = check(tmp_path / "config.toml", zone, MAILER_DATABASE__URL=address)
    assert (found["database"]["subject"], found["database"]["status"]) == ("PostgreSQL", "ok")
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    found = check(tmp_path / "config.toml", zone, MAILER_DATABASE__URL=nowhere)
    assert found["database"]["status"] == "problem"
    assert found["spf"]["records"]

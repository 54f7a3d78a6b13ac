"""kill -9 of the worker while it receives mail: every acknowledged message is stored, exactly once."""

from __future__ import annotations

import math
import random
import smtplib
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from mailer.demo.folder import free_port
from tests.real.office import Office
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.django_db]
KILLS = 3
AT_LEAST = 20


def hand_over(port: int, first: int, last: float, answered: list[int]) -> int:
    """Offer messages one after another until the line is lost; the number of the first that had no 250."""
    number = first
    try:
        with smtplib.LMTP("127.0.0.1", port, timeout=60) as server:
            while number <= last:
                to = f"b+{number}@bounces.example.org"
                server.sendmail("", [to], f"Subject: {number}\r\n\r\nHello\r\n")
                answered.append(number)
                number += 1
    except (OSError, smtplib.SMTPException):
        pass
    return number


def until_it_serves(port: int) -> None:
    def serves() -> bool:
        try:
            smtplib.LMTP("127.0.0.1", port, timeout=60).close()
        except (OSError, smtplib.SMTPException):
            return False
        return True

    until(serves, "the worker's LMTP server", interval=0.1)


def test_acknowledged_messages_survive_kill_9_exactly_once(sqlite_template: Path, tmp_path: Path) -> None:
    port, chance, number = free_port(), random.Random(1), 0
    answered: list[int] = []
    office = Office(tmp_path, sqlite_template, bounces__lmtp_port=port)
    for _ in range(KILLS):
        due = len(answered) + chance.randint(AT_LEAST, 10 * AT_LEAST)
        with office.killed_once(lambda: until_it_serves(port), lambda due=due: len(answered) >= due):
            number = hand_over(port, number, math.inf, answered)
    with office.working():
        until_it_serves(port)
        # The one that was on its way when the worker died is offered again, as a mail server does.
        assert hand_over(port, number, number, answered) == number + 1 > AT_LEAST
    with closing(sqlite3.connect(tmp_path / "mailer.db")) as database:
        found = Counter(row[0] for row in database.execute("SELECT subject FROM mailer_returnedmessage"))
    assert found == {str(one): 1 for one in range(number + 1)}

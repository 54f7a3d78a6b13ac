"""Settings of `mailer migrate`: the tables of all applications, also of those that only pages use, and no
screen.
"""

from __future__ import annotations

from mailer.settings import *  # noqa: F403

DESK = False

"""Starts the `mailer` command: `mailer …` and `python -m mailer …` are the same."""

from __future__ import annotations

from mailer.cli.main import main

if __name__ == "__main__":
    main()

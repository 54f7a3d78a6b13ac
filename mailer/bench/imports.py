"""Importing a large file with its dry run; then the same file again, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailer.bench.databases import open_database
from mailer.bench.send import DATABASES, Failed, run_measured, workspace

_LANGUAGES = ("ru", "en", "Kazakh", "")
_COUNTRIES = ("KZ|UZ", "Kazakhstan; Kyrgyzstan", "", "Узбекистан", "Tajikistan")
_DOMAINS = ("gmail.com", "mail.ru", "yandex.kz", "umail.uz")


def measure(rows: int, backends: tuple[str, ...] = DATABASES) -> Iterator[dict[str, Any]]:
    """Measure the import of this many rows. Raises Missing, Failed."""
    with workspace() as folder:
        file = folder / "people.csv"
        write(file, rows)
        for kind in backends:
            with open_database(kind, folder) as database:
                run_measured(folder, database.origin, "prepare_list")
                for what, expected in (("new people", "added"), ("the same file again", "unchanged")):
                    figures = run_measured(folder, database.origin, "import_file", file)
                    if figures[expected] != rows:
                        raise Failed(f"only {figures[expected]} of {rows} rows were {expected}")
                    yield {
                        "backend": kind,
                        "what": what,
                        "rows": rows,
                        "seconds": round(figures["seconds"], 1),
                        **{f"{step}_s": round(figures[step], 1) for step in ("read", "compare", "apply")},
                        "cpu_seconds": round(figures["cpu_seconds"], 1),
                        "peak_rss_mb": figures["peak_rss_mb"],
                    }


def write(file: Path, rows: int) -> None:
    """Write a file as other systems export it: unsorted addresses, a third of them in small domains."""
    # A step coprime to the number of rows visits each row once.
    step = next(number for number in (7_919, 104_729, 1_299_709) if rows % number)
    with file.open("w", encoding="utf-8") as target:
        target.write("Email Address,First Name,Last Name,Language,Countries\n")
        for number in range(rows):
            who = number * step % rows
            domain = _DOMAINS[who % 4] if number % 3 else f"office-{who % 50_000}.example.org"
            target.write(
                f"reader.{who}@{domain},Olga,Kim {who},{_LANGUAGES[who % 4]},{_COUNTRIES[who % 5]}\n"
            )
